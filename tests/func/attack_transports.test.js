'use strict';
// Peers who try to take more than their share, or to confuse, over every transport: seen from outside, on four workers.

const assert = require('node:assert');
const fs = require('node:fs');
const { test } = require('node:test');
const { Chatd, NO_RATES } = require('./lib/chatd');
const { house, fresh } = require('./lib/people');
const { RawConnection, request } = require('./lib/http');
const { RawPoll, RawLine, HANDSHAKE, callOf, idOn, recordsOf } = require('./lib/poll');
const { RawEvents } = require('./lib/sse');
const { RawWebSocket } = require('./lib/ws');
const { userToken } = require('./lib/token');
const { eventually, sleep } = require('./lib/util');

// The sanitizer would keep what is freed.
const LEAN = { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS || ''}:exitcode=66:quarantine_size_mb=1:thread_local_quarantine_size_kb=64` };
const APP = 'https://app.example';
const here = house({ settings: { ...NO_RATES, ...LEAN, CHATD_SERVER_WORKERS: 4, CHATD_SERVER_ALLOWED_ORIGINS: APP } });
const { chatd } = here;
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const residentMib = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${chatd.pid}/status`, 'utf8'))[1]) / 1024;

// ---- memory --------------------------------------------------------------------------------------------------------------

test('small answers that wait take about the memory that is counted for them', async () => {
  const lines = await Promise.all(range(1, 20).map(() => RawPoll.open(chatd.port, { user: fresh('lazy') })));
  const calls = callOf(1, 'N').repeat(1000);
  const before = residentMib();
  await Promise.all(lines.map((line) => Promise.all(range(1, 4).map(() => line.mustPost(calls)))));
  const grown = residentMib() - before;
  const [{ body }] = await Promise.all(lines.map((line) => line.fetch()));
  const counted = (20 * body.length) / (1024 * 1024);
  assert.ok(counted > 7, `${counted} MiB were waiting`);
  // What lies around each of them is several times as much under the sanitizer.
  assert.ok(grown < 7 * counted, `${counted} MiB of answers took ${grown} MiB`);
});

// ---- other origins -------------------------------------------------------------------------------------------------------

test('a page of an allowed origin may read that its body was refused', async () => {
  const line = await RawPoll.open(chatd.port, { user: fresh('page') });
  const refusals = [
    [413, { 'Content-Length': '50000000' }, ''],
    [413, { 'Content-Length': null, 'Transfer-Encoding': 'chunked' }, '3000000\r\n'],
    [400, { 'Content-Length': null, 'Transfer-Encoding': 'chunked' }, 'no number\r\n'],
  ];
  for (const [status, headers, body] of refusals) {
    for (const origin of [APP, 'https://other.example']) {
      const connection = await RawConnection.connect(chatd.port);
      connection.write(Buffer.concat([line.bytes('POST', { headers: { Origin: origin, ...headers } }), Buffer.from(body)]));
      const answer = await connection.readResponse();
      assert.strictEqual(answer.status, origin === APP ? status : 403);
      assert.strictEqual(answer.headers['access-control-allow-origin'], origin === APP ? APP : undefined);
      assert.strictEqual(answer.headers['access-control-allow-credentials'], origin === APP ? 'true' : undefined);
      connection.destroy();
    }
  }
});

// ---- many requests for one id at once ------------------------------------------------------------------------------------

test('polls that displace each other all the time lose nothing and double nothing', async () => {
  const count = 60;
  const line = await RawPoll.open(chatd.port, { user: fresh('hasty') });
  const { roomId } = await line.invoke('JoinRoom', fresh('room'));
  const sender = await here.raw(fresh('sender'));
  const numbers = () => line.messages().map(({ seq }) => seq);
  const whole = () => numbers().length >= count;
  const pollers = range(1, 6).map(async () => {
    while (!whole()) {
      const { status, body } = await line.ask('GET');
      assert.ok(status === 200 || status === 204, `${status} ${body}`);
      const got = recordsOf(body);
      line.got.push(...got);
      const inside = got.filter(({ target }) => target === 'ReceiveMessage').map((call) => call.arguments[0].seq);
      assert.deepStrictEqual(inside, range(inside[0] || 1, (inside[0] || 1) + inside.length - 1), 'in order in an answer');
    }
    await line.post(callOf('last', 'N')); // who waits yet has his answer
  });
  await sender.invoke('JoinRoom', roomId);
  for (const n of range(1, count)) {
    await sender.invoke('SendMessage', roomId, `message ${n}`);
  }
  await Promise.all(pollers);
  assert.deepStrictEqual(numbers().sort((a, b) => a - b), range(1, count));
});

// How each transport takes an id, and hears until done() is true. The answer ends it.
const ATTACH = {
  async events(line, done) {
    const { response, stream } = await RawEvents.ask(chatd.port, line.target, { token: line.token });
    assert.strictEqual(response.status, 200);
    while (!done()) {
      const { text } = await stream.next({ timeout: 20000 });
      line.got.push(...(text.startsWith('data: ') ? recordsOf(text.slice('data: '.length)) : []));
    }
    stream.destroy();
  },
  async polls(line, done) {
    while (!done()) {
      const { status, body } = await line.ask('GET');
      assert.strictEqual(status, 200);
      line.got.push(...recordsOf(body));
    }
  },
};

