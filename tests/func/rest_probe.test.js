'use strict';
// The REST door, probed: what is malformed is refused with a reason that names it, and nothing else happens.

const assert = require('node:assert');
const { test } = require('node:test');
const left = require('./lib/left');
const { startChatd, NO_RATES } = require('./lib/chatd');
const { RawConnection, request, requestBytes } = require('./lib/http');
const { house, fresh } = require('./lib/people');
const { Rest } = require('./lib/rest');
const { userToken } = require('./lib/token');
const { sleep } = require('./lib/util');

const here = house({ settings: { ...NO_RATES, CHATD_LIMITS_MAX_CONTENT: '16KiB' } });
const open = [];
left.finally(() => open.forEach((rest) => rest.close()));

function someone(prefix = 'user', options = {}) {
  const rest = new Rest(() => here.chatd.port, fresh(prefix), options);
  open.push(rest);
  return rest;
}

// A problem about one parameter.
async function faulty(rest, where, name, method, path, options) {
  const problem = await rest.fails(400, 'bad_request', method, path, options);
  assert.strictEqual(problem.errors.length, 1);
  assert.deepStrictEqual([problem.errors[0].in, problem.errors[0].name], [where, name], JSON.stringify(problem));
  assert.ok(problem.detail.includes(`'${name}'`), problem.detail);
  return problem.detail;
}

test('numbers in a query are digits within their range', async () => {
  const alice = someone();
  for (const value of ['0', '-1', '201', '999999999', '99999999999999999999', 'NaN', '1e3', '1.0', '%201', '+1', '', '0x1', 'ten', '%00']) {
    const detail = await faulty(alice, 'query', 'limit', 'GET', `/api/v1/rooms?limit=${value}`);
    assert.strictEqual(detail, "'limit' must be 1 to 200");
  }
  const { id } = await alice.room();
  await faulty(alice, 'query', 'before', 'GET', `/api/v1/rooms/${id}/messages?before=0`);
  await faulty(alice, 'query', 'after', 'GET', `/api/v1/rooms/${id}/messages?after=-1`);
  await alice.fails(400, 'bad_request', 'GET', `/api/v1/rooms/${id}/messages?before=9&after=1`);
  await alice.must(200, 'GET', `/api/v1/rooms/${id}/messages?after=9223372036854775807&limit=200`);
});

test('what is unknown or there twice is named, and the nearest name told', async () => {
  const alice = someone();
  assert.match(await faulty(alice, 'query', 'limt', 'GET', '/api/v1/rooms?limt=1'), /did you mean 'limit'/);
  await faulty(alice, 'query', 'limit', 'GET', '/api/v1/rooms?limit=1&limit=2');
  await faulty(alice, 'query', 'x', 'POST', '/api/v1/rooms?x=1', { body: { name: 'x' } });
  assert.match(await faulty(alice, 'body', 'naem', 'POST', '/api/v1/rooms', { body: { naem: 'x' } }), /did you mean 'name'/);
  await faulty(alice, 'body', 'owner', 'POST', '/api/v1/rooms', { body: { name: 'x', owner: 'mallory' } });
  await faulty(alice, 'body', 'name', 'POST', '/api/v1/rooms', { body: '{"name":"a","NAME":"b"}' });
  const twice = await alice.fails(400, 'bad_request', 'POST', '/api/v1/rooms', { body: '{"name":"a","name":"b"}' });
  assert.match(twice.detail, /'name' is there twice/);
  assert.deepStrictEqual((await alice.must(200, 'GET', '/api/v1/rooms')).items, []);
});

test('members of a body have their types', async () => {
  const alice = someone();
  for (const value of [1, true, null, [], {}, '', 'x'.repeat(257)]) {
    await faulty(alice, 'body', 'name', 'POST', '/api/v1/rooms', { body: { name: value } });
  }
  for (const value of ['true', 1, 0, null, []]) {
    await faulty(alice, 'body', 'encrypted', 'POST', '/api/v1/rooms', { body: { name: 'x', encrypted: value } });
  }
  for (const value of ['a', {}, null, 1, [1], ['a', null], Array.from({ length: 1001 }, (_, i) => `u${i}`)]) {
    await faulty(alice, 'body', 'participants', 'POST', '/api/v1/rooms', { body: { name: 'x', participants: value } });
  }
  await faulty(alice, 'body', 'type', 'POST', '/api/v1/rooms', { body: { name: 'x', type: 'Broadcast' } });
  await faulty(alice, 'body', 'role', 'PATCH', '/api/v1/rooms/x/participants/y', { body: {} });
});

