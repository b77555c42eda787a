'use strict';
// Two people with the real client, from negotiation to the last word.

const assert = require('node:assert');
const { test } = require('node:test');
const { NO_RATES } = require('./lib/chatd');
const { house, fresh } = require('./lib/people');
const { codeOf } = require('./lib/hub');
const { userId, userToken } = require('./lib/token');
const { eventually, sleep } = require('./lib/util');

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const here = house({ settings: NO_RATES });

// Both in a new room: {alice, bob, room, aliceName, bobName}.
async function pair() {
  const aliceName = fresh('alice');
  const bobName = fresh('bob');
  const [alice, bob] = await Promise.all([here.real(aliceName), here.real(bobName)]);
  const alias = fresh('room');
  const { roomId } = await alice.invoke('JoinRoom', alias);
  await bob.invoke('JoinRoom', alias);
  return { alice, bob, aliceName, bobName, alias, room: roomId };
}

async function codeFrom(promise) {
  const error = await promise.then(
    () => assert.fail('it was not refused'),
    (e) => e,
  );
  return codeOf(error) || error.message;
}

test('JoinRoom makes an unknown alias a room and answers what is promised', async () => {
  const name = fresh('alice');
  const alice = await here.real(name);
  const result = await alice.invoke('JoinRoom', fresh('room'));
  assert.match(result.roomId, UUID);
  assert.match(result.epoch, /^[0-9a-f]{16}$/);
  const { roomId, epoch, ...rest } = result;
  assert.deepStrictEqual(rest, { lastSeq: 0, recovered: true, from: null, to: null, gap: null });
});

test('an alias folds to lower case, and the id names the same room', async () => {
  const alice = await here.real(fresh('alice'));
  const alias = fresh('room');
  const { roomId } = await alice.invoke('JoinRoom', alias);
  assert.strictEqual((await alice.invoke('JoinRoom', alias.toUpperCase())).roomId, roomId);
  assert.strictEqual((await alice.invoke('JoinRoom', roomId)).roomId, roomId);
});

test('UserJoined reaches the others, with the ids of user and room, once', async () => {
  const { alice, bob, bobName, room } = await pair();
  const [user, where] = await alice.hears('UserJoined');
  assert.deepStrictEqual([user, where], [userId(bobName), room]);
  await bob.invoke('JoinRoom', room);
  await bob.invoke('SendMessage', room, 'behind the second join');
  await alice.hears('ReceiveMessage');
  assert.strictEqual(alice.heard.UserJoined.length, 1, 'a join by a member is no news');
  assert.strictEqual(bob.heard.UserJoined.length, 0);
});

test('a user id that is a UUID is taken as it is, in lower case', async () => {
  const alice = await here.real(fresh('alice'));
  const { roomId } = await alice.invoke('JoinRoom', fresh('room'));
  const bob = await here.real('D3B07384-D9A0-4C9B-8F5E-1C2A3B4C5D6E');
  await bob.invoke('JoinRoom', roomId);
  assert.deepStrictEqual(await alice.hears('UserJoined'), ['d3b07384-d9a0-4c9b-8f5e-1c2a3b4c5d6e', roomId]);
});

test('SendMessage with two arguments reaches both, with every field', async () => {
  const { alice, bob, aliceName, room } = await pair();
  const sent = await alice.invoke('SendMessage', room, 'Grüße, 😀');
  assert.deepStrictEqual(Object.keys(sent).sort(), ['id', 'sentAt', 'seq']);
  assert.match(sent.id, UUID);
  assert.match(sent.sentAt, TIME);
  assert.strictEqual(sent.seq, 1);
  for (const one of [alice, bob]) {
    const [message] = await one.hears('ReceiveMessage');
    assert.deepStrictEqual(message, {
      id: sent.id,
      roomId: room,
      seq: 1,
      senderId: userId(aliceName),
      type: 'Text',
      refSeq: null,
      status: 'Sent',
      clientMessageId: null,
      sentAt: sent.sentAt,
      content: 'Grüße, 😀',
    });
  }
});

test('SendMessage with three arguments is idempotent by the client message id', async () => {
  const { alice, bob, room } = await pair();
  const first = await alice.invoke('SendMessage', room, 'once', 'id-1');
  const again = await alice.invoke('SendMessage', room, 'once', 'id-1');
  assert.deepStrictEqual(again, first);
  assert.strictEqual(await codeFrom(alice.invoke('SendMessage', room, 'other', 'id-1')), 'conflict');
  const other = await bob.invoke('SendMessage', room, "another sender's", 'id-1');
  assert.strictEqual(other.seq, 2);
  await alice.hears('ReceiveMessage', (message) => message.seq === 2);
  assert.deepStrictEqual(
    alice.heard.ReceiveMessage.map(([message]) => [message.seq, message.clientMessageId]),
    [
      [1, 'id-1'],
      [2, 'id-1'],
    ],
  );
});

