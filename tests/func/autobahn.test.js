'use strict';
// WebSocket conformance at the daemon's door: sections 1 to 7 of the Autobahn suite in terms of what chatd does with
// the bytes. It sends nothing back but answers: a call of a method that is not there is answered with its id, and that
// is the echo. Each case is played whole, byte by byte and in random cuts. Section 9 is ws_large.test.js; the numbers
// are the suite's.

const assert = require('node:assert');
const { test } = require('node:test');
const { house, fresh } = require('./lib/people');
const { NO_RATES } = require('./lib/chatd');
const { RawWebSocket, OPCODE, RS, frame, closeFrame } = require('./lib/ws');
const { HANDSHAKE } = require('./lib/hub');
const { userToken } = require('./lib/token');
const { within } = require('./lib/util');

const AT_ONCE = 16;
const here = house({ settings: NO_RATES });

const call = (id) => JSON.stringify({ type: 1, invocationId: id, target: 'None', arguments: [] }) + RS;
const text = (payload, more) => frame(OPCODE.text, payload, more);
const binary = (payload, more) => frame(OPCODE.binary, payload, more);
const first = (payload) => text(payload, { fin: false });
const middle = (payload) => frame(OPCODE.continuation, payload, { fin: false });
const last = (payload) => frame(OPCODE.continuation, payload);
const ping = (payload = '', more) => frame(OPCODE.ping, payload, more);
const pong = (payload = '', more) => frame(OPCODE.pong, payload, more);
const hex = (digits) => Buffer.from(digits.replace(/ /g, ''), 'hex');

// Ends: Close, and how TCP ends, which is as the real server has it: a breach is answered and reset; only what stands in
// a Close that is a lawful frame is answered and ended in order.
const BREACH = ['close 1002', 'reset'];
const NOT_UTF8 = ['close 1007', 'reset'];
const TOO_BIG = ['close 1009', 'reset'];
const BAD_CLOSE = ['close 1002', 'end'];
const NORMAL = ['close 1000', 'end'];
const answers = (...ids) => ids.map((id) => `answer ${id}`);
const HUB_ERROR = ['hub close', 'close 1000', 'end'];

// What came, in a word each.
function told(event) {
  if (event.record !== undefined) {
    const record = JSON.parse(event.record);
    assert.ok([3, 6, 7].includes(record.type), event.record);
    return record.type === 3 ? `answer ${record.invocationId}` : record.type === 7 ? 'hub close' : null;
  }
  if (event.pong !== undefined) {
    return `pong ${event.pong}`;
  }
  if (event.close !== undefined) {
    assert.strictEqual(event.reason, '');
    return `close ${event.close}`;
  }
  assert.ok(event.ended && !event.cut, JSON.stringify(event));
  return event.ended;
}

