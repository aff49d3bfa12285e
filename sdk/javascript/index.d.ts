// Types of the Nave SDK. What each thing is for stands in the contract, wit/v0.2, and beside the functions in src/.

export type FieldType =
  | 'text' | 'integer' | 'decimal' | 'boolean' | 'date' | 'timestamp' | 'email' | 'phone' | 'url' | 'enum' | 'reference' | 'list'
  | 'object' | 'json';

export interface Field {
  path: string;
  label: string;
  type: FieldType;
  required: boolean;
  readOnly: boolean;
  unique: boolean;
  maxLength?: number;
  values: string[];
  target?: string;
  custom: boolean;
}

export interface Capabilities {
  readable: boolean;
  writable: boolean;
  changes: 'incremental' | 'full-scan';
  deletes: 'feed' | 'get' | 'full-scan' | 'never';
  webhooks: boolean;
  upsertBy: string[];
  batchMax: number;
  idempotencyKey: boolean;
  conditionalWrite: boolean;
  writeMode: 'patch' | 'replace';
  deletable: boolean;
  mergeable: boolean;
  searchable: string[];
  /** Milliseconds; `describe.stream` takes a number. */
  readLagMs: bigint;
}

export interface Stream {
  name: string;
  label: string;
  fields: Field[];
  capabilities: Capabilities;
}

/** Bytes as they are, text as UTF-8, anything else as JSON. */
export type Body = Uint8Array | string | object;

export interface SourceRecord {
  remoteId: string;
  version?: string;
  modifiedAt?: string;
  fieldTimes: [string, string][];
  coverage: { tag: 'complete' } | { tag: 'only'; val: string[] };
  operation: { tag: 'upsert' } | { tag: 'delete' } | { tag: 'merged-into'; val: string };
  body: Body;
}

export interface Page {
  records: SourceRecord[];
  next: Uint8Array | string;
  more: boolean;
  completeScan: boolean;
  total?: bigint;
}

export interface CheckReport {
  account: string;
  environment: string;
  scopes: string[];
  limits: [string, string][];
}

export interface WebhookRequest {
  path: string;
  headers: [string, string][];
  body: Uint8Array;
}

export interface Event {
  stream: string;
  remoteIds: string[];
}

export interface Delivery {
  id: string;
  operation:
    | { tag: 'create' }
    | { tag: 'update'; val: string }
    | { tag: 'delete'; val: string }
    | { tag: 'merge'; val: [string, string] };
  ifVersion?: string;
  /** JSON object of the fields that differ; all of them, for a create. */
  changed: Uint8Array;
  /** JSON object of the thing as it should be. */
  desired: Uint8Array;
}

export interface Rejection {
  class: string;
  field?: string;
  message: string;
}

export type Outcome =
  | { tag: 'written'; val: { remoteId: string; version?: string; modifiedAt?: string; body: Body } }
  | { tag: 'conflict'; val: SourceRecord }
  | { tag: 'gone' }
  | { tag: 'merged-into'; val: string }
  | { tag: 'retry-after'; val: number }
  | { tag: 'rejected'; val: Rejection }
  | { tag: 'unknown'; val: string };

/** A system. Nothing may be kept between calls: a guest may be dropped between any two. */
export interface Connector {
  check(): CheckReport;
  discover(): Stream[];
  /** The same checkpoint may come again and must give at least what it gave. A page holds at most `limit` records. */
  read(stream: string, checkpoint: Uint8Array | undefined, limit: number): Page;
  /** Gone is `describe.deleted`, merged is `describe.mergedInto`, forbidden is left out. */
  get(stream: string, ids: string[]): SourceRecord[];
  /** One outcome per delivery, in order. Throwing promises that nothing was sent. */
  write?(stream: string, deliveries: Delivery[]): Outcome[];
  /** Only paths that `discover` calls searchable. */
  find?(stream: string, path: string, values: string[]): SourceRecord[];
  acknowledge?(stream: string, checkpoint: Uint8Array): void;
  webhook?(request: WebhookRequest): Event[];
}

/** As the host receives them: bodies are bytes, waits are bigint. */
export interface Exports {
  connection: { check(): CheckReport; webhook(request: WebhookRequest): Event[] };
  source: {
    discover(): Stream[];
    read(stream: string, checkpoint: Uint8Array | undefined, limit: number): Omit<Page, 'next'> & { next: Uint8Array };
    acknowledge(stream: string, checkpoint: Uint8Array): void;
    get(stream: string, ids: string[]): SourceRecord[];
  };
  destination: {
    write(stream: string, deliveries: Delivery[]): any[];
    find(stream: string, path: string, values: string[]): SourceRecord[];
  };
}

/** Makes the three exports: `export const { connection, source, destination } = connector({ … });` */
export function connector(own: Connector): Exports;

/** Why a call failed, named by what the host does next. Thrown by plugin code. */
export class Failure extends Error {
  readonly tag: 'retry-after' | 'unavailable' | 'unauthorized' | 'misconfigured' | 'rejected' | 'checkpoint-expired';
  readonly val: number | string | Rejection | undefined;
  static retryAfter(ms: number): Failure;
  static unavailable(message: string): Failure;
  static unauthorized(message: string): Failure;
  static misconfigured(message: string): Failure;
  static rejected(kind: string, message: string, field?: string): Failure;
  static checkpointExpired(): Failure;
  static noSuchStream(stream: string): Failure;
}

