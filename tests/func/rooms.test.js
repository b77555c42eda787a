'use strict';
// Membership over connections: rooms restored at connect, catching up, several devices, several rooms on two workers,
// and clients that come back after a restart of the daemon.

const assert = require('node:assert');
const { test } = require('node:test');
const { house, fresh } = require('./lib/people');
const { startChatd, steadyPort, NO_RATES } = require('./lib/chatd');
const { RawHub, realClient } = require('./lib/hub');
const { Sender, Reader } = require('./lib/retrying');
const { userId } = require('./lib/token');
const { eventually, sleep } = require('./lib/util');

const here = house({ settings: NO_RATES });
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const seqs = (hub) => hub.messages().map(({ seq }) => seq);

async function roomOf(...hubs) {
  const alias = fresh('room');
  let roomId;
  for (const hub of hubs) {
    ({ roomId } = await hub.invoke('JoinRoom', alias));
  }
  return roomId;
}

test('rooms are restored at connect: messages come without a new JoinRoom', async () => {
  const [aliceName, bobName] = [fresh('alice'), fresh('bob')];
  const alice = await here.raw(aliceName);
  const room = await roomOf(alice, await here.raw(bobName));
  const again = await here.raw(bobName);
  await sleep(1300);
  await alice.invoke('SendMessage', room, 'to the new connection');
  const [message] = await again.heard('ReceiveMessage');
  assert.strictEqual(message.seq, 1);
  assert.strictEqual((await again.invoke('SendMessage', room, 'back')).seq, 2);
});

test('a restored room is held: JoinRoom with lastSeq within a second gets what was missed first', async () => {
  const bobName = fresh('bob');
  const alice = await here.raw(fresh('alice'));
  const first = await here.raw(bobName);
  const room = await roomOf(alice, first);
  for (let i = 0; i < 5; i++) {
    await alice.invoke('SendMessage', room, `m${i}`);
  }
  await first.close();
  for (let i = 5; i < 8; i++) {
    await alice.invoke('SendMessage', room, `m${i}`);
  }
  const bob = await here.raw(bobName);
  await alice.invoke('SendMessage', room, 'while it is held');
  assert.deepStrictEqual(seqs(bob), []);
  const result = await bob.invoke('JoinRoom', room, 5);
  assert.strictEqual(result.recovered, true);
  assert.strictEqual(result.gap, null);
  await eventually(() => seqs(bob).length === 4);
  assert.deepStrictEqual(seqs(bob), range(6, 9));
  await alice.invoke('SendMessage', room, 'live');
  await bob.heard('ReceiveMessage', (message) => message.seq === 10);
  assert.deepStrictEqual(seqs(bob), range(6, 10));
});

test('what JoinRoom owes comes before its answer', async () => {
  const bobName = fresh('bob');
  const alice = await here.raw(fresh('alice'));
  const first = await here.raw(bobName);
  const room = await roomOf(alice, first);
  await first.close();
  for (let i = 0; i < 250; i++) {
    await alice.invoke('SendMessage', room, `m${i}`);
  }
  const bob = await here.raw(bobName);
  const result = await bob.invoke('JoinRoom', room, 0);
  assert.deepStrictEqual(seqs(bob), range(1, 250), 'all of it is here when the answer is');
  assert.deepStrictEqual([result.from, result.to, result.lastSeq], [1, 250, 250]);
});

test('who is removed from a restored room that is held is told so, and hears nothing of it', async () => {
  const bobName = fresh('bob');
  const alice = await here.raw(fresh('alice'));
  const room = await roomOf(alice, await here.raw(bobName));
  for (const remove of [
    () => here.chatd.ctl('room', 'remove', room, bobName),
    (bob) => bob.invoke('LeaveRoom', room),
  ]) {
    await alice.invoke('SendMessage', room, 'before');
    const [bob, other] = [await here.raw(bobName), await here.raw(bobName)];
    await remove(bob);
    await alice.invoke('SendMessage', room, 'behind it');
    await other.heard('UserLeft', (user, where) => user === userId(bobName) && where === room);
    await sleep(1300);
    assert.deepStrictEqual([...bob.messages(), ...other.messages()], []);
    assert.strictEqual(other.received.filter(({ target }) => target === 'UserLeft').length, 1);
    const again = await here.raw(bobName);
    await again.invoke('JoinRoom', room);
  }
});

test('a restored room that nobody names goes live by itself after a second', async () => {
  const bobName = fresh('bob');
  const alice = await here.raw(fresh('alice'));
  const first = await here.raw(bobName);
  const room = await roomOf(alice, first);
  await alice.invoke('SendMessage', room, 'seen before');
  await first.close();
  await alice.invoke('SendMessage', room, 'missed, and not asked for');
  const bob = await here.raw(bobName);
  const begun = Date.now();
  await alice.invoke('SendMessage', room, 'held');
  await bob.heard('ReceiveMessage');
  assert.ok(Date.now() - begun > 500, 'it was held');
  assert.deepStrictEqual(seqs(bob), [3], 'only what came since the connection');
});

