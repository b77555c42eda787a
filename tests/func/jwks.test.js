'use strict';
// Tokens whose keys an identity provider publishes (auth.jwks_url): which are taken, and what happens when keys or the
// provider come and go.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test, after } = require('node:test');
const { startChatd, run, scratchDir, CHATD } = require('./lib/chatd');
const { request } = require('./lib/http');
const { RawHub } = require('./lib/hub');
const { KeyServer, makeKey } = require('./lib/key_server');
const { userToken, SECRET } = require('./lib/token');
const { eventually, sleep } = require('./lib/util');

const NO_LIMITS = { CHATD_LIMITS_ADDRESS_CONNECTS: 0, CHATD_LIMITS_USER_RATE: 0 };
const RSA = makeKey('RS256', 'rsa-1');
const EC = makeKey('ES256', 'ec-1', { alg: 'ES256', use: 'sig' });
const OTHER = makeKey('RS256', 'rsa-2');
const TLS = path.join(__dirname, '../vectors/tls');

const statusOf = async (daemon, token) =>
  (await request(daemon.port, 'POST', '/chathub/negotiate?negotiateVersion=1', { token })).status;
const tokenOf = (key, options = {}) => userToken('alice', { ...key.signing, ...options });
const accepts = (daemon, key) => eventually(async () => (await statusOf(daemon, tokenOf(key))) === 200, { what: 'never accepted' });

// A key server and a daemon that believes it; both end with the test.
async function provider(t, { keys = [], settings = {}, tls, ready = true } = {}) {
  const server = await new KeyServer(tls).start();
  server.serve(...keys);
  const daemon = await startChatd({
    settings: { CHATD_AUTH_JWT_SECRET: undefined, CHATD_AUTH_JWKS_URL: server.url, ...NO_LIMITS, ...settings },
  });
  t.after(async () => {
    await daemon.stop();
    await server.stop();
  });
  if (ready) {
    await daemon.logged(/keys fetched/);
  }
  return { server, daemon };
}

// The set as the server has it now is fetched.
async function refetch({ server, daemon }) {
  const before = server.asked;
  daemon.child.kill('SIGHUP');
  await eventually(() => server.asked > before, { what: 'a reload fetches nothing' });
}

test('RSA and EC keys of the set sign, and nothing else does', async (t) => {
  const nameless = makeKey('ES256');
  const leaked = makeKey('RS256', 'leaked');
  const forEncryption = makeKey('RS256', 'enc', { use: 'enc' });
  const oct = { kty: 'oct', kid: 'oct', k: Buffer.from(SECRET).toString('base64url') };
  const { daemon } = await provider(t, { keys: [RSA, EC, nameless, { jwk: leaked.privateJwk }, forEncryption, oct] });
  assert.match(daemon.log, /keys fetched.* keys=3 unusable=3/);
  for (const key of [RSA, EC, nameless]) {
    await accepts(daemon, key);
  }
  await accepts(daemon, { signing: { ...RSA.signing, header: {} } }); // without a name all are tried
  const refused = {
    'a key that is not there': tokenOf(OTHER),
    'a name of another key': tokenOf(RSA, { header: { kid: 'ec-1' } }),
    'another key under a known name': tokenOf(OTHER, { header: { kid: 'rsa-1' } }),
    'a key whose private half was published': tokenOf(leaked),
    'a key for encryption': tokenOf(forEncryption),
    'a symmetric key of the set': userToken('alice', { key: SECRET, header: { kid: 'oct' } }),
    'the public key as a secret': userToken('alice', { key: RSA.pem, header: { kid: 'rsa-1' } }),
    'its JSON as a secret': userToken('alice', { key: JSON.stringify(RSA.jwk), header: { kid: 'rsa-1' } }),
    unsigned: userToken('alice', { algorithm: 'none', header: { kid: 'rsa-1' } }),
    'a name that is a path': tokenOf(OTHER, { header: { kid: '../../../../../../dev/null' } }),
    'a name that is no text': tokenOf(OTHER, { header: { kid: 7 } }),
    'an empty name': tokenOf(nameless, { header: { kid: '' } }),
    'a key in the header': tokenOf(OTHER, { header: { jwk: OTHER.jwk } }),
    'another hash than it says': tokenOf(RSA, { signAs: 'RS512' }),
    'ES256 by an RSA key': tokenOf(RSA, { algorithm: 'ES256', signAs: 'RS256' }),
    expired: tokenOf(RSA, { ttl: -60 }),
  };
  for (const [what, token] of Object.entries(refused)) {
    assert.strictEqual(await statusOf(daemon, token), 401, what);
  }
});

