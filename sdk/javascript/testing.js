// A host for tests, outside of a plugin: scripted answers, folders in memory, a clock that stands still.
//
//   const host = new FakeHost({ answer: (endpoint, request) => reply(200, { name: 'Ada' }) });
//   const name = host.run(() => http.get('api', '/me').send().text('name'));
//   host.requests.length === 1

import { bytes, roughly } from './src/bytes.js';
import { HttpError } from './src/http.js';
import { under } from './src/imports_fake.js';
import { parseRfc3339, rfc3339 } from './src/time.js';

/** An answer with a JSON body: text as it is, anything else as JSON. */
export function reply(status, body = '', headers = []) {
  return { status, headers: [['Content-Type', 'application/json'], ...headers], body: bytes(body) };
}

/** What `answer` throws when there is to be no answer: `unreachable`, `no-answer`, `denied`, `too-large`, `quota`. */
export function fails(tag, val) {
  return new HttpError(tag, val);
}

/** Text of bytes, to compare. */
export const text = roughly;

/** The host of one test. */
export class FakeHost {
  #at;
  #answer;
  #writes = 0;

  /** `settings`: an object; `at`: the clock, RFC 3339; `answer(endpoint, request)`: answers all requests; `folders`: name → files. */
  constructor({ settings = {}, at = '2026-11-24T02:00:00Z', answer, folders = {} } = {}) {
    this.settingsText = JSON.stringify(settings);
    this.#at = parseRfc3339(at) / 1000;
    this.#answer = answer;
    /** All requests so far: `[endpoint, request]`. */
    this.requests = [];
    /** All log lines so far. */
    this.log = [];
    this.state = new Map();
    this.folders = new Map();
    for (const [folder, files] of Object.entries(folders)) {
      this.folders.set(folder, new Map());
      for (const [name, content] of Object.entries(files)) this.put(folder, name, content);
    }
  }

  /** Runs plugin code under this host; answers what it answers. */
  run(code) {
    return under(this, code);
  }

  /** A file's content as text. */
  content(folder, name) {
    const file = this.folders.get(folder)?.get(name);
    return file && roughly(file.content);
  }

  nowMs() {
    return BigInt(this.#at);
  }

  write(level, message) {
    this.log.push(`${level}: ${message}`);
  }

  send(endpoint, request) {
    this.requests.push([endpoint, { ...request }]);
    if (!this.#answer) throw fails('denied', 'the test answers no requests');
    return this.#answer(endpoint, request);
  }

  #granted(folder) {
    const files = this.folders.get(folder);
    if (!files) throw { tag: 'denied', val: `the folder ${folder} is not granted` };
    return files;
  }

  list(folder) {
    const files = [...this.#granted(folder)].sort(([one], [other]) => (one < other ? -1 : 1));
    return files.map(([name, { content, modifiedAt }]) => ({ name, size: BigInt(content.length), modifiedAt }));
  }

  read(folder, name, offset, length) {
    const file = this.#granted(folder).get(name);
    if (!file) throw { tag: 'not-found' };
    return file.content.slice(Number(offset), Number(offset) + length);
  }

  put(folder, name, content) {
    this.#writes += 1;
    this.#granted(folder).set(name, { content: bytes(content), modifiedAt: rfc3339((this.#at + this.#writes) * 1000) });
  }

  append(folder, name, content) {
    const before = this.#granted(folder).get(name)?.content ?? new Uint8Array();
    this.put(folder, name, new Uint8Array([...before, ...content]));
  }

  remove(folder, name) {
    if (!this.#granted(folder).delete(name)) throw { tag: 'not-found' };
  }
}
