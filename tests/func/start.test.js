'use strict';
// How chatd starts, refuses to start, reloads and stops; and what it does when the disk is full.

const assert = require('node:assert');
const crypto = require('node:crypto');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { test, afterEach } = require('node:test');
const { Chatd, startChatd, steadyPort, run, scratchDir, CHATD, CHATCTL, NO_RATES } = require('./lib/chatd');
const { sqliteOnly } = require('./lib/database');
const { RawHub, codeOf } = require('./lib/hub');
const { RawConnection, requestBytes, request } = require('./lib/http');
const { userToken } = require('./lib/token');
const { wholeHistory } = require('./lib/retrying');
const { sleep } = require('./lib/util');

const SETTINGS_EXIT = 78;
const NEGOTIATE = '/chathub/negotiate?negotiateVersion=1';
const dirs = [];
const daemons = [];

afterEach(async () => {
  for (const daemon of daemons.splice(0)) {
    if (daemon.exit === null) {
      await daemon.kill();
    }
  }
  dirs.splice(0).forEach((dir) => fs.rmSync(dir, { recursive: true, force: true }));
});

function scratch() {
  dirs.push(scratchDir());
  return dirs[dirs.length - 1];
}

async function start(options) {
  const daemon = new Chatd(options);
  daemons.push(daemon);
  return daemon.start();
}

// Runs chatd where it must not come up: {code, stderr}.
async function refused({ settings = {}, args = [], dir = scratch() } = {}) {
  const chatd = new Chatd({ settings, dir });
  chatd.prepare();
  const result = await run(CHATD, args, { env: chatd.env, timeout: 20000, cwd: dir });
  assert.strictEqual(result.signal, null, `it came up, or hung:\n${result.stderr}`);
  assert.notStrictEqual(result.code, 0, `it came up:\n${result.stderr}`);
  return result;
}

function confFile(text) {
  const file = path.join(scratch(), 'chatd.conf');
  fs.writeFileSync(file, text);
  return file;
}

const hashOf = (file) => crypto.createHash('sha256').update(fs.readFileSync(file)).digest('hex');

const BAD_SETTINGS = {
  'an unknown key': ['[hub]\n\nkeepalife = 5s\n', 3, 'keepalife'],
  'an unknown section': ['[hubb]\nkeepalive = 5s\n', 2, 'hubb'],
  'a value out of range': ['[hub]\nkeepalive = 9d\n', 2, 'keepalive'],
  'a number that is none': ['[server]\nworkers = many\n', 2, 'workers'],
  'a boolean that is none': ['[hub]\ncreate_rooms = perhaps\n', 2, 'create_rooms'],
  'a duration without unit': ['[hub]\nclient_timeout = 5 parsecs\n', 2, 'client_timeout'],
  'an address that is none': ['[server]\nlisten = nowhere\n', 2, 'listen'],
};

for (const [what, [text, line, key]] of Object.entries(BAD_SETTINGS)) {
  test(`settings refused, with file, line and key: ${what}`, async () => {
    const file = confFile(text);
    const unset = { CHATD_SERVER_WORKERS: undefined, CHATD_HUB_CREATE_ROOMS: undefined, CHATD_SERVER_LISTEN: undefined };
    for (const args of [['--config', file], ['--config', file, '--check']]) {
      const { code, stderr } = await refused({ args, settings: unset });
      assert.strictEqual(code, SETTINGS_EXIT, stderr);
      assert.ok(stderr.includes(`${file}:${line}`), stderr);
      assert.ok(stderr.includes(key), stderr);
    }
    const check = await run(CHATCTL, ['--config', file, 'config', 'check']);
    assert.notStrictEqual(check.code, 0);
    assert.ok((check.stderr + check.stdout).includes(`${file}:${line}`), check.stderr);
  });
}

test('settings refused from the environment: unknown names, ranges, detailed errors in Production', async () => {
  for (const [settings, named] of [
    [{ CHATD_HUB_KEEPALIFE: '5s' }, /CHATD_HUB_KEEPALIFE/],
    [{ CHATD_HUB_KEEPALIVE: '9d' }, /CHATD_HUB_KEEPALIVE.*allowed/s],
    [{ CHATD_HUB_DETAILED_ERRORS: true }, /detailed_errors/],
    [{ CHATD_AUTH_JWT_SECRET: 'short' }, /jwt_secret/i],
    [{ CHATD_AUTH_JWT_SECRET: undefined, CHATD_AUTH_JWT_PUBLIC_KEY: '/nowhere/key.pem' }, /\/nowhere\/key\.pem/],
  ]) {
    const { code, stderr } = await refused({ settings });
    assert.strictEqual(code, SETTINGS_EXIT, stderr);
    assert.match(stderr, named);
    assert.ok(!stderr.includes("'short'"), 'a secret is shown');
  }
});

