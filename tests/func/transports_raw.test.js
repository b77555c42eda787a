'use strict';
// Events and polls on raw HTTP, on four workers: whose connection it is, which worker's, in which order, and from which
// pages.

const assert = require('node:assert');
const fs = require('node:fs');
const { test } = require('node:test');
const { NO_RATES } = require('./lib/chatd');
const { house, fresh } = require('./lib/people');
const { RawConnection, requestBytes, request, negotiate } = require('./lib/http');
const { RawWebSocket, RS } = require('./lib/ws');
const { RawEvents } = require('./lib/sse');
const { RawPoll, RawSse, RawLine, HANDSHAKE, callOf, recordsOf, connectionOn, idOn, workerOf } = require('./lib/poll');
const { userToken } = require('./lib/token');
const { eventually, sleep } = require('./lib/util');

const APP = 'https://app.example';
const here = house({
  settings: {
    ...NO_RATES,
    CHATD_SERVER_WORKERS: 4,
    CHATD_SERVER_ALLOWED_ORIGINS: APP,
    CHATD_LIMITS_CONNECT_TIMEOUT: '3s',
  },
});
const { chatd } = here;
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const seqs = (line) => line.messages().map(({ seq }) => seq);
const connections = async (user) =>
  JSON.parse(await chatd.ctl('-o', 'json', 'conn', 'list', '--user', user)).items;

const poller = (user = fresh('poller'), more = {}) => RawPoll.open(chatd.port, { user, ...more });
const streamer = async (user = fresh('streamer'), more = {}) => {
  const line = await RawSse.open(chatd.port, { user, ...more });
  here.later(() => line.destroy());
  return line;
};

// Fetches until so many messages have come.
const gather = (line, count) => line.until(() => line.messages().length >= count || undefined, () => line.fetch());

// ---- requests on any worker ----------------------------------------------------------------------------------------------

test('many pollers whose every request comes over another connection, all at once', async () => {
  const lines = await Promise.all(range(1, 20).map(() => poller()));
  assert.strictEqual(new Set(lines.map(({ id }) => workerOf(id))).size, 4, 'all workers have some');
  const { roomId } = await lines[0].invoke('JoinRoom', fresh('room'));
  await Promise.all(lines.slice(1).map((line) => line.invoke('JoinRoom', roomId)));
  await Promise.all(
    lines.map(async (line, who) => {
      for (const n of range(1, 5)) {
        await line.invoke('SendMessage', roomId, `${who}: ${n}`);
      }
    }),
  );
  await Promise.all(lines.map((line) => gather(line, 100)));
  lines.forEach((line) => assert.deepStrictEqual(seqs(line), range(1, 100)));
  const ends = await Promise.all(lines.map((line) => line.delete()));
  ends.forEach(({ status, body }) => assert.deepStrictEqual([status, body], [202, '']));
  const polls = await Promise.all(lines.map((line) => line.ask('GET')));
  polls.forEach(({ status, body }) => assert.deepStrictEqual([status, body], [404, 'No Connection with that ID']));
});

test('POSTs from many connections at once are each taken whole', async () => {
  const [line, events] = [await poller(), await streamer()];
  for (const one of [line, events]) {
    const answers = await Promise.all(range(1, 60).map((n) => one.post(callOf(n, 'NoSuchMethod', 'x'.repeat(1000)))));
    answers.forEach(({ status }) => assert.strictEqual(status, 200));
    const done = () => one.got.filter(({ type }) => type === 3).length;
    await one.until(() => done() >= 60 || undefined, () => one.fetch());
    const ids = one.got.filter(({ type }) => type === 3).map(({ invocationId }) => Number(invocationId));
    assert.deepStrictEqual(ids.sort((a, b) => a - b), range(1, 60));
  }
});

test('a connection goes from worker to worker as its requests want, and keeps their order', async () => {
  const user = fresh('wanderer');
  const [a, b] = [await poller(user, { worker: 1 }), await poller(user, { worker: 3 })];
  const connection = await connectionOn(chatd.port, a.token, 2);
  const unknown = new RawLine(chatd.port, { token: a.token, id: 'nothing' });
  const parts = [];
  for (const n of range(1, 50)) {
    for (const line of [a, b]) {
      parts.push(line.bytes('POST', { body: callOf(n, 'NoSuchMethod') }), line.bytes('GET'));
    }
    parts.push(unknown.bytes('POST', { body: 'x' }));
  }
  connection.write(Buffer.concat(parts));
  for (const n of range(1, 50)) {
    for (const name of ['a', 'b']) {
      const post = await connection.readResponse();
      assert.deepStrictEqual([post.status, post.body], [200, ''], `POST ${n} of ${name}`);
      const poll = await connection.readResponse();
      assert.strictEqual(poll.status, 200);
      const ids = recordsOf(poll.body).map(({ invocationId }) => invocationId);
      assert.deepStrictEqual(ids, [String(n)], `poll of ${name}`);
    }
    assert.strictEqual((await connection.readResponse()).status, 404);
  }
  connection.write(requestBytes('GET', '/health/live', { host: 'test' }));
  assert.strictEqual((await connection.readResponse()).status, 200);
  connection.destroy();
});

