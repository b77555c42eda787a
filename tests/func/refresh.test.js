'use strict';
// POST <hub path>/refresh (auth.refresh_endpoint): a new token for a connection that lives.

const assert = require('node:assert');
const { test } = require('node:test');
const { house } = require('./lib/people');
const { startChatd } = require('./lib/chatd');
const { request, negotiate } = require('./lib/http');
const { RawHub, realClient, HANDSHAKE } = require('./lib/hub');
const { RawWebSocket } = require('./lib/ws');
const { userToken, signToken, now } = require('./lib/token');
const { eventually, sleep } = require('./lib/util');

const here = house({ settings: { CHATD_AUTH_REFRESH_ENDPOINT: true, CHATD_AUTH_LEEWAY: '0s', CHATD_SERVER_WORKERS: 3 } });
const { chatd } = here;

// {status, type, body}; body is parsed where it is JSON.
async function refresh(id, token, { method = 'POST', path = '/chathub/refresh', port = chatd.port } = {}) {
  const query = id === undefined ? '' : `?id=${encodeURIComponent(id)}`;
  const answer = await request(port, method, path + query, { token });
  const type = answer.headers['content-type'];
  return { status: answer.status, type, body: type === 'application/json' ? JSON.parse(answer.body) : String(answer.body) };
}

const refused = (status, error) => ({ status, type: 'application/json', body: { error } });

// A raw hub connection, its secret id, and the public one.
async function connect(token) {
  const { connectionToken, connectionId } = await negotiate(chatd.port, token);
  const socket = await RawWebSocket.open(chatd.port, `/chathub?id=${encodeURIComponent(connectionToken)}`, { token });
  socket.sendRecord(HANDSHAKE);
  assert.strictEqual((await socket.next()).record, '{}');
  return { hub: new RawHub(socket), id: connectionToken, publicId: connectionId };
}

test('a connection that is refreshed outlives its first token, another one does not', async () => {
  const both = await Promise.all(['alice', 'alice'].map((user) => connect(userToken(user, { ttl: 2 }))));
  const [kept, left] = both;
  const answer = await refresh(kept.id, userToken('alice', { ttl: 3600 }));
  assert.strictEqual(answer.status, 200);
  assert.strictEqual(answer.type, 'application/json');
  assert.deepStrictEqual(Object.keys(answer.body), ['tokenLifetimeSeconds']);
  assert.ok(answer.body.tokenLifetimeSeconds > 3590 && answer.body.tokenLifetimeSeconds <= 3600);
  await eventually(() => left.hub.dead, { what: 'the one that was not refreshed lives on' });
  await sleep(1200);
  assert.strictEqual(kept.hub.dead, undefined);
  await kept.hub.close();
  assert.deepStrictEqual(await refresh(kept.id, userToken('alice')), refused(404, 'connection_not_found'));
});

test('wherever the request lands: each worker finds the connection', async () => {
  const hubs = await Promise.all(Array.from({ length: 5 }, () => connect(userToken('alice'))));
  for (const { id } of hubs) {
    for (let i = 0; i < 3; i++) {
      assert.strictEqual((await refresh(id, userToken('alice'))).status, 200);
    }
  }
  await Promise.all(hubs.map(({ hub }) => hub.close()));
});

test('the connection has the end of the new token', async () => {
  const { hub, id, publicId } = await connect(userToken('alice', { ttl: 60 }));
  const expiresAt = async () => Date.parse(JSON.parse(await chatd.ctl('conn', 'show', publicId, '-o', 'json')).expiresAt);
  assert.ok((await expiresAt()) <= Date.now() + 60000);
  assert.strictEqual((await refresh(id, userToken('alice', { ttl: 120 }))).status, 200);
  assert.ok((await expiresAt()) > Date.now() + 100000);
  await hub.close();
});

test('what is refused changes nothing', async () => {
  const { hub, id } = await connect(userToken('alice', { ttl: 60 }));
  const good = userToken('alice');
  assert.deepStrictEqual(await refresh(undefined, good), refused(400, 'missing_connection_token'));
  assert.deepStrictEqual(await refresh('', good), refused(400, 'missing_connection_token'));
  assert.deepStrictEqual(await refresh('nonsense', good), refused(404, 'connection_not_found'));
  assert.deepStrictEqual(await refresh(`${id.slice(0, -1)}!`, good), refused(404, 'connection_not_found'));
  const unused = (await negotiate(chatd.port, good)).connectionToken;
  assert.deepStrictEqual(await refresh(unused, good), refused(404, 'connection_not_found'));
  assert.deepStrictEqual(await refresh(id, userToken('bob')), refused(403, 'user_changed'));
  for (const bad of [undefined, 'nonsense', userToken('alice', { ttl: -60 }), userToken('alice', { key: 'x'.repeat(40) })]) {
    assert.deepStrictEqual(await refresh(id, bad), refused(401, 'invalid_token'));
  }
  for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
    assert.deepStrictEqual(await refresh(id, good, { method }), { status: 405, type: 'text/plain', body: '' });
  }
  assert.strictEqual((await refresh(id, good, { path: '/CHATHUB/Refresh/' })).status, 200);
  assert.strictEqual(hub.dead, undefined);
  await hub.close();
});

test('users who are kept out cannot refresh', async () => {
  const { hub, id } = await connect(userToken('mallory'));
  await chatd.ctl('user', 'revoke-tokens', 'mallory');
  await eventually(() => hub.dead);
  const old = signToken({ sub: 'mallory', exp: now() + 60, iat: now() - 60 });
  assert.deepStrictEqual(await refresh(id, old), refused(401, 'invalid_token'));
});

test('the real client: expiry closes it, refreshed it lives on, and negotiate says how long', async () => {
  const short = () => userToken('carol', { ttl: 2 });
  const { body } = await request(chatd.port, 'POST', '/chathub/negotiate?negotiateVersion=1', { token: short() });
  assert.ok([1, 2].includes(JSON.parse(body).tokenLifetimeSeconds), String(body));
  const [kept, left] = [0, 1].map(() => realClient(chatd.url, { token: short }));
  let closed = 0;
  left.onclose(() => closed++);
  await Promise.all([kept.start(), left.start()]);
  const id = new URL(kept.connection.transport._webSocket?.url || kept.connection.baseUrl).searchParams.get('id');
  assert.strictEqual((await refresh(id, userToken('carol'))).status, 200);
  await eventually(() => closed === 1);
  await sleep(1200);
  assert.strictEqual(kept.state, 'Connected');
  await kept.stop();
});

test('off by default: 404, and negotiate says nothing', async () => {
  const plain = await startChatd();
  try {
    const answer = await negotiate(plain.port, userToken('alice'));
    assert.ok(!('tokenLifetimeSeconds' in answer));
    const { connectionToken } = answer;
    const { port } = plain;
    assert.deepStrictEqual(await refresh(connectionToken, userToken('alice'), { port }), refused(404, 'refresh_disabled'));
    assert.deepStrictEqual(await refresh(undefined, undefined, { port: plain.port }), refused(401, 'invalid_token'));
  } finally {
    await plain.stop();
  }
});
