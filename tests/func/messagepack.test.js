'use strict';
// MessagePack against the real daemon where the npm client alone does not reach: whose names are respelt, LZ4, and bytes
// that no client writes.

const assert = require('node:assert');
const { test } = require('node:test');
const { decode, encode, ExtData } = require('@msgpack/msgpack');
const WebSocket = require('ws');
const { startChatd } = require('./lib/chatd');
const { house, fresh } = require('./lib/people');
const { COMBINATIONS, optionsOf } = require('./lib/combinations');
const { realClient } = require('./lib/hub');
const { Line } = require('./lib/lines');
const { userToken } = require('./lib/token');
const { within } = require('./lib/util');

const here = house();
const MESSAGEPACK = COMBINATIONS.find(({ encoding }) => encoding === 'messagepack');
const FAILED = 'Connection closed with an error.';
const NOT_BOUND = /^Failed to invoke 'SendMessage' due to an error on the server\.$/;

const framed = (body) => {
  const prefix = [];
  let length = body.length;
  for (; length > 0x7f; length >>>= 7) {
    prefix.push((length & 0x7f) | 0x80);
  }
  return Buffer.concat([Buffer.from([...prefix, length]), body]);
};
const call = (id, target, args) => framed(Buffer.from(encode([1, {}, id, target, args])));

// ext 99 around an LZ4 block of literals only; claim: the plain length that it says.
function packed(value, claim) {
  const plain = Buffer.from(encode(value));
  assert.ok(plain.length >= 15 && plain.length < 15 + 255);
  const head = Buffer.alloc(5);
  head[0] = 0xd2;
  head.writeUInt32BE(claim || plain.length, 1);
  return new ExtData(99, Buffer.concat([head, Buffer.from([0xf0, plain.length - 15]), plain]));
}

// The messages in a WebSocket message of the server.
function messagesIn(data) {
  const messages = [];
  while (data.length > 0) {
    let length = 0;
    let at = 0;
    do {
      length |= (data[at] & 0x7f) << (7 * at);
    } while (data[at++] & 0x80);
    messages.push(decode(data.subarray(at, at + length)));
    data = data.subarray(at + length);
  }
  return messages;
}

// A client that writes any bytes. answer(id) is the Completion of that call; closed() the hub's Close.
async function rawClient(chatd = here.chatd, protocol = 'messagepack') {
  const headers = { Authorization: `Bearer ${userToken(fresh('raw'))}` };
  const socket = new WebSocket(`ws://127.0.0.1:${chatd.port}/chathub`, { headers });
  const received = [];
  let handshake;
  let changed = () => {};
  socket.on('message', (data) => {
    const bytes = Buffer.from(data);
    if (handshake === undefined) {
      handshake = bytes.toString();
    } else {
      received.push(...messagesIn(bytes));
    }
    changed();
  });
  socket.on('close', () => changed());
  const find = async (wanted) => {
    for (;;) {
      const found = wanted();
      if (found !== undefined) {
        return found;
      }
      assert.notStrictEqual(socket.readyState, WebSocket.CLOSED, 'the connection has ended');
      await within(10000, new Promise((resolve) => (changed = resolve)));
    }
  };
  here.later(() => socket.terminate());
  await within(10000, new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject)));
  socket.send(`${JSON.stringify({ protocol, version: 1 })}\x1e`);
  await find(() => handshake);
  return {
    handshake,
    received,
    send: (bytes) => socket.send(bytes),
    answer: (id) => find(() => received.find((message) => message[0] === 3 && message[2] === id)),
    closed: () => find(() => received.find((message) => message[0] === 7)),
  };
}

// A raw client in a room of its own.
async function inRoom(chatd) {
  const raw = await rawClient(chatd);
  raw.send(call('join', 'JoinRoom', [fresh('room')]));
  const [, , , kind, result] = await raw.answer('join');
  assert.strictEqual(kind, 3);
  return { raw, room: result.RoomId };
}

// ---- names ----------------------------------------------------------------------------------------------------------------

