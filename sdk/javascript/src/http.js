// Requests to the endpoints of the manifest, and what an answer means.
//
// A guest names an endpoint and a path; host, credential and limits are the host's. `answer.ok()` turns a status into a
// `Failure` by the next move it asks for; a connector that knows better looks at `answer.status` first.

import * as imports from '#imports';

import { bytes, roughly } from './bytes.js';
import { Failure, rejection } from './failure.js';
import { nowMs } from './host.js';
import { MESSAGE_CHARS_MAX, RETRY_AFTER_DEFAULT_MS, RETRY_AFTER_MS_MAX } from './limits.js';
import { parseHttpDate } from './time.js';

/**
 * Why nothing came back. `tag`: `denied`, `unreachable` (nothing was sent), `no-answer` (the system may have done it),
 * `too-large` (the limit in bytes), `quota`. Thrown out of a connector's function it is the failure that fits.
 */
export class HttpError extends Error {
  constructor(tag, val) {
    super(`${tag}: ${val}`);
    this.name = 'HttpError';
    this.tag = tag;
    this.val = val;
  }

  /** What a read asks for next. */
  failure() {
    switch (this.tag) {
      // The path was made of an id: that thing is at fault, and the others go on.
      case 'denied':
        return this.val.startsWith('net.bad-path') ? Failure.rejected('other', this.val) : Failure.misconfigured(this.val);
      case 'too-large':
        return Failure.rejected('length', `the answer has more than ${this.val} bytes, which the host accepts at most`);
      case 'quota':
        return Failure.retryAfter(RETRY_AFTER_DEFAULT_MS);
      default:
        return Failure.unavailable(this.val);
    }
  }
}

/** A request being made. */
export class Request {
  constructor(method, endpoint, path) {
    this.endpoint = endpoint;
    this.raw = { method, path, headers: [['Accept', 'application/json']], body: undefined };
  }

  /** Adds a query parameter, percent-encoded. */
  query(name, value) {
    const joint = this.raw.path.includes('?') ? '&' : '?';
    this.raw.path += `${joint}${percentEncode(name)}=${percentEncode(String(value))}`;
    return this;
  }

  /** Adds a header. Authorization, Cookie, Host and the transfer headers belong to the host. */
  header(name, value) {
    this.raw.headers.push([name, String(value)]);
    return this;
  }

  /** Sets a JSON body. Bytes and text are sent as they are: they are JSON already. */
  json(body) {
    return this.body(body, 'application/json');
  }

  /** Sets the body's bytes. */
  body(body, contentType) {
    this.raw.body = bytes(body);
    return this.header('Content-Type', contentType);
  }

  /** Path and query as they will be sent. */
  get path() {
    return this.raw.path;
  }

  /** Sends it; throws `HttpError` where nothing came back. In a write, `write.oneByOne` knows what that means. */
  send() {
    try {
      return new Answer(imports.send(this.endpoint, this.raw));
    } catch (error) {
      const said = error?.payload ?? error;
      if (said?.tag === undefined) throw error;
      throw new HttpError(said.tag, typeof said.val === 'bigint' ? Number(said.val) : said.val);
    }
  }
}

/** A request with any method. */
export const request = (method, endpoint, path) => new Request(method, endpoint, path);
/** `GET`. */
export const get = (endpoint, path) => request('GET', endpoint, path);
/** `DELETE`. */
export const del = (endpoint, path) => request('DELETE', endpoint, path);
/** `POST` with a JSON body. */
export const postJson = (endpoint, path, body) => request('POST', endpoint, path).json(body);
/** `PUT` with a JSON body. */
export const putJson = (endpoint, path, body) => request('PUT', endpoint, path).json(body);
/** `PATCH` with a JSON body. */
export const patchJson = (endpoint, path, body) => request('PATCH', endpoint, path).json(body);

const CLASSES = { 400: 'format', 403: 'forbidden', 404: 'reference', 405: 'read-only', 409: 'duplicate', 410: 'reference', 413: 'length', 422: 'format' };
const WORDS = ['message', 'detail', 'error_description', 'Detail', 'Message', 'error', 'title'];

