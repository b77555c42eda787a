'use strict';
// Two daemons on one PostgreSQL, without anything between them: order, what the other stored, memberships, bans and
// revocations come by way of the store.

const assert = require('node:assert');
const net = require('node:net');
const { before, test } = require('node:test');
const left = require('./lib/left');
const { Chatd, run, steadyPort, CHATCTL, NO_RATES } = require('./lib/chatd');
const { fresh } = require('./lib/people');
const { RawHub, startRealClient, codeOf } = require('./lib/hub');
const { databaseOf, makeDatabase } = require('./lib/database');
const { userToken, userId } = require('./lib/token');
const { eventually, sleep } = require('./lib/util');

const skip = process.env.CHATD_TEST_POSTGRES ? false : 'there is no PostgreSQL (CHATD_TEST_POSTGRES)';
// GUARANTEES.md: removal, ban, revocation and a lost last message take effect within 2 s on all instances.
const SOON_MS = 2000;
const two = [];
const open = [];
let url;

async function raw(instance, user) {
  const hub = await RawHub.open(two[instance].port, { user });
  open.push(hub);
  return hub;
}

const seqs = (hub, room) => hub.messages().filter(({ roomId }) => roomId === room).map(({ seq }) => seq);
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

before(async () => {
  if (skip) {
    return;
  }
  const database = databaseOf(fresh('instances'));
  makeDatabase(database);
  url = database.url;
  const settings = { ...NO_RATES, CHATD_DATABASE_URL: url, CHATD_DATABASE_AUTO_MIGRATE: true };
  two.push(new Chatd({ settings }), new Chatd({ settings }));
  await Promise.all(two.map((chatd) => chatd.start())); // both would make the schema
});

left.finally(async () => {
  open.forEach((hub) => hub.destroy());
  for (const chatd of two) {
    await chatd.stop();
  }
});

test('one message goes to the members on both instances', { skip }, async () => {
  const [a, b] = [fresh('alice'), fresh('bob')];
  const alice = await raw(0, a);
  const { roomId: room } = await alice.invoke('JoinRoom', fresh('room'));
  const bob = await raw(1, b);
  const joined = await bob.invoke('JoinRoom', room);
  assert.strictEqual(joined.roomId, room);
  const began = Date.now();
  const { seq } = await alice.invoke('SendMessage', room, 'hello over there');
  const [message] = await bob.heard('ReceiveMessage', (one) => one.seq === seq, SOON_MS);
  assert.strictEqual(message.content, 'hello over there');
  assert.ok(Date.now() - began < SOON_MS);
});

test('both instances send to one room at once: each member sees every number once, in order', { skip }, async () => {
  const people = [];
  let room = fresh('room');
  for (let i = 0; i < 6; i++) {
    const hub = await raw(i % 2, fresh('user'));
    ({ roomId: room } = await hub.invoke('JoinRoom', room));
    people.push(hub);
  }
  await sleep(1200);
  const SENDS = 40;
  await Promise.all(people.map(async (hub, i) => {
    for (let n = 0; n < SENDS; n++) {
      await hub.invoke('SendMessage', room, `${i}-${n}`, `${i}-${n}`);
    }
  }));
  const total = people.length * SENDS;
  await eventually(() => people.every((hub) => seqs(hub, room).length >= total), {
    timeout: 5000, what: () => `only ${people.map((hub) => seqs(hub, room).length)} of ${total}`,
  });
  for (const hub of people) {
    assert.deepStrictEqual(seqs(hub, room), range(1, total));
  }
});

test('one client message id raced over both instances is stored once, and both get its number', { skip }, async () => {
  const name = fresh('alice');
  const one = await raw(0, name);
  const other = await raw(1, name);
  const { roomId: room } = await one.invoke('JoinRoom', fresh('room'));
  await other.invoke('JoinRoom', room);
  for (let i = 0; i < 200; i++) {
    const [first, second] = await Promise.all([
      one.invoke('SendMessage', room, `m${i}`, `id-${i}`), other.invoke('SendMessage', room, `m${i}`, `id-${i}`)]);
    assert.deepStrictEqual(first, second);
    assert.strictEqual(first.seq, i + 1);
  }
});