// Deterministic, so that a failure comes again.
function randomCuts(bytes, seed) {
  const pieces = [];
  let at = 0;
  while (at < bytes.length) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const size = 1 + ((seed >>> 8) % (bytes.length > 2000 ? 5000 : 24));
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

const WAYS = {
  whole: (bytes) => [bytes],
  octets: (bytes) => Array.from(bytes, (byte) => Buffer.from([byte])),
  'random cuts': (bytes) => randomCuts(bytes, 1),
  'other cuts': (bytes) => randomCuts(bytes, 2),
};

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function open(options) {
  const socket = await RawWebSocket.open(here.chatd.port, '/chathub', { token: userToken(fresh('auto')), ...options });
  return socket;
}

async function handshaken() {
  const socket = await open();
  socket.sendRecord(HANDSHAKE);
  assert.deepStrictEqual(await socket.next(), { record: '{}' });
  return socket;
}

// All that comes until the connection ends or the probe's pong has come.
async function hear(socket) {
  const heard = [];
  for (;;) {
    const what = told(await socket.next());
    if (what === 'pong probe') {
      return heard;
    }
    if (what !== null) {
      heard.push(what);
    }
    if (what === 'end' || what === 'reset') {
      return heard;
    }
  }
}

async function playWay(pieces, expected, inPieces) {
  const socket = await handshaken();
  try {
    for (const piece of pieces) {
      if (socket.connection.ended) {
        break;
      }
      socket.connection.write(piece);
      await (inPieces && turn());
    }
    if (!/end|reset/.test(expected.at(-1))) {
      socket.connection.write(ping('probe'));
    }
    const heard = await hear(socket);
    // A reset that meets a write of ours takes what we have not read yet with it.
    if (inPieces && heard.at(-1) === 'reset') {
      heard.splice(-1, 0, ...expected.slice(heard.length - 1, -1));
    }
    assert.deepStrictEqual(heard, expected);
  } finally {
    socket.destroy();
  }
}

async function play(frames, expected) {
  const bytes = Buffer.concat(frames);
  for (const [way, cut] of Object.entries(WAYS)) {
    if (way === 'octets' && bytes.length > 1000) {
      continue;
    }
    const note = (error) => {
      error.message = `${way}: ${error.message}`;
      throw error;
    };
    await playWay(cut(bytes), expected, way !== 'whole').catch(note);
  }
}

function section(name, cases) {
  test(`autobahn ${name}`, { concurrency: AT_ONCE }, (t) =>
    Promise.all(Object.entries(cases).map(([what, [frames, expected]]) => t.test(what, () => play(frames, expected)))),
  );
}

// A call whose record has exactly so many bytes, and its id.
function sized(size) {
  const id = 'x'.repeat(size - call('').length);
  return [call(id), answers(id)];
}

const sizes = {};
for (const size of [125, 126, 127, 128, 65535, 65536]) {
  const [record, expected] = sized(size);
  sizes[`1.1 text of ${size}`] = [[text(record)], expected];
  sizes[`1.2 binary of ${size}`] = [[binary(record)], expected];
}
section('1: sizes, text in binary frames too', {
  ...sizes,
  '1.1.1 empty': [[text(''), binary(''), text(call('a'))], answers('a')],
  'two records in a message': [[text(call('a') + call('b'))], answers('a', 'b')],
  'a record over three messages of both kinds': [
    [text(call('abc').slice(0, 10)), binary(call('abc').slice(10, 20)), text(call('abc').slice(20))],
    answers('abc'),
  ],
  '64-bit length where 7 bits do': [[text(call('a'), { wide: true })], answers('a')],
  'bytes in a binary frame that are no JSON': [[binary(hex('ff fe 00 1e'))], HUB_ERROR],
  'the same in a text frame': [[text(hex('ff fe 00 1e'))], NOT_UTF8],
  'UTF-8 in text and JSON, not Unicode in binary': [[binary(Buffer.concat([hex('ed a0 80'), Buffer.from(RS)]))], HUB_ERROR],
});

section('2: pings and pongs', {
  '2.1': [[ping()], ['pong ']],
  '2.2': [[ping('Hello, world!')], ['pong Hello, world!']],
  '2.3': [[ping(hex('00 ff fe fd fc fb 00 ff'))], ['pong \x00\xff\xfe\xfd\xfc\xfb\x00\xff']],
  '2.4, 2.6': [[ping('p'.repeat(125))], [`pong ${'p'.repeat(125)}`]],
  '2.5': [[ping('p'.repeat(126))], BREACH],
  '2.7': [[pong()], []],
  '2.8': [[pong('unsolicited')], []],
  '2.9': [[pong('unsolicited'), ping('ping')], ['pong ping']],
  '2.10, 2.11': [Array.from({ length: 10 }, (_, i) => ping(`payload-${i}`)), Array.from({ length: 10 }, (_, i) => `pong payload-${i}`)],
  'between calls': [[text(call('a')), ping('1'), text(call('b'))], ['answer a', 'pong 1', 'answer b']],
});

const bits = {};
for (let rsv = 1; rsv < 8; rsv++) {
  bits[`3.1 text, bits ${rsv}`] = [[text(call('a'), { rsv })], BREACH];
  bits[`3.2 to 3.4 behind a call, bits ${rsv}`] = [[text(call('a')), text(call('b'), { rsv }), ping()], ['answer a', ...BREACH]];
  bits[`3.5 binary, bits ${rsv}`] = [[binary(call('a'), { rsv })], BREACH];
  bits[`3.6 ping, bits ${rsv}`] = [[ping('x', { rsv })], BREACH];
  bits[`3.7 Close, bits ${rsv}`] = [[frame(OPCODE.close, hex('03e8'), { rsv })], BREACH];
  bits[`continuation, bits ${rsv}`] = [[first(call('a')), frame(OPCODE.continuation, 'x', { rsv })], ['answer a', ...BREACH]];
}
section('3: reserved bits', bits);

const opcodes = {};
for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
  opcodes[`4 opcode ${opcode}`] = [[frame(opcode)], BREACH];
  opcodes[`4 opcode ${opcode} with a call`] = [[text(call('a')), frame(opcode, call('b')), ping()], ['answer a', ...BREACH]];
}
section('4: opcodes', opcodes);

