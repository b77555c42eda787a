'use strict';
// Limits of the node: calls of a user, messages in a room, connects from an address, connections in all. Who is over
// one is told so with a time, after which it works; and the metrics show each by itself.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test, afterEach } = require('node:test');
const { startChatd, scratchDir } = require('./lib/chatd');
const { RawHub, startRealClient, codeOf } = require('./lib/hub');
const { RawConnection, requestBytes, request } = require('./lib/http');
const { fresh } = require('./lib/people');
const { userToken } = require('./lib/token');
const { sleep, eventually } = require('./lib/util');

const NEGOTIATE = '/chathub/negotiate?negotiateVersion=1';
const MESSAGES = Array.from({ length: 12 }, (_, i) => `message ${i + 1}`);
const open = [];

afterEach(async () => {
  await Promise.allSettled(open.splice(0).map((close) => close()));
});

async function start(settings, options = {}) {
  const daemon = await startChatd({ settings: { CHATD_METRICS_LISTEN: '127.0.0.1:0', ...settings }, ...options });
  open.push(async () => daemon.exit === null && daemon.kill());
  return daemon;
}

async function connect(daemon, user) {
  const hub = await RawHub.open(daemon.port, { user });
  open.push(() => hub.destroy());
  return hub;
}

// The time that a refusal tells, in ms.
function retryOf(error) {
  const match = /HubException: rate_limited: too many [a-z ]+, try again in (\d+\.\d\d) s$/.exec(error.message);
  assert.ok(match, `no time in: ${error.message}`);
  return Number(match[1]) * 1000;
}

// All calls at once: {taken: [index], refused: [{index, error}]}.
async function allAtOnce(calls) {
  const settled = await Promise.allSettled(calls);
  const all = settled.map(({ status, reason }, index) => ({ index, status, error: reason }));
  return {
    taken: all.filter(({ status }) => status === 'fulfilled').map(({ index }) => index),
    refused: all.filter(({ status }) => status === 'rejected'),
  };
}

const upgrade = (daemon, token, query = '') =>
  request(daemon.port, 'GET', `/chathub${query}`, {
    token,
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': 13,
      'Sec-WebSocket-Key': 'MTIzNDU2Nzg5MDEyMzQ1Ng==',
    },
  });

test('a user over the rate is told when to try again, and then it works', async () => {
  const daemon = await start({ CHATD_LIMITS_USER_RATE: 5 });
  const alice = await connect(daemon, fresh('alice'));
  const bob = await connect(daemon, fresh('bob'));
  const { roomId } = await alice.invoke('JoinRoom', fresh('room'));
  // One of ten is used up; more may have been earned meanwhile on a slow machine.
  const { taken, refused } = await allAtOnce(MESSAGES.map((text) => alice.invoke('SendMessage', roomId, text)));
  assert.ok(taken.length >= 9 && refused.length >= 1, `${taken.length} were taken`);
  assert.deepStrictEqual(taken, Array.from(taken, (_, i) => i), 'the first ones');
  for (const { error } of refused) {
    assert.strictEqual(codeOf(error), 'rate_limited');
    assert.ok(retryOf(error) > 0 && retryOf(error) <= 210, error.message);
  }
  await bob.invoke('JoinRoom', roomId);
  await sleep(retryOf(refused.at(-1).error) + 5);
  const history = await alice.invoke('GetHistory', roomId, null, 100);
  assert.deepStrictEqual(history.map(({ content }) => content), MESSAGES.slice(0, taken.length), 'none was executed');
  await bob.invoke('SendMessage', roomId, 'bob is not limited by alice');
  assert.strictEqual(await daemon.metric('rate_limited_user_total'), refused.length);
  assert.strictEqual(await daemon.metric('rate_limited_room_total'), 0);
  assert.ok((await daemon.metric('rate_limit_keys')) >= 1);
  await daemon.stop();
});

