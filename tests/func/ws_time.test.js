'use strict';
// Time on WebSockets, with short settings: pings are sent by the clock whatever else is sent, silence is that of whole
// hub messages, the handshake and the answer to a Close have their time, a drain asks to come again.

const assert = require('node:assert');
const { test } = require('node:test');
const { house, fresh } = require('./lib/people');
const { NO_RATES } = require('./lib/chatd');
const { RawWebSocket, OPCODE, RS, frame } = require('./lib/ws');
const { HANDSHAKE } = require('./lib/hub');
const { userToken } = require('./lib/token');
const { sleep } = require('./lib/util');

const KEEPALIVE_MS = 200;
const CLIENT_TIMEOUT_MS = 900;
const HANDSHAKE_MS = 600;
const CLOSE_MS = 400;
// A machine that is busy may be late, but nothing may be early.
const LATE_MS = 8000;
const here = house({
  settings: {
    ...NO_RATES,
    CHATD_HUB_KEEPALIVE: `${KEEPALIVE_MS}ms`,
    CHATD_HUB_CLIENT_TIMEOUT: `${CLIENT_TIMEOUT_MS}ms`,
    CHATD_HUB_HANDSHAKE_TIMEOUT: `${HANDSHAKE_MS}ms`,
    CHATD_HUB_CLOSE_TIMEOUT: `${CLOSE_MS}ms`,
  },
});

const PING = `{"type":6}${RS}`;
const isPing = ({ record }) => record === '{"type":6}';
const call = (id) => JSON.stringify({ type: 1, invocationId: id, target: 'None', arguments: [] }) + RS;
const CLOSED = '{"type":7,"error":"Connection closed with an error.","allowReconnect":true}';
const asText = (payload) => frame(OPCODE.text, payload);

const connect = (options) =>
  RawWebSocket.open(here.chatd.port, '/chathub', { token: userToken(fresh('time')), ...options });

async function shakeHands(options) {
  const socket = await connect(options);
  socket.sendRecord(HANDSHAKE);
  assert.deepStrictEqual(await socket.next(), { record: '{}' });
  return socket;
}

// Writes what next(count) gives, every so often, until the answer is called.
function beating(socket, next, every = 100) {
  let count = 0;
  const timer = setInterval(() => socket.connection.write(next(count++)), every);
  return () => clearInterval(timer);
}

// All that comes until the end, without pings: [how long it took, events].
async function untilEnd(socket) {
  const begun = Date.now();
  const events = [];
  do {
    events.push(await socket.next({ timeout: LATE_MS, keep: (event) => !isPing(event) && !event.pong }));
  } while (!events.at(-1).ended);
  return [Date.now() - begun, events];
}

function assertTook(took, atLeast) {
  assert.ok(took >= atLeast - 20 && took < LATE_MS, `${took} ms, not ${atLeast}`);
}

test('pings are sent by the time since the last ping, however much else is sent', async () => {
  const socket = await shakeHands();
  const stop = beating(socket, (count) => asText(call(`${count}`)), KEEPALIVE_MS / 5);
  const begun = Date.now();
  let pings = 0, answers = 0;
  while (pings < 6) {
    isPing(await socket.next()) ? pings++ : answers++;
  }
  const took = Date.now() - begun;
  stop();
  socket.destroy();
  assert.ok(answers > 5, `${answers} answers`);
  assertTook(took, 5 * KEEPALIVE_MS);
});

// What is no whole hub message.
const RECORD = call('x'.repeat(5000));
const EMPTY = {
  silence: null,
  'WebSocket pings': () => frame(OPCODE.ping, 'I live'),
  'WebSocket pongs': () => frame(OPCODE.pong, ''),
  'empty messages': () => asText(''),
  'empty fragments': (count) => frame(count === 0 ? OPCODE.text : OPCODE.continuation, '', { fin: false }),
};
const BYTES = {
  'bytes of one record in messages': (count) => asText(RECORD.slice(count * 5, count * 5 + 5)),
  'bytes of one record in fragments': (count) =>
    frame(count === 0 ? OPCODE.text : OPCODE.continuation, RECORD.slice(count, count + 1), { fin: false }),
  "bytes of a frame's header": (count) => frame(OPCODE.text, RECORD, { wide: true }).subarray(0, 10).subarray(count, count + 1),
};
const LIFE = {
  'hub pings': () => asText(PING),
  calls: (count) => asText(call(`${count}`)),
  'calls without id': () => asText(`{"type":1,"target":"None","arguments":[]}${RS}`),
  'records in one message that does not end': (count) =>
    frame(count === 0 ? OPCODE.text : OPCODE.continuation, PING, { fin: false }),
};

