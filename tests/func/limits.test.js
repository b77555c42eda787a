'use strict';
// What peers do that are slow, silent, greedy or gone: each is bounded, and the others do not notice.

const assert = require('node:assert');
const fs = require('node:fs');
const { test } = require('node:test');
const { NO_RATES } = require('./lib/chatd');
const { house, fresh } = require('./lib/people');
const { RawConnection, requestBytes, request } = require('./lib/http');
const { RawWebSocket } = require('./lib/ws');
const { RawHub, HANDSHAKE } = require('./lib/hub');
const { userToken } = require('./lib/token');
const { eventually, sleep } = require('./lib/util');

const here = house({
  settings: {
    ...NO_RATES,
    CHATD_METRICS_LISTEN: '127.0.0.1:0',
    CHATD_LIMITS_SEND_QUEUE: '64KiB',
    CHATD_LIMITS_SEND_STALL: '2s',
    CHATD_LIMITS_HEADER_TIMEOUT: '1s',
    CHATD_HUB_HANDSHAKE_TIMEOUT: '1s',
    CHATD_HUB_KEEPALIVE: '1s',
    CHATD_HUB_CLIENT_TIMEOUT: '2s',
    CHATD_HUB_CLOSE_TIMEOUT: '500ms',
  },
});
const { chatd } = here;

const openFiles = () => fs.readdirSync(`/proc/${chatd.pid}/fd`).length;
// Descriptors of the daemon before anybody came, and what it may open of its own since.
let idle;
const OWN = 8;
const noneLeft = () =>
  eventually(() => openFiles() <= idle + OWN, { what: () => `${openFiles()} descriptors, ${idle} when idle` });

async function expectClosed(connection, { from = 0, to, what }) {
  const begun = Date.now();
  await connection.endOfStream(to + 1000);
  const took = Date.now() - begun;
  assert.ok(took >= from && took <= to, `${what}: closed after ${took} ms, not ${from} to ${to}`);
}

test('a reader that stops reading is closed, and the others do not notice', async () => {
  idle = openFiles();
  const alice = await here.raw(fresh('alice'));
  const lazy = await here.raw(fresh('lazy'));
  const quick = await here.raw(fresh('quick'));
  // Pings keep all three alive; the lazy one goes on sending them and stops reading.
  const beat = setInterval(() => [alice, lazy, quick].forEach((hub) => hub.socket.sendRecord({ type: 6 })), 300);
  here.later(() => clearInterval(beat));
  const alias = fresh('room');
  const { roomId } = await alice.invoke('JoinRoom', alias);
  await lazy.invoke('JoinRoom', alias);
  await quick.invoke('JoinRoom', alias);
  lazy.socket.connection.socket.pause();
  const content = 'x'.repeat(32 * 1024);
  let sent = 0;
  for (let behind = 0; behind < 50 && sent < 3000; sent++) {
    await alice.invoke('SendMessage', roomId, content);
    behind += /slow/i.test(chatd.log) ? 1 : 0;
  }
  await chatd.logged(/slow client dropped.*limit=send_queue/);
  assert.strictEqual(await chatd.metric('slow_clients_dropped_total'), 1);
  assert.strictEqual(await chatd.metric('send_memory_dropped_total'), 0);
  await quick.heard('ReceiveMessage', (message) => message.seq === sent);
  assert.strictEqual(quick.messages().length, sent);
  lazy.socket.connection.socket.resume();
  await eventually(() => lazy.dead, { what: 'the lazy reader is still connected' });
  const got = lazy.messages().map(({ seq }) => seq);
  assert.deepStrictEqual(got, Array.from({ length: got.length }, (_, i) => i + 1), 'closed, not skipped');
  assert.ok(got.length < sent, `it got all ${sent}`);
});

test('a request head that does not end is closed within header_timeout', async () => {
  const connection = await RawConnection.connect(chatd.port);
  connection.write('GET /chathub HTTP/1.1\r\nHost: x\r\n');
  await expectClosed(connection, { from: 500, to: 4000, what: 'half a head' });
  connection.destroy();
});

test('a connection that says nothing is closed within header_timeout', async () => {
  const connection = await RawConnection.connect(chatd.port);
  await expectClosed(connection, { from: 500, to: 4000, what: 'silence' });
  connection.destroy();
});

test('a head that trickles in is closed all the same', async () => {
  const connection = await RawConnection.connect(chatd.port);
  connection.write('GET /chathub HTTP/1.1\r\n');
  const timer = setInterval(() => connection.write('X-A: b\r\n'), 100);
  await expectClosed(connection, { from: 500, to: 4000, what: 'a trickle' }).finally(() => clearInterval(timer));
  connection.destroy();
});

