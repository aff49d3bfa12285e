// A whole source in JavaScript: two contacts, and a check that asks the endpoint `api` who we are.
import { send } from 'nave:plugin/http@0.1.0';
import { write } from 'nave:plugin/log@0.1.0';

const contacts = [{ id: '1', name: 'Ada' }, { id: '2', name: 'Grace ☃' }];
const bytes = value => new TextEncoder().encode(JSON.stringify(value));
const record = contact => ({
  remoteId: contact.id, fieldTimes: [], coverage: { tag: 'complete' }, operation: { tag: 'upsert' }, body: bytes(contact),
});
const field = (path, type) => ({
  path, label: path, type, required: false, readOnly: true, unique: path === 'id', values: [], custom: false,
});

export const source = {
  discover: () => [{
    name: 'contacts', label: 'Contacts', fields: [field('id', 'text'), field('name', 'text')],
    capabilities: {
      readable: true, writable: false, changes: 'full-scan', deletes: 'full-scan', webhooks: false, upsertBy: [], batchMax: 1,
      idempotencyKey: false, conditionalWrite: false, writeMode: 'patch', deletable: false, mergeable: false, searchable: [], readLagMs: 0n,
    },
  }],
  read(stream, checkpoint, limit) {
    if (stream !== 'contacts') throw { tag: 'misconfigured', val: `no stream ${stream}` };
    const start = checkpoint ? checkpoint[0] : 0;
    const next = Math.min(start + limit, contacts.length);
    write('info', `read ${next - start}`);
    return {
      records: contacts.slice(start, next).map(record), next: new Uint8Array([next]),
      more: next < contacts.length, completeScan: next === contacts.length,
    };
  },
  acknowledge() {},
  get: (stream, ids) => contacts.filter(contact => ids.includes(contact.id)).map(record),
};

export const connection = {
  check() {
    try {
      const answer = send('api', { method: 'GET', path: '/me', headers: [['accept', 'text/plain']] });
      return { account: new TextDecoder().decode(answer.body), environment: '', scopes: [], limits: [] };
    } catch (error) {
      throw { tag: 'unavailable', val: `${error.payload?.tag}: ${error.payload?.val}` };
    }
  },
  webhook: () => [],
};