test('keys change: a new one is found by its name, an old one ends at once, a flood costs one fetch', async (t) => {
  const here = await provider(t, { keys: [RSA] });
  const { server, daemon } = here;
  const live = await RawHub.open(daemon.port, { token: tokenOf(RSA) });
  assert.strictEqual(server.asked, 1);
  server.serve(OTHER);
  assert.strictEqual(await statusOf(daemon, tokenOf(RSA)), 200, 'nobody has asked yet');
  assert.strictEqual(await statusOf(daemon, tokenOf(OTHER)), 401, 'and nobody waits');
  await accepts(daemon, OTHER);
  assert.strictEqual(server.asked, 2);
  assert.strictEqual(await statusOf(daemon, tokenOf(RSA)), 401, 'the key is gone');
  await live.invoke('Ping').catch((error) => assert.match(error.message, /\bPing\b|HubException|not exist/i));
  assert.strictEqual(live.dead, undefined, 'open connections stay until their tokens expire');
  await live.close();
  const flood = Array.from({ length: 300 }, (_, i) => statusOf(daemon, tokenOf(RSA, { header: { kid: `no-${i}` } })));
  assert.deepStrictEqual([...new Set(await Promise.all(flood))], [401]);
  await sleep(300);
  assert.strictEqual(server.asked, 2, 'at most once in 30 s');
  server.serve(RSA);
  await refetch(here);
  await accepts(daemon, RSA);
  assert.strictEqual(await statusOf(daemon, tokenOf(OTHER)), 401);
});

test('a set that cannot be fetched: the last good one stays, and it is said once', async (t) => {
  const here = await provider(t, { keys: [RSA] });
  const { server, daemon } = here;
  const big = JSON.stringify({ keys: [RSA.jwk], more: 'x'.repeat(300 * 1024) });
  const failures = {
    'no JSON': () => server.answer(200, '<html>sign in</html>', { 'Content-Type': 'text/html' }),
    'another JSON': () => server.answer(200, '{"keys":{}}'),
    'too long': () => server.answer(200, big),
    'without an end': () => (server.handler = (req, res) => res.on('error', () => {}).write(big.repeat(8))),
    'not there': () => server.answer(404, '{"keys":[]}'),
    broken: () => server.answer(500, '{"keys":[]}'),
    'elsewhere': () => server.answer(302, '', { Location: server.url }),
    'cut off': () => (server.handler = (req, res) => req.socket.destroy()),
    'cut short': () => (server.handler = (req, res) => {
      res.writeHead(200, { 'Content-Length': 1000 });
      res.write('{"keys":[]}');
      setTimeout(() => req.socket.destroy(), 10);
    }),
    'too many keys': () => server.serve(...Array.from({ length: 65 }, () => RSA)),
    'twice a name': () => server.answer(200, `{"keys":[],"keys":[]}`),
  };
  for (const [what, happens] of Object.entries(failures)) {
    happens();
    await refetch(here);
    await sleep(30);
    assert.strictEqual(await statusOf(daemon, tokenOf(RSA)), 200, what);
  }
  await daemon.logged(/keys cannot be fetched/);
  assert.strictEqual(daemon.log.match(/keys cannot be fetched/g).length, 1);
  server.serve(RSA);
  await refetch(here);
  await eventually(() => daemon.log.match(/keys fetched/g).length === 2);
  server.serve();
  await refetch(here);
  await eventually(async () => (await statusOf(daemon, tokenOf(RSA))) === 401, { what: 'an empty set is a set' });
  assert.match(daemon.log, /warn keys fetched.* keys=0/);
});

test('until the first set has come the node is not ready, and nobody waits', async (t) => {
  const { server, daemon } = await provider(t, { ready: false, settings: { CHATD_AUTH_JWKS_URL: 'http://127.0.0.1:1/' } });
  await daemon.logged(/keys cannot be fetched/);
  const ready = () => request(daemon.port, 'GET', '/health/ready').then((answer) => answer.status);
  assert.strictEqual(await ready(), 503);
  assert.strictEqual(await statusOf(daemon, tokenOf(RSA)), 401);
  assert.strictEqual((await request(daemon.port, 'GET', '/health/live')).status, 200);
  server.serve(RSA);
  await daemon.stop({ keepDir: true });
  // The first tries fail, later ones do not.
  let tries = 0;
  server.handler = (req, res) => (++tries < 3 ? res.writeHead(500).end() : res.end(JSON.stringify({ keys: [RSA.jwk] })));
  daemon.env.CHATD_AUTH_JWKS_URL = server.url;
  await daemon.start();
  assert.strictEqual(await ready(), 503);
  await eventually(async () => (await ready()) === 200, { timeout: 15000 });
  assert.strictEqual(tries, 3);
  assert.strictEqual(await statusOf(daemon, tokenOf(RSA)), 200);
});