test('a client that has pinged once is timed out', { concurrency: 20 }, (t) => {
  const dies = Object.entries({ ...EMPTY, ...BYTES }).map(([what, next]) =>
    t.test(`in spite of ${what}`, async () => {
      const socket = await shakeHands();
      socket.connection.write(asText(PING));
      const stop = next ? beating(socket, next) : () => {};
      const [took, events] = await untilEnd(socket).finally(stop);
      socket.destroy();
      assertTook(took, CLIENT_TIMEOUT_MS);
      // Bytes of ours that cross the Close, amid a frame, may make a reset of the end.
      assert.deepStrictEqual(events.slice(0, 2), [{ record: CLOSED }, { close: 1000, reason: '' }]);
    }),
  );
  const lives = Object.entries(LIFE).map(([what, next]) =>
    t.test(`but for ${what}`, async () => {
      const socket = await shakeHands();
      socket.connection.write(asText(PING));
      const stop = beating(socket, next);
      await sleep(2.5 * CLIENT_TIMEOUT_MS);
      stop();
      const alive = socket.events.every(({ record }) => isPing({ record }) || /^\{"type":3/.test(record));
      socket.destroy();
      assert.ok(alive, JSON.stringify(socket.events));
    }),
  );
  const silent = t.test('but for one that never pings, which may be silent', async () => {
    const socket = await shakeHands();
    socket.send(call('a'));
    await sleep(2.5 * CLIENT_TIMEOUT_MS);
    socket.send(call('b'));
    await socket.next({ keep: ({ record }) => /"invocationId":"b"/.test(record) });
    socket.destroy();
  });
  return Promise.all([...dies, ...lives, silent]);
});

test('the handshake has its time', { concurrency: 20 }, (t) => {
  const trickle = JSON.stringify({ ...HANDSHAKE, pad: 'x'.repeat(5000) });
  const all = {
    ...EMPTY,
    'bytes of a handshake': (count) => asText(trickle.slice(count, count + 1)),
    'no more than all but its end': (count) => asText(count === 0 ? JSON.stringify(HANDSHAKE) : ''),
  };
  return Promise.all(
    Object.entries(all).map(([what, next]) =>
      t.test(`with ${what}`, async () => {
        const socket = await connect();
        const stop = next ? beating(socket, next) : () => {};
        const [took, events] = await untilEnd(socket).finally(stop);
        socket.destroy();
        assertTook(took, HANDSHAKE_MS - 100);
        assert.deepStrictEqual(events.slice(0, 2), [{ record: '{"error":"Handshake was canceled."}' }, { close: 1000, reason: '' }]);
      }),
    ),
  );
});

test('a Close that is not answered is waited for, however much is sent instead, then TCP is reset', async () => {
  const socket = await shakeHands({ answerClose: false });
  socket.send(`nonsense${RS}`);
  assert.deepStrictEqual(await socket.next(), { record: CLOSED });
  const stop = beating(socket, () => Buffer.concat([frame(OPCODE.ping, 'late'), asText(call('late'))]), 30);
  const [took, events] = await untilEnd(socket).finally(stop);
  socket.destroy();
  assertTook(took, CLOSE_MS - 50);
  assert.deepStrictEqual(events, [{ close: 1000, reason: '' }, { ended: 'reset' }]);
});

test('a drain sends each away with the wish that it come again', async () => {
  const shaken = await shakeHands();
  const inside = await shakeHands();
  const unshaken = await connect();
  inside.connection.write(frame(OPCODE.text, call('a').slice(0, 20), { fin: false }));
  await sleep(50);
  await here.chatd.ctl('-y', 'node', 'drain');
  const end = [{ close: 1000, reason: '' }, { ended: 'end' }];
  for (const socket of [shaken, inside]) {
    const [, [goodbye, ...rest]] = await untilEnd(socket);
    assert.deepStrictEqual(JSON.parse(goodbye.record), { type: 7, allowReconnect: true });
    assert.deepStrictEqual(rest, end);
  }
  // One that has shaken no hands has no hub Close, as there is no codec for it.
  assert.deepStrictEqual((await untilEnd(unshaken))[1], end);
  const { response } = await RawWebSocket.ask(here.chatd.port, '/chathub', { token: userToken(fresh('late')) });
  assert.strictEqual(response.status, 503);
  await here.chatd.ctl('node', 'undrain');
  (await shakeHands()).destroy();
});