export namespace http {
  class HttpError extends Error {
    readonly tag: 'denied' | 'unreachable' | 'no-answer' | 'too-large' | 'quota';
    readonly val: string | number;
    failure(): Failure;
  }
  interface RawRequest {
    method: string;
    path: string;
    headers: [string, string][];
    body?: Uint8Array;
  }
  class Request {
    readonly endpoint: string;
    readonly path: string;
    query(name: string, value: string | number | boolean): this;
    header(name: string, value: string | number): this;
    json(body: Body): this;
    body(body: Body, contentType: string): this;
    send(): Answer;
  }
  class Answer {
    constructor(said: { status: number; headers?: [string, string][]; body?: Body });
    readonly status: number;
    readonly headers: [string, string][];
    readonly body: Uint8Array;
    readonly isSuccess: boolean;
    header(name: string): string | undefined;
    /** This answer when it is a success, else what its status asks for is thrown. */
    ok(): Answer;
    json(): any;
    text(field: string): string;
    failure(): Failure;
    rejection(): Rejection;
    retryAfterMs(): number | undefined;
    message(): string;
  }
  function request(method: string, endpoint: string, path: string): Request;
  function get(endpoint: string, path: string): Request;
  function del(endpoint: string, path: string): Request;
  function postJson(endpoint: string, path: string, body: Body): Request;
  function putJson(endpoint: string, path: string, body: Body): Request;
  function patchJson(endpoint: string, path: string, body: Body): Request;
  function percentEncode(text: string): string;
  function segment(text: string): string;
}

export namespace slice {
  class Row {
    constructor(json: string);
    readonly json: string;
    text(path: string): string | undefined;
    value(): any;
  }
  function array(body: Uint8Array | string, path: string): Row[];
  function at(body: Uint8Array | string, path: string): Row | undefined;
  function record(row: Row, id: string): SourceRecord;
  function found(row: Row, id: string): SourceRecord;
}

export namespace checkpoint {
  function encode(position: object): Uint8Array;
  function decode<T extends object>(encoded: Uint8Array | string | undefined, beginning: T): T;
}

export namespace describe {
  function stream(
    name: string,
    label: string,
    more?: { fields?: Field[]; capabilities?: Partial<Omit<Capabilities, 'readLagMs'>> & { readLagMs?: number } },
  ): Stream;
  function field(path: string, label: string, type: FieldType, options?: Partial<Omit<Field, 'path' | 'label' | 'type'>>): Field;
  function record(remoteId: string, body: Body, more?: Partial<Omit<SourceRecord, 'remoteId' | 'body'>>): SourceRecord;
  function unreadable(remoteId: string, reason: string): SourceRecord;
  function deleted(remoteId: string): SourceRecord;
  function mergedInto(remoteId: string, winner: string): SourceRecord;
  function pageMore(records: SourceRecord[], next: Uint8Array): Page;
  function pageEnd(records: SourceRecord[], next: Uint8Array): Page;
  function scanEnd(records: SourceRecord[], next: Uint8Array): Page;
  function ofAbout(page: Page, total: number | undefined): Page;
  function account(name: string, more?: Partial<Omit<CheckReport, 'account'>>): CheckReport;
}

export namespace write {
  function oneByOne(deliveries: Delivery[], deliver: (delivery: Delivery) => Outcome): Outcome[];
  function lost(error: http.HttpError): Outcome;
  function refused(answer: http.Answer): Outcome;
  function later(failure: Failure): Outcome;
  function written(record: { remoteId: string; version?: string; modifiedAt?: string; body: Body }): Outcome;
  function writtenUnread(remoteId: string): Outcome;
  function rejected(kind: string, message: string, field?: string): Outcome;
  function retryAfter(ms: number): Outcome;
  function unknown(message: string): Outcome;
}

export namespace host {
  function settings(...wanted: string[]): Record<string, any>;
  function log(level: 'debug' | 'info' | 'warn' | 'error', message: string): void;
  function nowMs(): number;
  function stateGet(key: string): Uint8Array | undefined;
  function stateSet(key: string, value: Body): void;
}

export namespace folder {
  interface Entry {
    name: string;
    size: number;
    modifiedAt: string;
  }
  function list(folder: string): Entry[];
  function read(folder: string, name: string, offset: number, length: number): Uint8Array;
  function write(folder: string, name: string, content: Body): void;
  function append(folder: string, name: string, content: Body): void;
  function remove(folder: string, name: string): void;
}

/** Microseconds since 1970, UTC. */
export namespace time {
  function rfc3339(us: number): string;
  function parseRfc3339(text: string): number | undefined;
  function parseHttpDate(text: string): number | undefined;
}

export namespace names {
  function split(name: string): [string | null, string | null];
  function join(first: string | null, last: string | null): string | null;
}

export namespace body {
  function object(bytes: Uint8Array | string): Record<string, any>;
  function at(value: any, path: string): any;
  function text(value: any, path: string): string | undefined;
}