test('a provider that hangs holds nothing up', async (t) => {
  const { server, daemon } = await provider(t, { keys: [RSA], settings: { CHATD_AUTH_JWT_SECRET: SECRET } });
  let hanging = 0;
  server.handler = () => hanging++;
  daemon.child.kill('SIGHUP');
  await eventually(() => hanging === 1);
  assert.strictEqual(await statusOf(daemon, tokenOf(RSA)), 200);
  assert.strictEqual(await statusOf(daemon, tokenOf(OTHER)), 401);
  assert.strictEqual(await statusOf(daemon, userToken('bob')), 200, 'both sources count');
  assert.strictEqual((await request(daemon.port, 'GET', '/health/ready')).status, 200);
});

test('a secret beside it: ready without the set', async (t) => {
  const { server, daemon } = await provider(t, { ready: false, settings: { CHATD_AUTH_JWT_SECRET: SECRET } });
  server.handler = (req, res) => res.writeHead(503).end();
  assert.strictEqual((await request(daemon.port, 'GET', '/health/ready')).status, 200);
  assert.strictEqual(await statusOf(daemon, userToken('bob')), 200);
});

test('over TLS the certificate counts', async (t) => {
  const tls = { key: fs.readFileSync(`${TLS}/server.key`), cert: fs.readFileSync(`${TLS}/server.pem`) };
  const good = await provider(t, { keys: [EC], tls, settings: { CHATD_AUTH_JWKS_CA: `${TLS}/ca.pem` } });
  await accepts(good.daemon, EC);
  assert.match(good.server.last.headers['user-agent'], /^chatd\//);
  const bad = await provider(t, { keys: [EC], tls, ready: false });
  await bad.daemon.logged(/keys cannot be fetched.*certificate/);
  assert.strictEqual(bad.server.asked, 0);
  assert.strictEqual(await statusOf(bad.daemon, tokenOf(EC)), 401);
});

test('proxies of the environment are not asked', async (t) => {
  const proxy = await new KeyServer().start();
  after(() => proxy.stop());
  const { daemon } = await provider(t, { keys: [EC], settings: { http_proxy: proxy.url, all_proxy: proxy.url } });
  await accepts(daemon, EC);
  assert.strictEqual(proxy.asked, 0);
});

test('--check says what is wrong with the address', async () => {
  const dir = scratchDir();
  after(() => fs.rmSync(dir, { recursive: true }));
  const check = (settings) => run(CHATD, ['--check'], { env: { CHATD_SERVER_STATE_DIR: dir, ...settings } });
  const good = ['https://id.example.org/keys?a=b', 'https://id.example.org:8443', 'http://127.0.0.1:9/x', 'http://[::1]:80/',
    'http://localhost/keys', 'HTTPS://id.example.org', 'https://[2001:db8::1]/k'];
  for (const url of good) {
    const { code, stderr } = await check({ CHATD_AUTH_JWKS_URL: url });
    assert.strictEqual(code, 0, `${url}: ${stderr}`);
  }
  const bad = ['http://id.example.org/keys', 'ftp://id.example.org', 'file:///etc/passwd', 'id.example.org', 'https://',
    'https:///keys', 'https://user:secret@id.example.org/', 'http://127.0.0.1@id.example.org/', 'http://127.0.0.1.example.org/',
    'http://127.1/', 'http://localhost.example.org/', 'https://id.example.org/#keys', 'https://id.example.org/a b',
    'https://id.example.org:0/', 'https://id.example.org:99999/', 'https://id.example.org:/', 'http://[::2]/', 'https://[::1/',
    'http://128.0.0.1/'];
  for (const url of bad) {
    const { code, stderr } = await check({ CHATD_AUTH_JWKS_URL: url });
    assert.strictEqual(code, 78, url);
    assert.match(stderr, /auth\.jwks_url: .* is not good \(allowed: .*https:/, url);
  }
  const { code, stderr } = await check({ CHATD_AUTH_JWKS_CA: `${TLS}/ca.pem` });
  assert.strictEqual(code, 78);
  assert.match(stderr, /auth\.jwks_ca: it is for auth\.jwks_url/);
});
