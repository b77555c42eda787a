'use strict';
// chatctl db: on real files, with the daemon stopped, running and writing.

const assert = require('node:assert');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { test, after } = require('node:test');
const { Chatd, run, scratchDir, CHATCTL, NO_RATES, ROOT } = require('./lib/chatd');
const { house, fresh } = require('./lib/people');
const { onTerminal } = require('./lib/terminal');
const { sleep } = require('./lib/util');

const MIGRATIONS = fs.readdirSync(path.join(ROOT, 'migrations/sqlite')).filter((name) => /^\d{4}_.*\.sql$/.test(name))
  .map((name) => name.replace(/\.sql$/, '')).sort();
const NEWEST = Number(MIGRATIONS.at(-1).slice(0, 4));

const dir = scratchDir();
after(() => fs.rmSync(dir, { recursive: true }));
let files = 0;

const freshFile = () => path.join(dir, `${++files}.db`);
const db = (args, options) => run(CHATCTL, ['db', ...args], { cwd: dir, ...options });

async function good(args, options) {
  const result = await db(args, options);
  assert.strictEqual(result.code, 0, `db ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

const json = async (args, options) => JSON.parse(await good(['-o', 'json', ...args], options));

// The exit code and text of a command that must fail, and the same as JSON.
async function bad(code, text, args, options) {
  const result = await db(args, options);
  assert.strictEqual(result.code, code, `db ${args.join(' ')}: ${result.stderr}`);
  assert.match(result.stderr, text);
  const { error } = JSON.parse((await db(['-o', 'json', ...args], options)).stdout);
  assert.match(error.message, text);
  return result;
}

async function newDatabase() {
  const file = freshFile();
  await good(['migrate', '--url', `sqlite:${file}`]);
  return file;
}

// ---- with the daemon stopped ----

test('a database is planned, made, migrated once, and told about', async () => {
  const file = freshFile();
  const url = ['--url', `sqlite:${file}`];
  const names = (list) => list.items.map(({ name, applied }) => `${name} ${applied}`);
  await bad(4, /there is no database/, ['status', ...url]);
  assert.deepStrictEqual(names(await json(['migrate', '--dry-run', ...url])), MIGRATIONS.map((name) => `${name} false`));
  assert.strictEqual(fs.existsSync(file), false);
  assert.strictEqual(fs.existsSync(`${file}.lock`), false);
  assert.deepStrictEqual(names(await json(['migrate', '--to', '1', ...url])), [`${MIGRATIONS[0]} true`]);
  assert.deepStrictEqual((await json(['status', ...url])).missing, MIGRATIONS.slice(1));
  assert.deepStrictEqual(names(await json(['migrate', ...url])), MIGRATIONS.slice(1).map((name) => `${name} true`));
  assert.deepStrictEqual(names(await json(['migrate', ...url])), []);
  const { freeBytes, epoch, bytes, ...rest } = await json(['status', ...url]);
  assert.deepStrictEqual(rest, {
    url: `sqlite:${file}`, schema: NEWEST, missing: [], oldestProgram: rest.oldestProgram, users: 0, rooms: 0, messages: 0,
    walBytes: 0, heldBy: null, problem: null,
  });
  assert.ok(freeBytes > 0 && bytes > 4096 && /^[0-9a-f]{16}$/.test(epoch));
  assert.strictEqual(await good(['-q', 'status', ...url]), `${NEWEST}\n`);
  assert.strictEqual(fs.statSync(file).mode & 0o777, 0o600);
  await bad(4, /there is no migration 9999/, ['migrate', '--to', '9999', ...url]);
  await bad(5, /only go forward/, ['migrate', '--to', '1', ...url]);
});

test('it is found as chatd finds it', async () => {
  const place = fs.mkdtempSync(path.join(dir, 'place-'));
  const status = async (args, env = {}, cwd = place) =>
    (await json(['status', ...args], { env, cwd })).url.replace(`sqlite:${place}/`, '');
  for (const name of ['file.db', 'variable.db', 'chatd.db', 'option.db']) {
    await good(['migrate', '--url', `sqlite:${place}/${name}`]);
  }
  const config = path.join(place, 'chatd.conf');
  fs.writeFileSync(config, `[database]\nurl = sqlite:${place}/file.db\n`);
  const variable = { CHATD_DATABASE_URL: `sqlite:${place}/variable.db` };
  assert.strictEqual(await status(['--config', config]), 'file.db');
  assert.strictEqual(await status([], { CHATD_CONFIG: config }), 'file.db');
  assert.strictEqual(await status(['--config', config], variable), 'variable.db');
  assert.strictEqual(await status(['--config', config, '--url', `sqlite:${place}/option.db`], variable), 'option.db');
  assert.strictEqual(await status([], { CHATD_SERVER_STATE_DIR: place }), 'chatd.db');
  assert.strictEqual(await status([], { STATE_DIRECTORY: place }), 'chatd.db');
  if (!fs.existsSync('/var/lib/chatd/chatd.db') && !fs.existsSync('/etc/chatd/chatd.conf')) {
    fs.mkdirSync(path.join(place, 'var'));
    fs.copyFileSync(path.join(place, 'chatd.db'), path.join(place, 'var/chatd.db'));
    assert.strictEqual(await status([]), 'var/chatd.db');
  }
  await bad(1, /nowhere\.conf/, ['status', '--config', '/nowhere.conf']);
});

test('where nothing names it, or --socket is given, it is that of the daemon which answers', async () => {
  const chatd = await new Chatd({ settings: { CHATD_SERVER_STATE_DIR: '.' } }).start();
  const variable = { CHATD_DATABASE_URL: `sqlite:${await newDatabase()}` };
  const args = ['status', '--socket', chatd.socket];
  try {
    const { url, heldBy } = await json(args);
    assert.deepStrictEqual([url, heldBy], [`sqlite:${chatd.dir}/chatd.db`, chatd.pid]);
    assert.strictEqual((await json(['status'], { env: { CHATD_CONTROL_SOCKET: chatd.socket } })).url, url);
    assert.strictEqual((await json(args, { env: variable })).url, url);
    const named = await json(['status'], { env: { ...variable, CHATD_CONTROL_SOCKET: chatd.socket } });
    assert.strictEqual(named.url, variable.CHATD_DATABASE_URL);
  } finally {
    await chatd.stop();
  }
  assert.strictEqual((await json(args, { env: variable })).url, variable.CHATD_DATABASE_URL);
});

test('a daemon that is silent is no reason to take another database', async () => {
  const socket = path.join(dir, 'silent.sock');
  const silent = net.createServer(() => {}).listen(socket);
  await once(silent, 'listening');
  try {
    await bad(7, /does not say which database it has/, ['status', '--socket', socket, '--timeout', '200ms']);
  } finally {
    silent.close();
  }
});

test('what is no database of chatd: a clear text, and nothing is changed', async () => {
  const rows = [
    ['no database', 1, /is no SQLite database/, (file) => fs.writeFileSync(file, 'x'.repeat(5000))],
    ['too short', 1, /too short/, (file) => fs.writeFileSync(file, 'x')],
    ['another program', 1, /of another program/, (file) => patch(file, 68, [1, 2, 3, 4])],
    ['a folder', 1, /is no regular file/, (file) => fs.rmSync(file) || fs.mkdirSync(file)],
  ];
  for (const [what, code, text, spoil] of rows) {
    const file = await newDatabase();
    spoil(file);
    const before = fs.statSync(file).isFile() ? fs.readFileSync(file) : null;
    for (const verb of [['status'], ['verify'], ['migrate'], ['backup', path.join(dir, 'never')]]) {
      await bad(code, text, [...verb, '--url', `sqlite:${file}`]);
    }
    assert.ok(!before || before.equals(fs.readFileSync(file)), what);
  }
  assert.strictEqual(fs.existsSync(path.join(dir, 'never')), false);
  await bad(1, /supports sqlite:PATH/, ['status', '--url', 'mysql://user:secret@host/name']);
  assert.ok(!(await db(['status', '--url', 'mysql://user:secret@host/name'])).stderr.includes('secret'));
});

function patch(file, at, bytes) {
  const fd = fs.openSync(file, 'r+');
  fs.writeSync(fd, Buffer.from(bytes), 0, bytes.length, at);
  fs.closeSync(fd);
}

test('damage is found, and named', async () => {
  const file = await newDatabase();
  const { items } = await json(['verify', '--url', `sqlite:${file}`]);
  assert.deepStrictEqual(items.map(({ check, ok }) => [check, ok]),
    [['pages', true], ['schema', true], ['epochs', true], ['rooms', true], ['participants', true]]);
  const size = fs.statSync(file).size;
  patch(file, size - 4096, Buffer.alloc(4096, 0x5a));
  const result = await db(['-o', 'json', 'verify', '--url', `sqlite:${file}`]);
  assert.strictEqual(result.code, 1);
  const list = JSON.parse(result.stdout);
  assert.ok(list.items.some(({ check, ok }) => check === 'pages' && !ok), result.stdout);
  assert.strictEqual(list.error.code, 'corrupt');
});

test('a migration whose file changed after it was applied', async () => {
  const file = await newDatabase();
  const data = fs.readFileSync(file);
  // The checksum stands behind the name in its row of schema_migrations.
  const at = data.lastIndexOf('0001_start') + '0001_start'.length;
  patch(file, at, [data[at] ^ 1]);
  await bad(1, /0001_start was changed after it was applied/, ['migrate', '--url', `sqlite:${file}`]);
  const result = await db(['-o', 'json', 'status', '--url', `sqlite:${file}`]);
  assert.strictEqual(result.code, 1);
  assert.match(JSON.parse(result.stdout).problem, /was changed/);
});

test('a backup: where, what of a target that is there, and what a dry run does', async () => {
  const file = await newDatabase();
  const target = freshFile();
  const url = ['--url', `sqlite:${file}`];
  assert.match(await good(['backup', '--dry-run', target, ...url]), /would be copied to/);
  assert.strictEqual(fs.existsSync(target), false);
  const item = await json(['backup', target, ...url]);
  assert.deepStrictEqual([item.target, item.bytes, item.messages], [target, fs.statSync(target).size, 0]);
  assert.strictEqual(fs.statSync(target).mode & 0o777, 0o600);
  await bad(5, /is there already/, ['backup', target, ...url]);
  await good(['backup', '--force', target, ...url]);
  await bad(5, /is a file of the database itself/, ['backup', '--force', file, ...url]);
  await bad(5, /is a file of the database itself/, ['backup', '--force', `${file}-wal`, ...url]);
  await bad(1, /no such folder|No such file/, ['backup', path.join(dir, 'no/such/x'), ...url]);
  await bad(5, /no regular file/, ['backup', '--force', dir, ...url]);
  await good(['verify', '--url', `sqlite:${target}`]);
  assert.deepStrictEqual(fs.readdirSync(dir).filter((name) => name.endsWith('.part')), []);
});

// ---- with the daemon running ----

const all = house({ settings: NO_RATES });

// Sends as fast as answers come until told to end; answers how many were stored.
async function keepSending(hub, room) {
  const writer = { going: true, sent: 0 };
  const one = async () => {
    while (writer.going) {
      await hub.invoke('SendMessage', room, `message ${writer.sent}`);
      writer.sent++;
    }
  };
  const senders = Promise.all([one(), one(), one(), one()]);
  writer.end = async () => {
    writer.going = false;
    await senders;
    return writer.sent;
  };
  return writer;
}

test('while chatd writes: status and verify work, migrate does not, a backup is one state', async () => {
  const file = path.join(all.chatd.dir, 'chatd.db');
  const url = ['--url', `sqlite:${file}`];
  const alias = fresh('room');
  const hub = await all.raw('writer');
  await hub.invoke('JoinRoom', alias);
  const writer = await keepSending(hub, alias);
  while (writer.sent < 200) {
    await sleep(10);
  }
  const targets = [];
  for (let i = 0; i < 5; i++) {
    const before = writer.sent;
    const target = freshFile();
    const { messages } = await json(['backup', target, ...url]);
    assert.ok(messages >= before && messages <= writer.sent + 4, `${before} ${messages} ${writer.sent}`);
    targets.push([target, messages]);
    await good(['verify', ...url]);
    const status = await json(['status', ...url]);
    assert.strictEqual(status.heldBy, all.chatd.pid);
    assert.ok(status.messages >= messages);
  }
  await bad(5, new RegExp(`in use by process ${all.chatd.pid} `), ['migrate', ...url]);
  assert.deepStrictEqual((await json(['migrate', '--dry-run', ...url])).items, []);
  const sent = await writer.end();
  assert.strictEqual((await json(['status', ...url])).messages, sent);
  for (const [target, messages] of targets) {
    const { items } = await json(['verify', '--url', `sqlite:${target}`]);
    assert.ok(items.every(({ ok }) => ok), JSON.stringify(items));
    assert.strictEqual((await json(['status', '--url', `sqlite:${target}`])).messages, messages);
  }
  const [target, messages] = targets.at(-1);
  const second = await new Chatd({ settings: { CHATD_DATABASE_URL: `sqlite:${target}` } }).start();
  try {
    const seqs = (await second.ctl('history', 'export', alias)).split('\n').map((line) => JSON.parse(line).seq);
    assert.deepStrictEqual(seqs, Array.from({ length: messages }, (_, i) => i + 1));
  } finally {
    await second.stop();
  }
});

test('migrate --wait goes on when chatd has ended; what chatd left is in order', async () => {
  const chatd = await new Chatd().start();
  const url = ['--url', `sqlite:${path.join(chatd.dir, 'chatd.db')}`];
  const waiting = db(['migrate', '--wait=30', ...url]);
  await sleep(300);
  await chatd.stop({ keepDir: true });
  assert.strictEqual((await waiting).code, 0);
  const again = await db(['migrate', '--wait=200ms', ...url]);
  assert.strictEqual(again.code, 0, again.stderr);
  await good(['verify', ...url]);
  assert.deepStrictEqual(fs.readdirSync(chatd.dir).filter((name) => /-wal$|-shm$/.test(name)), []);
  fs.rmSync(chatd.dir, { recursive: true });
});

// ---- questions ----

test('what destroys asks on a terminal, and needs -y elsewhere', async () => {
  const { chatd } = all;
  const create = () => chatd.ctl('-q', 'room', 'create', 'To go', '--alias', fresh('go'));
  const isThere = async (id) => (await chatd.chatctl(['room', 'show', id])).code === 0;
  const args = (...more) => ['--socket', chatd.socket, 'room', 'delete', ...more];
  const id = await create();
  const piped = await run(CHATCTL, args(id), { input: 'y\n' });
  assert.strictEqual(piped.code, 2);
  assert.match(piped.stderr, /room delete .*will be gone.*-y was not given\n {2}hint: -y/);
  const refused = await onTerminal(CHATCTL, args(id), { input: 'n\n' });
  assert.deepStrictEqual([refused.code, await isThere(id)], [1, true], refused.stdout);
  assert.match(refused.stdout, /Go on\? \[y\/N\] [^]*nothing was done/);
  const silent = await onTerminal(CHATCTL, args(id, '--no-input'));
  assert.deepStrictEqual([silent.code, await isThere(id)], [2, true], silent.stdout);
  const planned = await run(CHATCTL, args(id, '--dry-run'));
  assert.deepStrictEqual([planned.code, await isThere(id)], [0, true], planned.stderr);
  const agreed = await onTerminal(CHATCTL, args(id), { input: 'yes\n' });
  assert.deepStrictEqual([agreed.code, await isThere(id)], [0, false], agreed.stdout);
  const other = await create();
  assert.deepStrictEqual([(await run(CHATCTL, args('-y', other))).code, await isThere(other)], [0, false]);
});