const [one, two, three] = [call('abc').slice(0, 7), call('abc').slice(7, 30), call('abc').slice(30)];
section('5: fragments', {
  '5.1': [[ping('fragment1', { fin: false }), last('fragment2')], BREACH],
  '5.2': [[pong('fragment1', { fin: false }), last('fragment2')], BREACH],
  '5.3 to 5.5': [[first(one), last(two + three)], answers('abc')],
  '5.6 to 5.8': [[first(one), ping('ping'), last(two + three)], ['pong ping', 'answer abc']],
  'a pong between': [[first(one), pong('pong'), last(two + three)], answers('abc')],
  '5.9 to 5.11': [[last('non-continuation'), text(call('a'))], BREACH],
  '5.12 to 5.14': [[middle('non-continuation'), text(call('a'))], BREACH],
  '5.15': [[first(one), last(two + three), middle(call('b')), text(call('c'))], ['answer abc', ...BREACH]],
  '5.16': [[middle('fragment1'), first(one), last(two)], BREACH],
  '5.17': [[last('fragment1'), first(one), last(two)], BREACH],
  '5.18': [[first(one), text(two)], BREACH],
  'binary inside text': [[first(one), binary(two, { fin: false })], BREACH],
  '5.19, 5.20': [
    [first(one), middle(two), ping('1'), middle(three), middle(call('d')), ping('2'), last(call('e'))],
    ['pong 1', 'answer abc', 'answer d', 'pong 2', 'answer e'],
  ],
  'each byte a fragment': [[first(''), ...Array.from(call('abc'), middle), last('')], answers('abc')],
  'each byte a fragment, a ping behind each': [
    [first(''), ...Array.from(call('abc')).flatMap((byte, i) => [middle(byte), ping(`${i}`)]), last('')],
    [...Array.from(call('abc'), (_, i) => `pong ${i}`).slice(0, -1), 'answer abc', `pong ${call('abc').length - 1}`],
  ],
  'served before FIN': [[first(call('a')), middle(call('b') + one)], answers('a', 'b')],
  'a record from the end of one message into the next': [[first(one), last(two), text('', { fin: false }), last(three)], answers('abc')],
  'empty fragments': [[first(''), middle(''), middle(one + two + three), middle(''), last('')], answers('abc')],
});

// 6: what a text frame may hold. The good ones are ids of calls.
const KOSME = 'κόσμε';
const good = {};
for (const [what, id] of Object.entries({
  '6.2': 'Hello-µ@ßöäüàá-UTF-8!!',
  '6.5': KOSME,
  '6.7 first of each length': '\u0080\u0800\u{10000}',
  '6.9 last of each length': '\u007f\u07ff\uffff\u{10ffff}',
  '6.11 around the gaps': '\ud7ff\ue000\ufffd\u{10ffff}',
  '6.22 noncharacters': '\ufdd0\ufdef\ufffe\uffff\u{1fffe}\u{1ffff}\u{10fffe}\u{10ffff}',
  '6.23': '\ufff9\ufffa\ufffb\ufffc\ufffd',
})) {
  const bytes = Buffer.from(call(id));
  const octets = Array.from(bytes, (byte) => middle(Buffer.from([byte])));
  good[what] = [[text(bytes)], answers(id)];
  good[`${what}, each byte a fragment`] = [[first(''), ...octets, last('')], answers(id)];
  good[`${what}, in binary`] = [[binary(bytes)], answers(id)];
}
const bad = {};
for (const digits of [
  ...['80', 'bf', '80bf', '80bf80', 'c0', 'c1', 'fe', 'ff', 'f5', 'fefeffff', 'c020', 'e020', 'f020', 'f820', 'fc20'],
  ...['f8888080 80', 'fc8480808080', 'f7bfbfbf', 'fbbfbfbfbf', 'fdbfbfbfbfbf', 'f4908080', 'c0af', 'e080af', 'f08080af'],
  ...['f8808080af', 'fc80808080af', 'c1bf', 'e09fbf', 'f08fbfbf', 'f887bfbfbf', 'fc83bfbfbfbf', 'c080', 'e08080', 'f0808080'],
  ...['f880808080', 'fc8080808080', 'eda080', 'edadbf', 'edae80', 'edafbf', 'edb080', 'edbe80', 'edbfbf', 'eda080edb080'],
  ...['edafbfedbfbf', 'edae80edb080', 'dfefbff48fbf'],
]) {
  const payload = Buffer.concat([Buffer.from(KOSME), hex(digits), Buffer.from('edited')]);
  bad[`bytes ${digits}`] = [[text(payload)], NOT_UTF8];
  bad[`bytes ${digits}, each a fragment`] = [
    [first(''), ...Array.from(payload, (byte) => middle(Buffer.from([byte]))), last('')],
    NOT_UTF8,
  ];
}
for (const digits of ['df', 'efbf', 'f48fbf', 'c3', 'e2', 'f0']) {
  bad[`cut: bytes ${digits}`] = [[text(hex(digits))], NOT_UTF8];
  bad[`cut by an empty fragment: bytes ${digits}`] = [[first(hex(digits)), last('')], NOT_UTF8];
}
section('6: good UTF-8', good);
section('6: bad UTF-8', {
  ...bad,
  'calls before the bad byte': [[first(call('a')), middle(call('b')), middle(hex('ff'))], ['answer a', 'answer b', ...NOT_UTF8]],
  '6.4.1 in the second of three fragments': [[first(KOSME), middle(hex('f4908080')), last('edited')], NOT_UTF8],
  'a ping inside a character': [[first(hex('e2')), ping('1'), last(hex('28'))], ['pong 1', ...NOT_UTF8]],
});

