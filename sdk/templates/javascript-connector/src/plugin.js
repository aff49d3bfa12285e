// {{name}}: a connector for Nave.
//
// It speaks to a small API. `GET /people?since=TIME&after=ID&limit=N` answers `{"people": [{"id": …, "changed": …, …}]}`:
// at most N people that changed after TIME, or at TIME with an id above ID, the oldest change first; both empty is from
// the beginning. `GET`, `PUT` and `DELETE /people/ID` are one of them, `POST /people` makes one and answers with it, and
// `GET /people?email=…` finds those with that e-mail.
// Change the paths and names to your system's; test/plugin.test.js says whether it still keeps its promises.

import { Failure, checkpoint, connector, describe, host, http, slice, time, write } from '#nave-sdk';

/** Name of the endpoint in manifest.json. */
const API = 'api';
/** The most rows that the system gives at once, as its documentation says: a page with fewer is the last one. */
const PAGE_ROWS_MAX = 1000;
/** What changed shortly before the newest change that we saw is read again: two changes may show up out of order. */
const OVERLAP_US = 60 * 1_000_000;
/** The system does not say what was deleted: so often everything is read, and what is missing then is gone. */
const SCAN_EVERY_MS = 24 * 3_600_000;

/** Where reading goes on. It comes back as it was, perhaps more than once. */
const BEGINNING = {
  // Time and id of the last row that was read; the id is empty where a pass begins.
  since: '',
  after: '',
  // This pass reads everything, not only what changed.
  scan: false,
  // A row of this scan had no id: who it is, and so who is missing, nobody knows.
  unnamed: false,
  // When everything was read the last time.
  scannedMs: 0,
};

export const { connection, source, destination } = connector({
  check() {
    http.get(API, '/people?limit=1').send().ok();
    return describe.account('the account that the credential opens');
  },

  discover() {
    const fields = [
      describe.field('id', 'Id', 'text', { readOnly: true, unique: true }),
      describe.field('name', 'Name', 'text', { required: true }),
      describe.field('email', 'E-mail', 'email'),
      describe.field('changed', 'Changed', 'timestamp', { readOnly: true }),
    ];
    const stream = describe.stream('people', 'People', {
      fields,
      capabilities: {
        writable: true,
        deletable: true,
        writeMode: 'replace',
        // Reading by time shows what changed; only reading everything shows what was deleted.
        changes: 'incremental',
        deletes: 'full-scan',
        // By this the hub finds out what became of a create whose answer was lost: `natural-key` in the mapping.
        searchable: ['email'],
        // Say true only if the system answers a repeated key with the first result: then the hub may send again a
        // create that it cannot look up. See `Idempotency-Key` below.
        idempotencyKey: false,
      },
    });
    return [stream];
  },

  read(stream, from, limit) {
    known(stream);
    let position = checkpoint.decode(from, BEGINNING);
    if (position.after === '' && host.nowMs() - position.scannedMs >= SCAN_EVERY_MS) position = { ...BEGINNING, scan: true };
    const size = Math.min(Math.max(limit, 1), PAGE_ROWS_MAX);
    const request = http.get(API, '/people').query('since', position.since).query('after', position.after).query('limit', size);
    // One record per row, whatever is in it: the hub sets aside what it cannot take, and says so.
    const rows = slice.array(request.send().ok().body, 'people');
    const records = rows.map(record);
    position.unnamed ||= records.some(({ remoteId }) => remoteId === '');
    // What the system sent says whether this was all of it, never what became of it here.
    const full = rows.length >= size;
    const last = records.findLast(({ remoteId, modifiedAt }) => remoteId !== '' && modifiedAt !== undefined);
    if (last) {
      position.since = last.modifiedAt;
      position.after = last.remoteId;
    } else if (full) {
      throw Failure.rejected('format', `a whole page without an id and a time to go on from: ${rows[0].json.slice(0, 200)}`);
    }
    if (full) return describe.pageMore(records, checkpoint.encode(position));

    const complete = position.scan && !position.unnamed;
    if (position.scan) position.scannedMs = host.nowMs();
    if (position.after !== '') {
      const newest = time.parseRfc3339(position.since);
      position.since = newest === undefined ? '' : time.rfc3339(newest - OVERLAP_US);
    }
    const next = checkpoint.encode({ ...BEGINNING, since: position.since, scannedMs: position.scannedMs });
    // Only a scan that saw every live thing is complete: what is missing in it counts as deleted.
    return complete ? describe.scanEnd(records, next) : describe.pageEnd(records, next);
  },

  get(stream, ids) {
    known(stream);
    return ids.map(id => {
      const answer = http.get(API, path(id)).send();
      if (answer.status === 404) return describe.deleted(id);
      // The answer is the person that was asked for, whatever it says its id is.
      return { ...record(slice.at(answer.ok().body, '')), remoteId: id };
    });
  },

  write(stream, deliveries) {
    known(stream);
    // A request without an answer is an unknown outcome there, never a guess.
    return write.oneByOne(deliveries, delivery => {
      const answer = sent(delivery);
      if (answer === undefined) return write.rejected('other', 'people cannot be merged');
      // `refused` knows when the system may have done it.
      if (!answer.isSuccess) return write.refused(answer);
      if (delivery.operation.tag === 'delete') return write.writtenUnread(delivery.operation.val);
      try {
        return write.written(found(slice.at(answer.body, '')));
      } catch {
        return write.unknown('the answer is not a person');
      }
    });
  },

  find(stream, field, values) {
    known(stream);
    // A row that cannot be named must not pass for nothing found: then it would be made again.
    return values.flatMap(value => slice.array(http.get(API, '/people').query(field, value).send().ok().body, 'people').map(found));
  },
});

/** Sends what a delivery asks for; undefined for what the system cannot do. */
function sent({ id, operation, desired }) {
  switch (operation.tag) {
    case 'create':
      // The id is the same when a delivery comes again: a system that knows the header makes nothing twice.
      return http.postJson(API, '/people', desired).header('Idempotency-Key', id).send();
    case 'update':
      return http.putJson(API, path(operation.val), desired).send();
    case 'delete':
      return http.del(API, path(operation.val)).send();
    default:
      return undefined;
  }
}

function known(stream) {
  if (stream !== 'people') throw Failure.noSuchStream(stream);
}

function path(id) {
  return `/people/${http.segment(id)}`;
}

/** The system's bytes, untouched: the hub decodes them. A row without an id becomes a record without one. */
function record(row) {
  return { ...slice.record(row, 'id'), modifiedAt: row.text('changed') };
}

/** The same where a row without an id is of no use. */
function found(row) {
  return { ...slice.found(row, 'id'), modifiedAt: row.text('changed') };
}
