// A hub with something to show: `nave demo` on a free port, in a folder of its own.
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

/** Starts the demo. `nave(...words)` runs a command on it, `json(...words)` one whose answer is JSON. */
export async function start() {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), "nave-browser-"));
  const dir = path.join(folder, "hub");
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("NAVE_")));
  // Inside a test, node's own test runner tells what it starts to report to it.
  delete env.NODE_TEST_CONTEXT;
  const options = { env: { ...env, NAVE_USER: "tester", NO_COLOR: "1" }, timeout: COMMAND_MS_MAX };

  const nave = async (...words) => {
    try {
      return (await run(process.env.NAVE_BIN, ["--dir", dir, ...words], options)).stdout;
    } catch (error) {
      // 4: done as far as possible, the rest waits for a person.
      if (error.code === 4) return error.stdout;
      throw new Error(`nave ${words.join(" ")}: exit ${error.code}: ${error.stderr || error.stdout}`);
    }
  };
  const json = async (...words) => JSON.parse(await nave("--json", ...words));

  await run(process.env.NAVE_BIN, ["init", dir], options);
  const toml = path.join(dir, "nave.toml");
  await fs.writeFile(toml, (await fs.readFile(toml, "utf8")).replace(/^listen = .*$/m, 'listen = "127.0.0.1:0"'));

  const demo = spawn(process.env.NAVE_BIN, ["--dir", dir, "demo", "--records", "50"], { ...options, timeout: 0, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise((resolve) => demo.once("exit", resolve));
  const stop = async () => {
    demo.kill("SIGTERM");
    const hard = setTimeout(() => demo.kill("SIGKILL"), 20_000);
    await ended;
    clearTimeout(hard);
    if (!process.env.NAVE_KEEP) await fs.rm(folder, { recursive: true, force: true });
  };
  try {
    const url = await announced(demo, ended);
    const { token } = await json("token", "reset");
    return { dir, url, token, nave, json, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Waits until the demo says where it serves. */
async function announced(demo, ended) {
  let said = "";
  let timer;
  try {
    return await new Promise((resolve, reject) => {
      const hear = (bytes) => {
        said += bytes;
        const found = said.match(/serves at (http:\S+)/);
        if (found) resolve(found[1]);
      };
      demo.stdout.on("data", hear);
      demo.stderr.on("data", hear);
      ended.then((code) => reject(new Error(`nave demo ended with ${code}:\n${said.slice(-2000)}`)));
      timer = setTimeout(() => reject(new Error(`nave demo does not serve yet:\n${said.slice(-2000)}`)), START_MS_MAX);
    });
  } finally {
    clearTimeout(timer);
  }
}

/** One more export of the old system: a person of this first and last name. */
export async function drop(hub, id, first, last) {
  const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
  const text = `Id,FirstName,LastName,Email,City\n${id},${quoted(first)},${quoted(last)},${id.toLowerCase()}@example.org,Bremen\n`;
  const file = path.join(hub.dir, "sims/legacy", `contacts-${Date.now()}.csv`);
  await fs.writeFile(`${file}.part`, text);
  await fs.rename(`${file}.part`, file);
}
