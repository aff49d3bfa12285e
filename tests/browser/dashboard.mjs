// The dashboard as a person meets it: in a browser, against a hub at work. One hub and one signed-in visitor for all
// checks, in order; what a page may never do is collected on the way and asked for at the end.
import assert from "node:assert/strict";
import { after, before } from "node:test";

import { checks, launch, picture, shots, signIn, tabTo, texts, visitor, wrongs } from "./browser.mjs";
import { breaks } from "./breaks.mjs";
import { HOSTILE, anotherBuild, drop, start } from "./hub.mjs";

const PHONE = { width: 380, height: 800 };
const WIDE = { width: 1280, height: 800 };
const broken = breaks[process.env.NAVE_BREAK]?.how;
const problems = [];
let hub, browser, page;

before(async () => {
  browser = await launch();
  hub = await start();
  ({ page } = await visitor(browser, hub.url, problems, {}, broken));
});

after(async () => {
  await browser?.close();
  await hub?.stop();
  console.log(`pictures: ${shots}`);
});

const check = checks(() => page);
const path = () => new URL(page.url()).pathname;
check("nothing is shown before signing in", async () => {
  for (const to of ["/", "/records", "/records/contact/1", "/reviews", "/reviews/1", "/reviews/many", "/census", "/schedule", "/connections"]) {
    await page.goto(to);
    assert.equal(path(), "/login", `${to} sends to the sign-in page`);
    assert.equal(await page.locator("header, table").count(), 0, `${to} shows nothing of the hub`);
  }
  const events = await page.request.get("/events", { maxRedirects: 0 });
  assert.notEqual(events.status(), 200, "/events asks who it is");
});

check("a wrong token is refused", async () => {
  const stranger = await visitor(browser, hub.url, [], {}, broken);
  await stranger.page.goto("/login");
  await stranger.page.getByLabel("Token").fill(`${hub.token.slice(0, -4)}AAAA`);
  await stranger.page.keyboard.press("Enter");
  await stranger.page.getByRole("alert").waitFor();
  assert.match(await stranger.page.getByRole("alert").textContent(), /token/);
  await picture(stranger.page, "login-refused");
  await stranger.page.goto("/records");
  assert.equal(new URL(stranger.page.url()).pathname, "/login");
  await stranger.context.close();
});

check("the token signs in, by keyboard", async () => {
  await page.goto("/login");
  assert.equal(await page.evaluate(() => document.activeElement.id), "token", "the field has the focus");
  await page.keyboard.type(hub.token);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  assert.equal(path(), "/");
  const [cookie] = await page.context().cookies();
  assert.ok(cookie.httpOnly && cookie.sameSite === "Strict", "no script and no other page can use the cookie");
});

check("health shows every flow with its last success, what is pending and what failed", async () => {
  const agrees = async () => {
    await page.goto("/");
    const status = await hub.json("status");
    for (const flow of status.flows) {
      const row = page.locator(`[data-flow="${flow.flow}"]`);
      assert.ok((await row.getByRole("rowheader").textContent()).startsWith(flow.flow));
      const cell = (name) => row.locator(`[data-cell=${name}]`);
      for (const name of ["linked", "pending", "failed"]) assert.equal(await cell(name).textContent(), String(flow[name]), `${flow.flow}: ${name}`);
      for (const name of ["last_in", "last_out"]) assert.equal(await cell(name).getAttribute("datetime"), flow[name] ?? "", `${flow.flow}: ${name}`);
      assert.match(await cell("last_in").textContent(), /ago|just now/);
      assert.ok((await row.textContent()).includes(flow.connection));
    }
    assert.equal(await page.locator("[data-flow]").count(), status.flows.length);
    assert.ok(status.flows.length >= 4 && status.flows.some((flow) => flow.failed > 0));
  };
  // The hub works meanwhile: the page and the command line may see different moments. Then both are asked again.
  for (let again = 0; ; again += 1) {
    try {
      return await agrees();
    } catch (error) {
      if (again === 9) throw error;
    }
  }
});

check("the schedule says how often each flow is read and why, and what each account was asked", async () => {
  await page.goto("/");
  await page.getByRole("link", { name: "Schedule" }).click();
  await page.waitForURL("/schedule");
  const { flows } = await hub.json("schedule", "list");
  const { accounts } = await hub.json("budget");
  assert.ok(flows.length >= 4 && accounts.some((account) => account.this_month > 0));
  for (const flow of flows) {
    const row = page.getByRole("row").filter({ has: page.getByRole("rowheader", { name: new RegExp(`^${flow.flow} ${flow.connection}\\b`) }) });
    assert.ok((await row.textContent()).includes(flow.because), `${flow.flow}: why so often`);
    if (flow.next) assert.match(await row.locator("time").textContent(), /^in \d+ (s|min|h)$|now/, `${flow.flow}: the next read`);
  }
  for (const account of accounts) {
    const row = page.getByRole("row").filter({ has: page.getByRole("rowheader", { name: new RegExp(`^${account.account} `) }) });
    // The hub works meanwhile: calls only become more.
    const shown = Number((await row.getByRole("cell").nth(1).textContent()).split(" ")[0]);
    assert.ok(shown > 0 === account.this_month > 0 && shown <= account.this_month, `${account.account}: ${shown} calls, ${account.this_month} a moment later`);
  }
});

