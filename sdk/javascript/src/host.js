// What the host offers besides HTTP and folders: settings, state, log, clock.

import * as imports from '#imports';

import { bytes } from './bytes.js';
import { Failure } from './failure.js';

/** The connection's settings. `wanted` names those that must be there; one that is missing is a `misconfigured`. */
export function settings(...wanted) {
  let found;
  try {
    found = JSON.parse(imports.settings().trim() || '{}');
  } catch (error) {
    throw misfit(error.message);
  }
  for (const name of wanted) {
    if (found[name] === undefined || found[name] === null) throw misfit(`\`${name}\` is missing`);
  }
  return found;
}

function misfit(why) {
  return Failure.misconfigured(`the connection's settings do not fit: ${why}. Correct them in connections/*.toml`);
}

/** One line into the hub's log; level: `debug`, `info`, `warn`, `error`. */
export function log(level, message) {
  imports.log(level, String(message));
}

/** Wall clock, whole milliseconds since 1970. */
export function nowMs() {
  return Number(imports.nowMs());
}

/** The bytes that `stateSet` stored under this key, or undefined. */
export function stateGet(key) {
  return imports.state.get(key);
}

/** Stores a few bytes (or text, or a value as JSON) to be found again. A full quota is an error in words. */
export function stateSet(key, value) {
  try {
    imports.state.set(key, bytes(value));
  } catch (error) {
    throw new Error(error.payload ?? error.message ?? String(error));
  }
}