test('a --config that is missing is an error; --check says good and starts nothing', async () => {
  const { code, stderr } = await refused({ args: ['--config', '/nowhere/chatd.conf'] });
  assert.strictEqual(code, SETTINGS_EXIT);
  assert.ok(stderr.includes('/nowhere/chatd.conf'));
  const dir = scratch();
  const file = confFile('[hub]\nkeepalive = 5s\n');
  const { env } = new Chatd({ dir });
  const result = await run(CHATD, ['--config', file, '--check'], { env });
  assert.strictEqual(result.code, 0, result.stderr);
  assert.deepStrictEqual(fs.readdirSync(dir), []);
});

test('--version and --help answer; an unknown option is a usage error', async () => {
  for (const option of ['--version', '--help']) {
    const result = await run(CHATD, [option]);
    assert.strictEqual(result.code, 0);
    assert.match(result.stdout, /chatd/);
  }
  assert.strictEqual((await run(CHATD, ['--no-such-option'])).code, 2);
});

test('without a secret chatd makes one, for itself alone, and keeps it', async () => {
  const daemon = await start({ settings: { CHATD_AUTH_JWT_SECRET: undefined } });
  const token = await daemon.ctl('token', 'mint', '--user', 'alice');
  assert.strictEqual((await request(daemon.port, 'POST', NEGOTIATE, { token })).status, 200);
  for (const entry of fs.readdirSync(daemon.dir)) {
    const info = fs.statSync(path.join(daemon.dir, entry));
    if (!info.isSocket()) {
      assert.strictEqual(info.mode & 0o077, 0, `${entry} can be read by others`);
    }
  }
  await daemon.stop({ keepDir: true });
  await daemon.restart();
  assert.strictEqual((await request(daemon.port, 'POST', NEGOTIATE, { token })).status, 200);
  await daemon.stop();
});

test('several addresses, a Unix socket among them', async () => {
  const dir = scratch();
  const socket = path.join(dir, 'http.sock');
  const daemon = await start({ settings: { CHATD_SERVER_LISTEN: `127.0.0.1:0, unix:${socket}` } });
  const connection = await RawConnection.connect(socket);
  connection.write(requestBytes('POST', NEGOTIATE, { token: userToken('alice') }));
  assert.strictEqual((await connection.readResponse()).status, 200);
  connection.destroy();
  assert.strictEqual((await request(daemon.port, 'POST', NEGOTIATE, { token: userToken('alice') })).status, 200);
  await daemon.stop();
  assert.ok(!fs.existsSync(socket), 'the socket is cleared away');
});

test('an address in use is an error that names it', async () => {
  const port = await steadyPort();
  const holder = net.createServer().listen(port, '127.0.0.1');
  const { stderr } = await refused({ settings: { CHATD_SERVER_LISTEN: `127.0.0.1:${port}` } });
  holder.close();
  assert.ok(stderr.includes(String(port)), stderr);
});

test('a second chatd on the same database is refused; the first goes on', { skip: sqliteOnly('one daemon has them') }, async () => {
  const first = await start();
  const other = scratch();
  const { code, stderr } = await refused({ dir: other, settings: { CHATD_DATABASE_URL: `sqlite:${first.dir}/chatd.db` } });
  assert.ok([1, SETTINGS_EXIT].includes(code), `exit code ${code}`);
  assert.ok(stderr.includes('chatd.db'), stderr);
  const hub = await RawHub.open(first.port, { user: 'alice' });
  const { roomId } = await hub.invoke('JoinRoom', 'general');
  assert.strictEqual((await hub.invoke('SendMessage', roomId, 'x')).seq, 1);
  hub.destroy();
  await first.stop();
});

test('a control socket in use is refused; the first still answers', async () => {
  const first = await start();
  const { stderr } = await refused({ settings: { CHATD_CONTROL_SOCKET: first.socket } });
  assert.ok(stderr.includes(first.socket), stderr);
  assert.strictEqual((await first.chatctl(['ping'])).code, 0);
  await first.stop();
});

