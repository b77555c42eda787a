'use strict';
// A large, hot room and clients that do not take what they are sent, over every transport; and what clients make the
// server keep on the way in. Memory is bounded by the settings, nobody else notices, and who comes back gets all.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { Chatd, CHATD, NO_RATES } = require('./lib/chatd');
const { fresh } = require('./lib/people');
const { COMBINATIONS, plain } = require('./lib/combinations');
const { Line } = require('./lib/lines');
const { RawConnection, requestBytes } = require('./lib/http');
const { idOn, connectionOn, RawLine } = require('./lib/poll');
const { RS } = require('./lib/ws');
const { userToken } = require('./lib/token');
const { sleep, eventually } = require('./lib/util');

const CHATD_OWN = path.join(path.dirname(CHATD), 'chatd-own');
// The sanitizer would keep what is freed.
const LEAN = { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS || ''}:exitcode=66:quarantine_size_mb=1:thread_local_quarantine_size_kb=64` };
const MIB = 1024 * 1024;
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const residentMib = (daemon) =>
  Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))[1]) / 1024;

async function start(settings, options) {
  const env = { ...NO_RATES, ...LEAN, CHATD_METRICS_LISTEN: '127.0.0.1:0', ...settings };
  return new Chatd({ settings: env, ...options }).start();
}

// Judged, if the test has come so far; else ended.
async function during(daemon, work) {
  try {
    await work();
    await daemon.stop();
  } finally {
    if (daemon.exit === null) {
      await daemon.kill();
    }
  }
}

const p99 = (times) => times.slice().sort((a, b) => a - b)[Math.floor(times.length * 0.99)];

// Joins the room and keeps what it reads of it: line.seqs.
async function join(line, room, ...rest) {
  line.seqs = [];
  line.push = ((push) => (event) => {
    if (event.message && event.message.target === 'ReceiveMessage') {
      line.seqs.push(plain(event.message.arguments[0]).seq);
    } else {
      push.call(line, event);
    }
  })(line.push);
  return plain(await line.invoke('JoinRoom', room, ...rest));
}

// count messages of that size, one behind the other: how long each took.
async function hotRoom(sender, room, count, size) {
  const times = [];
  for (let i = 0; i < count; i++) {
    const begun = process.hrtime.bigint();
    await sender.invoke('SendMessage', room, 'x'.repeat(size));
    times.push(Number(process.hrtime.bigint() - begun) / 1e6);
  }
  return times;
}

// Notes the most that the daemon says and takes, until the answer is called.
function watching(daemon) {
  const most = { queued: 0, resident: 0 };
  let over = false;
  const look = async () => {
    while (!over) {
      most.queued = Math.max(most.queued, await daemon.metric('send_queue_bytes'));
      most.resident = Math.max(most.resident, residentMib(daemon));
      await sleep(25);
    }
    return most;
  };
  const looking = look();
  return () => ((over = true), looking);
}

const LAZY = [
  ...range(1, 60).map(() => ({ transport: 'ServerSentEvents' })),
  ...range(1, 30).map(() => ({ transport: 'LongPolling', encoding: 'json' })),
  ...range(1, 30).map(() => ({ transport: 'LongPolling', encoding: 'messagepack' })),
  ...range(1, 10).map(() => ({ transport: 'WebSockets', encoding: 'messagepack' })),
];

// Reads a few bytes now and then.
function trickle(line) {
  const { socket } = line.stream ? line.stream.connection : line.connection;
  socket.pause();
  const timer = setInterval(() => {
    socket.resume();
    setImmediate(() => socket.pause());
  }, 300);
  socket.once('close', () => clearInterval(timer));
}

test('a hot room with readers of every kind that do not read: bounded, told apart, and all is there when they return', async () => {
  const SEND_MEMORY = 4 * MIB;
  const daemon = await start({
    CHATD_LIMITS_SEND_QUEUE: '128KiB',
    CHATD_LIMITS_SEND_STALL: '1s',
    CHATD_LIMITS_SEND_MEMORY: SEND_MEMORY,
    CHATD_LIMITS_CONNECT_TIMEOUT: '3s',
    CHATD_HUB_CLOSE_TIMEOUT: '2s',
  });
  await during(daemon, async () => {
    const open = (options) => Line.open(daemon.port, { user: fresh('reader'), ...options });
    const sender = await open({ transport: 'WebSockets' });
    const { roomId, epoch } = await join(sender, fresh('room'));
    const quick = await Promise.all(COMBINATIONS.map((one) => open(one)));
    await Promise.all(quick.map((line) => join(line, roomId)));
    const alone = await hotRoom(sender, roomId, 20, 20000);
    const lazy = await Promise.all(LAZY.map(({ ...one }) => open(one)));
    await Promise.all(lazy.map((line) => join(line, roomId)));
    lazy.forEach((line, i) => {
      if (i % 10 === 0 && line.stream) {
        trickle(line);
      } else if (i % 3 === 0 && line.polling) {
        line.destroy(); // it does not poll any more, and is not heard of
      } else {
        line.stopReading();
      }
    });
    const before = residentMib(daemon);
    const watched = watching(daemon);
    const dropped = async () => (await daemon.metric('slow_clients_dropped_total')) + (await daemon.metric('send_memory_dropped_total'));
    const among = [];
    while (among.length < 40 || ((await dropped()) < LAZY.length * 0.8 && among.length < 200)) {
      among.push(...(await hotRoom(sender, roomId, 10, 20000)));
    }
    const { queued, resident } = await watched();
    const sent = alone.length + among.length;
    await eventually(() => quick.every(({ seqs }) => seqs.length >= sent), {
      timeout: 10000,
      what: () => quick.map(({ seqs, ended }) => `${seqs.length} ${ended}`).join('; '),
    });
    quick.forEach((line, i) => assert.deepStrictEqual(line.seqs, range(1, sent), COMBINATIONS[i].name));
    // What one turn brings, and what an answer that is being read still holds, may come on top.
    assert.ok(queued < 3 * SEND_MEMORY, `${queued} bytes in send queues`);
    assert.ok(resident - before < 100, `${resident - before} MiB`);
    assert.ok((await dropped()) >= LAZY.length * 0.5, `${await dropped()} dropped`);
    assert.ok(p99(among) < 2 * p99(alone) + 250, `${p99(among)} ms, ${p99(alone)} ms without them`);
    lazy.forEach((line) => line.destroy());
    await Promise.all(
      lazy.filter((_, i) => i % 8 === 0).map(async (line, i) => {
        const again = await open({ ...LAZY[i * 8], token: line.token });
        const last = line.seqs.at(-1) || 20;
        assert.deepStrictEqual(line.seqs, range(21, last), 'it was cut off, nothing was left out');
        const answer = await join(again, roomId, last, epoch);
        assert.ok(answer.recovered, JSON.stringify(answer));
        await eventually(() => again.seqs.length >= sent - last, { timeout: 10000, what: () => `${again.seqs.length} of ${sent - last}, ${again.ended}` });
        assert.deepStrictEqual(again.seqs, range(last + 1, sent));
        again.destroy();
      }),
    );
    [sender, ...quick].forEach((line) => line.destroy());
    await eventually(async () => (await daemon.metric('send_queue_bytes')) === 0, { timeout: 8000, what: 'bytes are left in queues' });
  });
});

test('send_memory bounds the last words of pollers and event readers that are closed, too', async () => {
  const daemon = await start({
    CHATD_LIMITS_SEND_QUEUE: '1MiB',
    CHATD_LIMITS_SEND_MEMORY: '2MiB',
    CHATD_HUB_CLOSE_TIMEOUT: '30s',
    CHATD_SERVER_DRAIN_TIMEOUT: '2s',
  });
  await during(daemon, async () => {
    const sender = await Line.open(daemon.port, { transport: 'WebSockets', user: 'sender' });
    const { roomId } = await join(sender, fresh('room'));
    for (let i = 0; i < 6; i++) {
      const names = range(1, 4).map((n) => `closed-${i}-${n}`);
      const lines = await Promise.all(
        names.map((user, n) => Line.open(daemon.port, { transport: n % 2 ? 'LongPolling' : 'ServerSentEvents', user })),
      );
      await Promise.all(lines.map((line) => join(line, roomId)));
      lines.forEach((line) => (line.polling ? line.destroy() : line.stopReading()));
      await hotRoom(sender, roomId, 10, 60000);
      for (const name of names) {
        await daemon.ctl('-y', 'conn', 'kick', '--user', name);
      }
    }
    const bounded = async () => (await daemon.metric('send_queue_bytes')) <= 2 * MIB;
    await eventually(bounded, { timeout: 5000, what: 'what closing connections hold is not bounded' });
  });
});

const RECORD = `{"type":6}${RS}`;

test('bodies for ids that are never used: bounded for all together, and refused beyond', async () => {
  const daemon = await start({ CHATD_LIMITS_SEND_MEMORY: '32MiB', CHATD_LIMITS_CONNECT_TIMEOUT: '60s', CHATD_SERVER_WORKERS: 1 });
  await during(daemon, async () => {
    const token = userToken('mallory');
    const body = RECORD.repeat(65000 / RECORD.length);
    const before = residentMib(daemon);
    const counts = { 200: 0, 503: 0 };
    const taken = [];
    const post = async (connection, id) => {
      connection.write(requestBytes('POST', `/chathub?id=${id}`, { host: 'test', token, body }));
      return connection.readResponse();
    };
    const flood = async () => {
      const connection = await RawConnection.connect(daemon.port);
      for (let i = 0; i < 40; i++) {
        const id = await idOn(daemon.port, token);
        const { status, headers } = await post(connection, id);
        counts[status]++;
        if (status === 200) {
          taken.push(id);
        }
        assert.strictEqual(headers['retry-after'], status === 503 ? '1' : undefined);
      }
      connection.destroy();
    };
    const honest = await Line.open(daemon.port, { transport: 'ServerSentEvents', user: 'honest' });
    await Promise.all(range(1, 8).map(flood));
    assert.ok(counts[200] > 20 && counts[200] * body.length <= 4 * MIB, JSON.stringify(counts));
    assert.strictEqual(counts[200] + counts[503], 320);
    const grown = residentMib(daemon) - before;
    assert.ok(grown < 24, `${grown} MiB`);
    await assert.rejects(honest.invoke('None'), /does not exist/);
    const late = await Line.open(daemon.port, { transport: 'LongPolling', user: 'late' });
    await assert.rejects(late.invoke('None'), /does not exist/);
    // A transport that takes an id takes what waits for it, too: there is room for another.
    const connection = await RawConnection.connect(daemon.port);
    const next = async () => (await post(connection, await idOn(daemon.port, token))).status;
    assert.strictEqual(await next(), 503);
    await new RawLine(daemon.port, { token, id: taken[0] }).ask('GET');
    assert.deepStrictEqual([await next(), await next()], [200, 503]);
    [connection, honest, late].forEach((one) => one.destroy());
  });
});

test('POSTs to a connection whose call waits: taken, kept waiting, then refused; nobody else is', async () => {
  const daemon = await start({ CHATD_SERVER_WORKERS: 1 }, { program: CHATD_OWN });
  await during(daemon, async () => {
    const busy = async (transport) => {
      const line = await Line.open(daemon.port, { transport, user: fresh('busy') });
      await line.send(line.call('slow', 'Slow', 3000), line.call('behind', 'Echo', 'held'));
      const body = RECORD.repeat(65000 / RECORD.length);
      const answers = range(1, 40).map(() => line.ask('POST', { body }).then(({ status, body: text }) => ({ status, text, at: Date.now() })));
      const begun = Date.now();
      const honest = await Line.open(daemon.port, { transport, user: fresh('honest') });
      assert.strictEqual(await honest.invoke('Echo', 'x'.repeat(20000)), 'x'.repeat(20000));
      assert.ok(Date.now() - begun < 2700, 'the others wait for it');
      const all = await Promise.all(answers);
      const [taken, refused] = [200, 503].map((status) => all.filter((answer) => answer.status === status));
      assert.strictEqual(taken.length + refused.length, 40);
      assert.ok(refused.length > 15 && taken.length >= 10, `${taken.length} taken`);
      refused.forEach(({ text }) => assert.strictEqual(text, 'Too much of this connection is waiting'));
      assert.ok(taken.filter(({ at }) => at - begun > 1000).length >= 5, 'some wait for the call');
      assert.strictEqual(await line.invoke('Echo', 'goes on'), 'goes on');
      [line, honest].forEach((one) => one.destroy());
    };
    await Promise.all(['ServerSentEvents', 'LongPolling'].map(busy));
  });
});

test('thousands of polls and of event streams for one id: one is served', async () => {
  const daemon = await start();
  await during(daemon, async () => {
    const token = userToken('greedy');
    const poller = await Line.open(daemon.port, { transport: 'LongPolling', token, polls: false, hands: false });
    await poller.post(`{"protocol":"json","version":1}${RS}`);
    assert.strictEqual((await poller.poll()).body.toString(), `{}${RS}`);
    const get = requestBytes('GET', poller.target, { host: 'test', token });
    const before = residentMib(daemon);
    const lines = await Promise.all(range(1, 1000).map(() => RawConnection.connect(daemon.port)));
    lines.forEach((connection) => connection.write(get));
    let parked = lines;
    await eventually(() => (parked = lines.filter(({ buffer }) => buffer.length === 0)).length === 1, { timeout: 20000, what: () => `${parked.length} polls wait` });
    lines.filter((one) => one !== parked[0]).forEach(({ buffer }) => assert.match(buffer.toString('latin1'), /^HTTP\/1\.1 204 /));
    await poller.post(`{"type":1,"invocationId":"1","target":"None","arguments":[]}${RS}`);
    assert.match((await parked[0].readResponse()).body, /"invocationId":"1"/);
    lines.forEach((connection) => connection.destroy());
    const reader = await Line.open(daemon.port, { transport: 'ServerSentEvents', token });
    const worker = Buffer.from(reader.id, 'base64url').readUInt16BE(9);
    const events = requestBytes('GET', reader.target, { host: 'test', token, headers: { Accept: 'text/event-stream' } });
    await Promise.all(
      range(1, 10).map(async () => {
        const connection = await connectionOn(daemon.port, token, worker);
        connection.write(Buffer.concat(Array(1000).fill(events)));
        for (let i = 0; i < 1000; i++) {
          const { status } = await connection.readResponse();
          assert.strictEqual(status, 409);
        }
        connection.destroy();
      }),
    );
    await assert.rejects(reader.invoke('None'), /does not exist/);
    assert.ok(residentMib(daemon) - before < 40, `${residentMib(daemon) - before} MiB`);
    // Two streams at once on a new id, from a thousand connections.
    const id = await idOn(daemon.port, token);
    const line = new RawLine(daemon.port, { token, id });
    const rivals = await Promise.all(range(1, 300).map(() => RawConnection.connect(daemon.port)));
    rivals.forEach((connection) => connection.write(line.bytes('GET', { headers: { Accept: 'text/event-stream' } })));
    const heads = await Promise.all(rivals.map((connection) => connection.readHead()));
    assert.strictEqual(heads.filter(({ status }) => status === 200).length, 1);
    assert.strictEqual(heads.filter(({ status }) => status === 409).length, 299);
    [reader, ...rivals].forEach((one) => one.destroy());
  });
});
