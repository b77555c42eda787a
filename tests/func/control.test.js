'use strict';
// chatctl against the running daemon: every verb, exit codes, and the forms of its output.

const assert = require('node:assert');
const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { house, fresh } = require('./lib/people');
const { startChatd, run, scratchDir, CHATCTL, NO_RATES } = require('./lib/chatd');
const { RawHub } = require('./lib/hub');
const { request } = require('./lib/http');
const { userId, userToken } = require('./lib/token');
const { eventually, sleep } = require('./lib/util');

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const here = house({ settings: NO_RATES });
const { chatd } = here;

const json = async (...args) => JSON.parse(await chatd.ctl('-o', 'json', ...args));
// Lists stand in {version, items}.
async function jsonItems(...args) {
  const { version, items } = await json(...args);
  assert.strictEqual(version, 1);
  return items;
}

const jsonl = async (...args) =>
  (await chatd.ctl('-o', 'jsonl', ...args)).split('\n').filter(Boolean).map((line) => JSON.parse(line));

// A call that fails: its exit code, and in JSON the error that it tells.
async function fails(args, code, errorCode) {
  const plain = await chatd.chatctl(args);
  assert.strictEqual(plain.code, code, `${args.join(' ')}: ${plain.stderr}`);
  assert.strictEqual(plain.stdout, '', 'stdout is for data');
  assert.match(plain.stderr, /\S/);
  const told = await chatd.chatctl(['-o', 'json', ...args]);
  assert.strictEqual(told.code, code);
  const { error } = JSON.parse(told.stdout || told.stderr);
  assert.match(error.message, /\S/);
  if (errorCode) {
    assert.strictEqual(error.code, errorCode);
  }
  return error;
}

test('ping and status', async () => {
  assert.strictEqual((await chatd.chatctl(['ping'])).code, 0);
  assert.strictEqual((await chatd.chatctl(['ping', '--wait=10'])).code, 0);
  const status = await json('status');
  assert.strictEqual(status.pid, chatd.pid);
  assert.strictEqual(status.ready, true);
  assert.strictEqual(status.workers, 2);
  assert.ok(JSON.stringify(status.listen).includes(String(chatd.port)));
  const before = status.connections;
  const hub = await here.raw(fresh('alice'));
  assert.strictEqual((await json('status')).connections, before + 1);
  await hub.close();
});

test('nobody behind the socket: exit 3', async () => {
  const nowhere = path.join(scratchDir(), 'none.sock');
  const result = await run(CHATCTL, ['--socket', nowhere, 'ping']);
  assert.strictEqual(result.code, 3, result.stderr);
  assert.ok(result.stderr.includes(nowhere), 'the message names the socket');
  const begun = Date.now();
  const waited = await run(CHATCTL, ['--socket', nowhere, 'ping', '--wait=1']);
  assert.strictEqual(waited.code, 7, waited.stderr);
  assert.ok(Date.now() - begun >= 900);
});

test('ping --wait returns as soon as the daemon is ready', async () => {
  const dir = scratchDir();
  const socket = path.join(dir, 'control.sock');
  const waiting = run(CHATCTL, ['--socket', socket, 'ping', '--wait=20']);
  await sleep(300);
  const daemon = await startChatd({ dir });
  assert.strictEqual(daemon.socket, socket);
  assert.strictEqual((await waiting).code, 0);
  await daemon.stop();
  fs.rmSync(dir, { recursive: true });
});

test('usage errors: exit 2', async () => {
  for (const args of [[], ['room'], ['room', 'fly'], ['nothing'], ['status', '--no-such-option'], ['room', 'show'],
    ['history', 'show', 'x', '--limit', 'many'], ['history', 'show', 'x', '--limit', '0'],
    ['history', 'show', 'x', '--before', '1', '--after', '1'], ['token', 'mint'], ['status', 'too', 'many']]) {
    const result = await chatd.chatctl(args);
    assert.strictEqual(result.code, 2, `${args.join(' ')}: ${result.code} ${result.stderr}`);
    assert.strictEqual(result.stdout, '', args.join(' '));
  }
});

test('help and version go to stdout', async () => {
  for (const args of [['--help'], ['--version'], ['room', '--help'], ['room', 'create', '--help']]) {
    const result = await chatd.chatctl(args);
    assert.strictEqual(result.code, 0, `${args.join(' ')}: ${result.stderr}`);
    assert.match(result.stdout, /\S/);
  }
});