test('a body is one JSON object in UTF-8, not too deep', async () => {
  const alice = someone();
  const post = (body) => alice.fails(400, 'bad_request', 'POST', '/api/v1/rooms', { body });
  for (const body of ['', ' ', 'null', '1', '"x"', '[]', '{', '{}{}', '{"name":"a"}x', "{'name':'a'}", '{"name":NaN}', '\ufeff{"name":"a"}', '{"a":1e999}']) {
    await post(body);
  }
  await post(Buffer.from('{"name":"\xff"}', 'latin1'));
  assert.match((await post(`{"name":${'['.repeat(70)}${']'.repeat(70)}}`)).detail, /64 levels/);
  await faulty(alice, 'body', 'name', 'POST', '/api/v1/rooms', { body: '{"name":"\\ud800"}' });
  await alice.fails(400, 'bad_request', 'GET', '/api/v1/rooms', { body: '{}' });
  await alice.fails(400, 'bad_request', 'DELETE', '/api/v1/rooms/x', { body: '{}' });
});

test('types of media are looked at', async () => {
  const alice = someone();
  const post = (headers) => alice.ask('POST', '/api/v1/rooms', { body: { name: 'x' }, headers });
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1', 'json']) {
    const answer = await post({ 'Content-Type': type });
    assert.deepStrictEqual([answer.status, answer.body.code], [415, 'unsupported_media_type'], type);
  }
  assert.strictEqual((await post({ 'Content-Encoding': 'gzip' })).status, 415);
  for (const type of ['application/json;charset=UTF-8', 'application/vnd.x+json']) {
    assert.strictEqual((await post({ 'Content-Type': type })).status, 201);
  }
  for (const accept of ['text/html', 'application/json;q=0', 'image/*, text/*']) {
    await alice.fails(406, 'not_acceptable', 'GET', '/api/v1/rooms', { headers: { Accept: accept } });
  }
  await alice.must(200, 'GET', '/api/v1/rooms', { headers: { Accept: 'text/html, */*;q=0.1' } });
});

test('methods that a path does not take are told which it takes', async () => {
  const alice = someone();
  for (const [method, path, allow] of [
    ['PUT', '/api/v1/rooms', 'GET, HEAD, POST, OPTIONS'],
    ['POST', '/api/v1/users/me', 'GET, HEAD, PATCH, OPTIONS'],
    ['DELETE', '/health', 'GET, HEAD, OPTIONS'],
    ['PATCH', '/api/v1/openapi.json', 'GET, HEAD, OPTIONS'],
    ['GET', '/api/v1/admin/users/x/send', 'POST, OPTIONS'],
    ['PROPFIND', '/api/v1/rooms/x/messages', 'GET, HEAD, POST, OPTIONS'],
    ['TRACE', '/api/v1/rooms/x', 'GET, HEAD, PATCH, DELETE, OPTIONS'],
  ]) {
    const answer = await alice.ask(method, path);
    assert.deepStrictEqual([answer.status, answer.headers.allow, answer.body.code], [405, allow, 'method_not_allowed'], path);
  }
  for (const path of ['/', '/api', '/api/v1/rooms/', '/api/v1//rooms', '/API/v1/rooms', '/api/v1/rooms/x/y', '/favicon.ico']) {
    await alice.fails(404, 'not_found', 'GET', path);
  }
});

test('ids of any kind lead nowhere, and to no fault', async () => {
  const alice = someone();
  const { id } = await alice.room();
  const { id: message } = await alice.say(id, 'x');
  const port = here.chatd.port;
  const odd = ['%7Broom%7D', '%20', '{room}', '%22', '%2F', '%252F', '-1', '*', 'x'.repeat(4000), '00000000-0000-0000-0000-000000000000', `${id}x`, `%20${id}`];
  for (const one of odd) {
    for (const path of [`rooms/${one}`, `rooms/${one}/messages`, `rooms/${id}/messages/${one}`, `rooms/${id}/participants/${one}`, `users/${one}`]) {
      const { status, body } = await request(port, 'GET', `/api/v1/${path}`, { token: alice.token });
      assert.ok([400, 404].includes(status), `${path}: ${status} ${body}`);
      assert.ok(['bad_room', 'bad_request', 'not_found'].includes(JSON.parse(body).code), body);
    }
  }
  for (const one of ['%00', '%ff', '%c3%28', '%', '%zz', `${id}%00`]) {
    const { status, headers, body } = await request(port, 'GET', `/api/v1/rooms/${one}`, { token: alice.token });
    assert.deepStrictEqual([status, headers['content-type'], JSON.parse(body).code], [400, 'application/problem+json', 'bad_request']);
  }
  // A message of another room is not there.
  const { id: other } = await alice.room();
  await alice.fails(404, 'not_found', 'GET', `/api/v1/rooms/${other}/messages/${message}`);
});