test('who comes from the other instance goes on where he was, by number', { skip }, async () => {
  const [a, b] = [fresh('alice'), fresh('bob')];
  const alice = await raw(0, a);
  const { roomId: room } = await alice.invoke('JoinRoom', fresh('room'));
  const bob = await raw(0, b);
  await bob.invoke('JoinRoom', room);
  const keeper = await raw(1, fresh('carol')); // the other instance follows the room, and is behind
  await keeper.invoke('JoinRoom', room);
  for (let i = 0; i < 10; i++) {
    await alice.invoke('SendMessage', room, `m${i}`);
  }
  const moved = await raw(1, b);
  const { recovered, gap, lastSeq } = await moved.invoke('JoinRoom', room, 10);
  assert.deepStrictEqual([recovered, gap, lastSeq], [true, null, 10]);
  const behind = await raw(1, a);
  const result = await behind.invoke('JoinRoom', room, 4);
  assert.deepStrictEqual([result.recovered, result.from, result.to], [true, 5, 10]);
  assert.deepStrictEqual(seqs(behind, room), range(5, 10));
  await alice.invoke('SendMessage', room, 'one more');
  await moved.heard('ReceiveMessage', ({ seq }) => seq === 11, SOON_MS);
  assert.deepStrictEqual(seqs(moved, room), [11]);
  await eventually(() => seqs(behind, room).length === 7);
  assert.deepStrictEqual(seqs(behind, room), range(5, 11));
});

test('who joins on one instance is announced on the other, and who leaves too', { skip }, async () => {
  const alice = await raw(0, fresh('alice'));
  const { roomId: room } = await alice.invoke('JoinRoom', fresh('room'));
  const name = fresh('bob');
  const elsewhere = await raw(0, name); // his other device, on the first instance
  const bob = await raw(1, name);
  await bob.invoke('JoinRoom', room);
  await alice.heard('UserJoined', (user, where) => user === userId(name) && where === room, SOON_MS);
  await elsewhere.heard('UserJoined', (user, where) => user === userId(name) && where === room, SOON_MS);
  await alice.invoke('SendMessage', room, 'to both of his devices');
  await elsewhere.heard('ReceiveMessage', ({ roomId }) => roomId === room);
  await bob.heard('ReceiveMessage', ({ roomId }) => roomId === room, SOON_MS);
  await bob.invoke('LeaveRoom', room);
  await alice.heard('UserLeft', (user, where) => user === userId(name) && where === room, SOON_MS);
  const before = seqs(elsewhere, room).length;
  await alice.invoke('SendMessage', room, 'not for him');
  await sleep(300);
  assert.strictEqual(seqs(elsewhere, room).length, before);
});

test('who is removed on one instance gets nothing more on the other, within 2 s', { skip }, async () => {
  const alice = await raw(0, fresh('alice'));
  const name = fresh('bob');
  const bob = await raw(1, name);
  const { roomId: room } = await alice.invoke('JoinRoom', fresh('room'));
  await bob.invoke('JoinRoom', room);
  await two[0].ctl('room', 'remove', room, name, '-y');
  await bob.heard('UserLeft', (user, where) => user === userId(name) && where === room, SOON_MS);
  await alice.invoke('SendMessage', room, 'not for him');
  await assert.rejects(bob.invoke('SendMessage', room, 'am I in?'), (error) => /not_a_member|not_found/.test(codeOf(error)));
  await sleep(SOON_MS);
  assert.deepStrictEqual(seqs(bob, room), []);
});

test('a ban and a revocation on one instance end connections on the other, within 2 s', { skip }, async () => {
  for (const [verb, status] of [['ban', 403], ['revoke-tokens', 401]]) {
    const name = fresh('mallory');
    const hub = await raw(1, name);
    const token = userToken(name);
    await sleep(1100); // tokens of the second in which they are revoked stay good until it is over
    await two[0].ctl('user', verb, name, '-y');
    await eventually(() => hub.dead, { timeout: SOON_MS, what: () => `${verb}: the connection is still there` });
    const answer = await fetch(`http://${two[1].host}/api/v1/rooms`, { headers: { Authorization: `Bearer ${token}` } });
    assert.strictEqual(answer.status, status);
  }
});

test('a room deleted on one instance ends on the other; one renamed is told', { skip }, async () => {
  const hub = await raw(1, fresh('alice'));
  const { roomId: room } = await hub.invoke('JoinRoom', fresh('room'));
  const { roomId: other } = await hub.invoke('JoinRoom', fresh('room'));
  await two[0].ctl('room', 'set', other, '--name', 'The new name');
  await hub.heard('RoomUpdated', ({ id, name }) => id === other && name === 'The new name', SOON_MS);
  await two[0].ctl('room', 'delete', room, '-y');
  await hub.heard('RoomDeleted', (id) => id === room, SOON_MS);
  await assert.rejects(hub.invoke('SendMessage', room, 'anybody?'), (error) => codeOf(error) === 'not_found');
});

