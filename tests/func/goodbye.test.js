'use strict';
// A client that says goodbye right behind its calls: it gets their answers, then the Close.

const assert = require('node:assert');
const { test } = require('node:test');
const { house, fresh } = require('./lib/people');
const { RawWebSocket, RS, frame, closeFrame, OPCODE } = require('./lib/ws');
const { HANDSHAKE } = require('./lib/hub');
const { userToken } = require('./lib/token');

const here = house();
const call = (id, target, ...args) => JSON.stringify({ type: 1, invocationId: String(id), target, arguments: args }) + RS;

async function opened(user) {
  const socket = await RawWebSocket.open(here.chatd.port, '/chathub', { token: userToken(user) });
  here.later(() => socket.destroy());
  socket.sendRecord(HANDSHAKE);
  assert.deepStrictEqual(await socket.next(), { record: '{}' });
  return socket;
}

test('calls and a Close in one segment are answered in order, then closed with 1000', async () => {
  const room = fresh('room');
  const socket = await opened(fresh('hasty'));
  socket.send(call('j', 'JoinRoom', room));
  await socket.next({ keep: ({ record }) => record?.includes('"invocationId":"j"') });
  const sends = Array.from({ length: 10 }, (_, i) => call(i, 'SendMessage', room, `m${i}`)).join('');
  socket.connection.write(Buffer.concat([frame(OPCODE.text, sends), closeFrame(1000)]));
  socket.closeSent = true;
  const answers = [];
  let closed;
  while (closed === undefined) {
    const event = await socket.next();
    if (event.record !== undefined) {
      const record = JSON.parse(event.record);
      assert.notStrictEqual(record.type, 7, 'a hub Close');
      if (record.type === 3) {
        answers.push([record.invocationId, record.result.seq]);
      }
    } else {
      closed = event;
    }
  }
  assert.deepStrictEqual(answers, Array.from({ length: 10 }, (_, i) => [String(i), i + 1]));
  assert.deepStrictEqual(closed, { close: 1000, reason: '' });
  assert.ok((await socket.next()).ended);
});

test('a goodbye with nothing under way is answered at once', async () => {
  const socket = await opened(fresh('calm'));
  socket.sendClose(1000);
  assert.deepStrictEqual(await socket.next(), { close: 1000, reason: '' });
  assert.ok((await socket.next()).ended);
});

test('one who says goodbye and vanishes leaves nothing behind', async () => {
  const room = fresh('room');
  for (let i = 0; i < 200; i++) {
    const socket = await opened(fresh('gone'));
    socket.connection.write(
      Buffer.concat([frame(OPCODE.text, call('j', 'JoinRoom', room) + call(1, 'SendMessage', room, 'x')), closeFrame(1000)]),
    );
    socket.destroy();
  }
  const stays = await here.raw(fresh('stays'));
  await stays.invoke('JoinRoom', room);
  const history = await stays.invoke('GetHistory', room, null, 200);
  assert.deepStrictEqual(history.map(({ seq }) => seq), history.map((_, i) => i + 1));
});
