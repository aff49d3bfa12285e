// A steward's day by the pages: a thousand people in three systems, fifty of them twice, twenty about whom systems disagree; from the
// census to an empty queue, and out to every system. The same day by the command line: tests/tests/e2e/steward.rs.
import assert from "node:assert/strict";
import { after, before } from "node:test";

import { checks, launch, picture, shots, signIn, tabTo, texts, visitor, wrongs } from "./browser.mjs";
import { breaks } from "./breaks.mjs";
import { people, startDay } from "./day.mjs";

const SIZES = [["phone", { width: 390, height: 844 }], ["wide", { width: 1280, height: 800 }]];
/** Runs in which everything has gone out: the first write makes what the second refers to. */
const ROUNDS_MAX = 10;
const broken = breaks[process.env.NAVE_BREAK]?.how;
const problems = [];
const rows = await people();
const planted = (what) => rows.filter((row) => row.planted === what);
/** A person as the CRM has them. */
const inCrm = (person) => rows.find((row) => row.system === "crm" && row.person === person);
const nameOf = ({ first, last }) => `${first} ${last}`;
/** Whether a title is about a person: under either name. */
const isAbout = (title, { person }) => rows.some((row) => row.person === person && new RegExp(`\\b${nameOf(row)}\\b`).test(title));
let hub, browser, page;

before(async () => {
  browser = await launch();
  hub = await startDay();
  ({ page } = await visitor(browser, hub.url, problems, {}, broken));
  await signIn(page, hub.token);
});

after(async () => {
  await browser?.close();
  await hub?.stop();
  console.log(`pictures: ${shots}`);
});

const check = checks(() => page, { story: true });
const open = async (kind) => (await hub.json("review", "list")).reviews.filter((review) => review.kind === kind);
const changed = async () => Promise.all(Object.values(hub.sims).map((sim) => sim.changed()));
const fits = async (name) => assert.deepEqual(await wrongs(page, name, SIZES), []);
let entered;

check("the census says what two systems have in common, and what is typed twice", async () => {
  entered = await changed();
  await page.getByRole("link", { name: "Census" }).click();
  await page.waitForURL("/census");
  await page.getByLabel("Systems").selectOption({ label: "books and crm: contact" });
  await page.getByRole("button", { name: "Count" }).click();
  await page.waitForURL(/pair=/);
  const census = await hub.json("census", "books", "crm");
  const shown = async (what) => Number(await page.locator(`[data-count=${what}]`).textContent());
  assert.deepEqual(
    [await shown("both"), await shown("likely"), await shown("left"), await shown("right")],
    [census.exact, census.likely, census.only_left, census.only_right],
  );
  // Seventy are in both; ten of them with another name behind the mailbox: a person is asked about them, so they are likely.
  assert.equal(await shown("both") + await shown("likely"), 70);
  const lengths = await page.locator("svg.bar rect").evaluateAll((nodes) => nodes.map((node) => node.getBoundingClientRect().width));
  const counts = [census.only_left, census.exact, census.likely, census.only_right];
  const all = counts.reduce((sum, count) => sum + count);
  const line = lengths.reduce((sum, length) => sum + length);
  counts.forEach((count, at) => assert.ok(Math.abs(lengths[at] / line - count / all) < 0.01, `piece ${at}: ${lengths[at]} px for ${count}`));
  const twice = (await hub.json("census", "books", "crm", "--double-entry")).fields.map((field) => field.field);
  const marked = page.locator("tr[data-field]").filter({ has: page.locator(".badge", { hasText: "typed twice" }) });
  assert.deepEqual(await marked.evaluateAll((nodes) => nodes.map((node) => node.dataset.field)), twice);
  assert.ok(twice.includes("email"));
  // Whoever is likely to be one is one in truth: the score found the slips of the pen, a rule asks about another name behind one mailbox.
  const same = [...planted("slip of the pen"), ...planted("other name")];
  const pairs = await texts(page.locator("#likely + table tbody tr"));
  for (const row of pairs) {
    const found = same.find((other) => row.includes(nameOf(other)) && row.includes(nameOf(inCrm(other.person))));
    assert.equal(found?.planted, row.includes("by rule") ? "other name" : "slip of the pen", row);
  }
  assert.equal(pairs.filter((row) => row.includes("by rule")).length, planted("other name").length);
  await fits("census");
});

check("every open question is in the queue, under its kind", async () => {
  await page.getByRole("link", { name: "Waiting" }).click();
  await page.waitForURL("/reviews");
  const section = (name) => page.getByRole("region", { name }).locator("tbody a");
  assert.deepEqual(await texts(section("Systems disagree")), (await open("conflict")).map((review) => review.title));
  const matches = await texts(section("Which one is it?"));
  assert.deepEqual(matches, (await open("match")).map((review) => review.title));
  const disagree = (await texts(section("Systems disagree"))).join("\n");
  assert.equal((await open("conflict")).length, 20);
  for (const row of planted("other phone")) assert.ok(disagree.includes(`Phone of ${nameOf(row)}:`), nameOf(row));
  // Those with another name behind one mailbox are all asked about; of those with a slip of the pen, whom the score is not sure of.
  for (const row of planted("other name")) assert.ok(matches.some((title) => isAbout(title, row)), nameOf(row));
  assert.ok(matches.length >= 10 && matches.length <= 30, `${matches.length} matches`);
  await fits("queue");
});

