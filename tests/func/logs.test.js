'use strict';
// What the daemon says: its forms, what stands in it and what never does, and the operator's commands that show it.

const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { test, after } = require('node:test');
const { startChatd, scratchDir, environment, CHATD, CHATCTL } = require('./lib/chatd');
const { RawHub } = require('./lib/hub');
const { RawConnection, request, requestBytes, negotiate } = require('./lib/http');
const { SECRET, signToken, userToken, userId } = require('./lib/token');
const { eventually, sleep, within } = require('./lib/util');

const running = [];
const start = async (options) => {
  const daemon = await startChatd(options);
  running.push(daemon);
  return daemon;
};
const children = new Set();

after(async () => {
  children.forEach((child) => child.kill('SIGKILL'));
  await Promise.allSettled(running.map((daemon) => daemon.child.kill('SIGKILL') && daemon.end()));
});

const jsonLines = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const LOUD = { CHATD_LOG_LEVEL: 'debug', CHATD_LIMITS_ADDRESS_CONNECTS: 0, CHATD_LIMITS_USER_RATE: 0 };

// ---- forms ----

test('json: every line an object', async () => {
  const daemon = await start({ settings: { CHATD_LOG_FORMAT: 'json', CHATD_LOG_LEVEL: 'debug' } });
  await request(daemon.port, 'GET', '/health');
  await daemon.stop();
  const lines = jsonLines(daemon.log);
  for (const line of lines) {
    assert.match(line.time, TIME);
    assert.match(line.level, /^(debug|info|warn|error)$/);
    assert.match(line.event, /^\S/);
    assert.match(line.thread, /^(chatd|worker-\d)$/);
  }
  const ready = lines.find(({ event }) => event === 'ready');
  assert.strictEqual(ready.workers, 2);
  assert.ok(lines.some(({ event, target, status }) => event === 'request' && target === '/health' && status === 200));
  assert.strictEqual(lines[lines.length - 1].event, 'stopped');
});

