import type { Body, http } from './index.js';

export interface Reply {
  status: number;
  headers: [string, string][];
  body: Uint8Array;
}

export function reply(status: number, body?: Body, headers?: [string, string][]): Reply;
/** What `answer` throws when there is to be no answer. */
export function fails(tag: 'denied' | 'unreachable' | 'no-answer' | 'too-large' | 'quota', val: string | number): http.HttpError;
export function text(bytes: Body): string;

/** The host of one test. */
export class FakeHost {
  constructor(options?: {
    settings?: object;
    at?: string;
    answer?: (endpoint: string, request: http.RawRequest) => Reply;
    folders?: Record<string, Record<string, Body>>;
  });
  /** All requests so far: endpoint and request. */
  readonly requests: [string, http.RawRequest][];
  /** All log lines so far. */
  readonly log: string[];
  run<T>(code: () => T): T;
  content(folder: string, name: string): string | undefined;
}