check("health stays current without reloading", async () => {
  await page.goto("/");
  await page.getByText("Live.").waitFor();
  await page.evaluate(() => { globalThis.samePage = true; });
  const row = page.locator('[data-flow="drop-contacts"]');
  const linked = Number(await row.locator("[data-cell=linked]").textContent());
  const people = Number(await page.locator("[data-live-record=contact]").textContent());
  const read = await row.locator("time").first().getAttribute("datetime");

  await drop(hub, "L900001", "Mallory", HOSTILE);
  await hub.nave("sync");
  await page.waitForFunction((want) => document.querySelector('[data-flow="drop-contacts"] [data-cell=linked]').textContent === want, String(linked + 1));
  assert.equal(await page.locator("[data-live-record=contact]").textContent(), String(people + 1), "the number of contacts");
  assert.notEqual(await row.locator("time").first().getAttribute("datetime"), read, "the time of the last read");
  assert.ok(await page.evaluate(() => globalThis.samePage), "the page was not reloaded");
});

check("a record is found by a part of its name and says who said what, and why", async () => {
  await page.getByRole("link", { name: "Records" }).click();
  await page.getByLabel("Name, e-mail, phone").fill("taylor");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=taylor/);
  const found = page.locator("tbody th a");
  assert.ok((await found.count()) > 0);
  for (const title of await texts(found)) assert.match(title.toLowerCase(), /taylor/);
  await page.getByRole("link", { name: "Rhys Taylor" }).first().click();
  await page.waitForURL(/\/records\/contact\/\d+$/);

  const name = path().replace("/records/", "");
  const { fields } = await hub.json("record", "why", name);
  const rows = page.getByRole("table").first().locator("tbody tr");
  assert.equal(await rows.count(), fields.length);
  for (const [at, field] of fields.entries()) {
    const row = await rows.nth(at).textContent();
    for (const part of [field.display, field.from, field.sentence.replaceAll("`", "")]) assert.ok(row.includes(part), `${field.field}: ${part}\n${row}`);
    const others = field.losers.filter((loser) => loser.display !== field.display);
    assert.equal(/said otherwise/.test(row), others.length > 0, `${field.field}: those who agree did not say otherwise`);
  }
  const { contributions } = await hub.json("record", "show", name);
  const systems = page.locator("details.card");
  assert.equal(await systems.count(), contributions.length);
  await systems.first().locator("summary").focus();
  await page.keyboard.press("Enter");
  await systems.first().getByRole("table").waitFor();
  const [path1, value1] = Object.entries(contributions[0].shadow)[0];
  const shown = await systems.first().textContent();
  assert.ok(shown.includes(path1) && shown.includes(String(value1)), shown);
  assert.ok((await page.locator(".history > li").count()) > 0, "its history");
  await picture(page, "record-open");
});

