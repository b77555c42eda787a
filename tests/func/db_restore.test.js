'use strict';
// chatctl db restore, plan and new-epoch on SQLite files: what comes back, what is kept, and what is refused.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { after, test } = require('node:test');
const { Chatd, run, scratchDir, CHATCTL, NO_RATES } = require('./lib/chatd');
const { onTerminal } = require('./lib/terminal');

const dir = scratchDir();
after(() => fs.rmSync(dir, { recursive: true }));
let files = 0;

const freshFile = (name = 'db') => path.join(dir, `${++files}.${name}`);
const db = (file, args, options) => run(CHATCTL, ['db', ...args, '--url', `sqlite:${file}`], { cwd: dir, ...options });

async function good(file, args, options) {
  const result = await db(file, args, options);
  assert.strictEqual(result.code, 0, `db ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

const json = async (file, args, options) => JSON.parse(await good(file, ['-o', 'json', ...args], options));

async function bad(file, code, text, args, options) {
  const result = await db(file, ['-o', 'json', ...args], options);
  assert.strictEqual(result.code, code, `db ${args.join(' ')}: ${result.stderr}`);
  assert.match(result.stderr, text);
  assert.match(JSON.parse(result.stdout).error.message, text);
}

async function newDatabase() {
  const file = freshFile();
  await good(file, ['migrate']);
  return file;
}

function patch(file, at, bytes) {
  const fd = fs.openSync(file, 'r+');
  fs.writeSync(fd, Buffer.from(bytes), 0, bytes.length, at);
  fs.closeSync(fd);
}

const beside = (file) => fs.readdirSync(path.dirname(file)).filter((name) => name.startsWith(`${path.basename(file)}.`) ||
  name.startsWith(`${path.basename(file)}-`)).map((name) => name.slice(path.basename(file).length)).sort();

// A stopped chatd with one room and so many messages in it.
async function stoppedChatd(messages) {
  const chatd = await new Chatd({ settings: NO_RATES }).start();
  await chatd.ctl('room', 'create', 'General', '--alias', 'general');
  const input = Array.from({ length: messages }, (_, i) => `line ${i}`).join('\n');
  const said = await run(CHATCTL, ['--socket', chatd.socket, 'chat', 'general'], { input: `${input}\n` });
  assert.strictEqual(said.code, 0, said.stderr);
  return chatd;
}

const history = async (chatd) => (await chatd.ctl('-o', 'jsonl', 'history', 'show', 'general', '--limit', '200'))
  .split('\n').filter(Boolean).map((line) => JSON.parse(line));

test('a backup comes back under a new epoch; the former database is kept; chatd goes on with it', async () => {
  const chatd = await stoppedChatd(5);
  const file = path.join(chatd.dir, 'chatd.db');
  const target = freshFile('backup');
  await good(file, ['backup', target]);
  const was = await history(chatd);
  const said = await run(CHATCTL, ['--socket', chatd.socket, 'chat', 'general'], { input: 'one more\n' });
  assert.strictEqual(said.code, 0, said.stderr);
  await bad(file, 5, /is in use by process/, ['restore', '-y', target]);
  await bad(file, 5, /is in use by process/, ['new-epoch', '-y']);
  assert.match(await good(file, ['restore', '--dry-run', target]),
    /5 messages\) would replace what is in .*chatd\.db, which would be kept as .*\.before-restore-\d{8}T\d{6}Z; a new epoch/);
  const waiting = db(file, ['-o', 'json', 'restore', '-y', '--wait=30', target]);
  await chatd.stop({ keepDir: true });
  const result = await waiting;
  assert.strictEqual(result.code, 0, result.stderr);
  const restored = JSON.parse(result.stdout);
  assert.deepStrictEqual([restored.database, restored.messages, restored.rooms, restored.missing], [file, 5, 1, 0]);
  assert.match(restored.kept, /chatd\.db\.before-restore-\d{8}T\d{6}Z$/);
  assert.notStrictEqual(restored.epoch, restored.formerEpoch);
  const [now, former] = [await json(file, ['status']), await json(restored.kept, ['status'])];
  assert.deepStrictEqual([now.messages, now.epoch], [5, restored.epoch]);
  assert.deepStrictEqual([former.messages, former.epoch], [6, restored.formerEpoch]);
  assert.strictEqual(fs.statSync(file).mode & 0o777, 0o600);
  await good(file, ['verify']);
  await good(restored.kept, ['verify']);
  const again = await new Chatd({ settings: NO_RATES, dir: chatd.dir }).start();
  try {
    assert.deepStrictEqual(await history(again), was);
  } finally {
    await again.stop();
    fs.rmSync(chatd.dir, { recursive: true, force: true });
  }
});

test('what a chatd that was killed left beside the file is kept as well', async () => {
  const chatd = await stoppedChatd(3);
  const file = path.join(chatd.dir, 'chatd.db');
  const target = freshFile('backup');
  await good(file, ['backup', target]);
  const said = await run(CHATCTL, ['--socket', chatd.socket, 'chat', 'general'], { input: 'in the journal\n' });
  assert.strictEqual(said.code, 0, said.stderr);
  chatd.child.kill('SIGKILL');
  await chatd.ended;
  assert.ok(fs.statSync(`${file}-wal`).size > 0);
  const { kept } = await json(file, ['restore', '-y', target]);
  assert.strictEqual((await json(kept, ['status'])).messages, 4);
  assert.strictEqual((await json(file, ['status'])).messages, 3);
  assert.deepStrictEqual(beside(file).filter((name) => /wal|shm|journal|part/.test(name)), []);
  fs.rmSync(chatd.dir, { recursive: true });
});

test('a database that is damaged, missing, or has lost its file but not its journal is replaced', async () => {
  const source = await newDatabase();
  const target = freshFile('backup');
  await good(source, ['backup', target]);
  const damaged = await newDatabase();
  patch(damaged, 0, [0, 0, 0, 0]);
  await bad(damaged, 1, /no SQLite database/, ['status']);
  const { kept, formerEpoch } = await json(damaged, ['restore', '-y', target]);
  assert.strictEqual(formerEpoch, null);
  assert.strictEqual(fs.readFileSync(kept)[0], 0);
  await good(damaged, ['verify']);
  const inside = await newDatabase();
  patch(inside, fs.statSync(inside).size - 4096, Buffer.alloc(4096, 0x5a));
  await good(inside, ['restore', '-y', target]);
  await good(inside, ['verify']);
  const missing = freshFile();
  assert.match(await good(missing, ['restore', '--dry-run', target]), /would replace what is in [^,]*; a new epoch/);
  assert.strictEqual((await json(missing, ['restore', '-y', target])).kept, null);
  await good(missing, ['verify']);
  const lost = freshFile();
  fs.writeFileSync(`${lost}-wal`, 'journal of something');
  const restored = await json(lost, ['restore', '-y', target]);
  assert.strictEqual(fs.readFileSync(`${restored.kept}-wal`, 'utf8'), 'journal of something');
  await good(lost, ['verify']);
});

test('two restores in one second keep both', async () => {
  const file = await newDatabase();
  const target = freshFile('backup');
  await good(file, ['backup', target]);
  const kept = new Set();
  for (let i = 0; i < 3; i++) {
    kept.add((await json(file, ['restore', '-y', target])).kept);
  }
  assert.strictEqual(kept.size, 3);
  for (const name of kept) {
    await good(name, ['verify']);
  }
});

test('an older backup is restored, and the migration offered', async () => {
  const old = freshFile();
  await good(old, ['migrate', '--to', '1']);
  const file = await newDatabase();
  const target = freshFile('backup');
  await good(old, ['backup', target]);
  const result = await db(file, ['-o', 'json', 'restore', '-y', target]);
  assert.strictEqual(result.code, 0, result.stderr);
  const restored = JSON.parse(result.stdout);
  assert.strictEqual(restored.schema, 1);
  assert.ok(restored.missing > 0);
  assert.match(result.stderr, /older schema 1; chatctl db migrate/);
  assert.strictEqual(JSON.parse((await db(file, ['-o', 'json', 'plan'])).stdout).items.length, restored.missing);
  await good(file, ['migrate']);
  await good(file, ['verify']);
});

test('files that are no backup change nothing', async () => {
  const file = await newDatabase();
  const target = freshFile('backup');
  await good(file, ['backup', target]);
  const was = fs.readFileSync(file);
  const whole = fs.readFileSync(target);
  const write = (data) => {
    const name = freshFile('odd');
    fs.writeFileSync(name, data);
    return name;
  };
  const spoil = (at, bytes) => {
    const name = write(whole);
    patch(name, at, bytes);
    return name;
  };
  const at = whole.lastIndexOf('0001_start') + '0001_start'.length;
  const rows = [
    [4, /No such file/, path.join(dir, 'none')],
    [1, /is a folder/, dir],
    [1, /is no backup/, write('x'.repeat(5000))],
    [1, /it is empty/, write('')],
    [1, /of another program/, spoil(68, [1, 2, 3, 4])],
    [1, /was changed after it was applied/, spoil(at, [whole[at] ^ 1])],
    [1, /damaged|malformed|is no/, write(whole.subarray(0, whole.length - 8192))],
    [1, /damaged|malformed/, spoil(whole.length - 4096, Buffer.alloc(4096, 0x5a))],
    [5, /is the database itself/, file],
    [5, /is a backup of a PostgreSQL database/, write(Buffer.concat([Buffer.from('PGDMP\x01\x0e'), Buffer.alloc(100)]))],
  ];
  for (const [code, text, source] of rows) {
    await bad(file, code, text, ['restore', '-y', source]);
    assert.ok(was.equals(fs.readFileSync(file)), String(text));
    assert.deepStrictEqual(beside(file).filter((name) => name !== '.lock'), [], String(text));
  }
  const foreign = freshFile();
  fs.writeFileSync(foreign, whole);
  patch(foreign, 68, [1, 2, 3, 4]);
  await bad(foreign, 1, /of another program/, ['restore', '-y', target]);
  await bad(path.join(dir, 'no/such/x'), 1, /folder/, ['restore', '-y', target]);
});

// Takes all space but so much.
function fill(file, left) {
  try {
    for (;;) {
      fs.appendFileSync(file, Buffer.alloc(4096));
    }
  } catch (error) {
    assert.strictEqual(error.code, 'ENOSPC');
  }
  fs.truncateSync(file, fs.statSync(file).size - left);
}

test('a full disk keeps the database', { skip: process.getuid() !== 0 && 'only root can mount' }, async (t) => {
  const small = path.join(dir, 'small');
  fs.mkdirSync(small);
  const target = freshFile('backup');
  await good(await newDatabase(), ['backup', target]);
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', small]);
  if (mounted.code !== 0) {
    t.skip('nothing can be mounted here');
    return;
  }
  try {
    const file = path.join(small, 'x.db');
    await good(file, ['migrate']);
    const was = fs.readFileSync(file);
    fill(path.join(small, 'filler'), 40960);
    await bad(file, 1, /needs \d+ bytes|full|No space/, ['restore', '-y', target]);
    assert.ok(was.equals(fs.readFileSync(file)));
    assert.deepStrictEqual(beside(file), ['.lock']);
    fs.rmSync(path.join(small, 'filler'));
    await good(file, ['verify']);
    await good(file, ['restore', '-y', target]);
  } finally {
    await run('umount', [small]);
  }
});

test('it asks on a terminal, needs -y elsewhere', async () => {
  const file = await newDatabase();
  const target = freshFile('backup');
  await good(file, ['backup', target]);
  const was = fs.readFileSync(file);
  const piped = await db(file, ['restore', target], { input: 'y\n' });
  assert.strictEqual(piped.code, 2);
  assert.match(piped.stderr, /db restore .*will be replaced.*-y was not given/);
  const refused = await onTerminal(CHATCTL, ['db', 'restore', target, '--url', `sqlite:${file}`], { input: 'n\n' });
  assert.strictEqual(refused.code, 1);
  assert.ok(was.equals(fs.readFileSync(file)));
  const agreed = await onTerminal(CHATCTL, ['db', 'restore', target, '--url', `sqlite:${file}`], { input: 'y\n' });
  assert.strictEqual(agreed.code, 0, agreed.stdout);
  assert.ok(!was.equals(fs.readFileSync(file)));
});

test('a new epoch', async () => {
  const file = await newDatabase();
  const { epoch } = await json(file, ['status']);
  assert.strictEqual((await db(file, ['new-epoch'])).code, 2);
  assert.deepStrictEqual(await json(file, ['new-epoch', '--dry-run']), { no: 2, epoch: null, former: epoch });
  const begun = await json(file, ['new-epoch', '-y']);
  assert.deepStrictEqual([begun.no, begun.former], [2, epoch]);
  assert.strictEqual((await json(file, ['status'])).epoch, begun.epoch);
  await good(file, ['verify']);
  assert.strictEqual(await good(file, ['-q', 'new-epoch', '-y']), `${(await json(file, ['status'])).epoch}\n`);
  await bad(freshFile(), 4, /there is no database/, ['new-epoch', '-y']);
});