test('room create, show, list', async () => {
  const alias = fresh('made');
  const room = await json('room', 'create', 'A room for tests', '--alias', alias, '--owner', 'olga', '--member', 'max');
  assert.match(room.id, UUID);
  assert.deepStrictEqual(
    [room.alias, room.name, room.type, room.visibility, room.encrypted, room.members, room.lastSeq],
    [alias, 'A room for tests', 'Group', 'Public', false, 2, 0],
  );
  for (const name of [alias, room.id, alias.toUpperCase()]) {
    assert.strictEqual((await json('room', 'show', name)).id, room.id);
  }
  assert.ok((await jsonItems('room', 'list')).some(({ id }) => id === room.id));
  const hub = await here.raw('olga');
  assert.strictEqual((await hub.invoke('SendMessage', room.id, 'the owner is in')).seq, 1);
  assert.strictEqual(await chatd.ctl('-q', 'room', 'show', alias), room.id);
});

test('room create: private, direct, and names that are taken', async () => {
  const id = await chatd.ctl('-q', 'room', 'create', fresh('Private'), '--private', '--member', 'olga');
  assert.match(id, UUID);
  assert.strictEqual((await json('room', 'show', id)).visibility, 'Private');
  const [one, two] = [fresh('one'), fresh('two')];
  const direct = await json('room', 'create', 'pair', '--direct', '--member', one, '--member', two);
  assert.deepStrictEqual([direct.type, direct.visibility, direct.members], ['Direct', 'Private', 2]);
  const again = await json('room', 'create', 'pair', '--direct', '--member', two, '--member', one);
  assert.strictEqual(again.id, direct.id, 'a second one of the pair is the first');
  const alias = fresh('taken');
  await chatd.ctl('room', 'create', 'first', '--alias', alias);
  await fails(['room', 'create', 'second', '--alias', alias], 5, 'exists');
  await fails(['room', 'create', 'bad', '--alias', 'no good!'], 1, 'bad_room');
  await fails(['room', 'show', fresh('missing')], 4, 'not_found');
});

test('history show and export', async () => {
  const alias = fresh('history');
  const hub = await here.raw('alice');
  const { roomId } = await hub.invoke('JoinRoom', alias);
  for (let i = 1; i <= 120; i++) {
    await hub.invoke('SendMessage', roomId, `m${i}`, i === 1 ? 'id-1' : null);
  }
  const seqs = (messages) => messages.map(({ seq }) => seq);
  const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
  assert.deepStrictEqual(seqs(await jsonl('history', 'show', alias)), range(71, 120));
  assert.deepStrictEqual(seqs(await jsonl('history', 'show', alias, '--limit', '5')), range(116, 120));
  assert.deepStrictEqual(seqs(await jsonl('history', 'show', alias, '--limit', '5', '--before', '50')), range(45, 49));
  assert.deepStrictEqual(seqs(await jsonl('history', 'show', alias, '--limit', '5', '--after', '50')), range(51, 55));
  assert.deepStrictEqual(seqs(await jsonItems('history', 'show', alias, '--limit', '2')), [119, 120]);
  const all = await jsonl('history', 'export', alias);
  assert.deepStrictEqual(seqs(all), range(1, 120));
  const [first] = all;
  assert.deepStrictEqual(
    [first.roomId, first.senderId, first.type, first.content, first.clientMessageId],
    [roomId, userId('alice'), 'Text', 'm1', 'id-1'],
  );
  assert.match(first.id, UUID);
  assert.match(first.sentAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  await fails(['history', 'show', fresh('missing')], 4, 'not_found');
  await fails(['history', 'export', fresh('missing')], 4, 'not_found');
});

test('tables and CSV', async () => {
  const alias = fresh('csv');
  await chatd.ctl('room', 'create', 'a "quoted", name', '--alias', alias);
  const csv = (await chatd.ctl('-o', 'csv', 'room', 'show', alias)).split(/\r?\n/);
  assert.match(csv[0], /^id,alias,name,/);
  assert.ok(csv[1].includes('"a ""quoted"", name"'), csv[1]);
  const table = await chatd.ctl('room', 'list');
  assert.ok(table.includes(alias));
  const columns = await chatd.ctl('-o', 'csv', '--columns', 'alias,type', 'room', 'show', alias);
  assert.strictEqual(columns.replace(/\r/g, ''), `alias,type\n${alias},Group`);
});

test('control characters of clients do not reach the terminal, but JSON keeps them', async () => {
  const alias = fresh('evil');
  const evil = 'evil\u001b[31m\u009b2J\u202ename';
  const hub = await here.raw('alice');
  await hub.invoke('JoinRoom', alias);
  await hub.invoke('SendMessage', alias, evil);
  for (const form of ['table', 'csv']) {
    const shown = await chatd.ctl('-o', form, 'history', 'show', alias);
    assert.ok(shown.includes('evil') && !/[\u001b\u009b\u202e]/.test(shown), JSON.stringify(shown));
  }
  assert.strictEqual((await jsonl('history', 'show', alias))[0].content, evil);
});

test('token mint prints a token and nothing else, good for what it says', async () => {
  const token = await chatd.ctl('token', 'mint', '--user', 'alice', '--ttl', '90s', '--role', 'admin', '--claim', 'name=Al');
  assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/);
  const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  const life = claims.exp - Math.floor(Date.now() / 1000);
  assert.ok(life > 80 && life <= 91, `it lives ${life} s`);
  assert.strictEqual(claims.name, 'Al');
  const response = await request(chatd.port, 'POST', '/chathub/negotiate?negotiateVersion=1', { token });
  assert.strictEqual(response.status, 200);
  const result = await chatd.chatctl(['-o', 'json', 'token', 'verify'], { input: `${token}\n` });
  assert.strictEqual(result.code, 0, result.stderr);
  const verified = JSON.parse(result.stdout);
  assert.deepStrictEqual([verified.valid, verified.userId, verified.identity], [true, userId('alice'), 'alice']);
  assert.deepStrictEqual(verified.roles, ['admin']);
});