check("one match is decided side by side, with a reason, by keyboard", async () => {
  const row = planted("other name")[0];
  await page.goto("/reviews");
  const title = (await texts(page.locator("tbody a"))).find((title) => isAbout(title, row));
  const link = page.getByRole("link", { name: title });
  await tabTo(page, link, "the review", 120);
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/reviews\/\d+$/);
  const id = new URL(page.url()).pathname.split("/").pop();
  const side = (label) => page.getByRole("row").filter({ has: page.getByRole("rowheader", { name: label, exact: true }) }).getByRole("cell");
  assert.deepEqual(await texts(side("E-mail")), [row.mailbox, row.mailbox]);
  assert.deepEqual((await texts(side("Last name"))).toSorted(), [inCrm(row.person).last, row.last].toSorted());
  const same = async (label) => (await side(label).last().getAttribute("class")) === "same";
  assert.deepEqual([await same("E-mail"), await same("Last name")], [true, false], "what agrees is seen at a glance");
  await fits("match");
  await tabTo(page, page.getByRole("radio").first(), "the choices");
  await page.keyboard.press("Space");
  await tabTo(page, page.getByLabel("Why"), "the reason");
  await page.keyboard.type("she married: asked her");
  await tabTo(page, page.getByRole("button", { name: "Decide" }), "the button");
  await page.keyboard.press("Enter");
  await page.waitForURL("/reviews");
  assert.equal(await link.count(), 0, "it is off the list");
  const { candidates, decisions } = await hub.json("review", "show", id);
  assert.deepEqual(decisions.map(({ choice, reason }) => [choice, reason]), [[candidates[0].record, "she married: asked her"]]);
});

/** Goes to the rules for a kind of reviews, from under its heading. */
async function rule(heading) {
  await page.goto("/reviews");
  await page.getByRole("region", { name: heading }).getByRole("link", { name: "Decide many by one rule" }).click();
  await page.waitForURL(/\/reviews\/many\?kind=/);
}

/** Shows what the rule fits, checks that nothing is decided by that, then decides. */
async function decide(kind, expected, all, reason) {
  const before = (await open(kind)).length;
  await page.getByRole("button", { name: "Show which those are" }).click();
  await page.getByRole("heading", { name: `${expected.length} of ${all} fit` }).waitFor();
  const titles = await texts(page.locator("tbody th a"));
  for (const row of expected) assert.ok(titles.some((title) => isAbout(title, row)), `${nameOf(row)}\n${titles.join("\n")}`);
  assert.equal((await open(kind)).length, before, "nothing is decided by looking");
  await page.getByLabel("Why").fill(reason);
  await page.getByRole("button", { name: `Decide these ${expected.length}` }).click();
  await page.waitForURL("/reviews");
  assert.equal((await open(kind)).length, before - expected.length);
}

check("many matches are decided by rules that are looked at first", async () => {
  const married = planted("other name").slice(1);
  const all = (await open("match")).length;
  await rule("Which one is it?");
  await page.getByLabel("E-mail is the same", { exact: true }).check();
  await fits("rule");
  await decide("match", married, all, "one mailbox, one person");

  const left = await open("match");
  const slips = planted("slip of the pen").filter((row) => left.some(({ title }) => isAbout(title, row)));
  assert.equal(slips.length, left.length, "only slips of the pen are left");
  // The score decides most of them by itself; whether those are one is asked of the systems at the end.
  if (left.length > 0) {
    await rule("Which one is it?");
    await page.getByLabel("First name is the same", { exact: true }).check();
    await page.getByLabel("Street is the same", { exact: true }).check();
    await decide("match", slips, left.length, "no family names two alike");
  }
  await page.getByRole("region", { name: "Which one is it?" }).waitFor({ state: "detached" });
});

check("a conflict is decided by hand: two values side by side, and what follows from each answer", async () => {
  const [row] = planted("other phone");
  await page.goto("/reviews");
  await page.getByRole("link", { name: `Phone of ${nameOf(row)}` }).click();
  await page.waitForURL(/\/reviews\/\d+$/);
  const number = (of) => `+49${of.phone.replaceAll(" ", "")}`;
  const first = page.locator("table.compare tbody tr").first();
  assert.match(await first.textContent(), /^\s*Phone/, "what they disagree about comes first");
  assert.deepEqual((await texts(first.getByRole("cell"))).slice(1).toSorted(), [number(row), number(inCrm(row.person))].toSorted());
  const answers = await texts(page.locator("label.choice"));
  for (const answer of [`${number(row)}, as books has it`, `${number(inCrm(row.person))}, as crm has it`, "Leave it as it is"]) {
    assert.ok(answers.some((shown) => shown.startsWith(answer)), `${answer}\n${answers.join("\n")}`);
  }
  await fits("conflict");
  await tabTo(page, page.getByRole("radio").first(), "the choices");
  await page.keyboard.press("Space");
  for (let step = 0; step < 3 && !(await page.getByLabel("as books has it").isChecked()); step += 1) await page.keyboard.press("ArrowDown");
  await tabTo(page, page.getByLabel("Why"), "the reason");
  await page.keyboard.type("rang there");
  await page.keyboard.press("Enter");
  await page.waitForURL("/reviews");
  assert.equal((await open("conflict")).length, 19);
});

