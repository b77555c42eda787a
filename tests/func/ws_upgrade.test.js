'use strict';
// The WebSocket upgrade: which requests get 101 and what the others are told; offers that are not taken; frames that
// come with the request.

const assert = require('node:assert');
const { test } = require('node:test');
const { house, fresh } = require('./lib/people');
const { NO_RATES } = require('./lib/chatd');
const { RawWebSocket, OPCODE, RS, frame, closeFrame } = require('./lib/ws');
const { HANDSHAKE } = require('./lib/hub');
const { userToken } = require('./lib/token');

const here = house({ settings: NO_RATES });
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const RFC_ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='; // of KEY, RFC 6455 section 1.3
const shaking = Buffer.from(JSON.stringify(HANDSHAKE) + RS);
const call = (id) => JSON.stringify({ type: 1, invocationId: id, target: 'None', arguments: [] }) + RS;

async function ask(options) {
  const { response, socket, connection } = await RawWebSocket.ask(here.chatd.port, '/chathub', {
    token: userToken(fresh('up')),
    ...options,
  });
  return { response, socket, connection };
}

// Opens, and talks: the socket works, and what goes over it is not compressed.
async function works(options) {
  const { response, socket, connection } = await ask({ key: KEY, ...options });
  try {
    assert.strictEqual(response.status, 101, response.body);
    assert.strictEqual(response.headers['sec-websocket-accept'], RFC_ACCEPT);
    assert.strictEqual(response.headers.upgrade.toLowerCase(), 'websocket');
    assert.strictEqual(response.headers.connection.toLowerCase(), 'upgrade');
    for (const name of ['sec-websocket-extensions', 'sec-websocket-protocol', 'content-length', 'transfer-encoding']) {
      assert.ok(!(name in response.headers), name);
    }
    socket.sendRecord(HANDSHAKE);
    assert.deepStrictEqual(await socket.next(), { record: '{}' });
    socket.send(call('a'));
    assert.match((await socket.next()).record, /"invocationId":"a"/);
    // A compressed frame is one with a reserved bit: nobody agreed on it.
    socket.send('x', { rsv: 4 });
    assert.deepStrictEqual(await socket.next(), { close: 1002, reason: '' });
  } finally {
    connection.destroy();
  }
}

