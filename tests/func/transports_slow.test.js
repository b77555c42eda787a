'use strict';
// Events and polls of peers that are slow, greedy or silent: each is bounded, and the others do not notice.

const assert = require('node:assert');
const fs = require('node:fs');
const { test } = require('node:test');
const { Chatd, NO_RATES } = require('./lib/chatd');
const { house, fresh } = require('./lib/people');
const { RawConnection, requestBytes } = require('./lib/http');
const { RS } = require('./lib/ws');
const { RawHub } = require('./lib/hub');
const { RawEvents } = require('./lib/sse');
const { RawPoll, RawSse, RawLine, recordsOf, idOn } = require('./lib/poll');
const { userToken } = require('./lib/token');
const { eventually } = require('./lib/util');

const here = house({
  settings: {
    ...NO_RATES,
    CHATD_SERVER_WORKERS: 4,
    CHATD_LIMITS_SEND_QUEUE: '64KiB',
    CHATD_LIMITS_SEND_STALL: '2s',
    CHATD_LIMITS_CONNECT_TIMEOUT: '3s',
  },
});
const { chatd } = here;
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const residentMib = (daemon) =>
  Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))[1]) / 1024;
const seqs = (line) => line.messages().map(({ seq }) => seq);

const poller = (user = fresh('poller')) => RawPoll.open(chatd.port, { user });
const streamer = async (user = fresh('streamer')) => {
  const line = await RawSse.open(chatd.port, { user });
  here.later(() => line.destroy());
  return line;
};

test('events and polls that nobody reads: closed as slow, memory bounded, the others get everything', async () => {
  const quick = [await here.raw(fresh('quick')), await streamer(), await poller()];
  const { roomId } = await quick[0].invoke('JoinRoom', fresh('room'));
  const lazy = await Promise.all(range(1, 40).map((n) => (n <= 20 ? streamer() : poller())));
  await Promise.all([...quick, ...lazy].map((line) => line.invoke('JoinRoom', roomId)));
  lazy.forEach((line) => line.stream && line.stream.connection.socket.pause());
  const slow = () => (chatd.log.match(/slow client dropped/g) || []).length;
  const before = { memory: residentMib(chatd), slow: slow() };
  const readers = quick.slice(1).map(async (line) => {
    while (line.messages().length < 1 || line.messages().at(-1).content !== 'the last') {
      await line.fetch({ timeout: 20000 });
    }
  });
  let sent = 0;
  // Loopback holds much of what an event reader does not take.
  while (slow() - before.slow < lazy.length && sent < 600) {
    await quick[0].invoke('SendMessage', roomId, 'x'.repeat(30000));
    sent++;
    await eventually(() => quick.every((line) => line.messages().length >= sent), { every: 2 });
  }
  assert.strictEqual(slow() - before.slow, lazy.length);
  assert.ok(residentMib(chatd) - before.memory < 120, `${residentMib(chatd) - before.memory} MiB`);
  await quick[0].invoke('SendMessage', roomId, 'the last');
  await Promise.all(readers);
  await quick[0].heard('ReceiveMessage', (message) => message.seq === sent + 1);
  quick.forEach((line) => assert.deepStrictEqual(seqs(line), range(1, sent + 1)));
  const polled = lazy[20];
  await polled.fetch().then(() => polled.fetch(), () => {}).catch(() => {});
  assert.deepStrictEqual(seqs(polled), range(1, seqs(polled).length), 'closed, not skipped');
});

test('an answer to a poll that nobody reads is given up, and the connection with it', async () => {
  const daemon = await new Chatd({ settings: { ...NO_RATES, CHATD_LIMITS_SEND_STALL: '1s' } }).start();
  here.later(() => daemon.exit || daemon.kill());
  const line = await RawPoll.open(daemon.port, { user: 'lazy' });
  const { roomId } = await line.invoke('JoinRoom', 'general');
  const sender = await RawHub.open(daemon.port, { user: 'sender' });
  await sender.invoke('JoinRoom', roomId);
  for (let i = 0; i < 14; i++) {
    await sender.invoke('SendMessage', roomId, 'x'.repeat(60000));
  }
  const connection = await RawConnection.connect(daemon.port);
  connection.socket.pause();
  connection.write(line.bytes('GET'));
  const gone = async () => {
    const { body, status } = await line.post(`{"type":6}${RS}`);
    return status === 404 && body === 'No Connection with that ID';
  };
  await eventually(gone, { timeout: 10000, every: 100, what: 'the connection is still there' });
  connection.destroy();
  const again = await RawPoll.open(daemon.port, { user: 'lazy' });
  assert.strictEqual((await again.invoke('JoinRoom', roomId, 0)).lastSeq, 14);
  await again.delete();
  sender.destroy();
  await daemon.stop();
});

