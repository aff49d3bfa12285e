// The hub of a steward's day: the people of tests/data/stewards-day.csv in three simulated systems, read, and nothing written yet.
// Knows the command line and the systems' own interfaces; nothing of the dashboard.
import { execFile } from "node:child_process";
import fs from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";

import { announced, project } from "./hub.mjs";

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const root = path.join(here, "../..");
const PLUGINS = { crm: "hubspot", books: "xero", desk: "zendesk" };
const BUILD_MS_MAX = 300_000;
const HOUR_MS = 3_600_000;

/** The lines of the table, each by the names of its columns. No cell has a comma or a quotation mark in it. */
export async function people() {
  const text = await fs.readFile(path.join(here, "../data/stewards-day.csv"), "utf8");
  const [names, ...lines] = text.trimEnd().split("\n").map((line) => line.split(","));
  return lines.map((cells) => Object.fromEntries(names.map((name, at) => [name, cells[at]])));
}

/** Starts the systems and a hub that has read them. Beside what a project has: `sims` by name, `url` and `token`. */
export async function startDay() {
  const hub = await project();
  try {
    const sims = Object.fromEntries(await Promise.all(Object.keys(PLUGINS).map(async (name) => [name, await sim(hub, name)])));
    await populate(sims);
    await connect(hub, sims);
    // One after another: which of two things waits for a person, and which is known already, is then the same each day.
    for (const flow of ["books-contacts", "crm-contacts"]) await hub.nave("sync", flow, "--once");
    await hub.nave("sync");
    const serving = hub.spawned("--json", "serve");
    const said = JSON.parse(await announced(serving, /^(\{.*\})$/m));
    // The first start makes a token and says it.
    const token = said.token ?? (await hub.json("token", "reset", "--because", "a test")).token;
    return { ...hub, sims, url: said.address, token };
  } catch (error) {
    await hub.stop();
    throw error;
  }
}

/** One system, empty; `call` asks it as a client, `state` and `changed` are its own word on what is in it and who changed it. */
async function sim(hub, name) {
  const said = await announced(hub.spawned("sim", name, "--records", "0", "--json"), /^(\{.*\})$/m);
  const { base_url: url, credential, control_token: control } = JSON.parse(said);
  const ask = async (token, method, where, body) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    if (credential.tenant_id) headers["xero-tenant-id"] = credential.tenant_id;
    const answer = await fetch(url + where, { method, headers, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${name}: ${method} ${where}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  return {
    url,
    credential,
    call: (method, where, body) => ask(credential.token, method, where, body),
    control: (method, where, body) => ask(control, method, where, body),
    state: () => ask(control, "GET", "/_sim/state"),
    changed: async () => (await ask(control, "GET", "/_sim/requests")).requests.filter((request) => request.changed).length,
  };
}

const SPELLED = {
  crm: ({ first, last, mailbox, phone, street }) => ["POST", "/crm/v3/objects/contacts", {
    properties: { firstname: first, lastname: last, email: mailbox, phone: `+49 ${phone}`, address: street, city: "Berlin" },
  }],
  books: ({ person, first, last, mailbox, phone, street }) => ["PUT", "/api.xro/2.0/Contacts", { Contacts: [{
    Name: `${first} ${last} ${person}`, FirstName: first, LastName: last, EmailAddress: mailbox,
    ...(phone && { Phones: [{ PhoneType: "DEFAULT", PhoneCountryCode: "49", PhoneNumber: phone.replaceAll(" ", "") }] }),
    ...(street && { Addresses: [{ AddressType: "STREET", AddressLine1: street, City: "Berlin" }] }),
  }] }],
  desk: ({ first, last, mailbox, phone }) => ["POST", "/api/v2/users", {
    user: { name: `${first} ${last}`, email: mailbox, phone: `+49 ${phone}` },
  }],
};

/** Everybody is entered where the table says, an hour ago: an export of the desk holds back its last minute. */
async function populate(sims) {
  const rows = await people();
  await Promise.all(Object.entries(sims).map(async ([name, system]) => {
    await system.control("POST", "/_sim/fault", { switch: "clock-offset", offset_ms: -HOUR_MS });
    for (const row of rows.filter((row) => row.system === name)) await system.call(...SPELLED[name](row));
    await system.control("POST", "/_sim/fault", { switch: "clock-offset", on: false });
  }));
}

async function connect(hub, sims) {
  const toml = path.join(hub.dir, "nave.toml");
  // The day is about who people are, not about who answers for a field.
  await fs.writeFile(toml, (await fs.readFile(toml, "utf8")).replace('ownership = "required"', 'ownership = "advised"'));
  for (const [name, { url, credential }] of Object.entries(sims)) {
    await hub.nave("plugin", "install", await plugin(PLUGINS[name]));
    const settings = name === "books" ? [`url=${url}/api.xro/2.0`, `tenant=${credential.tenant_id}`] : [`url=${url}`];
    const secret = path.join(hub.folder, `${name}.secret`);
    await fs.writeFile(secret, name === "desk" ? `${credential.user}:${credential.token}` : credential.token, { mode: 0o600 });
    await hub.nave("connection", "add", PLUGINS[name], "--name", name, "--secret-from", secret, "--yes", "--insecure",
      "--grant-network", "127.0.0.0/8", "--because", "it runs on this machine", ...settings.flatMap((setting) => ["--set", setting]));
  }
  // Which number is right, nobody but a person says.
  await fs.mkdir(path.join(hub.dir, "entities"), { recursive: true });
  await fs.writeFile(path.join(hub.dir, "entities/contact.toml"), '[fields.phone]\nsurvivorship = "manual"\n');
  for (const name of Object.keys(sims)) await hub.nave("connection", "discover", name, "--save");
  await hub.nave("mapping", "lint");
}

/** A shipped plugin, built. `NAVE_PLUGINS` names a folder of built ones. */
async function plugin(name) {
  if (process.env.NAVE_PLUGINS) return path.join(process.env.NAVE_PLUGINS, `${name}.wasm`);
  const options = { cwd: root, timeout: BUILD_MS_MAX };
  await promisify(execFile)(process.env.NAVE_BIN, ["plugin", "build", path.join("plugins", name)], options);
  return path.join(process.env.CARGO_TARGET_DIR ?? path.join(root, "target"), "plugins", `${name}.wasm`);
}
