'use strict';
// Time and order on every transport with each encoding, with short settings: handshakes, pings, silence, polls, tokens,
// bars, drains, calls beside each other, and clients that vanish at any point. (On WebSockets in depth: ws_time.)

const assert = require('node:assert');
const path = require('node:path');
const { test } = require('node:test');
const { Chatd, CHATD, NO_RATES } = require('./lib/chatd');
const { house, fresh } = require('./lib/people');
const { COMBINATIONS } = require('./lib/combinations');
const { Line, PING, GOODBYES } = require('./lib/lines');
const { RawConnection, requestBytes } = require('./lib/http');
const { RawEvents } = require('./lib/sse');
const { RS } = require('./lib/ws');
const { userToken } = require('./lib/token');
const { sleep, eventually } = require('./lib/util');

const CHATD_OWN = path.join(path.dirname(CHATD), 'chatd-own');
const KEEPALIVE_MS = 200;
const CLIENT_TIMEOUT_MS = 900;
const HANDSHAKE_MS = 1500;
const POLL_MS = 400;
const AWAY_MS = 1500;
// A machine that is busy may be late, but nothing may be early.
const LATE_MS = 8000;
const here = house({
  program: CHATD_OWN,
  settings: {
    ...NO_RATES,
    CHATD_SERVER_WORKERS: 3,
    CHATD_AUTH_LEEWAY: '0s',
    CHATD_HUB_KEEPALIVE: `${KEEPALIVE_MS}ms`,
    CHATD_HUB_CLIENT_TIMEOUT: `${CLIENT_TIMEOUT_MS}ms`,
    CHATD_HUB_HANDSHAKE_TIMEOUT: `${HANDSHAKE_MS}ms`,
    CHATD_HUB_POLL_TIMEOUT: `${POLL_MS}ms`,
    CHATD_LIMITS_CONNECT_TIMEOUT: `${AWAY_MS}ms`,
  },
});
const { chatd } = here;

async function open(options, port = chatd.port) {
  const line = await Line.open(port, { user: fresh('time'), ...options });
  here.later(() => line.destroy());
  return line;
}

const all = (work) => Promise.all(COMBINATIONS.map((one) => work(one)));
const asClose = ({ type, error, allowReconnect }) => ({ type, error: error || undefined, allowReconnect: !!allowReconnect });
const close = (error, allowReconnect = true) => ({ type: 7, error, allowReconnect });
const FAILED = close('Connection closed with an error.');

function assertTook(took, atLeast, what) {
  assert.ok(took >= atLeast - 20 && took < LATE_MS, `${what}: ${took} ms, not ${atLeast}`);
}

// It ended with that hub Close alone, in order.
async function assertCloses(line, { name, transport }, wanted) {
  const { messages, ended, took } = await line.untilEnd();
  assert.deepStrictEqual([messages.map(asClose), ended], [[wanted], GOODBYES[transport]], name);
  return took;
}

// Who polls is told, or the next poll is refused already.
async function assertShutOut(line, { name }, wanted, status) {
  const { messages, ended } = await line.untilEnd();
  assert.match(ended, new RegExp(`^${status}`), name);
  if (messages.length > 0) {
    assert.deepStrictEqual(messages.map(asClose), [wanted], name);
  }
}

// Nothing is there any more for who asks with the old id.
async function assertGone(line, { transport, name }) {
  if (transport === 'WebSockets') {
    return;
  }
  for (const method of ['GET', 'POST']) {
    const { status, body } = await line.ask(method);
    assert.deepStrictEqual([status, body], [404, 'No Connection with that ID'], `${name}: ${method}`);
  }
}

// Sends what next(count) gives, every so often, until the answer is called.
function beating(line, next, every = 100) {
  let count = 0;
  const timer = setInterval(() => Promise.resolve(next(count++)).catch(() => {}), every);
  here.later(() => clearInterval(timer));
  return () => clearInterval(timer);
}

