// The same tables as in sdk/rust: what an answer asks for next, what is cut out, what became of a write, times, names.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';

import { Failure, body, checkpoint, connector, describe, folder, host, http, names, slice, time, write } from '../index.js';
import { FakeHost, fails, reply, text } from '../testing.js';

const answer = (status, headers, said = '') => new http.Answer({ status, headers: Object.entries(headers), body: said });
const thrown = code => {
  try {
    code();
  } catch (failure) {
    return [failure.tag, failure.val?.message ?? failure.val];
  }
  return undefined;
};

test('a status names the next move', () => {
  const at = new FakeHost({ at: '2026-11-24T02:00:00Z' });
  for (const [status, headers, said, expected] of [
    [401, {}, '{"message":"wrong key"}', ['unauthorized', 'HTTP 401: wrong key']],
    [429, { 'Retry-After': '7' }, '', ['retry-after', 7000]],
    [429, { 'retry-after': '0.5' }, '', ['retry-after', 500]],
    [429, { 'Retry-After': 'Tue, 24 Nov 2026 02:00:09 GMT' }, '', ['retry-after', 9000]],
    [429, { 'Retry-After': 'Tue, 24 Nov 2026 01:00:00 GMT' }, '', ['retry-after', 1]],
    [429, { 'Retry-After': '99999999' }, '', ['retry-after', 3_600_000]],
    [429, { 'Retry-After': 'soon' }, '', ['retry-after', 30_000]],
    [503, { 'Retry-After': '2' }, '', ['retry-after', 2000]],
    [503, {}, '<html><h1>Down</h1> now</html>', ['unavailable', 'HTTP 503: Down now']],
    [302, { location: 'https://x' }, '', ['misconfigured', 'the system sends us elsewhere (302 to https://x); correct the address in the connection\'s settings']],
    [403, {}, '{"detail":"no"}', ['rejected', 'HTTP 403: no']],
    [404, {}, '', ['rejected', 'HTTP 404']],
    [409, {}, '{"error":"twice"}', ['rejected', 'HTTP 409: twice']],
  ]) {
    assert.deepEqual(at.run(() => thrown(() => answer(status, headers, said).ok())), expected, `${status} ${JSON.stringify(headers)}`);
  }
  assert.equal(answer(409, {}).rejection().class, 'duplicate');
  assert.equal(answer(200, {}, '{"n":7}').ok().text('n'), '7');
});

test('a request that failed names the next move', () => {
  for (const [tag, val, expected] of [
    ['denied', 'endpoint `x`', ['misconfigured', 'endpoint `x`']],
    ['denied', 'net.bad-path: ..', ['rejected', 'net.bad-path: ..']],
    ['unreachable', 'refused', ['unavailable', 'refused']],
    ['no-answer', 'cut', ['unavailable', 'cut']],
    ['too-large', 33_554_432, ['rejected', 'the answer has more than 33554432 bytes, which the host accepts at most']],
    ['quota', 'used up', ['retry-after', 30_000]],
  ]) {
    const failing = new FakeHost({ answer: () => { throw fails(tag, val); } });
    const plugin = connector({ check: () => http.get('api', '/me').send() });
    assert.deepEqual(failing.run(() => thrown(() => plugin.connection.check())), expected);
  }
});

test('queries and segments are encoded', () => {
  assert.equal(http.get('api', '/a').query('q', 'a b&c=ü').query('x', 1).path, '/a?q=a%20b%26c%3D%C3%BC&x=1');
  assert.deepEqual(['../x', '..', "it's (*)!"].map(http.segment), ['..%2Fx', '%2E%2E', 'it%27s%20%28%2A%29%21']);
});

test('elements keep their bytes', () => {
  for (const [json, path, expected] of [
    ['{"results":[{"id": 1 },{"id":"2","x":1.10}],"more":{}}', 'results', ['{"id": 1 }', '{"id":"2","x":1.10}']],
    ['{"a":{"b":[1,[2],"]\\"}"] } }', 'a.b', ['1', '[2]', '"]\\"}"']],
    [' [ {} , null ]\n', '', ['{}', 'null']],
    ['{"results":null}', 'results', []],
    ['{}', 'results', []],
  ]) {
    assert.deepEqual(slice.array(json, path).map(row => row.json), expected, json);
  }
  // Nothing that a system said of its rows: whoever is missing in it is not gone.
  for (const [json, path] of [['42', 'results'], ['"maintenance"', 'results'], ['[1]', 'results'], ['<html>', 'results'], ['{"results":{}}', 'results'], [new Uint8Array([0x22, 0xff, 0x22]), '']]) {
    assert.equal(thrown(() => slice.array(json, path))[0], 'unavailable');
  }
});