test('what is POSTed in pieces while the transport comes is taken whole and in order', async () => {
  const calls = range(1, 40).map((n) => callOf(n, 'N', ' '.repeat((n * 977) % 9000)));
  const all = HANDSHAKE + calls.join('');
  for (const [name, attach] of Object.entries(ATTACH)) {
    await Promise.all(
      range(1, 8).map(async (pause) => {
        const token = userToken(fresh('piecemeal'));
        const line = new RawLine(chatd.port, { token, id: await idOn(chatd.port, token) });
        const answered = () => line.got.filter(({ type }) => type === 3).map(({ invocationId }) => Number(invocationId));
        const attached = sleep(pause * 3).then(() => attach(line, () => answered().length >= calls.length));
        for (let at = 0; at < all.length; ) {
          const size = 1 + ((at * 31 + pause * 7919) % 12000);
          await line.mustPost(all.slice(at, at + size));
          at += size;
        }
        await attached;
        assert.deepStrictEqual(answered(), range(1, calls.length), name);
      }),
    );
  }
});

// ---- everything at once --------------------------------------------------------------------------------------------------

const some = (list) => list[Math.floor(Math.random() * list.length)];

// A client of any kind that does what it is not supposed to, with tokens that are about to expire.
async function misbehave(daemon, users) {
  const user = some(users);
  const token = () => userToken(user, { ttl: some([1, 2, 60]) });
  const first = token();
  const id = await idOn(daemon.port, first);
  const line = new RawLine(daemon.port, { token: first, id });
  const begin = HANDSHAKE + callOf('j', 'JoinRoom', 'everyone');
  const kind = some(['socket', 'events', 'poll', 'poll']);
  let open;
  if (kind === 'socket') {
    open = await RawWebSocket.open(daemon.port, line.target, { token: first });
    open.send(begin);
  } else if (kind === 'events') {
    open = (await RawEvents.ask(daemon.port, line.target, { token: first })).connection;
  } else {
    await line.ask('GET');
  }
  for (let i = 0; i < 6; i++) {
    const waiting = await RawConnection.connect(daemon.port);
    const poll = kind === 'poll' ? line.bytes('GET', { token: token() }) : Buffer.alloc(0);
    const say = i === 0 ? begin : callOf(i, 'SendMessage', 'everyone', 'x') + callOf(`r${i}`, 'RefreshToken', token());
    waiting.write(some([poll, Buffer.concat([poll, poll]), Buffer.alloc(0)]));
    await Promise.all([
      line.ask('POST', { body: say, token: token() }),
      i === 3 && request(daemon.port, 'POST', `/chathub/refresh?id=${id}`, { token: token() }),
      i === 5 && line.ask('DELETE', { token: token() }),
    ]);
    await sleep(Math.random() * 60);
    waiting.destroy({ reset: Math.random() < 0.5 });
  }
  if (open) {
    open.destroy({ reset: Math.random() < 0.5 });
  }
}

test('clients of all kinds, the operator, reloads and expiring tokens at once leave nothing behind', async () => {
  const places = 40;
  const settings = {
    ...NO_RATES,
    ...LEAN,
    CHATD_SERVER_WORKERS: 3,
    CHATD_SERVER_MAX_CONNECTIONS: places,
    CHATD_METRICS_LISTEN: '127.0.0.1:0',
    CHATD_AUTH_LEEWAY: '0s',
    CHATD_AUTH_REFRESH_ENDPOINT: true,
    CHATD_HUB_POLL_TIMEOUT: '1s',
    CHATD_HUB_HANDSHAKE_TIMEOUT: '2s',
    CHATD_HUB_CLOSE_TIMEOUT: '1s',
    CHATD_LIMITS_CONNECT_TIMEOUT: '2s',
  };
  const daemon = await new Chatd({ settings }).start();
  const users = range(1, 8).map(() => fresh('unruly'));
  const hand = [
    () => ['user', 'ban', some(users)],
    () => ['user', 'unban', some(users)],
    () => ['conn', 'kick', '--user', some(users)],
    () => ['room', 'delete', 'everyone'],
    () => ['node', 'drain'],
    () => ['node', 'undrain'],
    () => ['node', 'undrain'],
    () => ['conn', 'list'],
  ];
  const until = Date.now() + 5000;
  const clients = range(1, 24).map(async () => {
    while (Date.now() < until) {
      await misbehave(daemon, users).catch(() => sleep(5)); // refused: banned, full, draining
    }
  });
  while (Date.now() < until) {
    daemon.child.kill('SIGHUP');
    await daemon.chatctl(['-y', ...some(hand)()]);
  }
  await Promise.all(clients);
  await daemon.ctl('node', 'undrain');
  await eventually(async () => (await daemon.metric('connections')) === 0, { what: 'a connection is counted yet' });
  await eventually(async () => (await daemon.metric('send_queue_bytes')) === 0, { what: 'something waits yet' });
  const token = userToken(fresh('later'));
  const upgrades = await Promise.all(range(1, places + 1).map(() => RawWebSocket.ask(daemon.port, '/chathub', { token })));
  assert.strictEqual(upgrades.filter(({ response }) => response.status === 101).length, places, 'all places are free');
  upgrades.forEach(({ connection }) => connection.destroy());
  await daemon.stop();
});