test('autobahn 6.4: ended at the bad byte, the rest of the frame outstanding', async () => {
  const whole = text(Buffer.concat([Buffer.from(KOSME), hex('f4908080'), Buffer.from('edited')]));
  const upTo = whole.length - 'edited'.length - 2; // f490
  const socket = await handshaken();
  socket.connection.write(whole.subarray(0, upTo - 1));
  socket.connection.write(Buffer.alloc(0));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepStrictEqual(socket.events, []);
  socket.connection.write(whole.subarray(upTo - 1, upTo));
  assert.deepStrictEqual(await hear(socket), NOT_UTF8);
  socket.destroy();
});

const closes = {
  '7.1.1': [[text(call('a')), closeFrame(1000)], ['answer a', ...NORMAL]],
  '7.1.2': [[closeFrame(1000), closeFrame(1001)], NORMAL],
  '7.1.3': [[closeFrame(1000), ping()], NORMAL],
  '7.1.4': [[closeFrame(1000), text(call('a'))], NORMAL],
  '7.1.5': [[first(one), closeFrame(1000), last(two + three)], NORMAL],
  '7.1.6': [[binary(`{"type":6}${RS}`.repeat(24000)), closeFrame(1000), ping()], NORMAL],
  'a breach behind it': [[closeFrame(1000), frame(15, 'x', { rsv: 7, masked: false })], NORMAL],
  '7.3.1': [[closeFrame()], NORMAL],
  '7.3.2': [[frame(OPCODE.close, 'x')], BAD_CLOSE],
  '7.3.4': [[closeFrame(1000, 'Hello World!')], NORMAL],
  '7.3.5': [[closeFrame(1000, 'r'.repeat(123))], NORMAL],
  '7.3.6': [[closeFrame(1000, 'r'.repeat(124))], BREACH],
  '7.5.1': [[frame(OPCODE.close, hex('03e8 ceba e1bdb9 eda080'))], BAD_CLOSE],
  'a reason cut in a character': [[frame(OPCODE.close, hex('03e8 e282'))], BAD_CLOSE],
  'without FIN': [[frame(OPCODE.close, hex('03e8'), { fin: false })], BREACH],
};
for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]) {
  closes[`7.7 code ${code}`] = [[closeFrame(code)], NORMAL];
  closes[`7.7 code ${code} with a reason`] = [[closeFrame(code, 'reason €')], NORMAL];
}
for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]) {
  closes[`7.9, 7.13 code ${code}`] = [[closeFrame(code)], BAD_CLOSE];
  closes[`7.9, 7.13 code ${code} with a reason`] = [[closeFrame(code, 'reason')], BAD_CLOSE];
}
section('7: Close', closes);

section('headers', {
  'not masked': [[text(call('a'), { masked: false })], BREACH],
  'a ping that is not masked': [[ping('x', { masked: false })], BREACH],
  'a Close that is not masked': [[frame(OPCODE.close, hex('03e8'), { masked: false })], BREACH],
  'a length of 2^62': [[text('only this', { length: 2n ** 62n })], TOO_BIG],
  'the same in a fragment': [[first(call('a')), frame(OPCODE.continuation, '', { length: 2n ** 62n })], ['answer a', ...TOO_BIG]],
  'a length of 2^63': [[text('only this', { length: 2n ** 63n })], BREACH],
  'a length of 2^64 - 1': [[text('only this', { length: 2n ** 64n - 1n })], BREACH],
  'a ping of 2^62': [[ping('only this', { length: 2n ** 62n })], BREACH],
});

test('MessagePack goes in binary frames; in text ones it is judged as text', async () => {
  const socket = await open();
  socket.send(JSON.stringify({ protocol: 'messagepack', version: 1 }) + RS);
  assert.deepStrictEqual(await socket.next(), { record: '{}' });
  // A call of "None" with id "a"; each byte in a fragment.
  const record = hex('96 01 80 a1 61 a4 4e 6f 6e 65 90 90');
  const bytes = Buffer.concat([Buffer.from([record.length]), record]);
  socket.connection.write(Buffer.concat([binary('', { fin: false }), ...Array.from(bytes, (byte) => middle(Buffer.from([byte]))), last('')]));
  // Not taken apart into records of JSON.
  const answer = await within(5000, new Promise((resolve) => (socket.message = resolve)), 'no answer');
  assert.deepStrictEqual(answer.subarray(1, 6), hex('95 03 80 a1 61'));
  socket.connection.write(text(bytes));
  assert.deepStrictEqual(await hear(socket), NOT_UTF8);
  socket.destroy();
});
