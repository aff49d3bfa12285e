// Short ways to make the contract's records: streams, fields, pages, source records.

/** Read by full scans; everything else no. */
const READ_ONLY = {
  readable: true, writable: false, changes: 'full-scan', deletes: 'full-scan', webhooks: false, upsertBy: [], batchMax: 1,
  idempotencyKey: false, conditionalWrite: false, writeMode: 'patch', deletable: false, mergeable: false, searchable: [], readLagMs: 0,
};

/** A stream that can be read by full scans and not be written, but for what `capabilities` says. */
export function stream(name, label, { fields = [], capabilities = {} } = {}) {
  const all = { ...READ_ONLY, ...capabilities };
  return { name, label, fields, capabilities: { ...all, readLagMs: BigInt(all.readLagMs) } };
}

/**
 * An optional, writable field. `type`: text, integer, decimal, boolean, date, timestamp, email, phone, url, enum, reference,
 * list, object, json.
 */
export function field(path, label, type, options = {}) {
  return {
    path, label, type, required: false, readOnly: false, unique: false, maxLength: undefined, values: [], target: undefined,
    custom: false, ...options,
  };
}

/** A thing with its whole body. `more`: `modifiedAt`, `version`, `fieldTimes`, `coverage`. */
export function record(remoteId, body, more = {}) {
  return {
    remoteId, version: undefined, modifiedAt: undefined, fieldTimes: [], coverage: { tag: 'complete' }, operation: { tag: 'upsert' },
    body, ...more,
  };
}

/** A thing that cannot be read, under its id or its place: it is counted, and set aside with this reason. */
export function unreadable(remoteId, reason) {
  return record(remoteId, `! ${reason}`, { coverage: { tag: 'only', val: [] } });
}

/** The system said that it is gone. */
export function deleted(remoteId) {
  return record(remoteId, new Uint8Array(), { operation: { tag: 'delete' } });
}

/** The system merged it into another one. */
export function mergedInto(remoteId, winner) {
  return record(remoteId, new Uint8Array(), { operation: { tag: 'merged-into', val: winner } });
}

/** Records, and more to come. */
export const pageMore = (records, next) => ({ records, next, more: true, completeScan: false });
/** Records, and nothing more for now. */
export const pageEnd = (records, next) => ({ records, next, more: false, completeScan: false });
/** The last page of a scan that has seen every live thing. */
export const scanEnd = (records, next) => ({ records, next, more: false, completeScan: true });

/**
 * The page of a scan that goes through about so many things from its beginning to its end, where the system says so: people see how far it
 * is. What was said last stands for the pages that follow; nothing is concluded from it.
 */
export const ofAbout = (page, total) => ({ ...page, total: total === undefined ? undefined : BigInt(total) });

/** The credential opens this account. */
export function account(name, { environment = '', scopes = [], limits = [] } = {}) {
  return { account: name, environment, scopes, limits };
}
