'use strict';
// The MessagePack hub protocol against the npm package: what chatd writes the package reads, and the other way round.
// probe/codec turns messages from JSON into MessagePack and back with chatd's own codecs.

const assert = require('node:assert');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { test } = require('node:test');
const { JsonHubProtocol, MessageType, NullLogger } = require('@microsoft/signalr');
const { MessagePackHubProtocol } = require('@microsoft/signalr-protocol-msgpack');
const { ExtData } = require('@msgpack/msgpack');
const { CHATD } = require('./lib/chatd');

const PROBE = path.resolve(process.env.CODEC_BIN || path.join(path.dirname(CHATD), 'probe/codec'));
const json = new JsonHubProtocol();
const msgpack = new MessagePackHubProtocol();

// All lines through one process.
function convert(verb, lines) {
  const input = lines.map((line) => `${line}\n`).join('');
  const output = execFileSync(PROBE, [verb], { input, encoding: 'utf8', maxBuffer: 1 << 26 });
  const answers = output.split('\n').slice(0, -1);
  assert.strictEqual(answers.length, lines.length);
  return answers;
}

const letters = (count) => 'xß☃😀'.repeat(count).slice(0, count);
const keys = (count) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`key ${i}`, i]));

// Both sides of each border between two forms, and what JavaScript can say besides.
const VALUES = [
  null, true, false, '', 'a', letters(31), letters(32), letters(255), letters(256), letters(70000), 'a\u0000b',
  0, 1, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, Number.MAX_SAFE_INTEGER,
  -1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649, Number.MIN_SAFE_INTEGER,
  0.5, -0.1, 1e300, 5e-324, 1.7976931348623157e308,
  [], [[]], [1, [2, [3, ['four']]]], Array(15).fill(0), Array(16).fill(null), Array(65536).fill(7),
  {}, { a: 1, B: { c: [true, null] }, '': 'empty', 'ключ': 'x' }, keys(15), keys(16), keys(65536),
];

// Messages as a server sends them; the package ignores types 4 and 5.
function serverMessages() {
  const { Invocation, StreamItem, Completion, Ping, Close, Ack, Sequence } = MessageType;
  return [
    { type: Invocation, target: 'Receive', arguments: VALUES },
    { type: Invocation, target: 'Grüße', arguments: [], invocationId: 's1' },
    { type: Invocation, target: 'Upload', arguments: [1], invocationId: '2', streamIds: ['3', '4'] },
    ...VALUES.map((item, index) => ({ type: StreamItem, invocationId: String(index), item })),
    ...VALUES.map((result) => ({ type: Completion, invocationId: 'x', result })),
    { type: Completion, invocationId: '5' },
    { type: Completion, invocationId: '6', error: 'Failed to invoke "Ä".' },
    { type: Ping },
    { type: Close },
    { type: Close, error: 'gone', allowReconnect: true },
    { type: Ack, sequenceId: 1394 },
    { type: Sequence, sequenceId: 4294967296 },
  ];
}

const record = (message) => json.writeMessage(message).slice(0, -1);
const bytesOf = (hex) => {
  const bytes = Buffer.from(hex, 'hex');
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
};

// The one message that the package reads from framed bytes in hexadecimal.
function parse(hex) {
  const messages = msgpack.parseMessages(bytesOf(hex), NullLogger.instance);
  assert.strictEqual(messages.length, 1);
  return messages[0];
}

// What the package adds to every message, or leaves there undefined, is no difference.
function stripped(message) {
  const { headers, ...rest } = message;
  const known = Object.entries(rest).filter(([name, value]) => {
    const empty = name === 'streamIds' || (message.type === MessageType.Close && !value);
    return value !== undefined && !(empty || (name === 'error' && value === null));
  });
  return Object.fromEntries(known);
}

function write(options, messages) {
  return convert('write', messages.map((message) => `${options} ${record(message)}`)).map(parse);
}

test('the package reads what chatd writes', () => {
  const messages = serverMessages();
  const parsed = write('pascal none dictionary', messages);
  messages.forEach((message, i) => assert.deepStrictEqual(stripped(parsed[i]), stripped(message)));
});