const connections = async () => JSON.parse(await chatd.ctl('-o', 'json', 'conn', 'list')).items;

test('the handshake has its time, whatever is sent instead', () =>
  all(async (one) => {
    for (const trickle of [false, true]) {
      const line = await open({ ...one, hands: false });
      const begun = Date.now();
      const stop = trickle ? beating(line, () => line.write(Buffer.from(' '))) : () => {};
      const { messages, ended } = await line.untilEnd();
      stop();
      assertTook(Date.now() - begun, HANDSHAKE_MS - 150, one.name);
      assert.deepStrictEqual([messages, ended], [[{ error: 'Handshake was canceled.' }], GOODBYES[one.transport]], one.name);
      await assertGone(line, one);
    }
  }));

test('pings come by the clock over sockets and events, whatever else is sent; polls need none', () =>
  all(async (one) => {
    const line = await open(one);
    const stop = beating(line, (count) => line.send(line.call(count, 'None')), KEEPALIVE_MS / 4);
    if (one.transport === 'LongPolling') {
      await sleep(5 * KEEPALIVE_MS);
      stop();
      assert.ok(line.events.length > 2);
      line.events.forEach(({ message, ended }) => assert.ok(!ended && message.type === 3, JSON.stringify(message)));
      return;
    }
    const times = [];
    while (times.length < 5) {
      const { message, at } = await line.next();
      assert.ok(message, one.name);
      if (message.type === PING.type) {
        times.push(at);
      }
    }
    stop();
    assertTook(times.at(-1) - times[0], 4 * KEEPALIVE_MS - 50, one.name);
  }));

const PADDED = { type: 1, target: 'None', arguments: ['x'.repeat(9000)], headers: {}, streamIds: [] };
// What is no whole message.
const DIES = {
  silence: null,
  'parts of a message': (line) => {
    const bytes = line.codec.write(PADDED);
    return (count) => line.write(bytes.subarray(count * 10, count * 10 + 10));
  },
};

test('who has pinged once is timed out by the silence of whole messages, but not over polls', () =>
  all(async (one) => {
    const lively = await open(one);
    const stopPings = beating(lively, () => lively.send(PING));
    const dies = Promise.all(
      Object.entries(DIES).map(async ([what, make]) => {
        const line = await open(one);
        await line.send(PING);
        const stop = make ? beating(line, make(line)) : () => {};
        if (one.transport === 'LongPolling') {
          await sleep(2.5 * CLIENT_TIMEOUT_MS);
          assert.deepStrictEqual(line.events, [], `${one.name}: ${what}`);
          stop();
          return;
        }
        assertTook(await assertCloses(line, one, FAILED).finally(stop), CLIENT_TIMEOUT_MS - 100, `${one.name}: ${what}`);
      }),
    );
    await Promise.all([dies, sleep(2.5 * CLIENT_TIMEOUT_MS)]);
    stopPings();
    assert.ok(lively.events.every(({ message }) => message && message.type === PING.type), one.name);
  }));

test('a poll is answered empty when its time is over; who does not poll again is gone', async () => {
  const absent = async ({ encoding }) => {
    const line = await open({ transport: 'LongPolling', encoding, polls: false, hands: false });
    await line.write(Buffer.from(`{"protocol":"${encoding}","version":1}${RS}`));
    assert.strictEqual((await line.poll()).body.toString(), `{}${RS}`);
    for (let i = 0; i < 2; i++) {
      const begun = Date.now();
      const { status, body } = await line.poll();
      assert.deepStrictEqual([status, body.length], [200, 0]);
      assertTook(Date.now() - begun, POLL_MS, 'the poll');
    }
    // Between polls it may take its time.
    await sleep(AWAY_MS / 2);
    await line.send(PING);
    assert.strictEqual((await line.poll()).status, 200);
    const begun = Date.now();
    const stop = beating(line, () => line.post(line.codec.write(PING)), 200); // a POST is no poll
    const gone = async () => (await line.ask('POST', { body: line.codec.write(PING) })).status === 404;
    await eventually(gone, { timeout: LATE_MS, every: 50 });
    stop();
    assertTook(Date.now() - begun, AWAY_MS - 100, 'the absence');
    await assertGone(line, { transport: 'LongPolling', name: encoding });
  };
  await Promise.all(COMBINATIONS.filter(({ transport }) => transport === 'LongPolling').map(absent));
});

