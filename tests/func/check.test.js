'use strict';
// chatctl check: exit codes and figures as Nagios and Prometheus take them.

const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { test, after } = require('node:test');
const { Chatd, startChatd, run, scratchDir, CHATCTL } = require('./lib/chatd');
const { ON_POSTGRES, sqliteOnly } = require('./lib/database');
const { request } = require('./lib/http');
const { house } = require('./lib/people');

const LEVELS = ['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'];
const dir = scratchDir();
after(() => fs.rmSync(dir, { recursive: true }));
const all = house();

const check = (args, { socket = all.chatd.socket, ...options } = {}) =>
  run(CHATCTL, ['--socket', socket, 'check', ...args], { cwd: dir, ...options });

// The code, and the first line, which must name it.
async function outcome(code, args, options) {
  const result = await check(args, options);
  assert.strictEqual(result.code, code, `check ${args.join(' ')}: ${result.stdout}${result.stderr}`);
  assert.ok(result.stdout.includes(LEVELS[code]), result.stdout);
  assert.strictEqual(result.stderr, '');
  return result.stdout;
}

// A daemon that answers each request after a while.
async function slow(ms) {
  const socket = path.join(dir, `slow-${ms}.sock`);
  const server = net.createServer((connection) => {
    const frame = (object) => {
      const body = Buffer.from(JSON.stringify(object));
      const head = Buffer.alloc(4);
      head.writeUInt32BE(body.length);
      return Buffer.concat([head, body]);
    };
    connection.on('error', () => {});
    connection.once('data', () => setTimeout(() =>
      connection.end(Buffer.concat([frame({ v: 1, id: 1, item: {} }), frame({ v: 1, id: 1, end: true, exit: 0 })])), ms));
  });
  await new Promise((resolve) => server.listen(socket, resolve));
  return { socket, close: () => server.close() };
}

test('all is well: live, ready, database, in every form', async () => {
  for (const name of ['live', 'ready', 'database']) {
    assert.match(await outcome(0, [name]), /^OK: .*\d\.\d ms/);
    const line = await outcome(0, [name, '--format', 'nagios', '--warn', '20s', '--crit', '30s']);
    assert.match(line, new RegExp(`^CHATD ${name.toUpperCase()} OK: [^|\n]+ \\| time=\\d+\\.\\d+s;20;30;0( |\n)`));
    const item = JSON.parse((await check([name, '--format', 'json'])).stdout);
    assert.deepStrictEqual([item.check, item.status, typeof item.ms], [name, 'OK', 'number']);
    const other = JSON.parse((await check([name, '-o', 'json'])).stdout);
    assert.deepStrictEqual(Object.keys(other), Object.keys(item));
    const metrics = (await check([name, '--format', 'prometheus'])).stdout;
    assert.match(metrics, new RegExp(`^# HELP chatd_check_status .*\n# TYPE .* gauge\nchatd_check_status\\{check="${name}"\\} 0\n`));
    assert.match(metrics, new RegExp(`\nchatd_check_time_seconds\\{check="${name}"\\} \\d`));
    const quiet = await check(['-q', name]);
    assert.deepStrictEqual([quiet.code, quiet.stdout, quiet.stderr], [0, '', '']);
  }
});

test('the database on a server: its schema, to whom it is open', { skip: !ON_POSTGRES && 'about PostgreSQL' }, async () => {
  assert.match(await outcome(0, ['database']), /^OK: the store answers in \d+\.\d ms; the database is not open to this user\n$/);
  const env = { CHATD_DATABASE_URL: all.chatd.env.CHATD_DATABASE_URL };
  const line = await outcome(0, ['database', '--format', 'nagios'], { env });
  assert.match(line, /^CHATD DATABASE OK: the store answers in \d+\.\d ms; schema \d+ is current \| time=\d+\.\d+s;;;0\n$/);
  // Without the daemon; and where the database, or the server, is away too.
  const socket = path.join(dir, 'nobody.sock');
  assert.match(await outcome(1, ['database'], { env, socket }), /chatd is not there; .*schema \d+ is current/);
  const gone = { CHATD_DATABASE_URL: env.CHATD_DATABASE_URL.replace(/\w+$/, 'no_such_database') };
  assert.match(await outcome(2, ['database'], { env: gone, socket }), /no_such_database/);
  const away = { CHATD_DATABASE_URL: 'postgresql://somebody@127.0.0.1:1/chat' };
  assert.match(await outcome(2, ['database'], { env: away, socket }), /127\.0\.0\.1\D+1\D/);
});