test('the real client gets the same error, and goes on', async () => {
  const daemon = await start({ CHATD_LIMITS_USER_RATE: '1/s' });
  const client = await startRealClient(daemon.url, { user: fresh('alice') });
  open.push(() => client.stop());
  const { roomId } = await client.invoke('JoinRoom', fresh('room'));
  // Two at once, of which joining was one: what follows is dropped where nobody waits for an answer.
  const sends = Array.from({ length: 6 }, (_, i) => client.send('SendMessage', roomId, `message ${i}`));
  const refused = client.invoke('SendMessage', roomId, 'refused').then(() => assert.fail('it is taken'), (e) => e);
  await Promise.all(sends);
  const error = await refused;
  assert.strictEqual(codeOf(error), 'rate_limited');
  await sleep(retryOf(error) + 5);
  const { seq } = await client.invoke('SendMessage', roomId, 'taken');
  assert.ok(seq >= 2 && seq < 7, `${seq - 1} of 6 were taken`);
  assert.strictEqual(await daemon.metric('rate_limited_user_total'), 8 - seq);
  await daemon.stop();
});

test('connections of one user on two workers share one rate', async () => {
  const daemon = await start({ CHATD_LIMITS_USER_RATE: 4, CHATD_SERVER_WORKERS: 2 });
  const user = fresh('alice');
  // The sockets are dealt out in turn.
  const hubs = [await connect(daemon, user), await connect(daemon, user)];
  const { roomId } = await hubs[0].invoke('JoinRoom', fresh('room'));
  const begun = Date.now();
  const calls = Array.from({ length: 40 }, (_, i) => hubs[i % 2].invoke('SendMessage', roomId, `message ${i}`));
  const { taken, refused } = await allAtOnce(calls);
  const earned = Math.ceil(((Date.now() - begun) / 1000) * 4);
  assert.ok(taken.length >= 7 && taken.length <= 8 + earned, `${taken.length} of 40 were taken`);
  for (const side of [0, 1]) {
    assert.ok(refused.some(({ index }) => index % 2 === side), 'both are refused');
  }
  await daemon.stop();
});

test('the hub and the REST API count the same calls', async () => {
  const daemon = await start({ CHATD_LIMITS_USER_RATE: 1 });
  const user = fresh('alice');
  const token = userToken(user);
  const hub = await connect(daemon, user);
  const rooms = () => request(daemon.port, 'GET', '/api/v1/rooms', { token });
  const { refused } = await allAtOnce(MESSAGES.map(() => hub.invoke('JoinRoom', fresh('room'))));
  assert.ok(refused.length > 0);
  const answers = await Promise.all(Array.from({ length: 5 }, rooms));
  const refusal = answers.find(({ status }) => status !== 200);
  assert.strictEqual(refusal.status, 429);
  assert.strictEqual(refusal.headers['retry-after'], '1');
  assert.match(refusal.headers['content-type'], /^application\/problem\+json/);
  const problem = JSON.parse(refusal.body);
  assert.strictEqual(problem.code, 'rate_limited');
  assert.match(problem.detail, /^too many calls, try again in [01]\.\d\d s$/);
  await sleep(1005);
  assert.strictEqual((await rooms()).status, 200);
  assert.ok((await daemon.metric('rate_limited_user_total')) > refused.length);
  await daemon.stop();
});

test('a room takes so many messages from all its members', async () => {
  const daemon = await start({ CHATD_LIMITS_ROOM_RATE: 10, CHATD_LIMITS_USER_RATE: 0 });
  const people = [];
  for (let i = 0; i < 10; i++) {
    people.push(await connect(daemon, fresh('person')));
  }
  const [room, other] = [fresh('room'), fresh('other')];
  let roomId;
  for (const person of people) {
    ({ roomId } = await person.invoke('JoinRoom', room));
  }
  await people[0].invoke('JoinRoom', other);
  const begun = Date.now();
  const four = (person, i) => [0, 1, 2, 3].map((n) => person.invoke('SendMessage', roomId, `${i}: ${n}`));
  const calls = people.flatMap(four);
  const { taken, refused } = await allAtOnce(calls);
  const earned = Math.ceil(((Date.now() - begun) / 1000) * 10);
  assert.ok(taken.length >= 20 && taken.length <= 20 + earned, `${taken.length} of 40 were taken`);
  assert.ok(refused.every(({ error }) => codeOf(error) === 'rate_limited' && /in this room/.test(error.message)));
  const latest = await people[3].invoke('SendMessage', roomId, 'refused').catch((error) => error);
  if (latest instanceof Error) {
    await sleep(retryOf(latest) + 5);
    await people[3].invoke('SendMessage', roomId, 'taken');
  }
  await people[0].invoke('SendMessage', other, 'another room is another matter');
  assert.ok((await daemon.metric('rate_limited_room_total')) >= refused.length);
  assert.strictEqual(await daemon.metric('rate_limited_user_total'), 0);
  // Numbers have no holes where messages were refused.
  const history = await people[9].invoke('GetHistory', roomId, null, 200);
  assert.deepStrictEqual(history.map(({ seq }) => seq), history.map((_, i) => i + 1));
  await daemon.stop();
});