test('text is cut out as it is spelled', () => {
  const row = slice.at('{"id":12345678901234567890,"p":{"n":"a\\"b","o":null,"l":[]},"b":true,"bad":"\\ud800","x":1,"x":1.10}', '');
  const texts = ['id', 'p.n', 'b', 'x', 'p.o', 'p.l', 'p.n.x', 'none', 'bad', ''].map(path => row.text(path));
  assert.deepEqual(texts, ['12345678901234567890', 'a"b', 'true', '1.10', ...Array(6).fill(undefined)]);
});

/** As in a plugin: what the host gives is no instance of this realm's classes. */
test('bytes of another realm are bytes', () => {
  const body = runInNewContext('new Uint8Array([91, 55, 93])');
  assert.equal(body instanceof Uint8Array, false);
  const at = new FakeHost({ answer: () => ({ status: 200, headers: [], body }) });
  assert.deepEqual(at.run(() => slice.array(http.get('api', '/').send().ok().body, '').map(row => row.json)), ['7']);
  assert.equal(new TextDecoder().decode(http.postJson('api', '/', body).raw.body), '[7]');
});

test('every row becomes a record', () => {
  const rows = slice.array('[{"id":7},{"id":null,"n":1},{"n":2},{"id":""},{"id":["x"]},3]', '');
  const records = rows.map(row => slice.record(row, 'id'));
  assert.deepEqual(records.map(record => record.remoteId), ['7', '', '', '', '', '']);
  assert.equal(records[1].body, '{"id":null,"n":1}');
  assert.equal(slice.found(rows[0], 'id').remoteId, '7');
  assert.deepEqual(thrown(() => slice.found(rows[1], 'id')), ['rejected', 'the answer has a row without `id`: {"id":null,"n":1}']);
});

test('what was done is never hidden behind an error', () => {
  const ok = () => write.writtenUnread('1');
  const fail = failure => () => { throw failure; };
  const [unread, wait] = [ok(), ms => write.retryAfter(ms)];
  for (const [steps, expected] of [
    [[ok, ok, ok], [unread, unread, unread]],
    [[fail(Failure.retryAfter(5))], ['retry-after', 5]],
    [[ok, fail(Failure.retryAfter(5))], [unread, wait(5), wait(5)]],
    [[ok, fail(Failure.unavailable('x'))], [unread, wait(30_000), wait(30_000)]],
    [[fail(fails('no-answer', 'cut')), fail(Failure.unauthorized('x'))], [write.unknown('cut'), wait(1), wait(1)]],
    [[fail(Failure.rejected('format', 'no')), ok, ok], [write.rejected('format', 'no'), unread, unread]],
    [[fail(fails('unreachable', 'refused'))], ['unavailable', 'refused']],
    [[fail(fails('too-large', 9)), ok, ok], [write.unknown('the answer had more than 9 bytes and was dropped'), unread, unread]],
  ]) {
    const left = [...steps];
    let got;
    const failed = thrown(() => { got = write.oneByOne([1, 2, 3], () => left.shift()()); });
    assert.deepEqual(failed ?? got, expected);
  }
});

test('a failing server may have done it', () => {
  const refused = (status, headers = {}) => {
    let outcome;
    return thrown(() => { outcome = write.refused(answer(status, headers)); }) ?? outcome;
  };
  assert.deepEqual(refused(502), write.unknown('HTTP 502'));
  assert.deepEqual(refused(503, { 'Retry-After': '3' }), ['retry-after', 3000]);
  assert.deepEqual(refused(404), { tag: 'gone' });
  assert.deepEqual(refused(401), ['unauthorized', 'HTTP 401']);
  assert.deepEqual(refused(422), write.rejected('format', 'HTTP 422'));
});

test('a checkpoint that goes out comes back', () => {
  const beginning = { after: 0, seen: false };
  assert.deepEqual(checkpoint.decode(checkpoint.encode({ after: 7, seen: true }), beginning), { after: 7, seen: true });
  assert.deepEqual(checkpoint.decode(undefined, beginning), beginning);
  for (const other of ['{"before":1}', '{"after":"7","seen":true}', 'null', 'x']) {
    assert.deepEqual(thrown(() => checkpoint.decode(other, beginning)), ['checkpoint-expired', undefined]);
  }
});

test('times are read and spelled', () => {
  for (const [said, expected] of [
    ['2026-11-24T02:10:18.637950Z', '2026-11-24T02:10:18.637950Z'],
    ['2026-11-24T02:10:18.637Z', '2026-11-24T02:10:18.637Z'],
    ['2026-11-24 02:10:18', '2026-11-24T02:10:18Z'],
    ['2026-11-24T02:10:18+05:30', '2026-11-23T20:40:18Z'],
    ['2024-02-29', '2024-02-29T00:00:00Z'],
    ['1969-12-31T23:59:59.5Z', '1969-12-31T23:59:59.500Z'],
    ['2026-13-01', undefined],
    ['2026-11-24T02', undefined],
    ['yesterday', undefined],
    ['２026-11-24', undefined],
  ]) {
    const us = time.parseRfc3339(said);
    assert.equal(us === undefined ? undefined : time.rfc3339(us), expected, said);
  }
  assert.equal(time.rfc3339(time.parseHttpDate('Sun, 06 Nov 1994 08:49:37 GMT')), '1994-11-06T08:49:37Z');
  assert.equal(time.parseHttpDate('whenever'), undefined);
});

