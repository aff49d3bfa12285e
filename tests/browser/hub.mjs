// A hub with something to show, on a free port and in a folder of its own: `nave demo`, or what a test makes of a project.
// Knows the command line only; nothing of the dashboard.
import { execFile, spawn } from "node:child_process";
import fs from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const START_MS_MAX = 300_000; // the first start builds three plugins
const COMMAND_MS_MAX = 60_000;

/** A record's name that would run as a script wherever somebody forgot to escape it. */
export const HOSTILE = "<img src=x onerror=alert(1)>";

/**
 * A project in a folder of its own. `nave(...words)` runs a command on it, `json(...words)` one whose answer is JSON, `spawned(...words)`
 * one that goes on until `stop()`; what stands in its `said` grows.
 */
export async function project() {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), "nave-browser-"));
  const dir = path.join(folder, "hub");
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("NAVE_")));
  // Inside a test, node's own test runner tells what it starts to report to it.
  delete env.NODE_TEST_CONTEXT;
  const options = { env: { ...env, NAVE_USER: "tester", NO_COLOR: "1" }, timeout: COMMAND_MS_MAX };
  const children = [];

  const nave = async (...words) => {
    try {
      return (await run(process.env.NAVE_BIN, ["--dir", dir, ...words], options)).stdout;
    } catch (error) {
      // 4: done as far as possible, the rest waits for a person.
      if (error.code === 4) return error.stdout;
      const gone = children.filter(({ child }) => child.exitCode !== null || child.signalCode !== null);
      const why = gone.map(({ child, said }) => `\n${child.spawnargs.slice(3).join(" ")} ended with ${child.exitCode ?? child.signalCode}: ${said.slice(-500)}`);
      throw new Error(`nave ${words.join(" ")}: exit ${error.code}: ${error.stderr || error.stdout}${why.join("")}`);
    }
  };
  const json = async (...words) => JSON.parse(await nave("--json", ...words));
  const spawned = (...words) => {
    const child = spawn(process.env.NAVE_BIN, ["--dir", dir, ...words], { ...options, timeout: 0, stdio: ["ignore", "pipe", "pipe"] });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const one = { child, ended, said: "" };
    for (const output of [child.stdout, child.stderr]) output.on("data", (bytes) => { one.said += bytes; });
    children.push(one);
    return one;
  };
  const stop = async () => {
    // The hub before the systems that it asks.
    for (const { child, ended } of children.toReversed()) {
      child.kill("SIGTERM");
      const hard = setTimeout(() => child.kill("SIGKILL"), 20_000);
      await ended;
      clearTimeout(hard);
    }
    if (!process.env.NAVE_KEEP) await fs.rm(folder, { recursive: true, force: true });
  };

  await run(process.env.NAVE_BIN, ["init", dir], options);
  const toml = path.join(dir, "nave.toml");
  await fs.writeFile(toml, (await fs.readFile(toml, "utf8")).replace(/^listen = .*$/m, 'listen = "127.0.0.1:0"'));
  return { folder, dir, nave, json, spawned, stop };
}

/** The demo as a project that serves at `url` and takes `token`. */
export async function start() {
  const hub = await project();
  try {
    const url = await announced(hub.spawned("demo", "--records", "50"), /serves at (http:\S+)/);
    const { token } = await hub.json("token", "reset", "--because", "a test");
    return { ...hub, url, token };
  } catch (error) {
    await hub.stop();
    throw error;
  }
}

/** Waits until a spawned command says this; answers what stands in the parentheses. */
export async function announced(one, pattern) {
  let timer;
  try {
    return await new Promise((resolve, reject) => {
      const hear = () => {
        const found = one.said.match(pattern);
        if (found) resolve(found[1]);
      };
      for (const output of [one.child.stdout, one.child.stderr]) output.on("data", hear);
      hear();
      one.ended.then((code) => reject(new Error(`it ended with ${code}:\n${one.said.slice(-2000)}`)));
      timer = setTimeout(() => reject(new Error(`it does not say ${pattern}:\n${one.said.slice(-2000)}`)), START_MS_MAX);
    });
  } finally {
    clearTimeout(timer);
  }
}

const SECTION = "nave:manifest";

/** Another build of an installed plugin: the same code, of the next serial, with what `change` makes of its manifest. Answers its file. */
export async function anotherBuild(hub, name, change) {
  const plugin = (await hub.json("plugin", "list")).plugins.find((one) => one.name === name);
  const bytes = await fs.readFile(path.join(hub.dir, "plugins", `${plugin.digest}.wasm`));
  // A component is a head of eight bytes, and then sections: kind, length, content. Numbers are LEB128.
  const number = (at) => {
    for (let value = 0, shift = 0; ; shift += 7, at += 1) {
      value += (bytes[at] & 0x7f) * 2 ** shift;
      if (bytes[at] < 0x80) return [value, at + 1];
    }
  };
  const leb = (value) => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)]);
  const kept = [bytes.subarray(0, 8)];
  let manifest;
  for (let at = 8; at < bytes.length; ) {
    const [length, from] = number(at + 1);
    const [inner, text] = bytes[at] === 0 ? number(from) : [0, from];
    if (bytes.toString("utf8", text, text + inner) === SECTION) manifest = JSON.parse(bytes.toString("utf8", text + inner, from + length));
    else kept.push(bytes.subarray(at, from + length));
    at = from + length;
  }
  manifest.serial += 1;
  manifest.version = `9.${manifest.serial}.0`;
  change(manifest);
  const content = Buffer.concat([Buffer.from(leb(SECTION.length)), Buffer.from(SECTION), Buffer.from(JSON.stringify(manifest))]);
  const file = path.join(hub.folder, `${name}-${manifest.serial}.wasm`);
  await fs.writeFile(file, Buffer.concat([...kept, Buffer.from([0, ...leb(content.length)]), content]));
  return file;
}

/** One more export of the old system: a person of this first and last name. */
export async function drop(hub, id, first, last) {
  const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
  const text = `Id,FirstName,LastName,Email,City\n${id},${quoted(first)},${quoted(last)},${id.toLowerCase()}@example.org,Bremen\n`;
  const file = path.join(hub.dir, "sims/legacy", `contacts-${Date.now()}.csv`);
  await fs.writeFile(`${file}.part`, text);
  await fs.rename(`${file}.part`, file);
}