test('ten thousand requests pipelined on one connection are answered in order', async () => {
  const user = fresh('pipeliner');
  const [a, b] = [await streamer(user, { worker: 0 }), await streamer(user, { worker: 2 })];
  const connection = await RawConnection.connect(chatd.port);
  const ping = `{"type":6}${RS}`;
  const [postA, postB] = [a, b].map((line) => line.bytes('POST', { body: ping }));
  const lost = a.bytes('PUT', { body: '' });
  const round = Buffer.concat([...Array(60).fill(postA), ...Array(39).fill(postB), lost]);
  connection.write(Buffer.concat(Array(100).fill(round)));
  for (let i = 0; i < 100; i++) {
    for (let n = 0; n < 99; n++) {
      assert.strictEqual((await connection.readResponse({ timeout: 60000 })).status, 200);
    }
    assert.strictEqual((await connection.readResponse()).status, 405);
  }
  connection.destroy();
  await Promise.all([a, b].map((line) => assert.rejects(line.invoke('NoSuchMethod'), /Method does not exist/)));
});

test('a poll that waits keeps what is pipelined behind it waiting, and it is answered then', async () => {
  const line = await poller();
  const connection = await connectionOn(chatd.port, line.token, (workerOf(line.id) + 1) % 4);
  const post = line.bytes('POST', { body: callOf(2, 'NoSuchMethod') });
  connection.write(Buffer.concat([line.bytes('GET'), post, line.bytes('GET')]));
  await sleep(200);
  assert.strictEqual(connection.buffer.length, 0);
  await line.mustPost(callOf(1, 'NoSuchMethod'));
  const answers = [];
  for (let i = 0; i < 3; i++) {
    const { status, body } = await connection.readResponse();
    answers.push([status, ...recordsOf(body).map(({ invocationId }) => invocationId)]);
  }
  assert.deepStrictEqual(answers, [[200, '1'], [200], [200, '2']]);
  connection.destroy();
});

test('the path and the names of the query in any case; the id as it is', async () => {
  const line = await poller();
  for (const target of [`/ChatHub?ID=${line.id}`, `/CHATHUB/?Id=${line.id}`, `/chathub?x=1&iD=${line.id}&y`]) {
    const post = await request(chatd.port, 'POST', target, { token: line.token, body: callOf(1, 'NoSuchMethod') });
    assert.strictEqual(post.status, 200, target);
    const poll = await request(chatd.port, 'GET', target, { token: line.token });
    assert.strictEqual(recordsOf(poll.body).length, 1, target);
  }
  const swapped = line.id.replace(/[a-zA-Z]/g, (c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()));
  assert.strictEqual((await request(chatd.port, 'POST', `/chathub?id=${swapped}`, { token: line.token })).status, 404);
});

// ---- whose connection it is ------------------------------------------------------------------------------------------------

test("another user's token is refused on every request, and the owner is not disturbed", async () => {
  const [line, events] = [await poller(), await streamer()];
  const eve = userToken(fresh('eve'));
  for (const one of [line, events]) {
    for (const method of ['GET', 'POST', 'DELETE']) {
      const { status } = await one.ask(method, { token: eve, body: method === 'POST' ? callOf(9, 'Evil') : undefined });
      assert.strictEqual(status, 403, `${method} of another`);
      assert.strictEqual((await one.ask(method, { token: undefined })).status, 401, `${method} of nobody`);
    }
    const stream = await RawEvents.ask(chatd.port, one.target, { token: eve });
    assert.strictEqual(stream.response.status, 403);
    stream.connection.destroy();
    const { response } = await RawWebSocket.ask(chatd.port, one.target, { token: eve });
    assert.strictEqual(response.status, 403);
    await assert.rejects(one.invoke('NoSuchMethod'), /Method does not exist/);
    assert.ok(one.got.every(({ invocationId }) => invocationId !== '9'));
  }
  const { connectionToken } = await negotiate(chatd.port, userToken(fresh('alice')));
  const unclaimed = new RawLine(chatd.port, { token: eve, id: connectionToken });
  for (const method of ['GET', 'POST', 'DELETE']) {
    assert.strictEqual((await unclaimed.ask(method)).status, 403, `${method} of an id that nothing uses yet`);
  }
});