test('a later JoinRoom with a number sends older messages, and none twice', async () => {
  const bobName = fresh('bob');
  const alice = await here.raw(fresh('alice'));
  const first = await here.raw(bobName);
  const room = await roomOf(alice, first);
  await first.close();
  for (let i = 0; i < 4; i++) {
    await alice.invoke('SendMessage', room, `m${i}`);
  }
  const bob = await here.raw(bobName);
  await bob.invoke('JoinRoom', room);
  await alice.invoke('SendMessage', room, 'live');
  await bob.heard('ReceiveMessage');
  await bob.invoke('JoinRoom', room, 1);
  assert.deepStrictEqual(seqs(bob), [5, 2, 3, 4]);
  await bob.invoke('JoinRoom', room, 1);
  assert.deepStrictEqual(seqs(bob), [5, 2, 3, 4], 'nothing comes twice on one connection');
});

test('above recover_max the gap is told, and live messages go on', async () => {
  const chatd = await startChatd({ settings: { CHATD_HUB_RECOVER_MAX: 10 } });
  here.later(() => chatd.kill());
  const alice = await RawHub.open(chatd.port, { user: 'alice' });
  const room = await roomOf(alice, await RawHub.open(chatd.port, { user: 'bob' }));
  for (let i = 0; i < 20; i++) {
    await alice.invoke('SendMessage', room, `m${i}`);
  }
  const bob = await RawHub.open(chatd.port, { user: 'bob' });
  const result = await bob.invoke('JoinRoom', room, 3);
  assert.strictEqual(result.recovered, false);
  assert.deepStrictEqual(result.gap, { from: 4, to: 20 });
  await alice.invoke('SendMessage', room, 'live');
  await bob.heard('ReceiveMessage', (message) => message.seq === 21);
  assert.deepStrictEqual(seqs(bob), [21]);
  assert.strictEqual((await bob.invoke('JoinRoom', room, 15)).recovered, true);
  [alice, bob].forEach((hub) => hub.destroy());
  await chatd.stop();
});

test('a user joins and leaves on all devices at once', async () => {
  const [aliceName, bobName] = [fresh('alice'), fresh('bob')];
  const alice = await here.raw(aliceName);
  const devices = await Promise.all(Array.from({ length: 4 }, () => here.raw(bobName)));
  const room = await roomOf(alice, devices[0]);
  for (const device of devices.slice(1)) {
    await device.heard('UserJoined', (user, where) => user === userId(bobName) && where === room);
  }
  await alice.invoke('SendMessage', room, 'for all devices');
  for (const device of devices) {
    const [message] = await device.heard('ReceiveMessage');
    assert.strictEqual(message.content, 'for all devices');
  }
  await devices[3].invoke('LeaveRoom', room);
  await alice.heard('UserLeft');
  await alice.invoke('SendMessage', room, 'behind the leave');
  await alice.heard('ReceiveMessage', (message) => message.seq === 2);
  await sleep(200);
  for (const device of devices) {
    assert.deepStrictEqual(seqs(device), [1]);
  }
});

test("the sender's other connections get the message too, each once", async () => {
  const name = fresh('alice');
  const devices = await Promise.all(Array.from({ length: 3 }, () => here.raw(name)));
  const room = await roomOf(devices[0]);
  for (const device of devices.slice(1)) {
    await device.heard('UserJoined');
  }
  for (let i = 0; i < 30; i++) {
    await devices[i % 3].invoke('SendMessage', room, `m${i}`);
  }
  for (const device of devices) {
    await device.heard('ReceiveMessage', (message) => message.seq === 30);
    assert.deepStrictEqual(seqs(device), range(1, 30));
  }
});

test('twenty rooms and ten people over two workers: each gets all, in order, nothing else', async () => {
  const people = await Promise.all(Array.from({ length: 10 }, () => here.raw(fresh('person'))));
  const rooms = [];
  for (let r = 0; r < 20; r++) {
    rooms.push(await roomOf(...people.filter((_, p) => (p + r) % 2 === 0)));
  }
  const sends = [];
  for (let i = 0; i < 20; i++) {
    rooms.forEach((room, r) => {
      const members = people.filter((_, p) => (p + r) % 2 === 0);
      sends.push(members[i % members.length].invoke('SendMessage', room, `${r}:${i}`));
    });
  }
  await Promise.all(sends);
  for (const [p, person] of people.entries()) {
    await eventually(() => seqs(person).length >= 200, { what: () => `${p} got ${seqs(person).length}` });
    rooms.forEach((room, r) => {
      const got = person.messages().filter((message) => message.roomId === room);
      assert.deepStrictEqual(got.map(({ seq }) => seq), (p + r) % 2 === 0 ? range(1, 20) : []);
      assert.ok(got.every(({ content }) => content.startsWith(`${r}:`)));
    });
  }
});