// A way to the server that can be opened and closed.
function wayTo(target) {
  const server = net.createServer((socket) => {
    const other = net.connect(Number(target.port), target.hostname);
    sockets.push(socket, other);
    socket.pipe(other).pipe(socket);
    socket.on('error', () => other.destroy());
    other.on('error', () => socket.destroy());
  });
  const sockets = [];
  return {
    open: (port) => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve)),
    close: () => {
      server.close();
      sockets.forEach((socket) => socket.destroy());
    },
  };
}

const statusOf = (port, path) => fetch(`http://127.0.0.1:${port}${path}`).then(({ status }) => status, () => 0);

test('without its database a node is alive and not ready; it begins as soon as that can be reached', { skip }, async () => {
  const target = new URL(url);
  const [port, gate] = [await steadyPort(), await steadyPort()];
  const through = new URL(url);
  through.host = `127.0.0.1:${gate}`;
  const chatd = new Chatd({ port, settings: { CHATD_DATABASE_URL: through.href } });
  const ready = chatd.start();
  await eventually(async () => (await statusOf(port, '/health/live')) === 200);
  assert.strictEqual(await statusOf(port, '/health/ready'), 503);
  assert.strictEqual(await statusOf(port, '/chathub/negotiate'), 503);
  const way = wayTo(target);
  await way.open(gate);
  await ready;
  await eventually(async () => (await statusOf(port, '/health/ready')) === 200);
  const hub = await RawHub.open(port, { user: fresh('alice') });
  const { roomId: room } = await hub.invoke('JoinRoom', fresh('room'));
  way.close();
  await eventually(() => hub.invoke('SendMessage', room, 'into the dark').then(() => false, (error) => codeOf(error)), {
    timeout: 15000, what: () => 'sends are not refused without the database',
  });
  assert.strictEqual(await statusOf(port, '/health/live'), 200);
  assert.strictEqual(await statusOf(port, '/health/ready'), 503);
  const again = wayTo(target);
  await again.open(gate);
  await eventually(() => hub.invoke('SendMessage', room, 'there again').catch(() => false), { timeout: 3000 });
  hub.destroy();
  await chatd.stop();
  again.close();
});

test('a node that waits for its database ends when it is told to', { skip }, async () => {
  const port = await steadyPort();
  const chatd = new Chatd({ port, settings: { CHATD_DATABASE_URL: `postgresql://chatd@127.0.0.1:${await steadyPort()}/none` } });
  const started = chatd.start().catch((error) => error.message);
  await eventually(async () => (await statusOf(port, '/health/live')) === 200);
  await chatd.stop();
  assert.match(await started, /ended with 0/);
});

test('a new epoch closes all connections, who come back and are told that numbers started anew', { skip }, async () => {
  const name = fresh('alice');
  const connections = [];
  for (const chatd of two) {
    connections.push(await startRealClient(chatd.url, { user: name, reconnect: [0, 100, 300, 1000, 2000] }));
  }
  const alias = fresh('room');
  const joined = await Promise.all(connections.map((connection) => connection.invoke('JoinRoom', alias)));
  await connections[0].invoke('SendMessage', alias, 'before');
  const back = connections.map((connection) => new Promise((resolve) => connection.onreconnected(resolve)));
  const result = await run(CHATCTL, ['db', 'new-epoch', '-y'], { env: { CHATD_DATABASE_URL: url } });
  assert.strictEqual(result.code, 0, result.stderr);
  await Promise.all(back);
  for (const connection of connections) {
    const again = await connection.invoke('JoinRoom', alias, 1, joined[0].epoch);
    assert.notStrictEqual(again.epoch, joined[0].epoch);
    assert.strictEqual(again.recovered, false);
    assert.strictEqual(again.lastSeq, 1);
  }
  const { seq } = await connections[0].invoke('SendMessage', alias, 'after');
  assert.strictEqual(seq, 2);
  await connections[1].hears('ReceiveMessage', (message) => message.seq === 2, SOON_MS);
  await Promise.all(connections.map((connection) => connection.stop()));
});