test('token verify refuses what is not good: exit 6', async () => {
  for (const input of ['nonsense', userToken('alice', { ttl: -60 }), userToken('alice', { key: 'x'.repeat(40) })]) {
    assert.strictEqual((await chatd.chatctl(['token', 'verify'], { input })).code, 6);
  }
});

test('config show tells where values come from; secrets are not shown', async () => {
  const settings = await jsonItems('config', 'show');
  const find = (key) => settings.find((setting) => setting.key === key);
  assert.deepStrictEqual(find('server.workers').value, '2');
  assert.match(find('server.workers').origin, /CHATD_SERVER_WORKERS/);
  assert.match(find('hub.keepalive').origin, /default/);
  assert.strictEqual(find('auth.jwt_secret').value, '(set)');
});

test('config defaults is a settings file that config check finds good', async () => {
  const dir = scratchDir();
  const file = path.join(dir, 'chatd.conf');
  fs.writeFileSync(file, `${await chatd.ctl('config', 'defaults')}\n`);
  const result = await run(CHATCTL, ['--config', file, 'config', 'check']);
  assert.strictEqual(result.code, 0, result.stderr);
  fs.rmSync(dir, { recursive: true });
});

test('a reader that closes the pipe early is no failure to shout about', async () => {
  const script = '"$0" --socket "$1" -o jsonl room list | head -n 0; exit 0';
  const result = await run('/bin/sh', ['-c', script, CHATCTL, chatd.socket]);
  assert.strictEqual(result.stderr, '');
});

test('NO_COLOR and a pipe: no escape sequences', async () => {
  const result = await chatd.chatctl(['status'], { env: { NO_COLOR: 1, TERM: 'xterm-256color' } });
  assert.ok(!result.stdout.includes('\u001b'));
});

const HOARD = `
  const net = require('node:net');
  let ends = 0;
  for (let i = 0; i < 300; i++) {
    net.connect(process.argv[1]).on('error', () => {}).on('close', () => ++ends).resume();
  }
  setInterval(() => console.log(ends), 50);
`;
const onlyRoot = { skip: process.getuid() === 0 ? false : 'other users can only be tried by root' };

test('connections of those who may only look do not keep out who may change things', onlyRoot, async (t) => {
  const daemon = await startChatd({ settings: { ...NO_RATES, CHATD_CONTROL_READ_GROUP: 'users' } });
  t.after(() => daemon.stop());
  fs.chmodSync(daemon.dir, 0o711);
  const gid = Number(execFileSync('getent', ['group', 'users']).toString().split(':')[2]);
  const child = spawn(process.execPath, ['-e', HOARD, daemon.socket], { uid: 65534, gid, cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] });
  let refused = '';
  child.stdout.on('data', (text) => (refused += text));
  try {
    await eventually(() => refused.split('\n').includes('108'), { what: () => `refused were: ${refused}` });
    await daemon.ctl('room', 'create', 'still possible');
  } finally {
    child.kill('SIGKILL');
  }
});

test('node stop drains as SIGTERM does', async () => {
  const daemon = await startChatd();
  const hub = await RawHub.open(daemon.port, { user: 'alice' });
  await daemon.ctl('node', 'stop');
  assert.deepStrictEqual(await daemon.end(), { code: 0, signal: null });
  assert.deepStrictEqual(hub.closeMessage, { type: 7, allowReconnect: true });
  hub.destroy();
  await daemon.stop();
});