test('names are taken apart and put together', () => {
  for (const [name, first, last] of [
    ['Ada Lovelace', 'Ada', 'Lovelace'],
    ['Mary Jane Watson', 'Mary Jane', 'Watson'],
    ['Jan van der Berg', 'Jan', 'van der Berg'],
    ['van der Berg', null, 'van der Berg'],
    ['de boar', null, 'de boar'],
    ['mary boar', 'mary', 'boar'],
    ['Cher', null, 'Cher'],
    ['', null, null],
  ]) {
    assert.deepEqual(names.split(name), [first, last]);
    assert.equal(names.join(first, last) ?? '', name);
  }
});

test('what the host has is reached through it', () => {
  const at = new FakeHost({ settings: { url: 'x' }, at: '2026-11-24T02:00:00Z', folders: { in: { 'a.txt': 'one' } } });
  at.run(() => {
    assert.equal(host.settings('url').url, 'x');
    assert.match(thrown(() => host.settings('none'))[1], /`none` is missing/);
    assert.equal(host.nowMs(), 1_795_485_600_000);
    host.stateSet('k', 'v');
    assert.equal(text(host.stateGet('k')), 'v');
    folder.append('in', 'a.txt', ' two');
    assert.deepEqual(folder.list('in').map(entry => [entry.name, entry.size]), [['a.txt', 7]]);
    assert.equal(text(folder.read('in', 'a.txt', 4, 9)), 'two');
    assert.deepEqual(thrown(() => folder.read('in', 'b.txt', 0, 1))[0], 'unavailable');
    assert.deepEqual(thrown(() => folder.list('out')), ['misconfigured', 'the folder out is not granted']);
  });
  assert.throws(() => host.nowMs(), /FakeHost/);
});

test('exports are spelled as the contract has them', () => {
  const plugin = connector({
    check: () => describe.account('acme'),
    discover: () => [describe.stream('s', 'S', { capabilities: { readLagMs: 5 } })],
    read: () => describe.ofAbout(describe.scanEnd([describe.record('1', { id: 1 }), describe.unreadable('2', 'why')], 'x'), 2),
    get: () => { throw new TypeError('a mistake'); },
    write: () => [write.retryAfter(5)],
  });
  assert.equal(plugin.source.discover()[0].capabilities.readLagMs, 5n);
  const page = plugin.source.read('s', undefined, 1);
  const said = [page.records.map(record => text(record.body)), text(page.next), page.completeScan, page.total];
  assert.deepEqual(said, [['{"id":1}', '! why'], 'x', true, 2n]);
  assert.deepEqual(plugin.destination.write('s', []), [{ tag: 'retry-after', val: 5n }]);
  assert.deepEqual(thrown(() => plugin.destination.find('s', 'p', [])), ['rejected', 'the stream s cannot be searched by p']);
  assert.deepEqual(thrown(() => connector({}).destination.write('s', [])), ['rejected', 'the stream s cannot be written']);
  assert.deepEqual(Failure.retryAfter(5).payload, { tag: 'retry-after', val: 5n });
  const at = new FakeHost();
  assert.throws(() => at.run(() => plugin.source.get('s', [])), TypeError);
  assert.match(at.log[0], /^error: TypeError: a mistake/);
  assert.equal(thrown(() => body.object(new TextEncoder().encode('[]')))[0], 'rejected');
});

test('the page\'s example is a connector', async () => {
  const { readFile, rm, writeFile } = await import('node:fs/promises');
  const page = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const example = /```js\n([\s\S]*?)```/.exec(page)[1].replace("'#nave-sdk'", "'../index.js'");
  const file = new URL(`./example-${process.pid}.mjs`, import.meta.url);
  await writeFile(file, example);
  try {
    const plugin = await import(file);
    const at = new FakeHost({ answer: (_, { path }) => reply(200, path === '/tickets' ? '{"tickets":[{"id":7}]}' : '{"id":7,"name":"Ada"}') });
    const said = at.run(() => [
      plugin.connection.check().account, plugin.source.discover()[0].name,
      plugin.source.read('tickets', undefined, 9).records[0].remoteId, plugin.source.get('tickets', ['7'])[0].remoteId,
    ]);
    assert.deepEqual(said, ['Ada', 'tickets', '7', '7']);
  } finally {
    await rm(file);
  }
});
