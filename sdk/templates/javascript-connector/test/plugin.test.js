import assert from 'node:assert/strict';
import { test } from 'node:test';

import { describe } from '#nave-sdk';
import { FakeHost, fails, reply, text } from '#nave-sdk/testing';
import { destination, source } from '../src/plugin.js';

const ADA = '{"id":"1","name":"Ada","changed":"2026-01-02T03:04:05Z"}';
const BO = '{"id":"2","name":"Bo","changed":"2026-01-02T03:05:00Z"}';
const NAMELESS = '{"id":null,"name":"Nobody","changed":"2026-01-02T03:04:04Z"}';

/** A system with these people; it answers questions for a page as src/plugin.js says above. */
function system(people, at = '2026-01-03T00:00:00Z') {
  const place = json => `${JSON.parse(json).changed} ${JSON.parse(json).id ?? ''}`;
  const answer = (_, request) => {
    const wanted = new URL(request.path, 'http://x').searchParams;
    const from = `${wanted.get('since')} ${wanted.get('after')}`;
    const rows = people.filter(json => place(json) > from).sort((one, other) => (place(one) < place(other) ? -1 : 1));
    return reply(200, `{"people":[${rows.slice(0, Number(wanted.get('limit'))).join(',')}]}`);
  };
  return new FakeHost({ at, answer });
}

/** Reads to the end of a pass: the bodies and the last page. */
function pass(host, from, limit) {
  return host.run(() => {
    for (const bodies = []; ;) {
      const page = source.read('people', from, limit);
      bodies.push(...page.records.map(record => text(record.body)));
      if (!page.more) return [bodies, page];
      from = page.next;
    }
  });
}

test('everything is read page by page', () => {
  for (const limit of [1, 2, 3]) {
    const [bodies, last] = pass(system([ADA, BO]), undefined, limit);
    assert.deepEqual([bodies, last.completeScan], [[ADA, BO], true]);
  }
});

/** A row without an id is handed on, the page after it is read, and nobody counts as deleted because of it. */
test('a bad row hides no other', () => {
  const [bodies, last] = pass(system([NAMELESS, ADA, BO]), undefined, 2);
  assert.deepEqual([bodies, last.completeScan], [[NAMELESS, ADA, BO], false]);
});

test('then what changed is read', () => {
  const [, first] = pass(system([ADA, BO]), undefined, 9);
  // The newest change and what came shortly before it are read again; what is older is not, and nothing is complete.
  const host = system([ADA, BO]);
  const [bodies, last] = pass(host, first.next, 9);
  assert.deepEqual([bodies, last.completeScan], [[ADA, BO], false]);
  assert.match(host.requests[0][1].path, /since=2026-01-02T03%3A04%3A00Z&/);
  // A day later everything is read, so that what was deleted is missed.
  const [later, scan] = pass(system([BO], '2026-01-04T00:00:00Z'), last.next, 9);
  assert.deepEqual([later, scan.completeScan], [[BO], true]);
});

const create = () => {
  const desired = new TextEncoder().encode('{"name":"Ada"}');
  return [{ id: 'd1', operation: { tag: 'create' }, changed: desired, desired }];
};

test('what is written is read back', () => {
  const host = new FakeHost({ answer: () => reply(201, ADA) });
  const [outcome] = host.run(() => destination.write('people', create()));
  assert.deepEqual([outcome.tag, outcome.val.remoteId, text(outcome.val.body)], ['written', '1', ADA]);
  const [, request] = host.requests[0];
  assert.deepEqual([request.method, JSON.parse(text(request.body)).name], ['POST', 'Ada']);
});

test('a lost answer is unknown', () => {
  const host = new FakeHost({ answer: () => { throw fails('no-answer', 'the connection was cut'); } });
  const outcomes = host.run(() => destination.write('people', create()));
  assert.deepEqual(outcomes, [{ tag: 'unknown', val: 'the connection was cut' }]);
});

test('gone is a deletion', () => {
  const host = new FakeHost({ answer: () => reply(404, '{}') });
  assert.deepEqual(host.run(() => source.get('people', ['9'])), [describe.deleted('9')]);
});