test('connects over the rate of their address are answered 429 with Retry-After', async () => {
  const socket = path.join(scratchDir(), 'hub.sock');
  const listen = `127.0.0.1:0,unix:${socket}`;
  const daemon = await start({ CHATD_LIMITS_ADDRESS_CONNECTS: 1, CHATD_SERVER_LISTEN: listen });
  const token = userToken('alice');
  // On one connection: the rate is about requests to connect.
  const connection = await RawConnection.connect(daemon.port);
  const negotiate = async (with_ = token) => {
    connection.write(requestBytes('POST', NEGOTIATE, { token: with_ }));
    return connection.readResponse();
  };
  const negotiated = JSON.parse((await negotiate()).body).connectionToken;
  let refusal;
  for (let i = 0; i < 50 && !refusal; i++) {
    const response = await negotiate();
    refusal = response.status === 200 ? undefined : response;
  }
  assert.strictEqual(refusal.status, 429);
  assert.match(refusal.headers['retry-after'], /^[1-9]\d*$/);
  assert.match(refusal.body, /^rate_limited: too many connects from this address, try again in \d\.\d\d s$/);
  // No token is looked at any more, nor an upgrade without negotiation taken.
  const statuses = [(await negotiate('nonsense')).status, (await upgrade(daemon, token)).status];
  assert.deepStrictEqual(statuses, [429, 429]);
  // What was negotiated in time may connect: a connect counts once.
  assert.strictEqual((await upgrade(daemon, token, `?id=${negotiated}`)).status, 101);
  // Nobody else is hit: other paths, and those who come by a socket without an address.
  assert.strictEqual((await request(daemon.port, 'GET', '/health/live')).status, 200);
  for (let i = 0; i < 10; i++) {
    assert.strictEqual((await request(socket, 'POST', NEGOTIATE, { token, host: 'test' })).status, 200);
  }
  const told = await negotiate();
  await sleep(Number(told.headers['retry-after'] || 0) * 1000 + 5);
  assert.strictEqual((await negotiate()).status, 200);
  assert.ok((await daemon.metric('rate_limited_address_total')) >= 3);
  connection.destroy();
  await daemon.stop();
});

test('upgrades of what was negotiated are bounded too', async () => {
  const daemon = await start({ CHATD_LIMITS_ADDRESS_CONNECTS: 2 });
  const statuses = [];
  for (let i = 0; i < 20 && !statuses.includes(429); i++) {
    statuses.push((await upgrade(daemon, userToken('alice'), '?id=forged')).status);
  }
  assert.ok(statuses.length > 4 && statuses.slice(0, -1).every((status) => status === 404), `${statuses}`);
  assert.strictEqual(statuses.at(-1), 429);
  await daemon.stop();
});