const repeated = (name, ...values) => ({ [name]: values.join(`\r\n${name}: `) });
const taken = {
  'nothing offered': {},
  'permessage-deflate': { 'Sec-WebSocket-Extensions': 'permessage-deflate' },
  'permessage-deflate as node offers it': { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' },
  'permessage-deflate in all forms': {
    'Sec-WebSocket-Extensions':
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8, permessage-deflate; client_max_window_bits="15", x-webkit-deflate-frame',
  },
  'unknown extensions in two headers': repeated('Sec-WebSocket-Extensions', 'permessage-bzip2', 'mux; max-channels=4'),
  'an offer that is no list': { 'Sec-WebSocket-Extensions': ';;,=permessage-deflate;' },
  'a subprotocol': { 'Sec-WebSocket-Protocol': 'graphql-ws' },
  'subprotocols in two headers': repeated('Sec-WebSocket-Protocol', 'chat, superchat', 'mqtt'),
  'all letters large': { Upgrade: 'WEBSOCKET', Connection: 'UPGRADE' },
  'among other tokens': { Upgrade: 'h2c, websocket', Connection: 'keep-alive, Upgrade' },
  'in the second of two Upgrade headers': repeated('Upgrade', 'h2c', 'websocket'),
  'the same Upgrade twice': repeated('Upgrade', 'websocket', 'websocket'),
  'in the second of two Connection headers': repeated('Connection', 'keep-alive', 'Upgrade'),
  'a version of Upgrade': { Upgrade: 'websocket' },
  'an empty body by its length': { 'Content-Length': '0' },
};
for (const [what, headers] of Object.entries(taken)) {
  test(`upgrade taken: ${what}`, () => works({ headers }));
}

const NO_ID = 'Connection ID required';
const refused = {
  'version 8': [{ 'Sec-WebSocket-Version': '8' }, /must be 13/],
  'version 0': [{ 'Sec-WebSocket-Version': '0' }, /must be 13/],
  'version 130': [{ 'Sec-WebSocket-Version': '130' }, /must be 13/],
  'a list of versions': [{ 'Sec-WebSocket-Version': '13, 8' }, /must be 13/],
  'two versions': [repeated('Sec-WebSocket-Version', '13', '8'), /must be 13/],
  'the version twice': [repeated('Sec-WebSocket-Version', '13', '13'), /must be 13/],
  'no version': [{ 'Sec-WebSocket-Version': null }, /must be 13/],
  'no key': [{ 'Sec-WebSocket-Key': null }, /Sec-WebSocket-Key/],
  'an empty key': [{ 'Sec-WebSocket-Key': '' }, /Sec-WebSocket-Key/],
  'a short key': [{ 'Sec-WebSocket-Key': 'c2hvcnQ=' }, /Sec-WebSocket-Key/],
  'a long key': [{ 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZSBvZg==' }, /Sec-WebSocket-Key/],
  'a key that is no base64': [{ 'Sec-WebSocket-Key': '!!!!!!!!!!!!!!!!!!!!!!==' }, /Sec-WebSocket-Key/],
  'a key of URL-safe base64': [{ 'Sec-WebSocket-Key': '____________________-w==' }, /Sec-WebSocket-Key/],
  'two keys': [repeated('Sec-WebSocket-Key', KEY, KEY), /Sec-WebSocket-Key/],
  'no Connection': [{ Connection: null }, /Connection: Upgrade/],
  'Connection: keep-alive': [{ Connection: 'keep-alive' }, /Connection: Upgrade/],
  'no Upgrade': [{ Upgrade: null }, NO_ID],
  'Upgrade: h2c': [{ Upgrade: 'h2c' }, NO_ID],
  'Upgrade: websockets': [{ Upgrade: 'websockets' }, NO_ID],
  'a body': [{ 'Content-Length': '5' }, /carries no body/],
  'a chunked body': [{ 'Transfer-Encoding': 'chunked' }, /carries no body/],
};
for (const [what, [headers, why]] of Object.entries(refused)) {
  test(`upgrade refused: ${what}`, async () => {
    const { response, connection } = await ask({ key: KEY, headers });
    connection.destroy();
    assert.strictEqual(response.status, 400, JSON.stringify(response));
    assert.match(response.body, why instanceof RegExp ? why : new RegExp(`^${why}$`));
    assert.strictEqual(response.headers['content-type'], 'text/plain');
    const wrongVersion = /must be 13/.test(response.body);
    assert.strictEqual(response.headers['sec-websocket-version'], wrongVersion ? '13' : undefined);
  });
}

test('upgrade refused: HTTP/1.0, POST, PUT, no token', async () => {
  const answer = async (options) => {
    const { response, connection } = await ask(options);
    connection.destroy();
    return [response.status, response.body];
  };
  assert.deepStrictEqual(await answer({ version: '1.0' }), [400, 'A WebSocket upgrade needs HTTP/1.1']);
  assert.deepStrictEqual(await answer({ method: 'POST', headers: { 'Content-Length': '0' } }), [400, NO_ID]);
  assert.deepStrictEqual(await answer({ method: 'PUT' }), [405, '']);
  assert.deepStrictEqual(await answer({ token: null }), [401, '']);
});

test('a refused upgrade leaves the connection to HTTP: the next request on it is served', async () => {
  const { response, connection } = await ask({ headers: { 'Sec-WebSocket-Version': '8' } });
  assert.strictEqual(response.status, 400);
  connection.write(`GET /chathub HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${userToken('again')}\r\n\r\n`);
  assert.strictEqual((await connection.readResponse()).body, NO_ID);
  connection.destroy();
});

// Frames behind the request's head, in the same segment, before any answer can have come.
async function early(bytes, late = Buffer.alloc(0)) {
  const { response, socket, connection } = await ask({ early: bytes });
  assert.strictEqual(response.status, 101);
  connection.write(late);
  const heard = [];
  for (let event = await socket.next(); ; event = await socket.next()) {
    heard.push(event.record || (event.pong !== undefined ? `pong ${event.pong}` : event.ended || `close ${event.close}`));
    if (event.ended || event.pong === 'last') {
      connection.destroy();
      return heard;
    }
  }
}

test('early frames: handshake, call, ping and Close are served in order', async () => {
  const text = (payload) => frame(OPCODE.text, payload);
  const ping = frame(OPCODE.ping, 'last');
  const records = [frame(OPCODE.text, shaking), text(call('a')), ping];
  const answer = /^\{"type":3,"invocationId":"a"/;
  const whole = await early(Buffer.concat(records));
  assert.deepStrictEqual([whole[0], answer.test(whole[1]), whole[2]], ['{}', true, 'pong last']);
  for (const cut of [1, 2, 6, 20, shaking.length + 6, shaking.length + 9]) {
    const bytes = Buffer.concat(records);
    const got = await early(bytes.subarray(0, cut), bytes.subarray(cut));
    assert.deepStrictEqual([got[0], answer.test(got[1]), got[2]], ['{}', true, 'pong last'], `cut at ${cut}`);
  }
  assert.deepStrictEqual(await early(Buffer.concat([frame(OPCODE.text, shaking), closeFrame(1000)])), ['{}', 'close 1000', 'end']);
  assert.deepStrictEqual(await early(frame(OPCODE.text, shaking, { masked: false })), ['close 1002', 'reset']);
});

test('early frames of a megabyte are served, and those behind them', async () => {
  const pings = frame(OPCODE.text, `{"type":6}${RS}`.repeat(5000));
  const many = Array(20).fill(pings);
  const got = await early(Buffer.concat([frame(OPCODE.text, shaking), ...many, frame(OPCODE.text, call('a'))]), frame(OPCODE.ping, 'last'));
  assert.strictEqual(got[0], '{}');
  assert.match(got[1], /"invocationId":"a"/);
  assert.strictEqual(got[2], 'pong last');
});