test('the token may stand in the query of a GET, and nowhere else', async () => {
  const token = userToken(fresh('alice'));
  const id = await idOn(chatd.port, token);
  const target = `/chathub?id=${id}&access_token=${token}`;
  assert.strictEqual((await request(chatd.port, 'GET', target)).status, 200);
  assert.strictEqual((await request(chatd.port, 'POST', target, { body: HANDSHAKE })).status, 401);
  assert.strictEqual((await request(chatd.port, 'DELETE', target)).status, 401);
  assert.strictEqual((await request(chatd.port, 'DELETE', target, { token })).status, 202);
});

test('one id, one connection: of two event streams at once one is refused', async () => {
  for (let i = 0; i < 10; i++) {
    const user = fresh('twice');
    const token = userToken(user);
    const target = `/chathub?id=${await idOn(chatd.port, token)}`;
    const asked = await Promise.all(range(1, 4).map(() => RawEvents.ask(chatd.port, target, { token })));
    assert.deepStrictEqual(asked.map(({ response }) => response.status).sort(), [200, 409, 409, 409]);
    assert.strictEqual((await connections(user)).length, 1);
    asked.forEach(({ connection }) => connection.destroy());
  }
});

test('one id, one connection: of an event stream, a poll and an upgrade at once one is taken', async () => {
  for (let i = 0; i < 10; i++) {
    const user = fresh('thrice');
    const token = userToken(user);
    const target = `/chathub?id=${await idOn(chatd.port, token)}`;
    const [events, socket, poll] = await Promise.all([
      RawEvents.ask(chatd.port, target, { token }),
      RawWebSocket.ask(chatd.port, target, { token }),
      request(chatd.port, 'GET', target, { token }),
    ]);
    const statuses = [events.response.status, socket.response.status, poll.status];
    assert.strictEqual(statuses.filter((status) => status < 300).length, 1, `${statuses}`);
    assert.ok(statuses.every((status) => [101, 200, 400, 404].includes(status)), `${statuses}`);
    assert.strictEqual((await connections(user)).length, 1);
    [events, socket].forEach(({ connection }) => connection.destroy());
  }
});

test('polls of one id at once: the last is served, the others end with 204', async () => {
  const line = await poller();
  const open = await Promise.all(range(1, 8).map(() => RawConnection.connect(chatd.port)));
  open.forEach((connection) => connection.write(line.bytes('GET')));
  const ended = () => open.filter(({ buffer }) => buffer.length > 0).length;
  await eventually(() => ended() === 7, { what: () => `${ended()} ended` });
  await line.mustPost(callOf(1, 'NoSuchMethod'));
  const answers = await Promise.all(open.map((connection) => connection.readResponse()));
  assert.deepStrictEqual(answers.map(({ status }) => status).sort(), [200, ...Array(7).fill(204)]);
  const [served] = answers.filter(({ status }) => status === 200);
  assert.strictEqual(recordsOf(served.body)[0].invocationId, '1');
  open.forEach((connection) => connection.destroy());
});

// ---- clients that go -------------------------------------------------------------------------------------------------------

test('pollers and event readers that vanish are gone soon, and leave no descriptor', async () => {
  const user = fresh('ghost');
  const files = () => fs.readdirSync(`/proc/${chatd.pid}/fd`).length;
  await eventually(async () => (await connections(user)).length === 0);
  const before = files();
  const lines = await Promise.all(range(1, 30).map((n) => (n % 2 ? poller(user) : streamer(user))));
  assert.strictEqual((await connections(user)).length, 30);
  await Promise.all(
    lines.map(async (line) => {
      if (line.stream) {
        line.destroy({ reset: Math.random() < 0.5 });
      } else {
        const connection = await RawConnection.connect(chatd.port);
        connection.write(line.bytes('GET'));
        await sleep(50);
        connection.destroy({ reset: Math.random() < 0.5 });
      }
    }),
  );
  await eventually(async () => (await connections(user)).every(({ transport }) => transport === 'LongPolling'), {
    timeout: 3000,
    what: 'an event reader that is gone is still there',
  });
  const noneLeft = async () => (await connections(user)).length === 0;
  await eventually(noneLeft, { timeout: 25000, what: 'a poller is still there' });
  await eventually(() => files() <= before + 8, { what: () => `${files()} descriptors, ${before} before` });
});