test('a token that expires ends the connection; a newer one, of the hub or of a poll, prolongs it', () =>
  all(async (one) => {
    const user = fresh('user');
    const short = () => userToken(user, { ttl: 2 });
    const long = userToken(user);
    const [expires, renews, polls] = await Promise.all([0, 1, 2].map(() => open({ ...one, token: short() })));
    await renews.invoke('RefreshToken', long);
    renews.token = polls.token = long; // of the next poll
    const begun = Date.now();
    const wanted = close('Connection closed: the token has expired.');
    await (one.transport === 'LongPolling' ? assertShutOut(expires, one, wanted, 401) : assertCloses(expires, one, wanted));
    assert.ok(Date.now() - begun < 4000, one.name);
    await sleep(600);
    const lives = [renews, ...(one.transport === 'LongPolling' ? [polls] : [])];
    for (const line of lives) {
      assert.strictEqual(await line.invoke('Echo', 'still here'), 'still here', one.name);
    }
  }));

test("a banned user's connections end within 2 s, as those of revoked tokens do, and he is refused", () =>
  all(async (one) => {
    for (const [verb, status, text] of [
      ['ban', 403, /^Connection closed: forbidden: /],
      ['revoke-tokens', 401, /^Connection closed: unauthorized: /],
    ]) {
      const user = fresh('barred');
      const line = await open({ ...one, user });
      await line.invoke('Echo', 'x');
      if (verb === 'revoke-tokens') {
        await sleep(1100); // tokens of the second in which they are revoked stay good until it is over
      }
      const begun = Date.now();
      await chatd.ctl('-y', 'user', verb, user);
      const { messages, ended } = await line.untilEnd({ timeout: 2000 });
      assert.ok(Date.now() - begun < 2000 + (one.transport === 'LongPolling' ? POLL_MS : 0), one.name);
      // Who polls is told, or refused already.
      if (one.transport !== 'LongPolling' || messages.length > 0) {
        assert.strictEqual(messages.length, 1, one.name);
        assert.match(messages[0].error, text);
        assert.ok(!messages[0].allowReconnect);
      }
      if (one.transport === 'LongPolling') {
        assert.match(ended, new RegExp(`^${status}`));
      } else {
        assert.strictEqual(ended, GOODBYES[one.transport], one.name);
      }
      for (const method of ['GET', 'POST', 'DELETE']) {
        assert.strictEqual((await line.ask(method)).status, status, `${one.name}: ${method}`);
      }
    }
  }));

// The ids of the answers in the order in which they came.
async function answersOf(line, count) {
  const ids = [];
  while (ids.length < count) {
    const { message, ended } = await line.next({ keep: ({ type }) => type === 3 });
    assert.ok(!ended, `it ended: ${ended}`);
    ids.push(message.invocationId);
  }
  return ids;
}