test('a flood of headers is refused', async () => {
  const many = {};
  for (let i = 0; i < 5000; i++) {
    many[`X-Header-${i}`] = 'v';
  }
  const refused = async (options) => {
    const response = await request(chatd.port, 'GET', '/chathub', { token: userToken('alice'), ...options });
    assert.ok([400, 431].includes(response.status), `answered ${response.status}`);
  };
  await refused({ headers: many });
  await refused({ headers: { 'X-Long': 'v'.repeat(1024 * 1024) } }).catch((error) => {
    // Closed in the middle of the flood: the answer may be lost with it.
    assert.match(error.message, /ended/);
  });
  const target = `/chathub?x=${'y'.repeat(100000)}`;
  const response = await request(chatd.port, 'GET', target, { token: userToken('alice') }).catch(() => ({ status: 414 }));
  assert.ok([400, 414, 431].includes(response.status), `a long target: ${response.status}`);
});

test('a body that is too large is refused', async () => {
  const connection = await RawConnection.connect(chatd.port);
  connection.write(
    requestBytes('POST', '/chathub/negotiate?negotiateVersion=1', {
      token: userToken('alice'),
      headers: { 'Content-Length': '99999999999' },
    }),
  );
  const response = await connection.readResponse();
  assert.ok([200, 413].includes(response.status), `answered ${response.status}`);
  // 200 is the answer to negotiate, which reads no body; then the connection must end, for nobody will read it.
  await connection.endOfStream(5000);
  connection.destroy();
});

test('a missing handshake ends the connection', async () => {
  const socket = await RawWebSocket.open(chatd.port, '/chathub', { token: userToken('alice') });
  const begun = Date.now();
  assert.strictEqual((await socket.next()).record, '{"error":"Handshake was canceled."}');
  assert.deepStrictEqual(await socket.next(), { close: 1000, reason: '' });
  assert.ok(Date.now() - begun < 4000);
  socket.destroy();
});

test('a handshake that trickles in does not last for ever', async () => {
  const socket = await RawWebSocket.open(chatd.port, '/chathub', { token: userToken('alice') });
  const timer = setInterval(() => socket.send(' '), 100);
  const answer = await socket.next().finally(() => clearInterval(timer));
  assert.strictEqual(answer.record, '{"error":"Handshake was canceled."}');
  socket.destroy();
});

test('a silent peer is closed, and its descriptor with it', async () => {
  const hubs = await Promise.all(Array.from({ length: 20 }, () => here.raw(fresh('silent'))));
  hubs.forEach((hub) => hub.socket.sendRecord({ type: 6 }));
  await sleep(100);
  assert.ok(openFiles() >= idle + 20);
  await eventually(() => hubs.every((hub) => hub.dead), { what: 'silent peers live on' });
  assert.ok(hubs.every((hub) => hub.closeMessage && hub.closeMessage.allowReconnect));
  await noneLeft();
});

test('a peer that never answers the Close is dropped after close_timeout', async () => {
  const socket = await RawWebSocket.open(chatd.port, '/chathub', { token: userToken('alice'), answerClose: false });
  socket.sendRecord(HANDSHAKE);
  await socket.next();
  socket.sendRecord('nonsense');
  await socket.next({ keep: (event) => event.close !== undefined });
  await expectClosed(socket.connection, { to: 4000, what: 'an unanswered Close' });
  socket.destroy();
});

test('a thousand connections that vanish leave nothing behind', async () => {
  for (let round = 0; round < 20; round++) {
    const hubs = await Promise.all(Array.from({ length: 50 }, () => RawHub.open(chatd.port, { user: 'ghost' })));
    hubs.forEach((hub, i) => hub.destroy({ reset: i % 2 === 0 }));
  }
  await noneLeft();
  const counted = async () => JSON.parse(await chatd.ctl('-o', 'json', 'status')).connections;
  await eventually(async () => (await counted()) === 0, { what: 'connections are still counted' });
});

test('a hub message above the limit ends the connection, one at the limit does not', async () => {
  const alice = await here.raw(fresh('alice'));
  const record = (size) => {
    const empty = JSON.stringify({ type: 1, invocationId: 'x', target: 'None', arguments: [''] }).length + 1;
    return { type: 1, invocationId: 'x', target: 'None', arguments: ['x'.repeat(size - empty)] };
  };
  const answer = new Promise((resolve, reject) => alice.calls.set('x', { resolve, reject }));
  alice.socket.sendRecord(record(128 * 1024));
  await assert.rejects(answer, /Method does not exist/);
  alice.socket.sendRecord(record(128 * 1024 + 1));
  await eventually(() => alice.dead);
  assert.deepStrictEqual(alice.closeMessage, {
    type: 7,
    error: 'Connection closed with an error.',
    allowReconnect: true,
  });
});