test('times and bytes arrive as what they are', () => {
  const moments = ['2024-01-02T03:04:05.000Z', '2024-01-02T03:04:05.678Z', '1969-12-31T23:59:59.500Z',
    '0001-01-01T00:00:00.000Z', '2400-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z'];
  const blocks = [0, 1, 255, 256, 65536].map((size) => Buffer.alloc(size, 0xfe));
  const item = [
    ...moments.map((moment) => ({ $date: moment })),
    ...blocks.map((block) => ({ $bin: block.toString('base64') })),
  ];
  const [message] = write('pascal none dictionary', [{ type: MessageType.StreamItem, invocationId: '1', item }]);
  const times = message.item.slice(0, moments.length);
  assert.deepStrictEqual(times.map((time) => time.toISOString()), moments);
  const bytes = message.item.slice(moments.length);
  assert.deepStrictEqual(bytes.map((each) => Buffer.from(each)), blocks);
});

test('names of fields are respelt, those of dictionaries are not', () => {
  const item = { roomId: 1, Seq: 2, inner: [{ sentAt: 3 }] };
  const message = { type: MessageType.StreamItem, invocationId: '1', item };
  const written = (options) => write(options, [message])[0].item;
  assert.deepStrictEqual(written('pascal none fields'), { RoomId: 1, Seq: 2, Inner: [{ SentAt: 3 }] });
  assert.deepStrictEqual(written('camel none fields'), item);
  assert.deepStrictEqual(written('pascal none dictionary'), item);
});

test('values in LZ4 have the outer forms of MessagePack-CSharp', () => {
  const long = 'a'.repeat(70);
  const message = { type: MessageType.Invocation, target: 'X', arguments: ['short', long, 1] };
  const [block] = write('pascal block dictionary', [message]);
  assert.deepStrictEqual([block.arguments[0], block.arguments[2]], ['short', 1]);
  assert.ok(block.arguments[1] instanceof ExtData);
  assert.strictEqual(block.arguments[1].type, 99);
  const [array] = write('pascal block_array dictionary', [message]);
  const [lengths, ...blocks] = array.arguments[1];
  assert.strictEqual(lengths.type, 98);
  assert.deepStrictEqual([...lengths.data], [72]);
  assert.deepStrictEqual(blocks.map((each) => each.constructor), [Uint8Array]);
});

test('chatd reads what the package writes', () => {
  const { StreamInvocation, CancelInvocation, Invocation } = MessageType;
  const messages = [
    ...serverMessages(),
    { type: StreamInvocation, invocationId: '1', target: 'Count', arguments: [10, 'x'] },
    { type: StreamInvocation, invocationId: '2', target: 'Count', arguments: [], streamIds: ['3'] },
    { type: CancelInvocation, invocationId: '1' },
    { type: Invocation, target: 'Send', arguments: [{}], headers: { a: 'b' } },
  ];
  const lines = messages.map((message) => Buffer.from(msgpack.writeMessage(message)).toString('hex'));
  const read = convert('read', lines).map((line) => JSON.parse(line));
  messages.forEach((message, i) => {
    const { headers, error, allowReconnect, ...wanted } = message;
    // The package writes no more of a Close than its type, and headers mean nothing to chatd.
    if (error && message.type !== MessageType.Close) {
      wanted.error = error;
    }
    assert.deepStrictEqual(read[i], wanted);
  });
});

test('times and bytes from the package', () => {
  const item = [new Date('2024-01-02T03:04:05.678Z'), new Date(-500), new Uint8Array([0, 255]), NaN, -Infinity];
  const line = Buffer.from(msgpack.writeMessage({ type: MessageType.StreamItem, invocationId: '1', item }));
  const [answer] = convert('read', [line.toString('hex')]);
  assert.deepStrictEqual(JSON.parse(answer).item,
    ['2024-01-02T03:04:05.678Z', '1969-12-31T23:59:59.500Z', 'AP8=', null, null]);
});

test('what is no message is refused with a reason', () => {
  assert.deepStrictEqual(convert('read', ['00', '0190', '03910600', '029106']), [
    'error: it is not framed',
    "error: Reading 'messageType' as Int32 failed.",
    'error: Bytes follow the message in its frame.',
    '{"type":6}',
  ]);
});