test('a hundred sends with one id at once are one message', async () => {
  const { alice, room } = await pair();
  const results = await Promise.all(
    Array.from({ length: 100 }, () => alice.invoke('SendMessage', room, 'the same', 'one')),
  );
  assert.strictEqual(new Set(results.map((result) => JSON.stringify(result))).size, 1);
  assert.strictEqual((await alice.invoke('GetHistory', room, null, 200)).length, 1);
});

test('SendMessage takes an object: content, type, clientMessageId, attachment', async () => {
  const { alice, bob, room } = await pair();
  const attachment = { url: 'https://example.org/a.png', name: 'a.png', mediaType: 'image/png', size: 5 };
  await alice.invoke('SendMessage', room, { content: 'a picture', type: 'Image', clientMessageId: 'p', attachment });
  const [message] = await bob.hears('ReceiveMessage');
  assert.strictEqual(message.type, 'Image');
  assert.strictEqual(message.content, 'a picture');
  assert.strictEqual(message.clientMessageId, 'p');
  assert.deepStrictEqual(message.attachment, attachment);
});

test('messages come in order, without holes, to both, from two senders at once', async () => {
  const { alice, bob, room } = await pair();
  const sends = [];
  for (let i = 0; i < 100; i++) {
    sends.push(alice.invoke('SendMessage', room, `a${i}`), bob.invoke('SendMessage', room, `b${i}`));
  }
  const seqs = (await Promise.all(sends)).map(({ seq }) => seq);
  assert.deepStrictEqual([...seqs].sort((a, b) => a - b), Array.from({ length: 200 }, (_, i) => i + 1));
  for (const one of [alice, bob]) {
    await one.hears('ReceiveMessage', (message) => message.seq === 200);
    assert.deepStrictEqual(
      one.heard.ReceiveMessage.map(([message]) => message.seq),
      Array.from({ length: 200 }, (_, i) => i + 1),
    );
  }
  const texts = alice.heard.ReceiveMessage.map(([message]) => message.content);
  for (const letter of ['a', 'b']) {
    const mine = texts.filter((text) => text[0] === letter);
    assert.deepStrictEqual(mine, Array.from({ length: 100 }, (_, i) => `${letter}${i}`), "a sender's own order");
  }
});

test('GetHistory pages from the newest, newest last', async () => {
  const { alice, room } = await pair();
  for (let i = 1; i <= 60; i++) {
    await alice.invoke('SendMessage', room, `m${i}`);
  }
  const seqs = (messages) => messages.map(({ seq }) => seq);
  const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
  assert.deepStrictEqual(seqs(await alice.invoke('GetHistory', room, null, 10)), range(51, 60));
  assert.deepStrictEqual(seqs(await alice.invoke('GetHistory', room, 51, 10)), range(41, 50));
  assert.deepStrictEqual(seqs(await alice.invoke('GetHistory', room, 4, 10)), range(1, 3));
  assert.deepStrictEqual(await alice.invoke('GetHistory', room, 1, 10), []);
  assert.strictEqual((await alice.invoke('GetHistory', room, null, null)).length, 50);
  const [oldest] = await alice.invoke('GetHistory', room, 2, 1);
  assert.deepStrictEqual([oldest.content, oldest.type, oldest.roomId], ['m1', 'Text', room]);
});

test('LeaveRoom tells the others and ends delivery', async () => {
  const { alice, bob, bobName, room } = await pair();
  await bob.invoke('LeaveRoom', room);
  assert.deepStrictEqual(await alice.hears('UserLeft'), [userId(bobName), room]);
  await alice.invoke('SendMessage', room, 'behind his back');
  await alice.hears('ReceiveMessage');
  await sleep(200);
  assert.strictEqual(bob.heard.ReceiveMessage.length, 0);
  assert.strictEqual(await codeFrom(bob.invoke('SendMessage', room, 'still here')), 'not_a_member');
  await bob.invoke('JoinRoom', room);
  await bob.invoke('SendMessage', room, 'back');
  await alice.hears('ReceiveMessage', ({ content }) => content === 'back');
});