test('event streams and first polls are bounded too, later polls are not', async () => {
  const socket = path.join(scratchDir('rates-'), 'chatd.sock');
  const daemon = await start({
    CHATD_LIMITS_ADDRESS_CONNECTS: 2,
    CHATD_SERVER_LISTEN: `127.0.0.1:0,unix:${socket}`,
  });
  const token = userToken('alice');
  const ids = [];
  for (let i = 0; i < 8; i++) {
    const { body } = await request(socket, 'POST', NEGOTIATE, { token, host: 'test' });
    ids.push(JSON.parse(body).connectionToken);
  }
  const poll = (id) => request(daemon.port, 'GET', `/chathub?id=${encodeURIComponent(id)}`, { token });
  const statuses = [];
  for (let i = 0; i < ids.length && !statuses.includes(429); i++) {
    statuses.push((await poll(ids[i])).status);
  }
  assert.ok(statuses.length > 4 && statuses.slice(0, -1).every((status) => status === 200), `${statuses}`);
  assert.strictEqual(statuses.at(-1), 429);
  const headers = { Accept: 'text/event-stream' };
  const events = await request(daemon.port, 'GET', `/chathub?id=${ids.at(-1)}`, { token, headers });
  assert.strictEqual(events.status, 429);
  for (let i = 0; i < 10; i++) {
    const { status } = await request(daemon.port, 'DELETE', `/chathub?id=${ids[0]}`, { token });
    assert.strictEqual(status, i === 0 ? 202 : 404);
  }
  await daemon.stop();
});

test('max_connections counts the connections of all workers', async () => {
  const daemon = await start({ CHATD_SERVER_MAX_CONNECTIONS: 5, CHATD_SERVER_WORKERS: 2 });
  const hubs = [];
  for (let i = 0; i < 5; i++) {
    hubs.push(await connect(daemon, fresh('alice')));
  }
  const token = userToken('late');
  for (const refusal of [await upgrade(daemon, token), await request(daemon.port, 'POST', NEGOTIATE, { token })]) {
    assert.strictEqual(refusal.status, 503);
    assert.strictEqual(refusal.headers['retry-after'], '5');
    assert.match(refusal.body, /max_connections/);
  }
  assert.strictEqual(await daemon.metric('connections_refused_total'), 2);
  await hubs[2].close();
  await eventually(async () => (await request(daemon.port, 'POST', NEGOTIATE, { token })).status === 200);
  await connect(daemon, 'late');
  assert.strictEqual((await upgrade(daemon, token)).status, 503);
  assert.strictEqual(await daemon.metric('connections'), 5);
  await daemon.stop();
});

// Refused, broken off, or never finished: none of them keeps a place.
test('what does not become a connection takes no place', async () => {
  const daemon = await start({ CHATD_SERVER_MAX_CONNECTIONS: 3, CHATD_LIMITS_ADDRESS_CONNECTS: 0 });
  const token = userToken('alice');
  const negotiate = async () =>
    JSON.parse((await request(daemon.port, 'POST', NEGOTIATE, { token })).body).connectionToken;
  const hub = await connect(daemon, 'alice');
  for (let i = 0; i < 10; i++) {
    const id = await negotiate();
    await upgrade(daemon, token, `?id=${id}`); // and gone
    await eventually(async () => (await daemon.metric('connections')) === 1);
    assert.strictEqual((await upgrade(daemon, token, `?id=${id}`)).status, 404, 'it has ended');
    assert.strictEqual((await upgrade(daemon, token, '?id=forged')).status, 404);
    assert.strictEqual((await upgrade(daemon, userToken('bob'), `?id=${await negotiate()}`)).status, 403);
    assert.strictEqual((await upgrade(daemon, 'nonsense')).status, 401);
    const gone = await RawConnection.connect(daemon.port);
    gone.write(requestBytes('GET', '/chathub', { token, headers: { Connection: 'Upgrade', Upgrade: 'websocket' } }));
    gone.destroy({ reset: true });
  }
  await connect(daemon, 'bob');
  await connect(daemon, 'carol');
  assert.strictEqual((await upgrade(daemon, token)).status, 503);
  assert.strictEqual(hub.dead, undefined);
  await daemon.stop();
});