test('names of fields begin large, names that are data stay', async () => {
  const client = await here.real(fresh('alice'), optionsOf(MESSAGEPACK));
  const room = fresh('room');
  const { RoomId } = await client.invoke('JoinRoom', room);
  const attachment = { url: 'https://example.org/a.png', mediaType: 'image/png', size: 5 };
  await client.invoke('SendMessage', RoomId, { content: 'x', type: 'Image', attachment });
  const [message] = await client.hears('ReceiveMessage');
  assert.deepStrictEqual(message.Attachment, { Url: attachment.url, MediaType: 'image/png', Size: 5 });
  const synced = await client.invoke('Sync', { [room]: null, 'no such room': 1 });
  assert.deepStrictEqual(Object.keys(synced).sort(), [room, 'no such room'].sort());
  assert.strictEqual(synced[room].Recovered, true);
  assert.strictEqual(synced['no such room'].Error.Code, 'not_found');
});

// ---- values ---------------------------------------------------------------------------------------------------------------

test('arguments in LZ4 are read in both forms; what is wrong in them does not bind', async () => {
  const { raw, room } = await inRoom();
  const text = 'abc '.repeat(20);
  raw.send(call('1', 'SendMessage', [room, packed(text)]));
  assert.strictEqual((await raw.answer('1'))[4].Seq, 1);
  const block = packed(text).data.subarray(5);
  const lengths = new ExtData(98, encode(encode(text).length));
  // The bin of the form has a head of five bytes, but any will do.
  raw.send(call('2', 'SendMessage', [room, [lengths, block]]));
  assert.strictEqual((await raw.answer('2'))[4].Seq, 2);
  const wrong = {
    gigabytes: packed(text, 0x7fffffff),
    'another length': packed(text, 80),
    'no block': new ExtData(99, Buffer.from('d200000050', 'hex')),
    'packed twice': packed(packed(text)),
    typeless: new ExtData(100, encode(text)),
    'another extension': new ExtData(5, Buffer.from([0])),
  };
  for (const [name, value] of Object.entries(wrong)) {
    raw.send(call(name, 'SendMessage', [room, value]));
    const [, , , kind, error] = await raw.answer(name);
    assert.strictEqual(kind, 1, name);
    assert.match(error, NOT_BOUND, name);
  }
  raw.send(call('3', 'SendMessage', [room, 'still here']));
  assert.strictEqual((await raw.answer('3'))[4].Seq, 3);
});

test('hub.messagepack_lz4: values of 64 bytes and more are packed, each by itself', async () => {
  const forms = {
    block: (value) => value instanceof ExtData && value.type === 99,
    block_array: ([lengths, block]) => lengths.type === 98 && block instanceof Uint8Array,
  };
  for (const [form, isPacked] of Object.entries(forms)) {
    const chatd = await startChatd({ settings: { CHATD_HUB_MESSAGEPACK_LZ4: form } });
    const raw = await rawClient(chatd);
    raw.send(call('1', 'JoinRoom', [fresh('room')]));
    assert.ok(isPacked((await raw.answer('1'))[4]), form);
    raw.send(call('2', 'NoSuchMethod', []));
    assert.strictEqual((await raw.answer('2'))[3], 1);
    await chatd.stop();
  }
});

// ---- what ends the connection ---------------------------------------------------------------------------------------------

