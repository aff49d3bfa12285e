// Holds the checks to their word: with each break of breaks.mjs, the check that guards against it must fail.
import { spawnSync } from "node:child_process";
import path from "node:path";

import { breaks } from "./breaks.mjs";

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const only = process.argv[2];
let passed = 0;
let failed = 0;
for (const [name, { check, file = "dashboard.mjs" }] of Object.entries(breaks)) {
  if (only && !name.includes(only)) continue;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ["--test", `--test-reporter=${path.join(here, "reporter.mjs")}`, path.join(here, file)],
    { encoding: "utf8", timeout: 300_000, env: { ...process.env, NAVE_BREAK: name, NAVE_PATIENCE_MS: "4000" } },
  );
  const red = stdout.split("\n").filter((line) => line.startsWith("FAILED  ")).map((line) => line.slice(8));
  const seen = red.some((line) => line.startsWith(check));
  seen ? (passed += 1) : (failed += 1);
  console.log(`${seen ? "ok     " : "FAILED "} ${name}: ${seen ? red.find((line) => line.startsWith(check)) : `not noticed by “${check}…”\n${stdout}${stderr}`}`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
