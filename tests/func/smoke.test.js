'use strict';
// The short way through everything that crosses threads; run under the thread sanitizer too.

const assert = require('node:assert');
const { test } = require('node:test');
const { house, fresh } = require('./lib/people');
const { eventually } = require('./lib/util');

const here = house({ settings: { CHATD_SERVER_WORKERS: 3 } });
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test('two people talk with the real client', async () => {
  const [alice, bob] = await Promise.all([here.real(fresh('alice')), here.real(fresh('bob'))]);
  const { roomId } = await alice.invoke('JoinRoom', fresh('room'));
  await bob.invoke('JoinRoom', roomId);
  await alice.hears('UserJoined');
  const { seq } = await alice.invoke('SendMessage', roomId, 'hello', 'id');
  assert.strictEqual(seq, 1);
  assert.strictEqual((await bob.hears('ReceiveMessage'))[0].content, 'hello');
  assert.strictEqual((await bob.invoke('GetHistory', roomId, null, 10)).length, 1);
  await bob.invoke('LeaveRoom', roomId);
  await alice.hears('UserLeft');
});

test('people come, talk and go on all workers at once', async () => {
  const aliases = [fresh('room'), fresh('room'), fresh('room')];
  const steady = await here.raw(fresh('steady'));
  const rooms = await Promise.all(aliases.map(async (alias) => (await steady.invoke('JoinRoom', alias)).roomId));
  let sent = 0;
  const visit = async () => {
    const hub = await here.raw(fresh('visitor'), { negotiated: true });
    for (const room of rooms) {
      await hub.invoke('JoinRoom', room, 0);
      await hub.invoke('SendMessage', room, 'one');
      sent++;
    }
    hub.invoke('SendMessage', rooms[0], 'and gone').catch(() => {});
    hub.destroy({ reset: Math.random() < 0.5 });
  };
  for (let round = 0; round < 5; round++) {
    await Promise.all(Array.from({ length: 12 }, visit));
  }
  assert.strictEqual(sent, 5 * 12 * 3);
  for (const room of rooms) {
    const { lastSeq } = await steady.invoke('JoinRoom', room);
    const got = () => steady.messages().filter((message) => message.roomId === room).map(({ seq }) => seq);
    await eventually(() => got().length >= lastSeq, { what: () => `${got().length} of ${lastSeq}` });
    assert.ok(lastSeq >= 60);
    assert.deepStrictEqual(got().slice(0, lastSeq), range(1, lastSeq));
  }
});

test('the control socket answers meanwhile', async () => {
  const status = JSON.parse(await here.chatd.ctl('-o', 'json', 'status'));
  assert.strictEqual(status.workers, 3);
});