check("the other conflicts are decided by rule: one system is right", async () => {
  await rule("Systems disagree");
  await page.getByLabel("Then").selectOption({ label: "This system is right" });
  await page.getByLabel("The system that is right").selectOption("books");
  await decide("conflict", planted("other phone").slice(1), 19, "they send the bills");
});

check("the queue is empty, and nothing was merged or sent on the way", async () => {
  await page.goto("/reviews");
  assert.match(await page.locator(".empty").first().textContent(), /Nothing waits for a person/);
  assert.equal(await page.locator('tbody a[href^="/reviews/"]').count(), 0);
  await page.getByRole("link", { name: "Health" }).click();
  await page.waitForURL("/");
  assert.equal(await page.locator("[data-live=reviews]").textContent(), "0");
  await page.getByRole("link", { name: "Merged" }).click();
  await page.waitForURL("/merges");
  // What was decided is which thing is which record; no two records were made one.
  assert.deepEqual((await hub.json("match", "merges", "list", "--all")).merges, []);
  assert.equal(await page.locator("tbody tr").count(), 0);
  await picture(page, "merges-none");
  assert.deepEqual(await changed(), entered, "no system was told anything yet");
});

/** People in a system by its own word: mailbox and digits of the number. */
const PEOPLE = {
  crm: (state) => state.contacts.filter((one) => !one.archived).map(({ properties }) => [properties.email, properties.phone]),
  books: (state) => state.Contacts.filter((one) => one.ContactStatus === "ACTIVE" && one.LastName).map((one) => {
    const phone = one.Phones?.find((phone) => phone.PhoneType === "DEFAULT") ?? {};
    return [one.EmailAddress, `${phone.PhoneCountryCode ?? ""}${phone.PhoneAreaCode ?? ""}${phone.PhoneNumber ?? ""}`];
  }),
  desk: (state) => state.users.filter((one) => !one.deleted && one.role === "end-user").map((one) => [one.email, one.phone]),
};

check("once the operators agree, every system has everybody once, and the numbers that were decided", async () => {
  await hub.json("plan");
  await hub.json("apply", "--reason", "the queue is clean");
  const waits = async () => (await hub.json("status")).flows.reduce((sum, flow) => sum + flow.pending + flow.parked + flow.open, 0);
  for (let round = 0; ; round += 1) {
    assert.ok(round < ROUNDS_MAX, `${await waits()} still wait after ${round} rounds`);
    await hub.nave("sync", "--retry");
    if ((await waits()) === 0) break;
  }
  const { flows, dead_letters: letters } = await hub.json("status");
  assert.deepEqual([letters, flows.filter((flow) => flow.failed > 0)], [0, []]);
  assert.deepEqual((await hub.json("review", "list")).reviews, [], "writing asked nothing new");

  const whose = new Map(rows.filter((row) => row.mailbox).map((row) => [row.mailbox, row.person]));
  const everybody = [...new Set(rows.map((row) => row.person))].toSorted();
  const digits = (text) => String(text ?? "").replaceAll(/\D/g, "");
  for (const [name, sim] of Object.entries(hub.sims)) {
    const there = PEOPLE[name](await sim.state());
    assert.deepEqual(there.map(([mailbox]) => whose.get(mailbox) ?? `nobody: ${mailbox}`).toSorted(), everybody, `people in ${name}`);
    const phones = new Map(there.map(([mailbox, phone]) => [mailbox, digits(phone)]));
    for (const row of planted("other phone")) assert.equal(phones.get(row.mailbox), `49${digits(row.phone)}`, `${nameOf(row)} in ${name}`);
  }
});

check("a record says who decided, and why", async () => {
  const [, row] = planted("other phone");
  await page.goto(`/records?q=${encodeURIComponent(row.mailbox)}`);
  await page.getByRole("link", { name: nameOf(row) }).click();
  await page.waitForURL(/\/records\/contact\/\d+$/);
  const phone = page.getByRole("row").filter({ has: page.getByRole("rowheader", { name: /^phone/i }) }).first();
  const text = await phone.textContent();
  for (const part of [`+49${row.phone.replaceAll(" ", "")}`, "decided by admin", "they send the bills"]) assert.ok(text.includes(part), `${part}\n${text}`);
  await fits("record-decided");
});

check("no page broke its policy, failed in its script or asked another host", async () => {
  assert.deepEqual(problems, []);
});