test('a file or a symbolic link in the place of the control socket is refused and left alone', async () => {
  for (const place of ['file', 'link']) {
    const dir = scratch();
    const target = path.join(dir, 'precious');
    fs.writeFileSync(target, 'precious');
    const socket = place === 'file' ? target : path.join(dir, 'link.sock');
    if (place === 'link') {
      fs.symlinkSync(target, socket);
    }
    const { stderr } = await refused({ settings: { CHATD_CONTROL_SOCKET: socket } });
    assert.ok(stderr.includes(socket), stderr);
    assert.strictEqual(fs.readFileSync(target, 'utf8'), 'precious');
    assert.strictEqual(fs.lstatSync(socket).isSymbolicLink(), place === 'link');
  }
});

test('the socket of a chatd that was killed is taken over', async () => {
  const daemon = await start();
  await daemon.kill();
  assert.ok(fs.existsSync(daemon.socket));
  await daemon.restart();
  assert.strictEqual((await daemon.chatctl(['ping'])).code, 0);
  assert.strictEqual(fs.statSync(daemon.socket).mode & 0o007, 0, 'others may use the control socket');
  await daemon.stop();
  assert.ok(!fs.existsSync(daemon.socket), 'the socket is cleared away');
});

test('a damaged database is refused, and not one byte of it changes', { skip: sqliteOnly('their bytes') }, async () => {
  const daemon = await start();
  const hub = await RawHub.open(daemon.port, { user: 'alice' });
  const { roomId } = await hub.invoke('JoinRoom', 'general');
  await hub.invoke('SendMessage', roomId, 'x');
  hub.destroy();
  await daemon.stop({ keepDir: true });
  const good = fs.readFileSync(path.join(daemon.dir, 'chatd.db'));
  fs.rmSync(daemon.dir, { recursive: true });
  const damaged = {
    garbage: crypto.randomBytes(64 * 1024),
    'a torn first page': Buffer.concat([good.subarray(0, 100), crypto.randomBytes(412), good.subarray(512)]),
    'cut off': good.subarray(0, 4096 + 100),
    'text': Buffer.from('this is no database\n'.repeat(100)),
  };
  for (const [what, bytes] of Object.entries(damaged)) {
    const dir = scratch();
    const file = path.join(dir, 'chatd.db');
    fs.writeFileSync(file, bytes);
    const before = hashOf(file);
    const { stderr } = await refused({ dir });
    assert.ok(stderr.includes('chatd.db'), `${what}: ${stderr}`);
    assert.strictEqual(hashOf(file), before, `${what}: the file has changed`);
  }
});

const statusOf = async (port, path) => (await request(port, 'GET', path)).status;

test('SIGHUP applies what is reloadable and says what is not', async () => {
  const file = confFile('[hub]\ncreate_rooms = false\n[server]\ndrain_timeout = 20s\n');
  const unset = { CHATD_HUB_CREATE_ROOMS: undefined, CHATD_SERVER_WORKERS: undefined };
  const daemon = await start({ settings: unset, args: ['--config', file] });
  const hub = await RawHub.open(daemon.port, { user: 'alice' });
  await assert.rejects(hub.invoke('JoinRoom', 'general'), /not_found/);
  fs.writeFileSync(file, '[hub]\ncreate_rooms = true\n[server]\nworkers = 5\n');
  process.kill(daemon.pid, 'SIGHUP');
  await daemon.logged(/restart.*key=workers/);
  assert.match((await hub.invoke('JoinRoom', 'general')).roomId, /-/);
  fs.writeFileSync(file, '[hub]\ncreate_rooms = nonsense\n');
  process.kill(daemon.pid, 'SIGHUP');
  await daemon.logged(new RegExp(`${file}:2`));
  assert.match((await hub.invoke('JoinRoom', 'another')).roomId, /-/, 'the settings before stay in force');
  fs.writeFileSync(file, '[hub]\ncreate_rooms = true\n[server]\nhub_path = /elsewhere\n[limits]\nheader_timeout = 100ms\n');
  process.kill(daemon.pid, 'SIGHUP');
  await daemon.logged(/restart.*key=hub_path/);
  assert.strictEqual(await statusOf(daemon.port, '/elsewhere'), 404, 'what needs a restart keeps its old value');
  assert.strictEqual(await statusOf(daemon.port, '/chathub'), 401);
  const slow = await RawConnection.connect(daemon.port);
  slow.write('GET /health HT');
  assert.strictEqual((await slow.readResponse({ method: 'GET', timeout: 5000 })).status, 408);
  slow.destroy();
  hub.destroy();
  await daemon.stop();
});