test('text: time, level, event, fields', async () => {
  const daemon = await start({ settings: { CHATD_LOG_FORMAT: 'auto' } });
  await daemon.stop();
  for (const line of daemon.log.trimEnd().split('\n')) {
    assert.match(line, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z (info|warn) [a-z ]+( [a-z_]+=("([^"\\]|\\.)*"|\S+))*$/);
  }
});

// A command line that names its stderr as the journal's, as systemd does for services.
const journalStream = ['sh', '-c', 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$@"', 'sh'];

test('journal: without one, lines with priorities for who reads stderr in its place', async () => {
  const settings = { CHATD_LOG_FORMAT: 'auto', CHATD_LOG_JOURNAL_SOCKET: '/nonexistent/socket' };
  const daemon = await start({ settings, wrap: journalStream });
  await daemon.stop();
  assert.match(daemon.log, /^<6>ready listen=/m);
  for (const line of daemon.log.trimEnd().split('\n')) {
    assert.match(line, /^<[67]>[a-z]/);
  }
});

test('journal: fields as datagrams', async () => {
  const dir = scratchDir();
  const socket = path.join(dir, 'journal');
  const probe = path.join(path.dirname(CHATD), 'probe/journal');
  const journal = spawn(probe, [socket], { env: environment({}), stdio: ['pipe', 'pipe', 'inherit'] });
  children.add(journal);
  let text = '';
  journal.stdout.setEncoding('utf8').on('data', (chunk) => (text += chunk));
  await eventually(() => text.startsWith('ready\n'), { what: 'the probe is not ready' });
  // The ready line is in the journal, not on stderr, where the harness waits for it: it is told by hand.
  const dirs = { CHATD_SERVER_STATE_DIR: dir, CHATD_CONTROL_SOCKET: path.join(dir, 'control.sock') };
  const env = environment({ ...dirs, CHATD_SERVER_LISTEN: '127.0.0.1:0', CHATD_AUTH_JWT_SECRET: SECRET,
    CHATD_LOG_FORMAT: 'journal', CHATD_LOG_JOURNAL_SOCKET: socket, CHATD_SERVER_WORKERS: 1 });
  const daemon = spawn(CHATD, [], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  children.add(daemon);
  let stderr = '';
  daemon.stderr.setEncoding('utf8').on('data', (chunk) => (stderr += chunk));
  await eventually(() => text.includes('CHATD_EVENT=ready'), { timeout: 30000, what: () => `${text} ${stderr}` });
  daemon.kill('SIGTERM');
  assert.strictEqual(await within(30000, new Promise((resolve) => daemon.on('close', resolve))), 0);
  assert.strictEqual(stderr, '');
  await eventually(() => text.includes('CHATD_EVENT=stopped'));
  journal.stdin.end();
  const ready = text.split('--\n').find((datagram) => datagram.includes('CHATD_EVENT=ready'));
  assert.match(ready, /^MESSAGE=ready listen=127\.0\.0\.1:\d+ /m);
  for (const field of ['PRIORITY=6', 'SYSLOG_IDENTIFIER=chatd', 'CHATD_THREAD=chatd', 'CHATD_WORKERS=1']) {
    assert.ok(ready.split('\n').includes(field), `${field} in ${ready}`);
  }
  fs.rmSync(dir, { recursive: true });
});

// ---- what stands in it ----

test('requests, connections and operations name each other', async () => {
  const daemon = await start({ settings: { ...LOUD, CHATD_LOG_FORMAT: 'json' } });
  const answer = await request(daemon.port, 'GET', '/health?limit=7', { headers: { 'X-Request-Id': 'mine-1' } });
  const id = answer.headers['x-request-id'];
  assert.match(id, /^[0-9a-f]+-[0-9a-f]+$/);
  assert.strictEqual((await request(daemon.port, 'GET', '/health')).headers['x-request-id'], undefined);
  const hub = await RawHub.open(daemon.port, { user: 'alice', negotiated: true });
  await assert.rejects(hub.invoke('LeaveRoom', 'no-such-room'));
  await assert.rejects(hub.invoke('NoSuchMethod'));
  await hub.close();
  const refused = await request(daemon.port, 'POST', '/chathub/negotiate', { token: 'x.y.z' });
  assert.strictEqual(refused.status, 401);
  await daemon.stop();
  const lines = jsonLines(daemon.log);
  const find = (event, match) => lines.find((line) => line.event === event && match(line));
  const asked = find('request', ({ client_request: client }) => client === 'mine-1');
  assert.deepStrictEqual([asked.request, asked.method, asked.target, asked.status], [id, 'GET', '/health?limit=7', answer.status]);
  assert.strictEqual(asked.bytes, Buffer.byteLength(answer.body));
  const alice = userId('alice');
  const connected = find('connected', ({ user }) => user === alice);
  assert.ok(find('request', ({ request: of, status, user }) => of === connected.request && status === 101 && user === alice));
  assert.match(connected.peer, /^127\.0\.0\.1:\d+$/);
  const failed = find('operation failed', ({ op }) => op === 'leave_room');
  assert.strictEqual(failed.origin, `conn:${connected.connection}`);
  assert.deepStrictEqual([failed.level, failed.error, failed.user], ['debug', 'not_found', alice]);
  assert.ok(find('call refused', ({ connection, target }) => connection === connected.connection && target === 'NoSuchMethod'));
  const gone = find('disconnected', ({ connection }) => connection === connected.connection);
  assert.strictEqual(gone.user, alice);
  const bad = find('token refused', () => true);
  assert.ok(find('request', ({ request: of, status }) => of === bad.request && status === 401));
});

test('who changed what by the control socket', async () => {
  const daemon = await start({ settings: { CHATD_LOG_FORMAT: 'json' } });
  await daemon.ctl('room', 'create', 'General', '--alias', 'general', '--owner', 'alice');
  await daemon.ctl('room', 'list');
  await daemon.chatctl(['room', 'create', 'Other', '--alias', 'general']);
  await daemon.ctl('log', 'level', 'warn');
  await daemon.ctl('room', 'create', 'Unheard');
  const wrong = await RawConnection.connect(daemon.socket);
  wrong.write(frame({ v: 1, id: 1, command: 'room fly', args: {} }));
  await wrong.more();
  wrong.destroy();
  await daemon.stop();
  const lines = jsonLines(daemon.log);
  const changes = lines.filter(({ event }) => event === 'control').map(({ command, about, result }) => [command, about, result]);
  assert.deepStrictEqual(changes, [
    ['room create', 'name=General alias=general owner=alice', 'ok'],
    ['room create', 'name=Other alias=general', 'exists'],
    ['log level', 'level=warn', 'ok'],
    ['room create', 'name=Unheard', 'ok'],
  ]);
  assert.ok(lines.filter(({ event }) => event === 'control').every(({ uid, pid }) => uid === process.getuid() && pid > 0));
  assert.ok(lines.some(({ event, to }) => event === 'log level' && to === 'warn'));
});

test('a change is written down although whoever asked for it has gone', async () => {
  const daemon = await start({ settings: { CHATD_LOG_FORMAT: 'json' } });
  daemon.child.kill('SIGSTOP');
  const wrong = await RawConnection.connect(daemon.socket);
  wrong.write(Buffer.concat([frame({ v: 1, id: 1, command: 'config show', args: {} }),
    frame({ v: 1, id: 2, command: 'room create', args: { name: 'Orphan', alias: 'orphan' } })]));
  await sleep(50);
  wrong.destroy();
  daemon.child.kill('SIGCONT');
  await eventually(async () => (await daemon.chatctl(['room', 'show', 'orphan'])).code === 0);
  await daemon.stop();
  const changes = jsonLines(daemon.log).filter(({ event }) => event === 'control').map(({ command, about, result }) => [command, about, result]);
  assert.deepStrictEqual(changes, [['room create', 'name=Orphan alias=orphan', 'closed']]);
});

test('at info a busy server says nothing of what is usual', async () => {
  const daemon = await start({});
  for (let i = 0; i < 5; i++) {
    await request(daemon.port, 'GET', '/health');
    const hub = await RawHub.open(daemon.port, { user: `user-${i}`, negotiated: true });
    await hub.invoke('JoinRoom', 'general');
    await hub.invoke('SendMessage', 'general', 'hello');
    await hub.close();
  }
  await daemon.stop();
  const events = daemon.log.trimEnd().split('\n').map((line) => line.split(' ')[2]);
  assert.deepStrictEqual(events, ['ready', 'draining', 'stopped']);
});

test('a slow operation: one line, with its steps, as long as the setting says so', async () => {
  const dir = scratchDir();
  const file = path.join(dir, 'chatd.conf');
  fs.writeFileSync(file, '[log]\nslow = 1us\n');
  const daemon = await start({ settings: { CHATD_LOG_FORMAT: 'json' }, args: ['--config', file] });
  const hub = await RawHub.open(daemon.port, { user: 'alice' });
  await hub.invoke('JoinRoom', 'general');
  // One line a second, whosever.
  const slow = await eventually(async () => {
    await hub.invoke('SendMessage', 'general', 'hello');
    return jsonLines(daemon.log).find(({ event, origin }) => event === 'slow operation' && /^conn:/.test(origin));
  });
  assert.strictEqual(slow.level, 'warn');
  assert.match(slow.op, /^(connect|join_room|post_message)$/);
  assert.match(slow.origin, /^conn:[\w-]{22}$/);
  assert.match(slow.steps, /^(\w+=\d+ ?)+$/);
  assert.strictEqual(slow.user, userId('alice'));
  fs.writeFileSync(file, '[log]\nslow = 0\n');
  process.kill(daemon.pid, 'SIGHUP');
  await daemon.logged(/"reloaded"/);
  const before = daemon.log.match(/slow operation/g).length;
  await new Promise((resolve) => setTimeout(resolve, 1100));
  for (let i = 0; i < 10; i++) {
    await hub.invoke('SendMessage', 'general', 'hello');
  }
  hub.destroy();
  await daemon.stop();
  assert.strictEqual(daemon.log.match(/slow operation/g).length, before);
  fs.rmSync(dir, { recursive: true });
});

// ---- what never stands in it ----

// A session with everything in it that is nobody's business; answers what that was.
async function confide(daemon) {
  const secrets = [SECRET];
  const keep = (text) => (secrets.push(text), text);
  const tokens = ['alice', 'bob'].map((name) => keep(userToken(name, { claims: { jti: keep(`claim-of-${name}`) } })));
  const foreign = keep(signToken({ sub: 'eve' }, { key: 'another secret of at least 32 bytes, not ours' }));
  const old = keep(userToken('eve', { ttl: -1000 }));
  for (const token of [...tokens, foreign, old, keep('no.token.at-all'), keep('tooshort')]) {
    const query = `access_token=${token}`;
    await request(daemon.port, 'POST', `/chathub/negotiate?negotiateVersion=1&${query}`);
    await request(daemon.port, 'POST', '/chathub/negotiate', { token });
    await request(daemon.port, 'GET', `/chathub?id=${keep('an-id-of-a-connection')}&${query}`);
    await request(daemon.port, 'GET', `/api/rooms?${query}`, { token });
    await request(daemon.port, 'GET', `/health?${token}&=${token}&a%62c=${token}&long_name_of_a_parameter_that_is_one=${token}`);
    await request(daemon.port, 'GET', '/api/rooms', { headers: { Authorization: `Basic ${token}` } });
    await request(daemon.port, 'POST', '/api/rooms', { token, body: `{"name": ${keep('"body-of-a-request')}` });
  }
  const ids = await Promise.all(tokens.map((token) => negotiate(daemon.port, token)));
  ids.forEach(({ connectionToken }) => keep(connectionToken));
  const stolen = `/chathub?id=${ids[0].connectionToken}&access_token=${tokens[1]}`;
  assert.strictEqual((await request(daemon.port, 'GET', stolen)).status, 403);
  const [alice, bob] = await Promise.all(tokens.map((token) => RawHub.open(daemon.port, { token, negotiated: true })));
  await alice.invoke('JoinRoom', 'general');
  await bob.invoke('JoinRoom', 'general');
  await alice.invoke('SendMessage', 'general', keep('words-between-friends'));
  await alice.invoke('SendMessage', 'general', keep('words-with-an-id'), keep('own-message-id'));
  await alice.invoke('SendMessage', 'general', keep('other-words'), 'own-message-id').catch(() => {});
  await bob.invoke('SendMessage', keep('No Such Room With Words'), keep('words-to-nowhere')).catch(() => {});
  await bob.invoke('SendMessage', 'general', { content: 7, secret: keep('words-of-a-wrong-type') }).catch(() => {});
  await bob.invoke(keep('NoSuchMethod'), keep('words-of-a-call')).catch(() => {});
  await bob.invoke('RefreshToken', old).catch(() => {});
  await bob.invoke('RefreshToken', tokens[0]).catch(() => {});
  bob.socket.connection.write(Buffer.from([0x81, 0x05, 0x61, 0x62, 0x63, 0x64, 0x65])); // not masked
  const rude = await RawHub.open(daemon.port, { token: tokens[1] });
  rude.socket.sendRecord({ type: 1, target: 'SendMessage', arguments: keep('words-that-are-no-array') });
  await within(10000, rude.ended);
  await alice.close();
  for (const token of [...tokens, foreign]) {
    await daemon.chatctl(['token', 'verify'], { input: token });
  }
  keep(await daemon.ctl('token', 'mint', '--user', 'carol'));
  await daemon.ctl('config', 'show');
  // Names of rooms and methods may stand there; they are here to see that nothing else of their calls does.
  return secrets.filter((text) => !['No Such Room With Words', 'NoSuchMethod'].includes(text));
}

for (const format of ['text', 'json']) {
  test(`${format}: no token, secret or content, not even at debug`, async () => {
    const daemon = await start({ settings: { ...LOUD, CHATD_LOG_FORMAT: format, CHATD_HUB_DETAILED_ERRORS: true,
      CHATD_SERVER_ENVIRONMENT: 'Development', CHATD_LOG_SLOW: '1us' } });
    const secrets = await confide(daemon);
    const tail = await daemon.ctl('log', 'tail', '-n', '1024');
    await daemon.stop();
    for (const text of [daemon.log, tail]) {
      assert.ok(text.split('\n').length > 60, 'it was a session of some length');
      for (const secret of secrets) {
        const at = text.indexOf(secret);
        assert.strictEqual(at, -1, `${secret} in: ${text.slice(Math.max(0, at - 300), at + 300)}`);
        // Nor a part of it that would do: a signature, or what base64 hides.
        const signature = /^[\w-]+\.[\w-]+\.([\w-]{20,})$/.exec(secret);
        assert.ok(!signature || !text.includes(signature[1]), `a signature: ${secret}`);
      }
    }
  });
}

test('control characters come escaped', async () => {
  const daemon = await start({ settings: LOUD });
  await request(daemon.port, 'GET', '/api/%0a2026-01-01T00:00:00.000Z%20error%20forged%1b[2J%e2%80%a8%c2%9b');
  await request(daemon.port, 'GET', '/api/%ff');
  await request(daemon.port, 'GET', '/health', { headers: { 'X-Request-Id': 'a\tb"c' } });
  await daemon.stop();
  assert.doesNotMatch(daemon.log.replace(/\n/g, ''), /[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]/);
  assert.doesNotMatch(daemon.log, /^\S+ error/m);
  assert.ok(daemon.log.includes('target="/api/\\n2026-01-01T00:00:00.000Z error forged\\x1b[2J\\u2028\\u009b"'));
  assert.ok(daemon.log.includes('target="/api/\\xff"') || daemon.log.includes('request refused'));
  assert.ok(daemon.log.includes('client_request="a\\tb\\"c"'));
});

// ---- chatctl log ----

test('log level shows, sets, and goes back', async () => {
  const dir = scratchDir();
  const file = path.join(dir, 'chatd.conf');
  fs.writeFileSync(file, '[log]\nlevel = info\n');
  const loud = await start({ args: ['--config', file] });
  const level = async (...args) => JSON.parse(await loud.ctl('log', 'level', ...args, '-o', 'json'));
  assert.deepStrictEqual(await level(), { level: 'info', configured: 'info', until: null });
  assert.deepStrictEqual(await level('DEBUG'), { level: 'debug', configured: 'info', until: null });
  await request(loud.port, 'GET', '/health');
  await loud.logged(/debug request .*target=\/health /);
  assert.deepStrictEqual(await level('error'), { level: 'error', configured: 'info', until: null });
  await loud.logged(/info log level from=debug to=error why=operator/);
  process.kill(loud.pid, 'SIGHUP');
  await loud.logged(/info log level from=error to=info why=settings/);
  await loud.logged(/info reloaded/);
  const timed = await level('off', '--for', '1s');
  assert.strictEqual(timed.level, 'off');
  assert.ok(Math.abs(Date.parse(timed.until) - Date.now() - 1000) < 900, timed.until);
  await loud.logged(/info log level from=off to=info why="its time is over"/);
  assert.deepStrictEqual(await level(), { level: 'info', configured: 'info', until: null });
  assert.strictEqual((await loud.chatctl(['log', 'level', 'loud'])).code, 2);
  assert.strictEqual((await loud.chatctl(['log', 'level', '--for', '2s'])).code, 2);
  assert.strictEqual((await loud.chatctl(['log', 'level', 'info', '--for', '0s'])).code, 2);
  await loud.stop();
  fs.rmSync(dir, { recursive: true });
});

test('log tail: the last lines, by number and level', async () => {
  const daemon = await start({ settings: LOUD });
  for (let i = 0; i < 30; i++) {
    await request(daemon.port, 'GET', `/health?limit=${i}`);
  }
  const tail = async (...args) => jsonLines(await daemon.ctl('log', 'tail', ...args));
  const usual = await tail();
  assert.strictEqual(usual.length, 20);
  for (const item of usual) {
    assert.deepStrictEqual(Object.keys(item), ['time', 'level', 'event', 'thread', 'fields']);
    assert.match(item.time, TIME);
  }
  const requests = (await tail('-n', '5')).filter(({ event }) => event === 'request');
  assert.deepStrictEqual(requests.map(({ fields }) => fields.target), [25, 26, 27, 28, 29].map((i) => `/health?limit=${i}`));
  const info = await tail('--lines', '1024', '--level', 'info');
  assert.ok(info.length < 20 && info.every(({ level }) => level !== 'debug'));
  assert.strictEqual(info[0].event, 'ready');
  assert.deepStrictEqual(await tail('-n0'), []);
  assert.match(await daemon.ctl('log', 'tail', '-n', '1', '-o', 'csv'), /^time,level,event,thread,fields\n\S+,debug,request,/);
  assert.strictEqual((await daemon.chatctl(['log', 'tail', '-n', '1025'])).code, 2);
  assert.strictEqual((await daemon.chatctl(['log', 'tail', '--follow', '-o', 'table'])).code, 2);
  await daemon.stop();
});

// chatctl log tail --follow, with what it has printed so far.
function follow(daemon, ...args) {
  const child = spawn(CHATCTL, ['--socket', daemon.socket, '--timeout', '1', 'log', 'tail', '--follow', ...args], {
    env: environment({}), stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  const tail = { child, text: '', ended: new Promise((resolve) => child.on('close', resolve)) };
  child.stdout.setEncoding('utf8').on('data', (chunk) => (tail.text += chunk));
  tail.lines = () => jsonLines(tail.text.slice(0, tail.text.lastIndexOf('\n') + 1));
  return tail;
}

test('log tail --follow: many at once, each at its level, to the daemon\'s end', async () => {
  const daemon = await start({ settings: LOUD });
  const all = Array.from({ length: 8 }, () => follow(daemon, '-n', '0'));
  const some = follow(daemon, '-n', '1024', '--level', 'info');
  await eventually(() => some.lines().some(({ event }) => event === 'ready'));
  const begun = Date.now();
  await eventually(async () => {
    await request(daemon.port, 'GET', '/health?limit=1');
    return all.every((tail) => tail.text.includes('limit=1'));
  });
  await new Promise((resolve) => setTimeout(resolve, 1500 - Math.min(400, Date.now() - begun))); // longer than --timeout
  for (let i = 0; i < 200; i++) {
    await request(daemon.port, 'GET', `/health?limit=${1000 + i}`);
  }
  await eventually(() => all.every((tail) => tail.text.includes('limit=1199')));
  for (const tail of all) {
    const targets = tail.lines().map(({ fields }) => fields.target).filter((target) => /limit=\d{4}$/.test(target));
    assert.deepStrictEqual(targets, Array.from({ length: 200 }, (_, i) => `/health?limit=${1000 + i}`));
  }
  all[0].child.kill('SIGKILL');
  const asked = Date.now();
  await daemon.stop();
  assert.ok(Date.now() - asked < 10000, 'who follows does not hold up the end');
  for (const tail of [...all.slice(1), some]) {
    assert.strictEqual(await within(10000, tail.ended), 0);
    assert.strictEqual(tail.lines().pop().event, 'stopped');
  }
  assert.ok(some.lines().every(({ level }) => level !== 'debug'));
});

test('log tail --follow: who goes leaves nothing behind', async () => {
  const daemon = await start();
  const descriptors = () => fs.readdirSync(`/proc/${daemon.pid}/fd`).length;
  const before = descriptors();
  const tails = Array.from({ length: 8 }, () => follow(daemon));
  await eventually(() => tails.every((tail) => tail.text.includes('ready')));
  assert.ok(descriptors() >= before + 8);
  tails.forEach(({ child }) => child.kill('SIGKILL'));
  await eventually(() => descriptors() <= before, { what: () => `${descriptors()} descriptors, ${before} before` });
});

function frame(object) {
  const json = Buffer.from(JSON.stringify(object));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(json.length);
  return Buffer.concat([head, json]);
}

// A reader who takes nothing until he is told to: {go, items}.
async function lazyFollow(daemon) {
  const socket = net.connect(daemon.socket);
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.pause();
  socket.write(frame({ v: 1, id: 1, command: 'log tail', args: { follow: true, lines: 0 } }));
  const lazy = { socket, items: [] };
  let buffer = Buffer.alloc(0);
  lazy.go = () => {
    socket.on('data', (chunk) => {
      buffer = Buffer.concat([buffer, chunk]);
      while (buffer.length >= 4 && buffer.length >= 4 + buffer.readUInt32BE(0)) {
        const size = buffer.readUInt32BE(0);
        const { item } = JSON.parse(buffer.subarray(4, 4 + size).toString());
        buffer = buffer.subarray(4 + size);
        if (item) {
          lazy.items.push(item);
        }
      }
    });
    socket.resume();
  };
  return lazy;
}

test('log tail --follow: a slow reader loses lines, is told how many, and holds up nobody', async () => {
  const daemon = await start({ settings: LOUD });
  const lazy = await lazyFollow(daemon);
  const quick = follow(daemon, '-n', '0');
  await eventually(async () => {
    await request(daemon.port, 'GET', '/health/live?limit=0');
    return quick.text.includes('limit=0');
  });
  const COUNT = 12000;
  const connection = await RawConnection.connect(daemon.port);
  for (let at = 0; at < COUNT; at += 100) {
    connection.write(Buffer.concat(Array.from({ length: 100 }, (_, i) => requestBytes('GET', `/health/live?limit=${at + i + 1}`))));
    for (let i = 0; i < 100; i++) {
      await connection.readResponse();
    }
    // On a machine with other work even the quick one would fall behind.
    await eventually(() => quick.text.includes(`limit=${at + 100}"`), { every: 2 });
  }
  connection.destroy();
  const targets = (items) => items.filter(({ event }) => event === 'request').map(({ fields }) => fields.target);
  const last = `/health/live?limit=${COUNT}`;
  await eventually(() => quick.text.includes(`${last}"`), { what: () => quick.text.slice(-300) });
  lazy.go();
  await eventually(() => targets(lazy.items.slice(-50)).includes(last), { what: () => JSON.stringify(lazy.items.slice(-2)) });
  const told = lazy.items.filter(({ event }) => /^lines lost/.test(event));
  assert.strictEqual(told.length, 1, JSON.stringify(told));
  assert.strictEqual(told[0].level, 'warn');
  const seen = lazy.items.length - 1;
  const begin = targets(lazy.items)[0];
  assert.match(begin, /limit=0$/);
  // What the quick one saw and the lazy one did not is what he was told of.
  const quickSeen = quick.lines().length;
  const quickLost = quick.lines().filter(({ event }) => /^lines lost/.test(event));
  assert.deepStrictEqual(quickLost, []);
  assert.ok(Math.abs(quickSeen - (seen + told[0].fields.count)) <= 5, `${quickSeen} ${seen} ${told[0].fields.count}`);
  assert.ok(told[0].fields.count > 5000);
  assert.ok(seen >= 1024);
  lazy.socket.destroy();
  quick.child.kill();
  await daemon.stop();
});