test('people who come while others go: nobody is dropped for having just joined', async () => {
  const alias = fresh('room');
  let visits = 0;
  const visit = async () => {
    while (visits < 300) {
      const person = await here.raw(fresh(`visitor-${++visits}`));
      await person.invoke('JoinRoom', alias, 0);
      const { seq } = await person.invoke('SendMessage', alias, 'here');
      await person.heard('ReceiveMessage', (message) => message.seq === seq);
      const got = seqs(person);
      assert.deepStrictEqual(got, range(1, got.length));
      person.destroy();
    }
  };
  await Promise.all(Array.from({ length: 20 }, visit));
});

test('readers who come back again and again under load miss nothing and get nothing twice', async () => {
  const first = await here.raw(fresh('first'));
  const place = await first.invoke('JoinRoom', fresh('room'));
  const { port } = here.chatd;
  const senders = range(1, 4).map(() => new Sender(port, fresh('sender'), place.roomId));
  const readers = range(1, 8).map(() => new Reader(port, fresh('reader'), place.roomId));
  here.later(() => [...senders, ...readers].forEach((one) => one.stop()));
  readers.forEach((reader) => (reader.epoch = place.epoch));
  const work = [...senders, ...readers].map((one) => one.run());
  for (let i = 0; i < 300; i++) {
    await sleep(10);
    readers[i % readers.length].drop();
  }
  senders.forEach((sender) => sender.finish());
  await Promise.all(work.slice(0, senders.length));
  const { lastSeq } = await first.invoke('JoinRoom', place.roomId);
  await eventually(() => readers.every((reader) => reader.lastSeq === lastSeq), {
    what: () => `readers are at ${readers.map((reader) => reader.lastSeq)} of ${lastSeq}`,
  });
  [...senders, ...readers].forEach((one) => one.stop());
  await Promise.all(work);
  readers.forEach((reader) => assert.deepStrictEqual(reader.faults, []));
});

test('a stranger hears nothing of a room', async () => {
  const alice = await here.raw(fresh('alice'));
  const eve = await here.raw(fresh('eve'));
  const room = await roomOf(alice, await here.raw(fresh('bob')));
  await alice.invoke('SendMessage', room, 'not for eve');
  await alice.heard('ReceiveMessage');
  await sleep(200);
  assert.deepStrictEqual(eve.received, []);
});

test('withAutomaticReconnect over a restart: nothing lost, nothing doubled', async () => {
  const chatd = await startChatd({ port: await steadyPort() });
  here.later(() => chatd.exit || chatd.kill());
  const reader = realClient(chatd.url, { user: 'reader', reconnect: Array(100).fill(50) });
  const seen = [];
  let place;
  reader.on('ReceiveMessage', (message) => seen.push(message.seq));
  reader.onreconnected(async () => {
    await reader.invoke('JoinRoom', place.roomId, seen.length ? seen[seen.length - 1] : 0, place.epoch);
  });
  await reader.start();
  place = await reader.invoke('JoinRoom', fresh('room'));
  const sender = await RawHub.open(chatd.port, { user: 'sender' });
  await sender.invoke('JoinRoom', place.roomId);
  for (let i = 0; i < 20; i++) {
    await sender.invoke('SendMessage', place.roomId, `before ${i}`);
  }
  await eventually(() => seen.length === 20);
  await chatd.stop({ keepDir: true });
  await chatd.restart();
  const back = await RawHub.open(chatd.port, { user: 'sender' });
  for (let i = 0; i < 20; i++) {
    await back.invoke('SendMessage', place.roomId, `after ${i}`, `after-${i}`);
  }
  await eventually(() => seen.length >= 40, { timeout: 20000, what: () => `seen ${seen}` });
  await sleep(200);
  assert.deepStrictEqual(seen, range(1, 40));
  await reader.stop();
  back.destroy();
  await chatd.stop();
});

test('SIGTERM closes with allowReconnect, and every send that was acknowledged is there', async () => {
  const chatd = await startChatd({ port: await steadyPort(), settings: NO_RATES });
  here.later(() => chatd.exit || chatd.kill());
  const hubs = await Promise.all(Array.from({ length: 20 }, (_, i) => RawHub.open(chatd.port, { user: `u${i}` })));
  const room = await roomOf(...hubs);
  const acknowledged = new Set();
  let running = true;
  const senders = hubs.map(async (hub, h) => {
    for (let i = 0; running; i++) {
      const result = await hub.invoke('SendMessage', room, `${h}-${i}`).catch(() => null);
      if (result === null) {
        return;
      }
      acknowledged.add(result.seq);
    }
  });
  await eventually(() => acknowledged.size > 100);
  await chatd.stop({ keepDir: true });
  running = false;
  await Promise.all(senders);
  for (const hub of hubs) {
    assert.deepStrictEqual(hub.closeMessage, { type: 7, allowReconnect: true });
    assert.strictEqual(hub.socket.closed.close, 1000);
  }
  await chatd.restart();
  const reader = await RawHub.open(chatd.port, { user: 'u0' });
  const { lastSeq } = await reader.invoke('JoinRoom', room);
  assert.ok(lastSeq >= Math.max(...acknowledged), `${lastSeq} of ${Math.max(...acknowledged)} acknowledged`);
  reader.destroy();
  await chatd.stop();
});