test('a reload changes the rates at once', async () => {
  const file = path.join(scratchDir(), 'chatd.conf');
  const write = (rate, most) =>
    fs.writeFileSync(file, `[limits]\nuser_rate = ${rate}\n[server]\nmax_connections = ${most}\n`);
  write('1/s', 0);
  const daemon = await start({}, { args: ['--config', file] });
  const alice = await connect(daemon, 'alice');
  const pings = (count) =>
    allAtOnce(Array.from({ length: count }, () => alice.invoke('GetHistory', alice.room, null, 1)));
  alice.room = (await alice.invoke('JoinRoom', fresh('room'))).roomId;
  assert.ok((await pings(20)).refused.length >= 15);
  const reload = async (rate, most) => {
    const times = (daemon.log.match(/reloaded/g) || []).length;
    write(rate, most);
    process.kill(daemon.pid, 'SIGHUP');
    await eventually(() => (daemon.log.match(/reloaded/g) || []).length > times);
    await sleep(100); // the workers have taken it over
  };
  await reload('0', 1);
  assert.strictEqual((await pings(200)).refused.length, 0);
  assert.strictEqual((await upgrade(daemon, userToken('bob'))).status, 503);
  await reload('1000/s', 2);
  assert.strictEqual((await pings(200)).refused.length, 0);
  await connect(daemon, 'bob');
  await reload('1', 1);
  await sleep(2000);
  assert.ok((await pings(20)).refused.length >= 15);
  assert.strictEqual(alice.dead, undefined, 'those who are there stay');
  write('2/m', 1);
  process.kill(daemon.pid, 'SIGHUP');
  await daemon.logged(/chatd\.conf:2.*0 to 1000000\/s/);
  await daemon.stop();
});

test('bad tokens over REST count for their address; whoever is known there goes on', async () => {
  const daemon = await start({ CHATD_LIMITS_ADDRESS_CONNECTS: 5, CHATD_SERVER_WORKERS: 1 });
  const ask = (token) => request(daemon.port, 'GET', '/api/v1/users/me', { token });
  const known = userToken(fresh('known'));
  assert.strictEqual((await ask(known)).status, 200);
  const statuses = [];
  for (let i = 0; i < 14; i++) {
    statuses.push((await ask(`${userToken('mallory', { key: `another secret of 32 bytes or more ${i}` })}`)).status);
  }
  assert.deepStrictEqual(statuses.slice(0, 10), Array(10).fill(401));
  assert.ok(statuses.slice(11).every((status) => status === 429), statuses.join());
  const late = await ask(userToken(fresh('unknown')));
  assert.deepStrictEqual([late.status, Number(late.headers['retry-after']) >= 1], [429, true]);
  assert.strictEqual((await ask(known)).status, 200);
  assert.ok((await daemon.metric('rate_limited_address_total')) >= 4);
  await sleep(2100);
  assert.strictEqual((await ask(userToken(fresh('unknown')))).status, 200);
});

test('bad tokens on the hub as well, whatever the request', async () => {
  const daemon = await start({ CHATD_LIMITS_ADDRESS_CONNECTS: 1, CHATD_SERVER_WORKERS: 1 });
  const ask = (method, token, options) => request(daemon.port, method, '/chathub?id=x', { token, ...options });
  const known = userToken(fresh('known'));
  assert.strictEqual((await ask('GET', known)).status, 404);
  const kinds = [['GET'], ['GET', { headers: { Accept: 'text/event-stream' } }], ['POST', { body: 'x' }], ['DELETE']];
  const answers = [];
  for (let i = 0; i < 11; i++) {
    const [method, options] = kinds[i % kinds.length];
    answers.push(await ask(method, userToken('mallory', { key: `another secret of 32 bytes or more ${i}` }), options));
  }
  const statuses = answers.map(({ status }) => status);
  // Two at once, and perhaps a few more where the machine is busy: one each second.
  assert.deepStrictEqual(statuses.slice(0, 2), [401, 401]);
  assert.ok(statuses.slice(2).every((status) => status === 401 || status === 429), `${statuses}`);
  kinds.forEach((_, kind) => assert.ok(statuses.some((status, i) => i % 4 === kind && status === 429), `${statuses}`));
  assert.ok(answers.every(({ status, headers }) => status === 401 || Number(headers['retry-after']) >= 1));
  assert.strictEqual((await ask('POST', known, { body: 'x' })).status, 404);
  assert.ok((await daemon.metric('rate_limited_address_total')) >= kinds.length);
  await sleep(2100);
  assert.strictEqual((await ask('GET', userToken(fresh('unknown')))).status, 404);
  await daemon.stop();
});