test('a POST that trickles is answered 408, one that stops as well, and both are forgotten', async () => {
  const line = await streamer();
  const start = () =>
    requestBytes('POST', line.target, { host: 'test', token: line.token, headers: { 'Content-Length': 60000 } });
  const open = [await RawConnection.connect(chatd.port), await RawConnection.connect(chatd.port)];
  open.forEach((connection) => connection.write(start()));
  const [trickle] = open;
  const timer = setInterval(() => trickle.write('x'), 50);
  const answers = await Promise.all(open.map((connection) => connection.readResponse({ timeout: 20000 }))).finally(() =>
    clearInterval(timer),
  );
  answers.forEach(({ status, headers }) => assert.deepStrictEqual([status, headers.connection], [408, 'close']));
  await assert.rejects(line.invoke('NoSuchMethod'), /Method does not exist/);
  open.forEach((connection) => connection.destroy());
});

test('bodies that are too large, or say so, are refused; encodings too', async () => {
  const line = await poller();
  const refused = async (headers, status, body) => {
    const response = await line.ask('POST', { headers, body });
    assert.strictEqual(response.status, status, JSON.stringify(headers));
  };
  await refused({ 'Content-Encoding': 'gzip' }, 415, 'x');
  const connection = await RawConnection.connect(chatd.port);
  connection.write(line.bytes('POST', { headers: { 'Content-Length': '99999999999' } }));
  assert.strictEqual((await connection.readResponse()).status, 413);
  connection.destroy();
  await assert.rejects(line.invoke('NoSuchMethod'), /Method does not exist/);
  const events = await streamer();
  assert.strictEqual((await events.post(`{"type":6,"x":"${'y'.repeat(200000)}"}${RS}`)).status, 413);
  const last = await events.stream.next();
  assert.match(last.text, /^data: \{"type":7,"error":"Connection closed with an error\.","allowReconnect":true\}/);
  assert.strictEqual((await events.stream.next()).ended, 'response ended');
});

test('binary records do not go over events', async () => {
  const token = userToken(fresh('alice'));
  const line = new RawLine(chatd.port, { token, id: await idOn(chatd.port, token) });
  const { stream } = await RawEvents.ask(chatd.port, line.target, { token });
  assert.strictEqual((await line.post(`{"protocol":"messagepack","version":1}${RS}`)).status, 200);
  const events = [await stream.next(), await stream.next(), await stream.next()];
  assert.deepStrictEqual(recordsOf(events[1].text.slice(6)), [
    {
      error:
        "Cannot use the 'messagepack' protocol on the current transport. " +
        "The transport does not support 'Binary' transfer format.",
    },
  ]);
  assert.strictEqual(events[2].ended, 'response ended');
  stream.destroy();
});