test('errors have stable codes and the text that a HubException has', async () => {
  const { alice, room } = await pair();
  const carol = await here.real(fresh('carol'));
  const error = await carol.invoke('SendMessage', room, 'x').catch((e) => e);
  assert.match(
    error.message,
    /^An unexpected error occurred invoking 'SendMessage' on the server\. HubException: not_a_member: ./,
  );
  assert.strictEqual(await codeFrom(carol.invoke('GetHistory', room, null, 5)), 'not_a_member');
  const nowhere = 'f3b07384-d9a0-4c9b-8f5e-1c2a3b4c5d6e';
  for (const [method, ...args] of [
    ['SendMessage', nowhere, 'x'],
    ['GetHistory', nowhere, null, 5],
    ['JoinRoom', nowhere],
    ['LeaveRoom', nowhere],
    ['SendMessage', 'never-made', 'x'],
  ]) {
    assert.strictEqual(await codeFrom(alice.invoke(method, ...args)), 'not_found', `${method} ${args[0]}`);
  }
  assert.strictEqual(await codeFrom(alice.invoke('JoinRoom', 'no good alias!')), 'bad_room');
  assert.strictEqual(await codeFrom(alice.invoke('SendMessage', room, '')), 'bad_content');
  assert.strictEqual(await codeFrom(alice.invoke('SendMessage', room, 'x'.repeat(64 * 1024 + 1))), 'bad_content');
  assert.strictEqual(await codeFrom(alice.invoke('SendMessage', room, 'a\u0000b')), 'bad_content');
  const longest = await alice.invoke('SendMessage', room, 'x'.repeat(64 * 1024));
  assert.strictEqual(longest.seq, 1);
  const tooLongId = await codeFrom(alice.invoke('SendMessage', room, 'x', 'i'.repeat(129)));
  assert.match(tooLongId, /^bad_/);
  assert.strictEqual((await alice.invoke('SendMessage', room, 'x', 'i'.repeat(128))).seq, 2);
});

test('skipNegotiation goes straight to the WebSocket', async () => {
  const alice = await here.real(fresh('alice'), { skipNegotiation: true });
  const { roomId } = await alice.invoke('JoinRoom', fresh('room'));
  assert.strictEqual((await alice.invoke('SendMessage', roomId, 'x')).seq, 1);
});

test('Sync catches up several rooms in one call', async () => {
  const { alice, room } = await pair();
  const other = (await alice.invoke('JoinRoom', fresh('room'))).roomId;
  const { epoch } = await alice.invoke('JoinRoom', room);
  for (let i = 0; i < 3; i++) {
    await alice.invoke('SendMessage', room, `r${i}`);
    await alice.invoke('SendMessage', other, `o${i}`);
  }
  const missing = 'f3b07384-d9a0-4c9b-8f5e-1c2a3b4c5d6e';
  const answer = await alice.invoke('Sync', { [room]: 3, [other]: { seq: 1, epoch }, [missing]: 0 });
  assert.deepStrictEqual(Object.keys(answer).sort(), [room, other, missing].sort());
  assert.strictEqual(answer[room].lastSeq, 3);
  assert.strictEqual(answer[room].recovered, true);
  assert.strictEqual(answer[other].lastSeq, 3);
  assert.strictEqual(answer[missing].recovered, false);
});

test('a lastSeq above the head, or of another epoch, is not recovered', async () => {
  const { alice, room } = await pair();
  await alice.invoke('SendMessage', room, 'x');
  assert.strictEqual((await alice.invoke('JoinRoom', room, 99)).recovered, false);
  assert.strictEqual((await alice.invoke('JoinRoom', room, 1, '0123456789abcdef')).recovered, false);
  assert.strictEqual((await alice.invoke('JoinRoom', room, 1)).recovered, true);
});

test('RefreshToken lengthens the connection, for the same user only', async () => {
  const name = fresh('alice');
  const alice = await here.real(name, { token: () => userToken(name, { ttl: 3 }) });
  await alice.invoke('RefreshToken', userToken(name, { ttl: 600 }));
  assert.match(await codeFrom(alice.invoke('RefreshToken', userToken(fresh('eve')))), /^(forbidden|unauthorized)$/);
  assert.strictEqual(await codeFrom(alice.invoke('RefreshToken', 'nonsense')), 'unauthorized');
  await sleep(10000);
  assert.match((await alice.invoke('JoinRoom', fresh('room'))).roomId, UUID);
});

test('a token that runs out ends the connection', async () => {
  const name = fresh('alice');
  const alice = await here.raw(name, { token: userToken(name, { ttl: 1 }) });
  const begun = Date.now();
  await eventually(() => alice.dead, { timeout: 15000, what: 'the connection outlives its token' });
  assert.ok(Date.now() - begun > 500, 'it lived as long as the token');
  assert.strictEqual(alice.closeMessage.type, 7);
  assert.strictEqual(alice.closeMessage.allowReconnect, true);
});

test('an invocation without an id is served and never answered', async () => {
  const { alice, bob, room } = await pair();
  await alice.send('SendMessage', room, 'no answer wanted');
  const [message] = await bob.hears('ReceiveMessage');
  assert.strictEqual(message.content, 'no answer wanted');
});

test('method names compare without regard to case', async () => {
  const { alice, room } = await pair();
  assert.strictEqual((await alice.invoke('sendmessage', room, 'x')).seq, 1);
});