test('cursors are good for one list of one user', async () => {
  const [alice, bob] = [someone('alice'), someone('bob')];
  for (let i = 0; i < 3; i++) {
    await alice.room({ name: `A${i}` });
    await bob.room({ name: `B${i}` });
  }
  const { nextCursor } = await alice.must(200, 'GET', '/api/v1/rooms?limit=1');
  const at = (cursor, more = '') => `/api/v1/rooms?cursor=${encodeURIComponent(cursor)}${more}`;
  assert.strictEqual((await alice.must(200, 'GET', at(nextCursor))).items.length, 2);
  await bob.fails(400, 'bad_request', 'GET', at(nextCursor));
  await alice.fails(400, 'bad_request', 'GET', at(nextCursor, '&scope=public'));
  await alice.fails(400, 'bad_request', 'GET', at(nextCursor, '&type=Direct'));
  for (const cursor of ['', 'AAAA', 'null', `${nextCursor}A`, nextCursor.slice(1), nextCursor.slice(0, -1), nextCursor.replace(/./, 'z'), 'x'.repeat(3000)]) {
    await alice.fails(400, 'bad_request', 'GET', at(cursor));
  }
});

// ---- bodies that are too long, or not wanted ----

async function talk(bytes) {
  const connection = await RawConnection.connect(here.chatd.port);
  connection.write(bytes);
  const answer = await connection.readResponse();
  connection.destroy();
  return answer;
}

test('a body that is announced too long is refused before it comes', async () => {
  const alice = someone();
  const { id } = await alice.room();
  const headers = { 'Content-Type': 'application/json' };
  for (const [path, length] of [
    ['/api/v1/rooms', 64 * 1024 + 1],
    [`/api/v1/rooms/${id}/messages`, 16 * 1024 * 6 + 4096 + 1],
    ['/api/v1/rooms', 2 ** 50],
  ]) {
    const { status, body } = await talk(requestBytes('POST', path, { token: alice.token, headers: { ...headers, 'Content-Length': length } }));
    assert.deepStrictEqual([status, JSON.parse(body).code], [413, 'too_large']);
  }
  // In chunks nobody knows before.
  const connection = await RawConnection.connect(here.chatd.port);
  connection.write(requestBytes('POST', '/api/v1/rooms', { token: alice.token, headers: { ...headers, 'Content-Length': null, 'Transfer-Encoding': 'chunked' } }));
  for (let i = 0; i < 3; i++) {
    connection.write(`8000\r\n${'x'.repeat(0x8000)}\r\n`);
  }
  const { status, headers: got } = await connection.readResponse();
  assert.deepStrictEqual([status, got['content-type'], got.connection], [413, 'application/problem+json', 'close']);
  connection.destroy();
  // Just short enough, every byte escaped.
  const content = '\u0001'.repeat(16 * 1024);
  assert.strictEqual(JSON.stringify({ content }).length, 16 * 1024 * 6 + 14);
  await alice.say(id, content);
  await alice.fails(400, 'bad_content', 'POST', `/api/v1/rooms/${id}/messages`, { body: { content: `${content}x`.replace(/\u0001/g, 'y') } });
});