// The sanitizer would keep what is freed.
const QUARANTINE = 'quarantine_size_mb=1:thread_local_quarantine_size_kb=64';
const LEAN = { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS || ''}:exitcode=66:${QUARANTINE}` };

// The long form: NEGOTIATES=100000.
const NEGOTIATES = Number(process.env.NEGOTIATES || 20000);

test('negotiates that never connect leave memory flat', async () => {
  const daemon = await new Chatd({ settings: { ...NO_RATES, ...LEAN } }).start();
  here.later(() => daemon.exit || daemon.kill());
  const token = userToken(fresh('alice'));
  const one = requestBytes('POST', '/chathub/negotiate?negotiateVersion=1', { host: 'test', token });
  const AT_ONCE = 100;
  const run = async (count) => {
    const lines = await Promise.all(range(1, 8).map(() => RawConnection.connect(daemon.port)));
    await Promise.all(
      lines.map(async (connection) => {
        for (let done = 0; done < count / lines.length; done += AT_ONCE) {
          connection.write(Buffer.concat(Array(AT_ONCE).fill(one)));
          for (let i = 0; i < AT_ONCE; i++) {
            assert.strictEqual((await connection.readResponse()).status, 200);
          }
        }
        connection.destroy();
      }),
    );
  };
  await run(4000);
  const before = residentMib(daemon);
  await run(NEGOTIATES);
  const grown = residentMib(daemon) - before;
  assert.ok(grown < 4, `${grown} MiB`);
  await daemon.stop();
});

test('POSTs that wait for a transport that never comes are forgotten, and bounded', async () => {
  const token = userToken(fresh('alice'));
  const line = new RawLine(chatd.port, { token, id: await idOn(chatd.port, token) });
  const body = `{"type":6}${RS}`.repeat(1000);
  const open = await Promise.all(range(1, 20).map(() => RawConnection.connect(chatd.port)));
  open.forEach((connection) => connection.write(line.bytes('POST', { body })));
  const answers = await Promise.all(open.map((connection) => connection.readResponse({ timeout: 15000 })));
  const [taken, lost] = [200, 404].map((status) => answers.filter((answer) => answer.status === status).length);
  assert.strictEqual(taken + lost, 20);
  assert.ok(taken > 0 && taken * body.length <= 2 * 65536 && lost > 0, `${taken} taken`);
  assert.strictEqual((await line.ask('GET')).status, 404, 'its time is over');
  open.forEach((connection) => connection.destroy());
});

test('a POST that finds no room before the transport counts for nothing', async () => {
  const daemon = await new Chatd({
    settings: { ...NO_RATES, CHATD_SERVER_WORKERS: 1, CHATD_LIMITS_SEND_MEMORY: '32MiB' }, // 4 MiB of it may wait
  }).start();
  here.later(() => daemon.exit || daemon.kill());
  const token = userToken(fresh('alice'));
  const line = async () => new RawLine(daemon.port, { token, id: await idOn(daemon.port, token) });
  const [full, other] = [await line(), await line()];
  const first = await RawConnection.connect(daemon.port);
  first.write(full.bytes('POST', { body: 'x'.repeat(1000000) }));
  const body = 'x'.repeat(60000);
  await eventually(async () => (await full.post(body)).status === 503, { what: 'it has room' });
  for (let i = 0; i < 60; i++) {
    assert.strictEqual((await full.post(body)).status, 503);
  }
  assert.strictEqual((await other.post(body)).status, 200);
  first.destroy();
  await daemon.stop();
});

test('max_connections counts events and polls as sockets, and their places come free', async () => {
  const daemon = await new Chatd({ settings: { ...NO_RATES, CHATD_SERVER_MAX_CONNECTIONS: 3 } }).start();
  here.later(() => daemon.exit || daemon.kill());
  const token = userToken(fresh('alice'));
  const lines = [];
  for (let i = 0; i < 5; i++) {
    lines.push(new RawLine(daemon.port, { token, id: await idOn(daemon.port, token) }));
  }
  const hub = await RawHub.open(daemon.port, { token });
  const events = await RawEvents.ask(daemon.port, lines[0].target, { token });
  const statuses = [events.response.status, (await lines[1].ask('GET')).status];
  assert.deepStrictEqual(statuses, [200, 200]);
  const third = await RawEvents.ask(daemon.port, lines[2].target, { token });
  for (const response of [third.response, await lines[3].ask('GET')]) {
    assert.deepStrictEqual([response.status, response.headers['retry-after']], [503, '5']);
    assert.match(response.body, /max_connections/);
  }
  assert.strictEqual((await lines[1].ask('DELETE')).status, 202);
  const isTaken = async () => (await lines[3].ask('GET')).status === 200;
  await eventually(isTaken, { what: 'the place of the poller is not free' });
  events.connection.destroy();
  const again = await eventually(async () => {
    const asked = await RawEvents.ask(daemon.port, lines[4].target, { token });
    return asked.stream;
  });
  await lines[3].ask('DELETE');
  [again, hub].forEach((one) => one.destroy());
  await daemon.stop();
});
