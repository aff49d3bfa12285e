// From answers to outcomes. What keeps a lost answer from becoming a second record is here: a request without an answer is
// *unknown* whenever the system may have done it.

import { Failure, rejection } from './failure.js';
import { HttpError } from './http.js';
import { RETRY_AFTER_DEFAULT_MS } from './limits.js';

/**
 * Delivers one by one: `deliver` answers an outcome, or throws. A `Failure` says that nothing was sent for this delivery; an
 * `HttpError` becomes what it means (see `lost`). While nothing has been sent, a failure is the call's; afterwards it becomes
 * "later" for the deliveries that are left, so that what was done is never hidden behind an error.
 */
export function oneByOne(deliveries, deliver) {
  const outcomes = [];
  for (const delivery of deliveries) {
    try {
      outcomes.push(attempt(delivery, deliver));
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      if (failure.tag === 'rejected') {
        outcomes.push({ tag: 'rejected', val: failure.val });
        continue;
      }
      if (outcomes.length === 0) throw failure;
      while (outcomes.length < deliveries.length) outcomes.push(later(failure));
      break;
    }
  }
  return outcomes;
}

function attempt(delivery, deliver) {
  try {
    return deliver(delivery);
  } catch (error) {
    if (error instanceof HttpError) return lost(error);
    throw error;
  }
}

/** What became of a write whose request failed: sent without an answer is unknown; anything else was not sent, and is thrown. */
export function lost(error) {
  if (error.tag === 'no-answer') return unknown(error.val);
  if (error.tag === 'too-large') return unknown(`the answer had more than ${error.val} bytes and was dropped`);
  throw error.failure();
}

/**
 * What a write's refusing answer means. A 5xx is *unknown* (the system may have committed before it fell over), unless it
 * names a time to come back. What says that nothing was done and may be tried again is thrown.
 */
export function refused(answer) {
  const { status } = answer;
  if (status === 404 || status === 410) return { tag: 'gone' };
  if (status === 408 || (status >= 500 && status <= 599)) {
    const wait = answer.retryAfterMs();
    if (status === 503 && wait !== undefined) throw Failure.retryAfter(wait);
    return unknown(answer.message());
  }
  const failure = answer.failure();
  if (failure.tag === 'rejected') return { tag: 'rejected', val: failure.val };
  throw failure;
}

/** The outcome of a delivery that was not sent because of this failure. */
export function later(failure) {
  switch (failure.tag) {
    case 'retry-after':
      return retryAfter(failure.val);
    case 'rejected':
      return { tag: 'rejected', val: failure.val };
    case 'unavailable':
      return retryAfter(RETRY_AFTER_DEFAULT_MS);
    // The next call fails as a whole and says why.
    default:
      return retryAfter(1);
  }
}

/** Written, with the thing as it was read back. */
export function written({ remoteId, version, modifiedAt, body }) {
  return { tag: 'written', val: { remoteId, version, modifiedAt, body } };
}

/** Written, and not read back: the host asks `get`. */
export function writtenUnread(remoteId) {
  return written({ remoteId, body: new Uint8Array() });
}

/** Refused for good. */
export function rejected(kind, message, field) {
  return { tag: 'rejected', val: rejection(kind, message, field) };
}

/** Come back after this many milliseconds; nothing was done. */
export function retryAfter(ms) {
  return { tag: 'retry-after', val: ms };
}

/** Sent, and what became of it is not known. */
export function unknown(message) {
  return { tag: 'unknown', val: message };
}
