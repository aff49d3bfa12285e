// Why a call failed, named by what the host does next.

/**
 * Thrown by plugin code; the host receives `payload`. Make one with the functions below.
 */
export class Failure extends Error {
  constructor(tag, val, message) {
    super(message === undefined ? tag : `${tag}: ${message}`);
    this.name = 'Failure';
    this.tag = tag;
    this.val = val;
    // The contract's own spelling: what a component throws.
    this.payload = val === undefined ? { tag } : { tag, val: tag === 'retry-after' ? BigInt(val) : val };
  }

  /** Come back after this many milliseconds; everything else on this account waits too. */
  static retryAfter(ms) {
    return new Failure('retry-after', Math.max(0, Math.round(ms)), `${ms} ms`);
  }

  /** The system is down or unreachable: the host climbs its retry ladder. */
  static unavailable(message) {
    return new Failure('unavailable', message, message);
  }

  /** The credential was refused: the host renews it once, then asks a person. */
  static unauthorized(message) {
    return new Failure('unauthorized', message, message);
  }

  /** Settings or grant are wrong, trying again is useless: the host stops the flow and says so. */
  static misconfigured(message) {
    return new Failure('misconfigured', message, message);
  }

  /** This call is refused for good; the flow goes on without it. */
  static rejected(kind, message, field) {
    return new Failure('rejected', rejection(kind, message, field), `${kind}: ${message}`);
  }

  /** The checkpoint is no longer known there: the host reads again from the start. */
  static checkpointExpired() {
    return new Failure('checkpoint-expired');
  }

  /** The stream is not one of ours. */
  static noSuchStream(stream) {
    return Failure.misconfigured(`there is no stream called ${stream}; \`nave connection discover\` lists them`);
  }
}

/**
 * What the system said when it said no for good: a short machine word (`required`, `format`, `length`, `duplicate`,
 * `reference`, `read-only`, `forbidden`, `other`), its own words, and the remote path of the field at fault.
 */
export function rejection(kind, message, field) {
  return { class: kind, field, message };
}
