'use strict';
// WebSocket conformance, size: section 9 of the Autobahn suite at the daemon's door, and peers who would make it hold
// or do too much by the form of their frames. What the daemon's memory and processor time come to is measured.

const assert = require('node:assert');
const fs = require('node:fs');
const { test } = require('node:test');
const { house, fresh } = require('./lib/people');
const { NO_RATES } = require('./lib/chatd');
const { RawWebSocket, OPCODE, RS, frame } = require('./lib/ws');
const { HANDSHAKE } = require('./lib/hub');
const { userToken } = require('./lib/token');

const KIB = 1024;
const MIB = 1024 * KIB;
// A frame may hold 16 hub messages of the largest size.
const MAX_MESSAGE = 128 * KIB;
const MAX_FRAME = 16 * MAX_MESSAGE;
// AddressSanitizer keeps freed memory for a while, 256 MiB of it if not told otherwise.
const ASAN_OPTIONS = 'exitcode=66:detect_leaks=1:quarantine_size_mb=1:thread_local_quarantine_size_kb=64';
const here = house({ settings: { ...NO_RATES, ASAN_OPTIONS } });
const { chatd } = here;

const call = (id) => JSON.stringify({ type: 1, invocationId: id, target: 'None', arguments: [] }) + RS;
const HUB_PING = `{"type":6}${RS}`;
const answered = (id) => ({ record }) => record !== undefined && record.includes(`"invocationId":"${id}"`);

async function opened() {
  const socket = await RawWebSocket.open(chatd.port, '/chathub', { token: userToken(fresh('large')) });
  here.later(() => socket.destroy());
  socket.sendRecord(HANDSHAKE);
  assert.deepStrictEqual(await socket.next(), { record: '{}' });
  return socket;
}