test('what is sent while a poll breaks off reaches the next poll', async () => {
  const line = await poller();
  const { roomId } = await line.invoke('JoinRoom', fresh('room'));
  const sender = await here.raw(fresh('sender'));
  await sender.invoke('JoinRoom', roomId);
  for (const n of range(1, 20)) {
    const connection = await RawConnection.connect(chatd.port);
    connection.write(line.bytes('GET'));
    await sleep(Math.random() * 20);
    connection.destroy({ reset: true });
    await sleep(20);
    await sender.invoke('SendMessage', roomId, String(n));
    await gather(line, n);
  }
  assert.deepStrictEqual(seqs(line), range(1, 20));
});

// ---- pages of other origins ------------------------------------------------------------------------------------------------

test('a page of an allowed origin may read every answer of the hub, with credentials', async () => {
  const line = await poller();
  const events = new RawLine(chatd.port, { token: line.token, id: await idOn(chatd.port, line.token) });
  const headers = { Origin: APP };
  const mayRead = (response, status, what) => {
    assert.strictEqual(response.status, status, what);
    assert.strictEqual(response.headers['access-control-allow-origin'], APP, what);
    assert.strictEqual(response.headers['access-control-allow-credentials'], 'true', what);
  };
  mayRead(await request(chatd.port, 'POST', '/chathub/negotiate', { token: line.token, headers }), 200, 'negotiate');
  mayRead(await line.ask('POST', { headers, body: callOf(1, 'NoSuchMethod') }), 200, 'POST');
  mayRead(await line.ask('GET', { headers }), 200, 'poll');
  mayRead(await line.ask('DELETE', { headers }), 202, 'DELETE');
  mayRead(await line.ask('GET', { headers }), 404, 'a poll too late');
  mayRead(await line.ask('POST', { headers, token: undefined }), 401, 'without a token');
  const { response, stream } = await RawEvents.ask(chatd.port, events.target, { token: line.token, headers });
  mayRead(response, 200, 'events');
  stream.destroy();
});

test('a page of another origin is refused on every request of the hub', async () => {
  const line = await poller();
  const id = await idOn(chatd.port, line.token);
  for (const Origin of ['https://evil.example', 'null', `${APP}.evil.example`, 'http://app.example']) {
    const headers = { Origin };
    const refused = ({ status, headers: answer }, what) => {
      const got = [status, answer['access-control-allow-origin']];
      assert.deepStrictEqual(got, [403, undefined], `${what} from ${Origin}`);
    };
    refused(await request(chatd.port, 'POST', '/chathub/negotiate', { token: line.token, headers }), 'negotiate');
    for (const method of ['GET', 'POST', 'DELETE']) {
      refused(await line.ask(method, { headers, body: method === 'POST' ? callOf(1, 'Evil') : undefined }), method);
    }
    const events = await RawEvents.ask(chatd.port, `/chathub?id=${id}`, { token: line.token, headers });
    refused(events.response, 'events');
    const socket = await RawWebSocket.ask(chatd.port, `/chathub?id=${id}`, { token: line.token, headers });
    refused(socket.response, 'upgrade');
    [events, socket].forEach(({ connection }) => connection.destroy());
  }
  await assert.rejects(line.invoke('NoSuchMethod'), /Method does not exist/);
});

test('a browser that asks beforehand hears what the client needs', async () => {
  const names = ['authorization', 'content-type', 'x-requested-with', 'x-signalr-user-agent'];
  for (const [target, method] of [
    ['/chathub/negotiate?negotiateVersion=1', 'POST'],
    ['/chathub?id=x', 'POST'],
    ['/chathub?id=x', 'GET'],
    ['/chathub?id=x', 'DELETE'],
  ]) {
    const asked = { 'Access-Control-Request-Method': method, 'Access-Control-Request-Headers': names.join(',') };
    const { status, headers } = await request(chatd.port, 'OPTIONS', target, { headers: { ...asked, Origin: APP } });
    assert.strictEqual(status, 204, target);
    assert.strictEqual(headers['access-control-allow-origin'], APP);
    assert.strictEqual(headers['access-control-allow-credentials'], 'true');
    assert.match(headers['access-control-allow-methods'], new RegExp(`\\b${method}\\b`), target);
    const allowed = headers['access-control-allow-headers'].toLowerCase();
    names.forEach((name) => assert.match(allowed, new RegExp(`\\b${name}\\b`)));
    const others = { ...asked, Origin: 'https://evil.example' };
    const evil = await request(chatd.port, 'OPTIONS', target, { headers: others });
    assert.strictEqual(evil.headers['access-control-allow-origin'], undefined);
  }
});