test('SIGTERM with hundreds of connections: all are told, exit 0 in time', async () => {
  const daemon = await start({ settings: { CHATD_SERVER_DRAIN_SPREAD: '500ms', ...NO_RATES } });
  const hubs = await Promise.all(Array.from({ length: 300 }, (_, i) => RawHub.open(daemon.port, { user: `u${i % 50}` })));
  const begun = Date.now();
  await daemon.stop();
  const took = Date.now() - begun;
  assert.ok(took >= 300 && took < 10000, `it took ${took} ms`);
  for (const hub of hubs) {
    assert.deepStrictEqual(hub.closeMessage, { type: 7, allowReconnect: true });
  }
});

test('SIGTERM amid sending: what was stored has its answer, though the connections are closed', async () => {
  const daemon = await start({ settings: { CHATD_SERVER_DRAIN_SPREAD: '300ms', ...NO_RATES } });
  const hubs = await Promise.all(Array.from({ length: 40 }, (_, i) => RawHub.open(daemon.port, { user: `u${i}` })));
  for (const hub of hubs) {
    await hub.invoke('JoinRoom', 'busy');
  }
  const answered = new Set();
  const send = async (hub) => {
    for (;;) {
      answered.add((await hub.invoke('SendMessage', 'busy', 'text')).seq);
    }
  };
  const sending = hubs.map((hub) => send(hub).catch(() => {}));
  await sleep(500);
  await daemon.stop({ keepDir: true });
  await Promise.all(sending);
  hubs.forEach((hub) => assert.strictEqual(hub.closeMessage?.allowReconnect, true));
  await daemon.restart();
  const stored = (await (await RawHub.open(daemon.port, { user: 'u0' })).invoke('JoinRoom', 'busy')).lastSeq;
  assert.ok(stored > 0);
  assert.strictEqual(answered.size, stored);
});

test('requests that come while the process ends, its store closed already', async () => {
  const daemon = await start();
  const sockets = await Promise.all(Array.from({ length: 200 }, () => new Promise((resolve, reject) => {
    const socket = net.connect(daemon.port, '127.0.0.1', () => resolve(socket));
    socket.on('error', reject);
  })));
  sockets.forEach((socket) => socket.removeAllListeners('error').on('error', () => {}));
  const timer = setInterval(() => sockets.pop()?.write('GET /health/ready HTTP/1.1\r\nHost: a\r\n\r\n'), 0.5);
  await daemon.stop().finally(() => clearInterval(timer));
  sockets.forEach((socket) => socket.destroy());
});

// A small disk of the daemon's own, where the system lets us have one.
const smallDisk = (dir) => [
  'unshare', ...(process.getuid() === 0 ? ['-m'] : ['-rm']), 'sh', '-c',
  'mount -t tmpfs -o size=1500k,mode=700 tmpfs "$0" && exec "$@"', dir,
];

test('a full disk: sends fail with storage_full, nothing is lost, and it recovers', { skip: sqliteOnly('the disk that they are on') }, async (t) => {
  const dir = scratch();
  const [program, ...args] = smallDisk(dir);
  if ((await run(program, [...args, 'true']).catch(() => ({ code: 1 }))).code !== 0) {
    t.skip('no mount namespaces here');
    return;
  }
  const daemon = await start({ dir, wrap: smallDisk(dir), settings: { CHATD_CONTROL_SOCKET: `${scratch()}/c.sock` } });
  const hub = await RawHub.open(daemon.port, { user: 'alice' });
  const { roomId } = await hub.invoke('JoinRoom', 'general');
  const filler = `/proc/${daemon.pid}/root${dir}/filler`;
  const acknowledged = [];
  let code;
  for (let i = 0; i < 500 && code === undefined; i++) {
    const sent = await hub.invoke('SendMessage', roomId, `${i}:${'x'.repeat(32000)}`).catch((error) => {
      code = codeOf(error);
      assert.ok(code, error.message);
    });
    sent && acknowledged.push(sent.seq);
    if (i === 5) {
      const file = fs.openSync(filler, 'w');
      try {
        for (;;) {
          fs.writeSync(file, Buffer.alloc(4096));
        }
      } catch (error) {
        assert.strictEqual(error.code, 'ENOSPC');
      }
      fs.closeSync(file);
    }
  }
  assert.strictEqual(code, 'storage_full');
  assert.strictEqual((await hub.invoke('GetHistory', roomId, null, 1)).length, 1, 'reading goes on');
  fs.rmSync(filler);
  const next = await hub.invoke('SendMessage', roomId, 'there is room again');
  assert.strictEqual(next.seq, acknowledged.length + 1, 'no number is skipped');
  const history = await wholeHistory(hub, roomId);
  assert.deepStrictEqual(history.map(({ seq }) => seq), [...acknowledged, next.seq]);
  hub.destroy();
  await daemon.stop();
});