// Processor time in seconds and the most memory in MiB that the daemon takes while work() runs.
async function cost(work) {
  const seconds = () => {
    const fields = fs.readFileSync(`/proc/${chatd.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  };
  const mib = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(fs.readFileSync(`/proc/${chatd.pid}/status`, 'utf8'))[1]) / KIB;
  fs.writeFileSync(`/proc/${chatd.pid}/clear_refs`, '5'); // VmHWM begins anew
  const before = { cpu: seconds(), rss: mib('VmRSS') };
  await work();
  return { cpu: seconds() - before.cpu, mib: mib('VmHWM') - before.rss };
}

async function cheap(t, { cpu, mib }, work) {
  const took = await cost(work);
  t.diagnostic(`${took.cpu.toFixed(2)} s, ${took.mib.toFixed(1)} MiB`);
  assert.ok(took.cpu < cpu, `${took.cpu} s of processor time`);
  assert.ok(took.mib < mib, `${took.mib} MiB more`);
}

// Frames of one message: bytes in fragments of that size, all with one mask, quickly made.
function fragments(bytes, size, { fin = true } = {}) {
  const mask = [0x37, 0xfa, 0x21, 0x3d];
  const count = Math.max(1, Math.ceil(bytes.length / size));
  assert.ok(size <= 125);
  const out = Buffer.alloc(bytes.length + 6 * count);
  let to = 0;
  for (let i = 0; i < count; i++) {
    const at = i * size;
    const length = Math.min(size, bytes.length - at);
    out[to] = (fin && i === count - 1 ? 0x80 : 0) | (i === 0 ? OPCODE.text : 0);
    out[to + 1] = 0x80 | length;
    out.set(mask, to + 2);
    for (let k = 0; k < length; k++) {
      out[to + 6 + k] = bytes[at + k] ^ mask[k & 3];
    }
    to += 6 + length;
  }
  return out;
}

// Hub pings with a call at the end: what is sent is served when that is answered.
function records(size, id) {
  const end = call(id);
  const pings = Math.floor((size - end.length) / HUB_PING.length);
  const pad = ' '.repeat(size - end.length - pings * HUB_PING.length);
  return Buffer.from(HUB_PING.repeat(pings) + pad + end);
}

test('9.1, 9.2: records of megabytes in one frame, up to the longest', async (t) => {
  const socket = await opened();
  await cheap(t, { cpu: 8, mib: 16 }, async () => {
    for (const size of [64 * KIB, 256 * KIB, MIB, MAX_FRAME]) {
      for (const opcode of [OPCODE.text, OPCODE.binary]) {
        socket.connection.write(frame(opcode, records(size, `${size}-${opcode}`)));
        await socket.next({ keep: answered(`${size}-${opcode}`), timeout: 20000 });
      }
    }
  });
  socket.connection.write(frame(OPCODE.text, '', { length: MAX_FRAME + 1 }));
  assert.deepStrictEqual(await socket.next({ keep: (event) => event.record === undefined }), { close: 1009, reason: '' });
});

test('9.3, 9.4: a message of eight megabytes in frames of one', async (t) => {
  const socket = await opened();
  const bytes = records(8 * MIB, 'end');
  await cheap(t, { cpu: 8, mib: 16 }, async () => {
    for (let i = 0; i < 8; i++) {
      const part = bytes.subarray(i * MIB, (i + 1) * MIB);
      socket.connection.write(frame(i === 0 ? OPCODE.text : OPCODE.continuation, part, { fin: i === 7 }));
    }
    await socket.next({ keep: answered('end'), timeout: 20000 });
  });
});

test('9.7: thousands of calls, each in a message, all answered in order', async () => {
  const socket = await opened();
  socket.connection.write(Buffer.concat(Array.from({ length: 3000 }, (_, i) => frame(OPCODE.text, call(`${i}`)))));
  for (let i = 0; i < 3000; i++) {
    assert.ok(answered(`${i}`)(await socket.next()), `answer ${i}`);
  }
});

for (const [what, size, length] of [
  ['a hundred thousand fragments of 50 bytes', 50, 5000000],
  ['a million fragments of one byte', 1, 1000000],
]) {
  test(`${what}`, async (t) => {
    const socket = await opened();
    const bytes = fragments(records(length, 'end'), size);
    await cheap(t, { cpu: 8, mib: 16 }, async () => {
      socket.connection.write(bytes);
      await socket.next({ keep: answered('end'), timeout: 20000 });
    });
  });
}

test('a million empty fragments in the middle of a record', async (t) => {
  const socket = await opened();
  const record = call('a');
  const empty = Buffer.alloc(6000000, Buffer.from([0x00, 0x80, 1, 2, 3, 4]));
  await cheap(t, { cpu: 6, mib: 16 }, async () => {
    socket.connection.write(frame(OPCODE.text, record.slice(0, 20), { fin: false }));
    socket.connection.write(empty);
    socket.connection.write(frame(OPCODE.continuation, record.slice(20)));
    await socket.next({ keep: answered('a'), timeout: 20000 });
  });
});

// 2^62 bytes are not waited for: one Close, at once, with nothing of them kept.
test('a frame that claims 2^62 bytes', async (t) => {
  await cheap(t, { cpu: 3, mib: 16 }, async () => {
    for (let i = 0; i < 20; i++) {
      const socket = await opened();
      const begun = Date.now();
      socket.connection.write(frame(OPCODE.binary, 'x'.repeat(1000), { length: 2n ** 62n }));
      assert.deepStrictEqual(await socket.next(), { close: 1009, reason: '' });
      assert.deepStrictEqual(await socket.next(), { ended: 'reset' });
      assert.ok(Date.now() - begun < 2000);
    }
  });
});

test('the longest record in fragments of one byte: what is there is not searched again and again', async (t) => {
  const socket = await opened();
  const id = 'x'.repeat(MAX_MESSAGE - call('').length);
  await cheap(t, { cpu: 6, mib: 16 }, async () => {
    socket.connection.write(fragments(Buffer.from(call(id)), 1));
    await socket.next({ keep: answered(id), timeout: 20000 });
  });
  socket.connection.write(fragments(Buffer.from(`${call(`${id}x`)}`), 100));
  const closed = await socket.next();
  assert.deepStrictEqual(JSON.parse(closed.record), { type: 7, error: 'Connection closed with an error.', allowReconnect: true });
  assert.deepStrictEqual(await socket.next(), { close: 1000, reason: '' });
});

test('a record that never ends is ended at the limit, whatever its fragments', async (t) => {
  const socket = await opened();
  await cheap(t, { cpu: 6, mib: 16 }, async () => {
    socket.connection.write(fragments(Buffer.alloc(4 * MAX_MESSAGE, 'x'), 3, { fin: false }));
    assert.match((await socket.next()).record, /"type":7/);
    assert.deepStrictEqual(await socket.next(), { close: 1000, reason: '' });
  });
});

// Each could keep a worker waiting with a frame or a control frame half sent.
test('unfinished frames of five hundred connections take next to nothing', async (t) => {
  const sockets = [];
  await cheap(t, { cpu: 8, mib: 16 }, async () => {
    for (let i = 0; i < 25; i++) {
      sockets.push(...(await Promise.all(Array.from({ length: 20 }, opened))));
    }
    sockets.forEach((socket, i) => {
      const half = i % 2 === 0 ? frame(OPCODE.text, 'x', { length: MAX_FRAME }) : frame(OPCODE.ping, 'x'.repeat(124), { length: 125 });
      socket.connection.write(half);
    });
    const quick = await opened();
    quick.send(call('a'));
    await quick.next({ keep: answered('a') });
  });
  sockets[1].connection.write('x');
  assert.strictEqual((await sockets[1].next()).pong.length, 125);
});
