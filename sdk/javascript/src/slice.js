// Cuts records out of a vendor's answer without taking them apart: bodies stay the vendor's bytes, and an id of twenty digits
// stays what it is.

import { exactly } from './bytes.js';
import { record as whole } from './describe.js';
import { Failure } from './failure.js';
import { MESSAGE_CHARS_MAX } from './limits.js';

/** One value of an answer, as the system spelled it. */
export class Row {
  /** @param {string} json JSON text of one value, without blanks around it */
  constructor(json) {
    this.json = json;
  }

  /**
   * Text of the value under a path with dots: a string's content, a number or a boolean as it is spelled; undefined for
   * null, missing, lists and objects.
   */
  text(path) {
    const found = within(this.json, keysOf(path));
    if (found === undefined || 'n[{'.includes(found[0])) return undefined;
    if (found[0] !== '"') return found;
    const text = JSON.parse(found);
    return text.isWellFormed() ? text : undefined;
  }

  /** The value, decoded. */
  value() {
    return JSON.parse(this.json);
  }
}

/**
 * The elements of the array under `path` (keys with dots between them; empty: the answer itself is the array).
 * Missing or null is no elements; an answer that is no object has no keys that could be missing, and is not the one expected.
 */
export function array(body, path) {
  const found = at(body, path);
  if (found === undefined && at(body, '').json[0] !== '{') throw Failure.unavailable(`the answer is no object, and \`${path}\` of it was expected`);
  if (found === undefined || found.json === 'null') return [];
  if (found.json[0] !== '[') throw misfit(path, 'it is no list');
  const rows = [];
  for (const [from, to] of elements(found.json)) rows.push(new Row(found.json.slice(from, to)));
  return rows;
}

/** The value under `path`, undecoded; undefined where there is none. */
export function at(body, path) {
  let text;
  try {
    text = exactly(body);
    // Whatever is cut out below is cut out of a text that is JSON.
    JSON.parse(text);
  } catch (error) {
    throw misfit(path, error.message);
  }
  const found = within(text.trim(), keysOf(path));
  return found === undefined ? undefined : new Row(found);
}

/**
 * A row as a record, its bytes untouched, its id the text or number under `id`.
 *
 * A row without one (missing, null, empty) becomes a record with an empty id: the hub sets it aside with its body, where a
 * person finds it, and the rest of the page goes on. Never leave such a row out: nobody would miss it.
 */
export function record(row, id) {
  return whole(row.text(id) ?? '', row.json);
}

/**
 * As `record`, where a row without an id is of no use: the answer to a look-up, or to a write. It is an error that shows the
 * row: what was found, and cannot be named, must not pass for nothing found.
 */
export function found(row, id) {
  const made = record(row, id);
  if (made.remoteId === '') {
    throw Failure.rejected('format', `the answer has a row without \`${id}\`: ${row.json.slice(0, MESSAGE_CHARS_MAX)}`);
  }
  return made;
}

function misfit(path, why) {
  return Failure.unavailable(`${path || 'the answer'} is not the JSON that was expected: ${why}`);
}

const keysOf = path => path.split('.').filter(key => key !== '');

/** JSON text under these keys. Of two equal keys the last one counts, as everywhere. */
function within(json, keys) {
  for (const wanted of keys) {
    if (json[0] !== '{') return undefined;
    let found;
    for (const [key, from, to] of members(json)) if (key === wanted) found = json.slice(from, to);
    if (found === undefined) return undefined;
    json = found;
  }
  return json;
}

function* elements(json) {
  let at = blanks(json, 1);
  while (json[at] !== ']') {
    const to = end(json, at);
    yield [at, to];
    at = blanks(json, to);
    if (json[at] === ',') at = blanks(json, at + 1);
  }
}

function* members(json) {
  let at = blanks(json, 1);
  while (json[at] !== '}') {
    const colon = end(json, at);
    const key = JSON.parse(json.slice(at, colon));
    const from = blanks(json, blanks(json, colon) + 1);
    const to = end(json, from);
    yield [key, from, to];
    at = blanks(json, to);
    if (json[at] === ',') at = blanks(json, at + 1);
  }
}

function blanks(json, at) {
  while (' \n\r\t'.includes(json[at] ?? '-')) at += 1;
  return at;
}

/** Where the value that begins here ends. The text is known to be JSON. */
function end(json, at) {
  if (json[at] === '"') return endOfString(json, at);
  if (json[at] !== '{' && json[at] !== '[') {
    while (at < json.length && !',]} \n\r\t'.includes(json[at])) at += 1;
    return at;
  }
  let depth = 0;
  for (;;) {
    switch (json[at]) {
      case '"':
        at = endOfString(json, at);
        continue;
      case '{':
      case '[':
        depth += 1;
        break;
      case '}':
      case ']':
        depth -= 1;
        if (depth === 0) return at + 1;
    }
    at += 1;
  }
}

function endOfString(json, at) {
  for (at += 1; json[at] !== '"'; at += 1) if (json[at] === '\\') at += 1;
  return at + 1;
}