test('Expect: 100-continue is answered with the end where there is no right to it', async () => {
  const alice = someone();
  const headers = { 'Content-Type': 'application/json', Expect: '100-continue', 'Content-Length': 14 };
  const ask = async (method, path, more, token = alice.token) => {
    const connection = await RawConnection.connect(here.chatd.port);
    connection.write(requestBytes(method, path, { token, headers: { ...headers, ...more } }));
    const head = await connection.readHead();
    return { connection, head };
  };
  for (const [wanted, ...args] of [
    [401, 'POST', '/api/v1/rooms', {}, null],
    [401, 'POST', '/api/v1/rooms', {}, 'nonsense'],
    [404, 'POST', '/nowhere', {}],
    [405, 'PUT', '/api/v1/rooms', {}],
    [413, 'POST', '/api/v1/rooms', { 'Content-Length': 1e9 }],
    [415, 'POST', '/api/v1/rooms', { 'Content-Type': 'text/plain' }],
    [406, 'POST', '/api/v1/rooms', { Accept: 'text/plain' }],
    [403, 'POST', '/api/v1/admin/users/x/send', {}],
    [400, 'DELETE', '/api/v1/rooms/x', {}],
  ]) {
    const { connection, head } = await ask(...args);
    assert.strictEqual(head.status, wanted, JSON.stringify(args));
    assert.strictEqual(head.headers.connection, 'close');
    connection.destroy();
  }
  const { connection, head } = await ask('POST', '/api/v1/rooms', {});
  assert.strictEqual(head.status, 100);
  connection.write('{"name":"abcd"}'.slice(0, 14));
  assert.strictEqual((await connection.readResponse()).status, 400);
  connection.destroy();
});

test('what is refused by its head keeps the connection where its body is small', async () => {
  const alice = someone();
  const connection = await RawConnection.connect(here.chatd.port);
  const body = '{"name":"x"}';
  const one = (token, type) => requestBytes('POST', '/api/v1/rooms', { token, body, headers: { 'Content-Type': type } });
  connection.write(Buffer.concat([
    one(null, 'application/json'), one(alice.token, 'text/plain'), one(alice.token, 'application/json'), one('x', 'application/json'),
    requestBytes('GET', '/api/v1/rooms', { token: alice.token }),
  ]));
  const statuses = [];
  for (let i = 0; i < 5; i++) {
    statuses.push((await connection.readResponse()).status);
  }
  assert.deepStrictEqual(statuses, [401, 415, 201, 401, 200]);
  connection.destroy();
});

test('a request that is no HTTP is refused as a problem too', async () => {
  for (const [bytes, status] of [
    ['GET /health HTTP/1.1\r\n\r\n', 400],
    ['GET /health HTTP/2.0\r\nHost: a\r\n\r\n', 505],
    [`GET /${'x'.repeat(9000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
    [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(17000)}\r\n\r\n`, 431],
    ['POST /api/v1/rooms HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n', 501],
    ['POST /api/v1/rooms HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\n', 400],
  ]) {
    const { status: got, headers, body } = await talk(bytes);
    assert.deepStrictEqual([got, headers['content-type'], JSON.parse(body).status], [status, 'application/problem+json', status]);
  }
});

// ---- who comes too often ----

test('who calls too often is told when to come again', async (t) => {
  const daemon = await startChatd({ settings: { CHATD_LIMITS_USER_RATE: 5, CHATD_LIMITS_ADDRESS_CONNECTS: 1000 } });
  t.after(() => daemon.stop());
  const alice = new Rest(daemon.port, 'alice');
  const bob = new Rest(daemon.port, 'bob');
  t.after(() => [alice, bob].forEach((rest) => rest.close()));
  const answers = await Promise.all(Array.from({ length: 30 }, () => alice.ask('GET', '/api/v1/rooms')));
  const refused = answers.filter(({ status }) => status === 429);
  assert.ok(refused.length >= 15, `${refused.length} refused`);
  assert.ok(answers.length - refused.length >= 10);
  for (const { headers, body } of refused) {
    assert.deepStrictEqual([body.code, headers['retry-after']], ['rate_limited', String(body.retryAfter)]);
    assert.match(body.detail, /^too many calls, try again in \d+\.\d\d s$/);
  }
  await bob.must(200, 'GET', '/api/v1/rooms');
  await sleep(1000 * refused[0].body.retryAfter);
  await alice.must(200, 'GET', '/api/v1/rooms');
});

test('who has no token is limited by address', async (t) => {
  const daemon = await startChatd({ settings: { CHATD_LIMITS_ADDRESS_CONNECTS: 5, CHATD_SERVER_WORKERS: 1 } });
  t.after(() => daemon.stop());
  const rest = new Rest(daemon.port);
  t.after(() => rest.close());
  const token = userToken('alice');
  await rest.must(200, 'GET', '/api/v1/rooms', { token });
  for (const options of [{}, { token: 'nonsense' }]) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => rest.ask('GET', '/api/v1/rooms', options)));
    assert.ok(answers.some(({ status }) => status === 429));
    assert.ok(answers.every(({ status }) => status === 429 || status === 401));
  }
  await rest.must(200, 'GET', '/api/v1/rooms', { token });
});
