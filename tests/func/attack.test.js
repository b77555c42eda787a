'use strict';
// Peers who try to take more than their share: of memory, of descriptors, of the server's patience with others.

const assert = require('node:assert');
const fs = require('node:fs');
const { test } = require('node:test');
const { house, fresh } = require('./lib/people');
const { Chatd, NO_RATES } = require('./lib/chatd');
const { RawConnection } = require('./lib/http');
const { RawWebSocket, OPCODE, frame } = require('./lib/ws');
const { RawHub, HANDSHAKE } = require('./lib/hub');
const { userToken } = require('./lib/token');
const { eventually, sleep } = require('./lib/util');

const MIB = 1024 * 1024;
const here = house({ settings: NO_RATES });
const { chatd } = here;

const residentMib = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${chatd.pid}/status`, 'utf8'))[1]) / 1024;
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const seqs = (hub, room) =>
  hub
    .messages()
    .filter((message) => message.roomId === room)
    .map(({ seq }) => seq);

// Writes bytes as fast as they are taken; false where the peer stops taking them.
async function pour(connection, bytes) {
  connection.socket.write(bytes);
  for (let idle = 0; connection.socket.writableLength > 0 && idle < 200; idle++) {
    const before = connection.socket.writableLength;
    await sleep(5);
    idle = connection.socket.writableLength < before ? 0 : idle;
  }
  return connection.socket.writableLength === 0;
}

async function floodOfPings(shakeHands) {
  const socket = await RawWebSocket.open(chatd.port, '/chathub', { token: userToken(fresh('pinger')) });
  here.later(() => socket.destroy());
  if (shakeHands) {
    socket.sendRecord(HANDSHAKE);
    assert.strictEqual((await socket.next()).record, '{}');
  }
  socket.connection.socket.pause();
  const before = residentMib();
  const pings = Buffer.concat(Array(100000).fill(frame(OPCODE.ping, '')));
  for (let i = 0; i < 50; i++) {
    assert.ok(await pour(socket.connection, pings), 'pings are no longer read');
  }
  const grown = residentMib() - before;
  assert.ok(grown < 100, `five million unread pongs took ${grown} MiB`);
  socket.connection.write(frame(OPCODE.ping, 'the last'));
  socket.connection.socket.resume();
  await socket.next({ keep: (event) => event.pong === 'the last', timeout: 20000 });
}

test('pings of a peer that never reads take no memory, and the last one is answered', () => floodOfPings(true));

test('the same before the handshake', () => floodOfPings(false));

test('lazy readers beyond send_memory are dropped, those who read are not', async () => {
  // Deadlines, and with them the memory, are looked at four times within the shortest of them.
  const settings = { CHATD_LIMITS_SEND_MEMORY: '4MiB', CHATD_HUB_KEEPALIVE: '40ms', CHATD_METRICS_LISTEN: '127.0.0.1:0' };
  const small = await new Chatd({ settings: { ...settings, ...NO_RATES } }).start();
  here.later(() => small.exit || small.kill());
  const alice = await RawHub.open(small.port, { user: 'alice' });
  const { roomId } = await alice.invoke('JoinRoom', 'general');
  const join = async (_, i) => {
    const hub = await RawHub.open(small.port, { user: `reader-${i}` });
    await hub.invoke('JoinRoom', roomId);
    return hub;
  };
  const quick = await Promise.all(Array.from({ length: 6 }, join));
  const lazy = await Promise.all(Array.from({ length: 12 }, join));
  lazy.forEach((hub) => hub.socket.connection.socket.pause());
  for (let i = 0; i < 200; i++) {
    await alice.invoke('SendMessage', roomId, 'x'.repeat(30000));
  }
  for (const hub of quick) {
    await hub.heard('ReceiveMessage', (message) => message.seq === 200);
    assert.deepStrictEqual(seqs(hub, roomId), range(1, 200));
  }
  assert.strictEqual(small.log.match(/slow client dropped/g).length, lazy.length);
  const [forMemory, forItself] = [/dropped.*limit=send_memory/g, /dropped.*limit=send_(queue|stall)/g].map(
    (line) => (small.log.match(line) || []).length,
  );
  assert.ok(forMemory > 0);
  assert.strictEqual(await small.metric('send_memory_dropped_total'), forMemory);
  assert.strictEqual(await small.metric('slow_clients_dropped_total'), forItself);
  [alice, ...quick, ...lazy].forEach((hub) => hub.destroy());
  await small.stop();
});

for (const [method, ...args] of [['GetHistory', null, 5], ['JoinRoom'], ['SendMessage', 'x'.repeat(100)]]) {
  test(`thousands of calls sent at once are all answered: ${method}`, async () => {
    const alice = await here.raw(fresh('alice'));
    const { roomId } = await alice.invoke('JoinRoom', fresh('room'));
    for (let i = 0; i < 5; i++) {
      await alice.invoke('SendMessage', roomId, 'something to read');
    }
    await Promise.all(Array.from({ length: 6000 }, () => alice.invoke(method, roomId, ...args)));
    assert.ok(!alice.dead);
  });
}

test('calls whose answers nobody reads wait, and take no memory', async () => {
  const alice = await here.raw(fresh('alice'));
  const { roomId } = await alice.invoke('JoinRoom', fresh('room'));
  await alice.invoke('SendMessage', roomId, 'x'.repeat(60000));
  const { connection } = alice.socket;
  connection.socket.pause();
  const before = residentMib();
  const call = JSON.stringify({ type: 1, invocationId: 'h', target: 'GetHistory', arguments: [roomId, null, 1] });
  const calls = Buffer.concat(Array(2000).fill(frame(OPCODE.text, `${call}\x1e`)));
  let taken = true;
  for (let i = 0; i < 100 && taken; i++) {
    taken = await pour(connection, calls);
  }
  assert.ok(!taken, 'all of it was read');
  assert.ok(residentMib() - before < 100, `${residentMib() - before} MiB`);
});

test('catching up with large messages does not make a reader slow', async () => {
  const alice = await here.raw(fresh('alice'));
  const name = fresh('bob');
  const first = await here.raw(name);
  const rooms = [];
  for (let r = 0; r < 4; r++) {
    const { roomId } = await alice.invoke('JoinRoom', fresh('room'));
    await first.invoke('JoinRoom', roomId);
    for (let i = 0; i < 40; i++) {
      await alice.invoke('SendMessage', roomId, '\u0001'.repeat(20000));
    }
    rooms.push(roomId);
  }
  await first.close();
  const bob = await here.raw(name);
  const answer = await bob.invoke('Sync', Object.fromEntries(rooms.map((room) => [room, 0])));
  for (const room of rooms) {
    assert.deepStrictEqual([answer[room].from, answer[room].to], [1, 40]);
    assert.deepStrictEqual(seqs(bob, room), range(1, 40));
  }
  await sleep(1200);
  assert.ok(!bob.dead, 'dropped for what it had asked for');
});

test('a page of large messages is shorter than asked for, and ends at the newest', async () => {
  const alice = await here.raw(fresh('alice'));
  const { roomId } = await alice.invoke('JoinRoom', fresh('room'));
  for (let i = 0; i < 60; i++) {
    await alice.invoke('SendMessage', roomId, 'x'.repeat(60000));
  }
  let before = null;
  const got = [];
  while (before !== 1) {
    const page = await alice.invoke('GetHistory', roomId, before, 200);
    assert.ok(page.length > 0 && page.length * 60000 < MIB, `${page.length} messages`);
    got.unshift(...page.map(({ seq }) => seq));
    before = page[0].seq;
  }
  assert.deepStrictEqual(got, range(1, 60));
  await sleep(1200);
  assert.ok(!alice.dead, 'dropped for what it had asked for');
});

async function controlPing(socket) {
  const connection = await RawConnection.connect(socket);
  const request = Buffer.from(JSON.stringify({ v: 1, id: 1, command: 'ping', args: {} }));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(request.length);
  connection.write(Buffer.concat([head, request]));
  await eventually(() => connection.buffer.includes('"pong":true'), { what: 'the control socket is silent' });
  connection.destroy();
}

test('descriptors used up: no spinning, who is connected goes on, the control socket answers', async () => {
  const small = new Chatd({ wrap: ['/bin/sh', '-c', 'ulimit -n 64; exec "$@"', 'sh'] });
  await small.start();
  here.later(() => small.exit || small.kill());
  const ticks = () => {
    const fields = fs.readFileSync(`/proc/${small.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return Number(fields[11]) + Number(fields[12]);
  };
  const alice = await RawHub.open(small.port, { user: 'alice' });
  await alice.invoke('JoinRoom', 'general');
  const greedy = await Promise.all(Array.from({ length: 100 }, () => RawConnection.connect(small.port)));
  await sleep(300);
  const before = ticks();
  await sleep(1000);
  assert.ok(ticks() - before < 30, `${ticks() - before} ticks of processor time in a second`);
  await controlPing(small.socket);
  assert.strictEqual((await alice.invoke('SendMessage', 'general', 'still here')).seq, 1);
  greedy.forEach((connection) => connection.destroy());
  const bob = await RawHub.open(small.port, { user: 'bob' });
  await bob.invoke('JoinRoom', 'general');
  bob.destroy();
  alice.destroy();
  await small.stop();
});