/** What came back. */
export class Answer {
  constructor({ status, headers = [], body = new Uint8Array() }) {
    this.status = status;
    this.headers = headers;
    this.body = bytes(body);
  }

  /** 200 to 299. */
  get isSuccess() {
    return this.status >= 200 && this.status < 300;
  }

  /** A header by name, in any case. */
  header(name) {
    return this.headers.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
  }

  /** This answer when it is a success, else what its status asks for is thrown. */
  ok() {
    if (this.isSuccess) return this;
    throw this.failure();
  }

  /** The body as JSON. Something else where JSON was promised is `unavailable`: usually a proxy's page. */
  json() {
    try {
      return JSON.parse(roughly(this.body));
    } catch (error) {
      const begins = JSON.stringify(this.#beginning());
      throw Failure.unavailable(`the answer is not the JSON that was expected: ${error.message}; it begins ${begins}`);
    }
  }

  /** The text of one top-level field of a JSON body; empty when there is none. */
  text(field) {
    const value = this.#value()?.[field];
    if (value === undefined || value === null) return '';
    return typeof value === 'string' ? value : JSON.stringify(value);
  }

  /** What this status asks for next, as most systems use it. */
  failure() {
    const { status } = this;
    if (status === 401) return Failure.unauthorized(this.message());
    if (status === 429) return Failure.retryAfter(this.retryAfterMs() ?? RETRY_AFTER_DEFAULT_MS);
    if (status === 503 && this.retryAfterMs() !== undefined) return Failure.retryAfter(this.retryAfterMs());
    if (status === 408 || status === 425 || (status >= 500 && status <= 599)) return Failure.unavailable(this.message());
    if (status >= 300 && status <= 399) {
      const place = this.header('location') ?? 'an unnamed place';
      return Failure.misconfigured(`the system sends us elsewhere (${status} to ${place}); correct the address in the connection's settings`);
    }
    const { class: kind, message } = this.rejection();
    return Failure.rejected(kind, message);
  }

  /** The refusal of this answer, classed by its status. */
  rejection() {
    return rejection(CLASSES[this.status] ?? 'other', this.message());
  }

  /** The wait that the system asked for, from `Retry-After` (seconds or a date), bounded; undefined where it asks for none. */
  retryAfterMs() {
    const value = this.header('retry-after')?.trim();
    if (value === undefined) return undefined;
    let wait;
    if (/^\d+(\.\d*)?$/.test(value)) {
      wait = Math.floor(Number(value) * 1000);
    } else {
      const at = parseHttpDate(value);
      if (at === undefined) return undefined;
      wait = Math.floor(at / 1000) - nowMs();
    }
    return Math.min(Math.max(wait, 1), RETRY_AFTER_MS_MAX);
  }

  /** Status and the system's own words: the usual fields of a JSON error, else the beginning of the text. */
  message() {
    const value = this.#value();
    const words = WORDS.map(key => value?.[key]).find(word => typeof word === 'string' && word !== '') ?? this.#beginning();
    return words ? `HTTP ${this.status}: ${words}` : `HTTP ${this.status}`;
  }

  #value() {
    try {
      return JSON.parse(roughly(this.body));
    } catch {
      return undefined;
    }
  }

  /** The beginning of the body as text, without markup. */
  #beginning() {
    const text = roughly(this.body.subarray(0, 4 * MESSAGE_CHARS_MAX));
    // eslint-disable-next-line no-control-regex
    return text.replace(/<[^>]*(>|$)/g, '').replace(/[\s\x00-\x1f\x7f]+/g, ' ').trim().slice(0, MESSAGE_CHARS_MAX);
  }
}

/** Percent-encodes everything but unreserved characters. */
export function percentEncode(text) {
  return encodeURIComponent(text.toWellFormed()).replace(/[!'()*]/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** A path segment, percent-encoded: a remote id never leaves its segment. */
export function segment(text) {
  const out = percentEncode(text);
  // A segment of dots alone would climb.
  return out === '.' || out === '..' ? out.replaceAll('.', '%2E') : out;
}