check("a name that is a script is shown as text", async () => {
  await page.goto(`/records?q=${encodeURIComponent("mallory")}`);
  const link = page.locator("tbody th a");
  assert.equal(await link.textContent(), `Mallory ${HOSTILE}`);
  await link.click();
  await page.waitForURL(/\/records\/contact\/\d+$/);
  assert.ok((await page.locator("h1").textContent()).includes(HOSTILE));
  assert.ok((await page.title()).includes(HOSTILE));
  assert.equal(await page.locator("img[src=x]").count(), 0);
  assert.deepEqual(problems.filter((line) => line.includes("dialog")), []);
  await picture(page, "record-hostile");
  await page.goto(`/records?q=${encodeURIComponent(`"${HOSTILE}`)}`);
  assert.equal(await page.getByLabel("Name, e-mail, phone").inputValue(), `"${HOSTILE}`);
  assert.equal(await page.locator("img[src=x]").count(), 0);
});

check("what waits for a person is listed, and what was set aside with its fix", async () => {
  await page.goto("/reviews");
  const { reviews } = await hub.json("review", "list");
  assert.ok(reviews.length > 0);
  const shown = await texts(page.locator('tbody a[href^="/reviews/"]'));
  assert.deepEqual(shown.toSorted(), reviews.map((review) => review.title).toSorted());
  for (const kind of new Set(reviews.map((review) => review.kind))) {
    const own = reviews.filter((review) => review.kind === kind).map((review) => review.title);
    assert.ok((await texts(page.locator("section table"))).some((table) => own.every((title) => table.includes(title))), `${kind}: under one heading`);
  }
  const { dead_letters } = await hub.json("dlq", "list");
  const rows = page.locator("#letters tbody tr");
  assert.equal(await rows.count(), dead_letters.length);
  const all = (await texts(rows)).join("\n");
  for (const letter of dead_letters) for (const part of [letter.title, letter.message, letter.fix.replaceAll("`", "")]) assert.ok(all.includes(part), part);
});

check("each number of the master data leads to what it counts", async () => {
  const { lines } = await hub.json("governance");
  const counted = lines.filter(({ count }) => count > 0);
  assert.ok(counted.length > 0);
  for (const { name, count, what } of counted) {
    await page.goto("/");
    await page.locator("#governance").getByRole("row").filter({ hasText: what }).getByRole("link").click();
    await page.waitForURL(`/governance/${name}`);
    const { entries } = await hub.json("governance", name, "--limit", "200");
    assert.deepEqual(await texts(page.locator("tbody th")), entries.map(({ subject }) => subject));
    assert.equal(entries.length, Math.min(count, 200));
  }
});

const SIZES = [["wide", WIDE], ["phone", PHONE]];
/** The page of some contact: numbers are given in the order in which things arrive, so none is certain to be a contact. */
const someContact = async () => `/records/${(await hub.json("record", "list", "contact")).records[0].record.replace(":", "/")}`;
const places = async () => {
  const { reviews } = await hub.json("review", "list");
  const { lines } = await hub.json("governance");
  return [["health", "/"], ["records", "/records"], ["record", await someContact()], ["reviews", "/reviews"], ["schedule", "/schedule"], ["connections", "/connections"], ["connection", "/connections/crm"], ["plugins", "/plugins"], ["plugin", "/plugins/hubspot"],
    ["many", "/reviews/many?kind=match&choice=new&is.first_name=differ"], ["merges", "/merges"], ["census", "/census"], ["governance", `/governance/${lines.find(({ count }) => count > 0).name}`], ["mappings", "/mappings"], ["mapping", "/mappings/crm-contacts"], ["reconcile", "/reconcile"], ["review", `/reviews/${reviews[0].id}`],
    ["not-found", "/records/contact/999999"], ["login", "/login"]];
};
for (const scheme of ["light", "dark"]) {
  check(`every page fits a phone and can be read, ${scheme}`, async () => {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    const wrong = [];
    for (const [name, to] of await places()) {
      // A page that is not there answers 404, which the console repeats.
      const heard = problems.length;
      await page.goto(to);
      if (name === "not-found") problems.splice(heard);
      wrong.push(...(await wrongs(page, `${name}-${scheme}`, SIZES)));
    }
    await page.emulateMedia({ colorScheme: null });
    await page.setViewportSize(WIDE);
    assert.deepEqual(wrong, []);
  });
}

check("a build that asks for more waits, and is declined where its differences are shown", async () => {
  const crm = async () => (await hub.json("plugin", "list")).plugins.find(({ name }) => name === "hubspot");
  const before = await crm();
  const reason = "to look <b>there</b> too";
  const file = await anotherBuild(hub, "hubspot", (manifest) => {
    manifest.endpoints.spare = { base: "https://spare.example.com", allow: [{ methods: ["GET"], paths: ["/"] }], reason };
  });
  assert.match(await hub.nave("plugin", "upgrade", file), /spare\.example\.com/);
  const { held } = await crm();
  await page.goto("/reviews");
  await page.getByRole("link", { name: `hubspot ${held}` }).click();
  await page.waitForURL("/plugins/hubspot");
  const waits = page.getByRole("region", { name: `${held} waits for somebody to agree` });
  const said = await waits.textContent();
  for (const part of ["https://spare.example.com", before.version]) assert.ok(said.includes(part), `${part} in ${said}`);
  const wrong = await wrongs(page, "plugin-waits", SIZES);
  await page.setViewportSize(WIDE);
  assert.deepEqual(wrong, []);
  await waits.getByRole("button", { name: "Decline it" }).click();
  await page.getByRole("heading", { name: "What it asks for" }).waitFor();
  assert.equal(await waits.count(), 0, "nothing waits any more");
  const after = await crm();
  assert.deepEqual([after.digest, after.held ?? null], [before.digest, null], "the old one is in force");
});

check("without scripts every page still shows what it has", async () => {
  const plain = await visitor(browser, hub.url, problems, { javaScriptEnabled: false }, broken);
  await signIn(plain.page, hub.token);
  assert.ok((await plain.page.locator("[data-flow]").count()) >= 4);
  assert.match(await plain.page.locator("[data-cell=last_in]").first().textContent(), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/);
  await plain.page.goto(await someContact());
  await plain.page.getByText("Why this one").waitFor();
  await plain.context.close();
});

check("a review is decided with the keyboard alone", async () => {
  await page.goto("/");
  const [review] = (await hub.json("review", "list")).reviews;
  await tabTo(page, page.getByRole("link", { name: "Waiting" }), "the navigation");
  await page.keyboard.press("Enter");
  await page.waitForURL("/reviews");
  await tabTo(page, page.getByRole("link", { name: review.title }), "the review");
  await page.keyboard.press("Enter");
  await page.waitForURL(`/reviews/${review.id}`);
  const choices = page.getByRole("radio");
  const shown = await hub.json("review", "show", String(review.id));
  assert.equal(await choices.count(), shown.candidates.length + 1, "each candidate, or a new one");
  await tabTo(page, choices.first(), "the choices");
  await page.keyboard.press("Space");
  for (let step = 0; step < shown.candidates.length; step += 1) await page.keyboard.press("ArrowDown");
  assert.ok(await choices.last().isChecked(), "arrows go from choice to choice");
  await tabTo(page, page.getByLabel("Why"), "the reason");
  await page.keyboard.type("Neither: <b>two</b> people share a phone");
  await picture(page, "review-decided");
  await tabTo(page, page.getByRole("button", { name: "Decide" }), "the button");
  await page.keyboard.press("Enter");
  await page.waitForURL("/reviews");
  assert.equal(await page.getByRole("link", { name: review.title }).count(), 0, "it is off the list");

  const { review: closed, decisions } = await hub.json("review", "show", String(review.id));
  assert.ok(closed.closed_at);
  assert.deepEqual(decisions.map(({ choice, reason }) => [choice, reason]), [["new", "Neither: <b>two</b> people share a phone"]]);
  await page.goto(`/reviews/${review.id}`);
  await page.getByText("Neither: <b>two</b> people share a phone").waitFor();
  assert.equal(await choices.count(), 0, "what is decided stays decided");
});

check("many reviews are decided by one rule that is looked at first", async () => {
  const open = async () => (await hub.json("review", "list")).reviews.filter(({ kind }) => kind === "match");
  const before = await open();
  assert.ok(before.length > 0);
  await page.goto("/reviews");
  await page.getByRole("link", { name: "Decide many by one rule" }).first().click();
  await page.waitForURL("/reviews/many?kind=match");
  await page.goto("/reviews/many?kind=match&choice=new&differ=frist_name");
  assert.match(await page.getByRole("alert").textContent(), /frist_name.*first_name/s, "a field that nobody has is no rule");
  assert.equal(await page.getByRole("button", { name: /^Decide these/ }).count(), 0);
  await page.goto("/reviews/many?kind=match&choice=new");
  // What the first of them differs in is the rule.
  const shown = await hub.json("review", "show", String(before[0].id));
  const differs = shown.fields.find(({ value, candidates }) => value && candidates.every((other) => other && other.toLowerCase() !== value.toLowerCase()));
  await page.getByLabel(`${differs.label} differs`, { exact: true }).check();
  await page.getByLabel("Then").selectOption("new");
  await page.getByRole("button", { name: "Show which those are" }).click();
  const fits = page.locator("tbody th a");
  await fits.first().waitFor();
  const titles = await texts(fits);
  assert.ok(titles.includes(before[0].title));
  assert.equal((await open()).length, before.length, "nothing is decided yet");
  await picture(page, "many");
  await page.getByLabel("Why").fill("they differ");
  await page.getByRole("button", { name: `Decide these ${titles.length}` }).click();
  await page.waitForURL("/reviews");
  // What was decided is asked no more; whether two of those are alike may be asked anew.
  const left = new Set((await open()).map(({ id }) => id));
  assert.equal(before.filter(({ id }) => left.has(id)).length, before.length - titles.length);
  const { decisions } = await hub.json("review", "show", String(before[0].id));
  assert.deepEqual(decisions.map(({ choice, reason }) => [choice, reason]), [["new", "they differ"]]);
});

check("signing out ends the session", async () => {
  const [cookie] = await page.context().cookies();
  await page.goto("/");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL("/login");
  await page.goto("/records");
  assert.equal(path(), "/login");
  // Whoever kept the cookie has nothing.
  await page.context().addCookies([cookie]);
  await page.goto("/records");
  assert.equal(path(), "/login");
});

check("no page broke its policy, failed in its script or asked another host", async () => {
  const policy = (await page.request.get("/login")).headers()["content-security-policy"];
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe/);
  assert.deepEqual(problems, []);
});