test('the database: the WAL, the space left and the schema', { skip: sqliteOnly('how large they are') }, async () => {
  const text = await outcome(0, ['database', '--format', 'nagios']);
  assert.match(text, /wal=\d+B;268435456;1073741824;0 free=\d+B;536870912:;67108864:;0\n$/);
  assert.match(text, /schema \d+ is current/);
  const item = JSON.parse((await check(['database', '-o', 'json'])).stdout);
  assert.ok(item.walBytes >= 0 && item.freeBytes > 0);
});

test('bounds for the time', async () => {
  const daemon = await slow(200);
  try {
    await outcome(0, ['live', '--warn', '10s'], daemon);
    assert.match(await outcome(1, ['live', '--warn', '50ms', '--crit', '10s'], daemon), /took \d+\.\d ms/);
    const start = Date.now();
    assert.match(await outcome(2, ['live', '--warn', '50ms', '--crit', '100ms'], daemon), /did not answer within 0\.1 s/);
    assert.ok(Date.now() - start < 5000);
  } finally {
    daemon.close();
  }
});

test('a daemon that is not there', async () => {
  const socket = path.join(dir, 'nobody.sock');
  assert.match(await outcome(2, ['live'], { socket }), /nothing listens at/);
  await outcome(2, ['ready'], { socket });
  await outcome(2, ['ready', '--format', 'nagios'], { socket });
  const json = await check(['ready', '-o', 'json'], { socket });
  assert.deepStrictEqual([json.code, JSON.parse(json.stdout).status, json.stderr], [2, 'CRITICAL', '']);
});

test('a daemon that is stopped', async () => {
  process.kill(all.chatd.pid, 'SIGSTOP');
  try {
    assert.match(await outcome(2, ['live', '--crit', '200ms']), /did not answer within/);
    await outcome(2, ['database', '--timeout', '200ms']);
  } finally {
    process.kill(all.chatd.pid, 'SIGCONT');
  }
  await outcome(0, ['live', '--wait']);
});

test('--wait asks until all is well, or the time is over', async () => {
  const chatd = new Chatd();
  const options = { socket: chatd.socket };
  const start = Date.now();
  await outcome(2, ['ready', '--wait=300ms'], options);
  assert.ok(Date.now() - start >= 200);
  const waiting = outcome(0, ['ready', '--wait=30'], options);
  await chatd.start();
  await waiting;
  await chatd.stop();
});

test('the file itself, where the daemon is away', { skip: sqliteOnly('what it looks at') }, async () => {
  const socket = path.join(dir, 'nobody.sock');
  const chatd = await new Chatd().start();
  await chatd.stop({ keepDir: true });
  const file = path.join(chatd.dir, 'chatd.db');
  const options = { socket, env: { CHATD_DATABASE_URL: `sqlite:${file}` } };
  assert.match(await outcome(1, ['database'], options), /chatd is not there; .*schema \d+ is current/);
  fs.truncateSync(file, 50);
  assert.match(await outcome(2, ['database'], options), /is no SQLite database/);
  fs.rmSync(file);
  assert.match(await outcome(2, ['database'], options), /there is no database/);
  fs.rmSync(chatd.dir, { recursive: true });
  await outcome(3, ['database', '--config', '/nowhere.conf'], { socket });
});

test('a file that has gone below a daemon that runs', { skip: sqliteOnly('one that is moved') }, async () => {
  const chatd = await new Chatd().start();
  const file = path.join(chatd.dir, 'chatd.db');
  fs.renameSync(file, `${file}.away`);
  try {
    assert.match(await outcome(2, ['database'], chatd), /there is no database|is missing/);
  } finally {
    fs.renameSync(`${file}.away`, file);
    await chatd.stop();
  }
});

test('a machine that asks too often does not make the node ill', async () => {
  const chatd = await startChatd({ settings: { CHATD_LIMITS_ADDRESS_CONNECTS: 1 } });
  try {
    const statuses = [];
    for (let i = 0; i < 3; i++) {
      statuses.push((await request(chatd.port, 'GET', '/health/live')).status);
    }
    assert.deepStrictEqual(statuses, [200, 200, 429]);
    await outcome(0, ['ready'], chatd);
  } finally {
    await chatd.stop();
  }
});

test('a wrong command line is unknown, not critical', async () => {
  for (const args of [['live', 'surplus'], ['live', '--wrong'], ['live', '--warn', 'x'], ['live', '--format', 'xml'],
    ['flying'], [], ['live', '--warn', '2s', '--crit', '1s'], ['ready', '--columns', 'none'], ['live', '--crit', '1d']]) {
    const result = await check(args);
    assert.deepStrictEqual([result.code, result.stdout], [3, ''], args.join(' '));
    assert.match(result.stderr, /^chatctl: /);
  }
});
