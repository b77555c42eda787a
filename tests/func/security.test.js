'use strict';
// Tokens, origins, connection ids and framing: what must be refused is refused, and tells nothing.

const assert = require('node:assert');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { house, fresh } = require('./lib/people');
const { startChatd, scratchDir } = require('./lib/chatd');
const { RawConnection, request, negotiate } = require('./lib/http');
const { RawWebSocket } = require('./lib/ws');
const { HANDSHAKE } = require('./lib/hub');
const { signToken, userToken, userId, now, SECRET } = require('./lib/token');
const { sleep } = require('./lib/util');

const here = house({ settings: { CHATD_LIMITS_CONNECT_TIMEOUT: '1s', CHATD_AUTH_LEEWAY: '0s' } });
const { chatd } = here;
const NEGOTIATE = '/chathub/negotiate?negotiateVersion=1';

const statusOf = async (port, token) => (await request(port, 'POST', NEGOTIATE, { token })).status;

function keyPair(type, options) {
  return crypto.generateKeyPairSync(type, {
    ...options,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

async function withKey(pem, settings, use) {
  const dir = scratchDir();
  const file = path.join(dir, 'public.pem');
  fs.writeFileSync(file, pem);
  const daemon = await startChatd({
    settings: { CHATD_AUTH_JWT_SECRET: undefined, CHATD_AUTH_JWT_PUBLIC_KEY: file, ...settings },
  });
  try {
    await use(daemon.port);
  } finally {
    await daemon.stop();
    fs.rmSync(dir, { recursive: true });
  }
}

const REFUSED = {
  'no token': () => undefined,
  'not a token': () => 'nonsense',
  'three empty parts': () => '..',
  'another key': () => userToken('alice', { key: `${SECRET}!` }),
  'alg none, unsigned': () => signToken({ sub: 'alice', exp: now() + 60 }, { algorithm: 'none' }),
  'alg None, unsigned': () => signToken({ sub: 'alice', exp: now() + 60 }, { algorithm: 'None', signAs: 'none' }),
  'alg none, but signed': () =>
    signToken({ sub: 'alice', exp: now() + 60 }, { algorithm: 'none', signAs: 'HS256' }),
  'HS256 named, HS512 used': () => userToken('alice', { algorithm: 'HS256', signAs: 'HS512' }),
  'signature cut off': () => userToken('alice').replace(/\.[^.]*$/, '.'),
  'signature shortened': () => userToken('alice').slice(0, -4),
  expired: () => userToken('alice', { ttl: -10 }),
  'without exp': () => signToken({ sub: 'alice' }),
  'exp as text': () => signToken({ sub: 'alice', exp: String(now() + 60) }),
  'nbf in the future': () => userToken('alice', { claims: { nbf: now() + 600 } }),
  'without sub': () => signToken({ exp: now() + 60, name: 'alice' }),
  'empty sub': () => signToken({ exp: now() + 60, sub: '' }),
  'sub as an object': () => signToken({ exp: now() + 60, sub: { a: 1 } }),
  'claims that are no object': () => signToken(['alice']),
};

for (const [what, token] of Object.entries(REFUSED)) {
  test(`token refused: ${what}`, async () => {
    const response = await request(chatd.port, 'POST', NEGOTIATE, { token: token() });
    assert.strictEqual(response.status, 401);
    assert.ok(!response.body.includes('Token'), response.body);
    const { response: upgrade } = await RawWebSocket.ask(chatd.port, '/chathub', { token: token() });
    assert.strictEqual(upgrade.status, 401);
  });
}

test('tokens taken: HS256, HS384, HS512, in header and query, scheme in any case', async () => {
  for (const algorithm of ['HS256', 'HS384', 'HS512']) {
    const key = SECRET.repeat(2);
    const daemon = algorithm === 'HS256' ? chatd : await startChatd({ settings: { CHATD_AUTH_JWT_SECRET: key } });
    const token = userToken('alice', algorithm === 'HS256' ? {} : { algorithm, key });
    assert.strictEqual(await statusOf(daemon.port, token), 200, algorithm);
    if (daemon !== chatd) {
      await daemon.stop();
    }
  }
  const token = userToken('alice');
  const headers = { Authorization: `bEARER ${token}` };
  assert.strictEqual((await request(chatd.port, 'POST', NEGOTIATE, { headers })).status, 200);
  const socket = await RawWebSocket.open(chatd.port, `/chathub?access_token=${token}`);
  socket.destroy();
  assert.ok(!chatd.log.includes(token), 'a token stands in the log');
});

test('an RSA public key: RS256 is taken, HS256 made with that very key is not', async () => {
  const { publicKey, privateKey } = keyPair('rsa', { modulusLength: 2048 });
  const other = keyPair('rsa', { modulusLength: 2048 }).privateKey;
  await withKey(publicKey, {}, async (port) => {
    for (const algorithm of ['RS256', 'RS384', 'RS512']) {
      assert.strictEqual(await statusOf(port, userToken('alice', { algorithm, key: privateKey })), 200, algorithm);
    }
    const bad = [
      userToken('alice', { algorithm: 'RS256', key: other }),
      userToken('alice', { algorithm: 'HS256', key: publicKey }),
      userToken('alice', { algorithm: 'HS256', key: publicKey.trim() }),
      userToken('alice', { algorithm: 'HS512', key: publicKey }),
      userToken('alice', { algorithm: 'RS256', signAs: 'HS256', key: publicKey }),
      signToken({ sub: 'alice', exp: now() + 60 }, { algorithm: 'none' }),
      userToken('alice', { algorithm: 'RS256', key: privateKey }).replace(/.{20}$/, 'A'.repeat(20)),
    ];
    for (const [i, token] of bad.entries()) {
      assert.strictEqual(await statusOf(port, token), 401, `bad token ${i}`);
    }
  });
});

test('an elliptic-curve key: ES256 is taken, other algorithms are not', async () => {
  const { publicKey, privateKey } = keyPair('ec', { namedCurve: 'P-256' });
  await withKey(publicKey, {}, async (port) => {
    assert.strictEqual(await statusOf(port, userToken('alice', { algorithm: 'ES256', key: privateKey })), 200);
    assert.strictEqual(await statusOf(port, userToken('alice', { algorithm: 'HS256', key: publicKey })), 401);
    const forged = userToken('alice', { algorithm: 'ES256', key: keyPair('ec', { namedCurve: 'P-256' }).privateKey });
    assert.strictEqual(await statusOf(port, forged), 401);
  });
});

test('auth.algorithms narrows what the key allows', async () => {
  const { publicKey, privateKey } = keyPair('rsa', { modulusLength: 2048 });
  await withKey(publicKey, { CHATD_AUTH_ALGORITHMS: 'RS512' }, async (port) => {
    assert.strictEqual(await statusOf(port, userToken('alice', { algorithm: 'RS256', key: privateKey })), 401);
    assert.strictEqual(await statusOf(port, userToken('alice', { algorithm: 'RS512', key: privateKey })), 200);
  });
});

test('issuer and audience are compared where they are set', async () => {
  const settings = { CHATD_AUTH_ISSUER: 'https://issuer.example', CHATD_AUTH_AUDIENCE: 'chat, other' };
  const daemon = await startChatd({ settings });
  const status = (claims) => statusOf(daemon.port, userToken('alice', { claims }));
  const iss = 'https://issuer.example';
  assert.strictEqual(await status({ iss, aud: 'chat' }), 200);
  assert.strictEqual(await status({ iss, aud: ['x', 'other'] }), 200);
  assert.strictEqual(await status({ iss, aud: 'chatter' }), 401);
  assert.strictEqual(await status({ iss, aud: [] }), 401);
  assert.strictEqual(await status({ iss }), 401);
  assert.strictEqual(await status({ iss: `${iss}/`, aud: 'chat' }), 401);
  assert.strictEqual(await status({ aud: 'chat' }), 401);
  await daemon.stop();
});

test("the user is the first of the claims' names", async () => {
  const uri = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier';
  const claims = { [uri]: fresh('uri'), nameid: fresh('nameid'), sub: fresh('sub'), exp: now() + 60 };
  const alice = await here.raw('alice');
  const { roomId } = await alice.invoke('JoinRoom', fresh('room'));
  for (const name of [uri, 'nameid', 'sub']) {
    const hub = await here.raw(null, { token: signToken(claims) });
    await hub.invoke('JoinRoom', roomId);
    await alice.heard('UserJoined', (user) => user === userId(claims[name]));
    delete claims[name];
  }
});

test('a connection id belongs to the user that negotiated it', async () => {
  const { connectionToken } = await negotiate(chatd.port, userToken('alice'));
  const target = `/chathub?id=${encodeURIComponent(connectionToken)}`;
  const { response } = await RawWebSocket.ask(chatd.port, target, { token: userToken('eve') });
  assert.strictEqual(response.status, 403);
  const socket = await RawWebSocket.open(chatd.port, target, { token: userToken('alice') });
  socket.destroy();
});

test('a connection id opens one connection: 409 while it lives, 404 afterwards', async () => {
  const token = userToken('alice');
  const { connectionToken } = await negotiate(chatd.port, token);
  const target = `/chathub?id=${connectionToken}`;
  const hub = await RawWebSocket.open(chatd.port, target, { token });
  hub.sendRecord(HANDSHAKE);
  await hub.next();
  assert.strictEqual((await RawWebSocket.ask(chatd.port, target, { token })).response.status, 409);
  hub.sendClose(1000);
  await hub.next({ keep: (event) => event.ended !== undefined });
  const { response } = await RawWebSocket.ask(chatd.port, target, { token });
  assert.deepStrictEqual([response.status, response.body], [404, 'No Connection with that ID']);
});

test('a connection id is good for limits.connect_timeout, and only unchanged', async () => {
  const token = userToken('alice');
  const { connectionToken } = await negotiate(chatd.port, token);
  const open = async (id) => (await RawWebSocket.ask(chatd.port, `/chathub?id=${id}`, { token })).response.status;
  const flip = (at) => {
    const letter = connectionToken[at] === 'A' ? 'B' : 'A';
    return connectionToken.slice(0, at) + letter + connectionToken.slice(at + 1);
  };
  for (let at = 0; at < connectionToken.length - 1; at += 3) {
    assert.strictEqual(await open(flip(at)), 404, `letter ${at} changed`);
  }
  assert.strictEqual(await open(connectionToken.slice(0, -1)), 404);
  assert.strictEqual(await open(`${connectionToken}A`), 404);
  await sleep(2500);
  assert.strictEqual(await open(connectionToken), 404, 'too late');
});

test('a hidden room and a missing one answer the same bytes', async () => {
  const id = await chatd.ctl('-q', 'room', 'create', fresh('Hidden'), '--alias', fresh('hidden'), '--private');
  const missing = crypto.randomUUID();
  const eve = await here.raw(fresh('eve'));
  for (const [method, ...rest] of [['JoinRoom'], ['LeaveRoom'], ['SendMessage', 'x'], ['GetHistory', null, 10]]) {
    const say = (room) => eve.invoke(method, room, ...rest).then(() => 'allowed', (error) => error.message);
    const [hidden, none] = [await say(id), await say(missing)];
    assert.match(hidden, /HubException: not_found: /, method);
    assert.strictEqual(hidden, none, method);
  }
  const sync = async (room) => JSON.stringify((await eve.invoke('Sync', { [room]: 0 }))[room]);
  assert.strictEqual(await sync(id), await sync(missing));
});

test('the origin of a page is checked', async () => {
  const status = async (port, origin) => {
    const headers = { Origin: origin };
    return (await RawWebSocket.ask(port, '/chathub', { token: userToken('alice'), headers })).response.status;
  };
  assert.strictEqual(await status(chatd.port, 'http://evil.example'), 403);
  assert.strictEqual(await status(chatd.port, `http://127.0.0.1:${chatd.port}.evil.example`), 403);
  assert.strictEqual(await status(chatd.port, 'null'), 403);
  assert.strictEqual(await status(chatd.port, `http://127.0.0.1:${chatd.port}`), 101);
  const settings = { CHATD_SERVER_ALLOWED_ORIGINS: 'https://chat.example, http://other.example:8080' };
  const daemon = await startChatd({ settings });
  assert.strictEqual(await status(daemon.port, 'https://chat.example'), 101);
  assert.strictEqual(await status(daemon.port, 'http://other.example:8080'), 101);
  assert.strictEqual(await status(daemon.port, 'http://other.example'), 403);
  assert.strictEqual(await status(daemon.port, 'http://chat.example'), 403);
  await daemon.stop();
  const development = await startChatd({ settings: { CHATD_SERVER_ENVIRONMENT: 'Development' } });
  assert.strictEqual(await status(development.port, 'http://localhost:3000'), 101);
  assert.strictEqual(await status(development.port, 'http://evil.example'), 403);
  await development.stop();
});

const AUTH = () => `Authorization: Bearer ${userToken('alice')}\r\n`;
const FRAMING = {
  'Content-Length and Transfer-Encoding': 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'two lengths': 'Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!',
  'a list of lengths': 'Content-Length: 5, 5\r\n\r\nhello',
  'a plus sign in the length': 'Content-Length: +5\r\n\r\nhello',
  'a minus sign in the length': 'Content-Length: -1\r\n\r\n',
  'a length in hex': 'Content-Length: 0x5\r\n\r\nhello',
  'a length beyond 64 bits': 'Content-Length: 99999999999999999999999999\r\n\r\n',
  'an unknown coding': 'Transfer-Encoding: gzip\r\n\r\n',
  'chunked twice': 'Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n',
  'chunked in disguise': 'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
  'a folded header': 'X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n',
  'a space before the colon': 'Content-Length : 0\r\n\r\n',
  'a header without colon': 'Nonsense\r\n\r\n',
  'a bare LF': 'X-A: b\nContent-Length: 0\r\n\r\n',
  'a NUL in a value': 'X-A: a\0b\r\nContent-Length: 0\r\n\r\n',
  'two hosts': 'Host: b\r\nContent-Length: 0\r\n\r\n',
};

// What RFC 9112 section 6.1 has for codings that are not known, and RFC 9110 for what is too large.
const ALSO_RIGHT = {
  'an unknown coding': 501,
  'chunked twice': 501,
  'chunked in disguise': 501,
  'a length beyond 64 bits': 413,
};

for (const [what, rest] of Object.entries(FRAMING)) {
  test(`framing refused: ${what}`, async () => {
    const connection = await RawConnection.connect(chatd.port);
    connection.write(`POST ${NEGOTIATE} HTTP/1.1\r\nHost: a\r\n${AUTH()}${rest}`);
    const { status } = await connection.readResponse();
    assert.ok(status === 400 || status === ALSO_RIGHT[what], `answered ${status}`);
    await connection.endOfStream(5000);
    assert.strictEqual(connection.buffer.length, 0, 'a second answer came');
    connection.destroy();
  });
}

for (const line of ['GET', 'GET /chathub', 'GET  /chathub HTTP/1.1', 'GET /chathub HTTP/2.0', 'G(T /chathub HTTP/1.1',
  'GET /chathub HTTP/1.1 x', 'GET chathub HTTP/1.1', '\x16\x03\x01\x02\x00\x01']) {
  test(`request line refused: ${JSON.stringify(line)}`, async () => {
    const connection = await RawConnection.connect(chatd.port);
    connection.write(Buffer.from(`${line}\r\nHost: a\r\n\r\n`, 'latin1'));
    const { status } = await connection.readResponse();
    assert.ok([400, 505].includes(status), `answered ${status}`);
    await connection.endOfStream(5000);
    connection.destroy();
  });
}

test('HTTP/1.1 without Host is refused', async () => {
  const response = await request(chatd.port, 'POST', NEGOTIATE, { token: userToken('alice'), headers: { Host: null } });
  assert.strictEqual(response.status, 400);
});

test('a request byte by byte is served', async () => {
  const connection = await RawConnection.connect(chatd.port);
  for (const byte of Buffer.from(`POST ${NEGOTIATE} HTTP/1.1\r\nHost: a\r\n${AUTH()}Content-Length: 0\r\n\r\n`)) {
    connection.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.strictEqual((await connection.readResponse()).status, 200);
  connection.destroy();
});

test('keep-alive: requests follow each other on one connection, Connection: close ends it', async () => {
  const connection = await RawConnection.connect(chatd.port);
  const ask = async (extra = '') => {
    connection.write(`POST ${NEGOTIATE} HTTP/1.1\r\nHost: a\r\n${AUTH()}Content-Length: 0\r\n${extra}\r\n`);
    return (await connection.readResponse()).status;
  };
  assert.deepStrictEqual([await ask(), await ask(), await ask('Connection: close\r\n')], [200, 200, 200]);
  await connection.endOfStream(5000);
  connection.destroy();
});

test('control characters of a client do not reach the log raw', async () => {
  const evil = 'Evil\u001b[31m\u0007Name';
  assert.strictEqual(await statusOf(chatd.port, userToken(evil)), 401);
  const hub = await here.raw(fresh('alice'));
  await assert.rejects(hub.invoke('No\u001b[2JMethod'));
  await assert.rejects(hub.invoke('JoinRoom', 'evil\u001b[2J'));
  await request(chatd.port, 'GET', '/%1b%5b2J', { token: userToken('alice') });
  const raw = [...chatd.log].filter((letter) => letter < ' ' && letter !== '\n');
  assert.deepStrictEqual(raw, [], 'raw control characters in the log');
});

test('log and status hold no secret', async () => {
  const shown = await chatd.ctl('-o', 'json', 'config', 'show');
  assert.ok(!shown.includes(SECRET));
  assert.ok(!chatd.log.includes(SECRET));
  assert.ok(!(await chatd.ctl('-o', 'json', 'status')).includes(SECRET));
});