test('malformed bytes end the connection with a Close, behind the answers to what came before', async () => {
  const bad = {
    'an empty frame': [0],
    'a prefix without end': [0x80, 0x80, 0x80, 0x80, 0x80],
    'a frame of 2 GiB': [0xff, 0xff, 0xff, 0xff, 0x07],
    'no array': [1, 0xc0],
    'a type that is text': [3, 0x91, 0xa1, 0x36],
    'bytes behind the message': [3, 0x91, 0x06, 0x06],
    'four billion arguments': [13, 0x95, 1, 0x80, 0xc0, 0xa1, 0x58, 0xdd, 0xff, 0xff, 0xff, 0xff, 1, 1],
    'a text of 4 GiB': [9, 0x94, 2, 0x80, 0xdb, 0xff, 0xff, 0xff, 0xff, 1],
    'the byte c1': [3, 0x92, 0x06, 0xc1],
  };
  for (const [name, bytes] of Object.entries(bad)) {
    const { raw } = await inRoom();
    raw.send(Buffer.concat([call('last', 'NoSuchMethod', []), Buffer.from(bytes), call('behind', 'NoSuchMethod', [])]));
    assert.deepStrictEqual(await raw.closed(), [7, FAILED, true], name);
    assert.strictEqual(raw.received.find((message) => message[2] === 'last')[3], 1, name);
    assert.ok(!raw.received.some((message) => message[2] === 'behind'), name);
  }
});

// The messages are not too long here: it is their depth that is told.
test('nesting 100,000 deep ends the connection, and the daemon lives', async () => {
  const settings = {
    CHATD_SERVER_ENVIRONMENT: 'Development',
    CHATD_HUB_DETAILED_ERRORS: 'true',
    CHATD_HUB_MAX_MESSAGE_SIZE: '1MiB',
  };
  const [opened, closed] = ['[', ']'].map((bracket) => bracket.repeat(100000));
  const head = Buffer.from('960180a131a14e', 'hex'); // [1, {}, "1", "N", arguments, []]
  const deep = {
    json: [Buffer.from(`{"type":1,"invocationId":"1","target":"N","arguments":${opened}${closed}}\x1e`)],
    messagepack: [
      framed(Buffer.concat([head, Buffer.alloc(100000, 0x91), Buffer.from('c090', 'hex')])),
      framed(Buffer.concat([head, Buffer.from('90', 'hex'), Buffer.alloc(100000, 0x91), Buffer.from('c0', 'hex')])),
    ],
  };
  const chatd = await startChatd({ settings });
  for (const { name, transport, encoding } of COMBINATIONS) {
    for (const bytes of deep[encoding]) {
      const line = await Line.open(chatd.port, { transport, encoding, user: fresh('deep') });
      await line.write(bytes);
      const { messages } = await line.untilEnd();
      assert.match(messages.at(-1).error, /^Connection closed with an error\. InvalidDataException: (?!The maximum)/, name);
      line.destroy();
    }
  }
  await chatd.stop();
});

test('what nobody asked for is dropped: items and ends of no stream, cancels of none, answers to no question', async () => {
  for (const { name, transport, encoding } of COMBINATIONS) {
    const line = await Line.open(here.chatd.port, { transport, encoding, user: fresh('unasked') });
    const all = ['1', 's1', 'x'].flatMap((invocationId) => [
      { type: 2, invocationId, item: 'item', headers: {} },
      { type: 3, invocationId, result: 7, headers: {} },
      { type: 3, invocationId, error: 'broken', headers: {} },
      { type: 5, invocationId, headers: {} },
    ]);
    await line.send(...all);
    await assert.rejects(line.invoke('None'), /Method does not exist/, name);
    line.destroy();
  }
});

test('messages of unknown types are skipped, byte by byte', async () => {
  const { raw } = await inRoom();
  const bytes = Buffer.concat([framed(Buffer.from(encode([42, { a: [1] }]))), call('1', 'NoSuchMethod', [])]);
  for (const byte of bytes) {
    raw.send(Buffer.from([byte]));
  }
  assert.match((await raw.answer('1'))[4], /Method does not exist/);
});

// ---- the settings ---------------------------------------------------------------------------------------------------------

test('hub.messagepack = false: only JSON is spoken', async () => {
  const chatd = await startChatd({ settings: { CHATD_HUB_MESSAGEPACK: 'false' } });
  const raw = await rawClient(chatd);
  assert.strictEqual(raw.handshake, '{"error":"The protocol \'messagepack\' is not supported."}\x1e');
  const client = realClient(chatd.url, { user: fresh('alice') });
  await client.start();
  await client.stop();
  await chatd.stop();
});