test('one call at a time, in order, unless the settings say more; then as many beside each other', async () => {
  const four = await new Chatd({ program: CHATD_OWN, settings: { ...NO_RATES, CHATD_HUB_MAX_PARALLEL_INVOCATIONS: 4 } }).start();
  here.later(() => four.exit || four.kill());
  await all(async (one) => {
    const calls = (line) => [
      ...[600, 500, 400].map((ms) => line.call(ms, 'Slow', ms)),
      line.call('quick', 'Echo', 'quick'),
      line.call('behind', 'Echo', 'behind'),
    ];
    const single = await open(one);
    await single.send(...calls(single));
    assert.deepStrictEqual(await answersOf(single, 5), ['600', '500', '400', 'quick', 'behind'], one.name);
    const several = await open(one, four.port);
    await several.send(...calls(several));
    assert.deepStrictEqual(await answersOf(several, 5), ['quick', 'behind', '400', '500', '600'], one.name);
    // Five are one too many: it waits until one has ended.
    await several.send(...[900, 901, 902, 300].map((ms) => several.call(ms, 'Slow', ms)), several.call('fifth', 'Echo', 'x'));
    assert.deepStrictEqual((await answersOf(several, 5)).slice(0, 2), ['300', 'fifth'], one.name);
  });
  await four.stop();
});

// One of each, with a call under way; and those that are behind with something.
async function busyLines(port) {
  const lines = await Promise.all(COMBINATIONS.map((one) => open(one, port)));
  await Promise.all(lines.map((line) => line.send(line.call('slow', 'Slow', 700))));
  return lines;
}

async function assertSentAway(lines, isEnd = (ended, transport) => ended === GOODBYES[transport]) {
  await Promise.all(
    COMBINATIONS.map(async ({ name, transport }, i) => {
      const { messages, ended } = await lines[i].untilEnd();
      assert.deepStrictEqual(messages.map(({ type }) => type), [3, 7], name);
      assert.ok(!messages[0].error, `${name}: ${messages[0].error}`);
      assert.deepStrictEqual(asClose(messages[1]), close(undefined), name);
      assert.ok(isEnd(ended, transport), `${name}: ${ended}`);
    }),
  );
}

test('SIGTERM: calls under way are answered, then everyone is asked to come again, and it ends soon', async () => {
  const daemon = await new Chatd({ program: CHATD_OWN, settings: NO_RATES }).start();
  here.later(() => daemon.exit || daemon.kill());
  const lines = await busyLines(daemon.port);
  const away = await open({ transport: 'LongPolling' }, daemon.port);
  away.destroy(); // it has nothing to fetch but the goodbye, and never does: it is waited for, but not hub.close_timeout
  await sleep(100);
  const begun = Date.now();
  daemon.child.kill('SIGTERM');
  // Nobody is there for a poll behind the goodbye.
  await assertSentAway(lines, (ended, transport) => transport === 'LongPolling' || ended === GOODBYES[transport]);
  assert.deepStrictEqual(await daemon.end(), { code: 0, signal: null });
  const took = Date.now() - begun;
  assert.ok(took < 4500, `${took} ms`);
  daemon.assertNoReport();
});

test('SIGTERM in a busy room: pollers that are between two polls are asked to come again like all others', async () => {
  const settings = { ...NO_RATES, CHATD_SERVER_DRAIN_SPREAD: '500ms' };
  const daemon = await new Chatd({ settings }).start();
  here.later(() => daemon.exit || daemon.kill());
  const lines = await Promise.all(Array.from({ length: 40 }, (_, i) => open(COMBINATIONS[i % COMBINATIONS.length], daemon.port)));
  const { roomId } = await lines[0].invoke('JoinRoom', fresh('room'));
  await Promise.all(lines.slice(1).map((line) => line.invoke('JoinRoom', roomId)));
  const [sender] = lines;
  const stop = beating(sender, (count) => sender.send(sender.call(`s${count}`, 'SendMessage', roomId, 'x')), 1);
  await sleep(300);
  daemon.child.kill('SIGTERM');
  await Promise.all(
    lines.map(async (line, i) => {
      const { messages } = await line.untilEnd();
      assert.deepStrictEqual(asClose(messages.at(-1)), close(undefined), COMBINATIONS[i % COMBINATIONS.length].name);
      const seqs = messages.filter(({ target }) => target === 'ReceiveMessage').map((call) => call.arguments[0].seq || call.arguments[0].Seq);
      seqs.forEach((seq, at) => assert.strictEqual(seq, seqs[0] + at));
    }),
  ).finally(stop);
  assert.deepStrictEqual(await daemon.end(), { code: 0, signal: null });
  daemon.assertNoReport();
});

