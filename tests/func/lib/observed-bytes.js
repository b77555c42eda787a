'use strict';
// The words of tests/vectors/server-observed.json turned into bytes: what the client sends is sometimes shortened
// ("x…(84 times)… (32768 bytes)") or only described ("ping frame without FIN").

const { OPCODE, RS, frame, closeFrame } = require('./ws');

const call = (id, target, args = []) =>
  `${JSON.stringify({ type: 1, invocationId: id, target, arguments: args })}${RS}`;
const CALL = call('1', 'NoSuchMethod');
const PING = `{"type":6}${RS}`;
const CALL_START = '{"type":1,"invocationId":"1","target":"';

// A shortened record: how it begins, which text is repeated in it and how it ends. Both sizes are in the recording, so
// a wrong row is noticed.
const LONG = [
  { start: '{"protocol":"', unit: 'p', end: '","version":1}' },
  { start: '{"x":', unit: '[', close: ']', end: ',"protocol":"json","version":1}' },
  { start: '{"protocol":"json","version":1,"x":"', unit: 'x', end: '"}' },
  { start: '', unit: 'x', end: null },
  { start: CALL_START, unit: 'T', end: '","arguments":["conform"]}' },
  { start: '{"type":6,"x":', unit: '[', close: ']', end: '}' },
  { start: `${CALL_START}NoSuchMethod","arguments":["`, unit: 'x', end: '"]}' },
  { start: '', unit: PING, end: null },
  { start: `{"protocol":"json","version":1}${RS}`, unit: PING, end: null },
];

function rebuild(shown) {
  const size = Number(/… \((\d+) bytes\)$/.exec(shown)[1]);
  const head = shown.slice(0, shown.indexOf('…'));
  const row =
    LONG.find(({ start, unit }) => shown.startsWith(start + unit)) || LONG.find(({ start }) => start.startsWith(head));
  const end = row.end === null ? '' : row.end + RS;
  const width = row.unit.length + (row.close || '').length;
  const count = (size - row.start.length - end.length) / width;
  const text = row.start + row.unit.repeat(count) + (row.close || '').repeat(count) + end;
  if (text.length !== size) {
    throw new Error(`rebuilt ${text.length} bytes where ${size} are recorded: ${shown}`);
  }
  return text;
}

// The text of a step that sends text.
function textOf(shown) {
  const text = shown.replace(/␞/g, RS);
  return /… \(\d+ bytes\)$/.test(text) ? rebuild(text) : text;
}

// The body of a request, which may be shown as bytes.
const bodyOf = (shown) => (shown.startsWith('hex ') ? Buffer.from(shown.slice(4), 'hex') : textOf(shown));

// In what comes, a run is shortened alike: "T…(5000 times)".
const unshorten = (text) => text.replace(/(.)…\((\d+) times\)/gu, (_, one, times) => one.repeat(Number(times)));

const bytes = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part)));
const BAD_ARGUMENT = (target) =>
  bytes(`${CALL_START}${target}","arguments":["`, [0xff], `"]}${RS}`);

const DESCRIBED = {
  'text frame without FIN: {"protocol":"js': () => frame(OPCODE.text, '{"protocol":"js', { fin: false }),
  'continuation with FIN: the rest': () => frame(OPCODE.continuation, `on","version":1}${RS}`),
  'text frame with bytes ff fe and a separator': () => frame(OPCODE.text, [0xff, 0xfe, 0x1e]),
  'empty text frame': () => frame(OPCODE.text),
  'binary frame: a call of NoSuchMethod with id "1"': () => frame(OPCODE.binary, CALL),
  'text frame: a call whose argument holds byte ff': () => frame(OPCODE.text, BAD_ARGUMENT('NoSuchMethod')),
  'binary frame: a call of NoSuchMethod whose argument holds byte ff': () =>
    frame(OPCODE.binary, BAD_ARGUMENT('NoSuchMethod')),
  'binary frame: a call of LeaveRoom whose argument holds byte ff': () =>
    frame(OPCODE.binary, BAD_ARGUMENT('LeaveRoom')),
  'ping frame with payload "abc"': () => frame(OPCODE.ping, 'abc'),
  'ping frame of 125 bytes': () => frame(OPCODE.ping, 'p'.repeat(125)),
  'ping frame without FIN': () => frame(OPCODE.ping, 'abc', { fin: false }),
  'pong frame "abc"': () => frame(OPCODE.pong, 'abc'),
  'text frame without FIN: a whole call with id "1"': () => frame(OPCODE.text, CALL, { fin: false }),
  'text frame without FIN': () => frame(OPCODE.text, '{"type":6', { fin: false }),
  'text frame with FIN': () => frame(OPCODE.text, `}${RS}`),
  'unmasked text frame': () => frame(OPCODE.text, CALL, { masked: false }),
  'text frame with RSV1': () => frame(OPCODE.text, CALL, { rsv: 4 }),
  'ping frame with RSV1': () => frame(OPCODE.ping, 'abc', { rsv: 4 }),
  'frame with opcode 7': () => frame(7, 'abc'),
  'text frame header with length 0x8000000000000000': () =>
    frame(OPCODE.text, '', { length: 0x8000000000000000n, wide: true }),
  'text frame header with length 2^62, then 10 bytes': () =>
    frame(OPCODE.text, 'x'.repeat(10), { length: 2n ** 62n, wide: true }),
  'text frame of a ping, 64-bit length': () => frame(OPCODE.text, `{"type":6}${RS}`, { wide: true }),
  'text frame without FIN with byte ff': () => frame(OPCODE.text, [0xff], { fin: false }),
  'text frame: {"type":6}␞ and byte c3': () => frame(OPCODE.text, bytes(`{"type":6}${RS}`, [0xc3])),
  'empty Close frame': () => closeFrame(),
  'Close frame of one byte': () => frame(OPCODE.close, [0x03]),
  'Close frame 1000 and 123 bytes': () => closeFrame(1000, 'r'.repeat(123)),
  'Close frame 1000 and byte ff': () => frame(OPCODE.close, [0x03, 0xe8, 0xff]),
  'text frame with a call with id "1" and Close frame 1000': () =>
    bytes(frame(OPCODE.text, CALL), closeFrame(1000)),
  'text frame without FIN, Close frame 1000': () =>
    bytes(frame(OPCODE.text, '{"type"', { fin: false }), closeFrame(1000)),
  'the first 20 bytes of a frame': () => frame(OPCODE.text, CALL).subarray(0, 20),
};

// The bytes of a described step, as a list of writes.
function writesOf(described) {
  if (described === 'text frame with a call with id "1", byte by byte') {
    return [...frame(OPCODE.text, CALL)].map((byte) => Buffer.from([byte]));
  }
  const close = /^Close frame (\d+)$/.exec(described);
  if (close) {
    return [closeFrame(Number(close[1]))];
  }
  if (!DESCRIBED[described]) {
    throw new Error(`nobody knows how to send: ${described}`);
  }
  return [DESCRIBED[described]()];
}

module.exports = { textOf, bodyOf, unshorten, writesOf };