test('node drain sends everyone away in the same way, and new ones are refused until node undrain', async () => {
  const lines = await busyLines(chatd.port);
  await sleep(100);
  await chatd.ctl('-y', 'node', 'drain');
  await assertSentAway(lines);
  for (const one of COMBINATIONS) {
    await assert.rejects(Line.open(chatd.port, { ...one, user: fresh('late') }), /503/, one.name);
  }
  await chatd.ctl('node', 'undrain');
  await all(async (one) => assert.strictEqual(await (await open(one)).invoke('Echo', 'back'), 'back'));
});

// What a client may be at when it is killed; each gives what is to be destroyed.
const POINTS = {
  connected: (one) => open({ ...one, hands: false }),
  'inside the handshake': async (one) => {
    const line = await open({ ...one, hands: false });
    await line.write(Buffer.from('{"protocol":'));
    return line;
  },
  idle: (one) => open(one),
  'with a call under way': async (one) => {
    const line = await open(one);
    await line.send(line.call(1, 'Slow', 300), line.call(2, 'Echo', 'x'));
    return line;
  },
  'with an answer that it has not read': async (one) => {
    const line = await open(one);
    line.stopReading();
    await line.send(line.call(1, 'Echo', 'x'.repeat(20000)));
    return line;
  },
  'with a stream': async (one) => {
    const line = await open(one);
    await line.send({ type: 4, invocationId: 's', target: 'Flood', arguments: [1e9, 100], headers: {}, streamIds: [] });
    await line.next();
    return line;
  },
  'inside a message': async (one) => {
    const line = await open(one);
    await line.write(line.codec.write(PADDED).subarray(0, 100));
    return line;
  },
  'inside a request': async (one) => {
    const line = await open(one);
    const connection = await RawConnection.connect(chatd.port);
    const headers = { 'Content-Length': 1000 };
    connection.write(requestBytes('POST', line.target, { host: 'test', token: line.token, headers }));
    connection.write('half');
    return { destroy: (how) => [line, connection].forEach((dying) => dying.destroy(how)) };
  },
  'with a second poll or stream of events on the way': async (one) => {
    const line = await open(one);
    const connection = await RawConnection.connect(chatd.port);
    const headers = one.transport === 'ServerSentEvents' ? { Accept: 'text/event-stream' } : {};
    connection.write(requestBytes('GET', line.target, { host: 'test', token: line.token, headers }));
    return { destroy: (how) => [connection, line].forEach((dying) => dying.destroy(how)) };
  },
};

test('clients that are killed, at whatever point, leave nothing behind', async () => {
  await all(async (one) => {
    for (const make of Object.values(POINTS)) {
      for (const reset of [false, true]) {
        (await make(one)).destroy({ reset });
      }
    }
  });
  let found;
  const left = async () => (found = await connections()).length === 0;
  await eventually(left, {
    timeout: LATE_MS,
    every: 100,
    what: () => `connections of the dead are kept: ${JSON.stringify(found)}`,
  });
  await all(async (one) => assert.strictEqual(await (await open(one)).invoke('Echo', 'well'), 'well'));
});

test('a second stream of events is refused while the first lives, and the id is over with that', async () => {
  const line = await open({ transport: 'ServerSentEvents' });
  const { response } = await RawEvents.ask(chatd.port, line.target, { token: line.token });
  assert.strictEqual(response.status, 409, 'there is one already');
  line.destroy();
  const gone = async () => (await line.ask('POST', { body: `{"type":6}${RS}` })).status === 404;
  await eventually(gone, { timeout: LATE_MS, every: 50 });
});
