'use strict';
// chatctl db on PostgreSQL: the schema, backups and restoring.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { after, test } = require('node:test');
const { Chatd, run, CHATCTL, NO_RATES } = require('./lib/chatd');
const {
  MIGRATIONS, TABLES, ROOMS, MESSAGES, FILL, NO_CHECKSUM, dir, freshFile, good, json, bad, db, filled, contents, epochs, real
} = require('./lib/db_postgres');
const { skip, newDatabase, newRole, dropAll } = require('./lib/postgres');
const { sleep } = require('./lib/util');

after(() => fs.rmSync(dir, { recursive: true }));
after(() => skip || dropAll());

// ---- the schema ----

test('a database is planned, migrated and told about', { skip }, async () => {
  const base = await newDatabase();
  const names = (list) => list.items.map(({ name, applied }) => `${name} ${applied}`);
  assert.deepStrictEqual(names(await json(base.url, ['plan'])), MIGRATIONS.map((name) => `${name} false`));
  assert.strictEqual(await base.sql("SELECT count(*) FROM pg_class WHERE relname = 'messages'"), '0');
  await bad(base.url, 1, /has no schema yet/, ['backup', freshFile()]);
  await bad(base.url, 1, /has no schema yet/, ['verify']);
  assert.deepStrictEqual(names(await json(base.url, ['migrate'])), MIGRATIONS.map((name) => `${name} true`));
  assert.deepStrictEqual(names(await json(base.url, ['plan'])), []);
  await base.sql(FILL);
  const status = await json(base.url, ['status']);
  assert.match(status.url, new RegExp(`^database ${base.database} on `));
  assert.match(status.server, /^PostgreSQL \d+/);
  assert.deepStrictEqual([status.schema, status.missing, status.users, status.rooms, status.messages, status.connections],
    [MIGRATIONS.length, [], 5, ROOMS, ROOMS * MESSAGES, 0]);
  assert.ok(status.bytes > 100000 && /^[0-9a-f]{16}$/.test(status.epoch));
  assert.ok(!('walBytes' in status) && !('heldBy' in status));
});

test('a new epoch is begun when it was asked for', { skip }, async () => {
  const base = await filled();
  const before = await epochs(base);
  const { epoch } = await json(base.url, ['status']);
  assert.deepStrictEqual(before, [`1|${epoch}`]);
  assert.strictEqual((await db(base.url, ['new-epoch'])).code, 2);
  assert.strictEqual((await json(base.url, ['new-epoch', '--dry-run'])).epoch, null);
  assert.deepStrictEqual(await epochs(base), before);
  const begun = await json(base.url, ['new-epoch', '-y']);
  assert.deepStrictEqual([begun.no, begun.former], [2, epoch]);
  assert.deepStrictEqual(await epochs(base), [...before, `2|${begun.epoch}`]);
  await good(base.url, ['verify']);
});

// ---- backup and restore ----

test('what was backed up comes back, under a new epoch; ids, owner and rights stay', { skip }, async () => {
  const base = await filled();
  const target = freshFile();
  const owner = await newRole();
  const reader = await newRole();
  await base.sql(`CREATE TABLE of_others (a int); INSERT INTO of_others VALUES (7);
    GRANT CREATE ON SCHEMA public TO ${owner.user};
    ${[...TABLES, 'changes'].map((table) => `ALTER TABLE ${table} OWNER TO ${owner.user};`).join('\n')}
    ALTER FUNCTION chat_now() OWNER TO ${owner.user};
    GRANT SELECT, INSERT ON messages TO ${reader.user}; GRANT SELECT ON rooms TO ${reader.user} WITH GRANT OPTION;
    GRANT USAGE ON SEQUENCE changes_no_seq TO ${reader.user}; GRANT EXECUTE ON FUNCTION chat_now() TO ${reader.user};`);
  const rights = `SELECT c.relname, pg_get_userbyid(c.relowner), (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(c.relacl) a)
    FROM pg_class c WHERE c.relkind IN ('r', 'S') AND c.relnamespace = 'public'::regnamespace
    UNION ALL SELECT proname, pg_get_userbyid(proowner), (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(proacl) a)
    FROM pg_proc WHERE proname = 'chat_now' ORDER BY 1`;
  const [was, had, may] = [await contents(base), await epochs(base), await base.sql(rights)];
  const backup = await json(base.url, ['backup', target]);
  assert.deepStrictEqual([backup.target, backup.bytes, backup.messages], [target, fs.statSync(target).size, ROOMS * MESSAGES]);
  assert.strictEqual(fs.statSync(target).mode & 0o777, 0o600);
  await base.sql(`DELETE FROM messages WHERE seq > 10; UPDATE users SET display_name = 'x'; DROP INDEX messages_ref;
    INSERT INTO epochs (no, epoch) VALUES (2, '00000000000000aa'), (3, '00000000000000ab')`);
  const planned = await good(base.url, ['restore', '--dry-run', target]);
  assert.match(planned, /280 messages\) would replace what is in database .*; a new epoch would begin/);
  assert.strictEqual((await db(base.url, ['restore', target])).code, 2);
  assert.notStrictEqual(await contents(base), was);
  const restored = await json(base.url, ['restore', '-y', target]);
  assert.deepStrictEqual([restored.messages, restored.rooms, restored.schema, restored.missing, restored.kept],
    [ROOMS * MESSAGES, ROOMS, MIGRATIONS.length, 0, null]);
  assert.strictEqual(await contents(base), was);
  // Number 4 was never used, so that who knew number 3 sees another one.
  assert.deepStrictEqual(await epochs(base), [...had, `4|${restored.epoch}`]);
  assert.strictEqual(restored.formerEpoch, '00000000000000ab');
  assert.strictEqual(await base.sql('SELECT DISTINCT epoch_no FROM messages'), '1');
  assert.strictEqual(await base.sql('SELECT count(*) FROM changes'), '0');
  assert.strictEqual(await base.sql('SELECT a FROM of_others'), '7');
  assert.strictEqual(await base.sql(rights), may);
  assert.strictEqual((await json(base.url, ['status'])).epoch, restored.epoch);
  await good(base.url, ['verify']);
});

test('a backup fills another database, and one in another schema of PostgreSQL finds its own', { skip }, async () => {
  const [from, to] = [await filled(), await newDatabase()];
  const target = freshFile();
  await good(from.url, ['backup', target]);
  const restored = await json(to.url, ['restore', '-y', target]);
  assert.strictEqual(restored.formerEpoch, null);
  assert.strictEqual(await contents(to), await contents(from));
  await good(to.url, ['verify']);
  assert.strictEqual((await epochs(to)).length, 2);
  // A second chatd in the same database, with tables of its own.
  await to.sql('CREATE SCHEMA "other One"; CREATE SCHEMA second');
  const other = `${to.url}?options=-csearch_path%3D%22other%5C%20One%22`;
  await bad(other, 5, /are in the schema public, those of this database belong in other One/, ['restore', '-y', target]);
  const second = `${to.url}?options=-csearch_path%3Dsecond`;
  await good(second, ['migrate']);
  const small = freshFile();
  assert.strictEqual((await json(second, ['backup', small])).messages, 0);
  assert.strictEqual((await json(second, ['restore', '-y', small])).messages, 0);
  await bad(to.url, 5, /are in the schema second/, ['restore', '-y', small]);
  assert.strictEqual(await contents(to), await contents(from));
});

test("an operator's own pg_dump -Fc is restored, and only what is chatd's of it", { skip }, async () => {
  const base = await filled();
  const archive = freshFile();
  await base.sql('CREATE TABLE of_others (a int); INSERT INTO of_others VALUES (7)');
  const was = await contents(base);
  const dumped = await run(path.join(await real(), 'pg_dump'), ['-Fc', '-f', archive, base.url]);
  assert.strictEqual(dumped.code, 0, dumped.stderr);
  await base.sql('DROP TABLE of_others; DELETE FROM messages');
  await good(base.url, ['restore', '-y', archive]);
  assert.strictEqual(await contents(base), was);
  assert.strictEqual(await base.sql("SELECT to_regclass('of_others') IS NULL, count(*) FROM changes"), 't|0');
});

test('a target: where, what of one that is there, and nothing half-made stays', { skip }, async () => {
  const base = await filled();
  const target = freshFile();
  assert.match(await good(base.url, ['backup', '--dry-run', target]), /would be copied to/);
  assert.strictEqual(fs.existsSync(target), false);
  fs.writeFileSync(target, 'mine');
  await bad(base.url, 5, /is there already/, ['backup', target]);
  assert.strictEqual(fs.readFileSync(target, 'utf8'), 'mine');
  await good(base.url, ['backup', '--force', target]);
  await bad(base.url, 5, /no regular file/, ['backup', '--force', '/dev/full']);
  await bad(base.url, 1, /No such file/, ['backup', path.join(dir, 'no/such')]);
  await bad(base.url, 2, /name of a file/, ['backup', `${dir}/`]);
  const limited = await run('prlimit', ['--fsize=8192', CHATCTL, 'db', 'backup', freshFile()],
    { env: { CHATD_DATABASE_URL: base.url } });
  assert.strictEqual(limited.code, 1);
  assert.match(limited.stderr, /pg_dump did not come to its end: .*(File too large|signal)/);
  assert.deepStrictEqual(fs.readdirSync(dir).filter((name) => name.endsWith('.part')), []);
});

test('a full disk', { skip: skip || (process.getuid() !== 0 && 'only root can mount') }, async (t) => {
  const base = await filled();
  const small = path.join(dir, 'small');
  fs.mkdirSync(small);
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'none', small]);
  if (mounted.code !== 0) {
    t.skip('nothing can be mounted here');
    return;
  }
  try {
    const error = await bad(base.url, 1, /No space left on device/, ['backup', path.join(small, 'x')]);
    assert.strictEqual(error.code, 'storage_full');
    assert.deepStrictEqual(fs.readdirSync(small), []);
  } finally {
    await run('umount', [small]);
  }
});

test('files that are no backup of chatd change nothing', { skip }, async () => {
  const base = await filled();
  const target = freshFile();
  await good(base.url, ['backup', target]);
  const was = await contents(base, { epochs: true });
  const write = (data) => {
    const file = freshFile();
    fs.writeFileSync(file, data);
    return file;
  };
  const whole = fs.readFileSync(target);
  const foreign = await newDatabase();
  await foreign.sql('CREATE TABLE rooms_of_others (a int)');
  const archive = freshFile();
  await run(path.join(await real(), 'pg_dump'), ['-Fc', '-f', archive, foreign.url]);
  const script = freshFile();
  await run(path.join(await real(), 'pg_dump'), ['-f', script, base.url]);
  const sqlite = freshFile();
  await good(`sqlite:${sqlite}`, ['migrate']);
  const rows = [
    [4, /No such file/, path.join(dir, 'none')],
    [1, /is a folder/, dir],
    [1, /is no backup/, write('some text, longer than a header would be')],
    [1, /it is empty/, write('')],
    [1, /SQL script of pg_dump/, script],
    [1, /not of a database of chatd/, archive],
    [5, /is a backup of an SQLite database, but the URL names a PostgreSQL database/, sqlite],
    [1, /damaged or cut off/, write(whole.subarray(0, 100))],
    [1, /damaged or cut off/, write(whole.subarray(0, 4000))],
    [1, /damaged or cut off/, write(whole.subarray(0, whole.length - 3000))],
    [1, /damaged or cut off/, write(Buffer.concat([whole.subarray(0, 7), Buffer.alloc(3000, 0x41)]))],
    [1, /newer than the pg_restore/, write(Buffer.concat([whole.subarray(0, 5), Buffer.from([1, 99]), whole.subarray(7)]))],
  ];
  for (const [code, text, file] of rows) {
    await bad(base.url, code, text, ['restore', '-y', file]);
    assert.strictEqual(await contents(base, { epochs: true }), was, String(text));
  }
  await bad(`sqlite:${sqlite}`, 5, /is a backup of a PostgreSQL database, but the URL names an SQLite/, ['restore', '-y', target]);
});

test('every cut of an archive is refused or restored whole', { skip }, async () => {
  const base = await filled();
  const target = freshFile(), cut = freshFile();
  await good(base.url, ['backup', target]);
  const was = await contents(base), whole = fs.readFileSync(target);
  for (let i = 1; i <= 6; i++) {
    fs.writeFileSync(cut, whole.subarray(0, Math.floor(whole.length * i / 7)));
    const before = await contents(base, { epochs: true });
    const { code } = await db(base.url, ['restore', '-y', cut]);
    if (code !== 0) {
      assert.strictEqual(await contents(base, { epochs: true }), before, `cut ${i}`);
    }
    assert.strictEqual(await contents(base), was, `cut ${i}`);
  }
});

test('a schema that this program does not know is neither restored nor replaced', { skip }, async () => {
  const base = await filled();
  const newer = await filled();
  const target = freshFile(), old = freshFile();
  await good(base.url, ['backup', old]);
  await newer.sql(`INSERT INTO schema_migrations (no, name, checksum, oldest_program, applied_at, program)
    VALUES (9999, '9999_next', decode(repeat('00', 32), 'hex'), 1, now(), 'newer')`);
  await good(newer.url, ['backup', target]);
  await bad(base.url, 1, /has the newer schema 9999/, ['restore', '-y', target]);
  await bad(newer.url, 1, /has the newer schema 9999/, ['restore', '-y', old]);
  await newer.sql(`DELETE FROM schema_migrations WHERE no = 9999; UPDATE schema_migrations SET ${NO_CHECKSUM}`);
  await good(newer.url, ['backup', '--force', target]);
  await bad(base.url, 1, /was changed after it was applied/, ['restore', '-y', target]);
  await base.sql('UPDATE schema_migrations SET applied_at = NULL');
  await bad(base.url, 1, /has no schema yet/, ['backup', '--force', target]);
});

test('who is connected is named, and waited for', { skip }, async () => {
  const base = await filled();
  const target = freshFile();
  await good(base.url, ['backup', target]);
  const connected = base.sql('SELECT pg_sleep(3)', { env: { PGAPPNAME: 'chatd' } });
  for (;;) {
    const { connections } = await json(base.url, ['status']);
    if (connections === 1) {
      break;
    }
    await sleep(50);
  }
  const error = await bad(base.url, 5, /is in use: connected are chatd \(PostgreSQL process \d+/, ['restore', '-y', target]);
  assert.match(error.hint, /--wait/);
  await bad(base.url, 5, /is in use/, ['restore', '-y', '--wait=300ms', target]);
  assert.match(await good(base.url, ['restore', '--dry-run', target]), /would replace/);
  await good(base.url, ['backup', freshFile()]);
  await good(base.url, ['restore', '-y', '--wait=20', target]);
  await connected;
});

test('a real chatd: backed up while it runs, restored while it is stopped, the same ids under a new epoch', { skip }, async () => {
  const base = await newDatabase();
  await good(base.url, ['migrate']);
  const settings = { ...NO_RATES, CHATD_DATABASE_URL: base.url };
  const target = freshFile();
  const say = async (chatd, text) => {
    const said = await run(CHATCTL, ['--socket', chatd.socket, 'chat', 'general'], { input: `${text}\n` });
    assert.strictEqual(said.code, 0, said.stderr);
  };
  const history = async (chatd) => (await chatd.ctl('-o', 'jsonl', 'history', 'show', 'general')).trim().split('\n')
    .map((line) => JSON.parse(line)).map(({ id, seq, content }) => [id, seq, content]);
  const chatd = await new Chatd({ settings }).start();
  let was;
  try {
    await chatd.ctl('room', 'create', 'General', '--alias', 'general');
    await say(chatd, 'one\ntwo');
    assert.strictEqual((await json(base.url, ['backup', target])).messages, 2);
    was = await history(chatd);
    await say(chatd, 'three');
    assert.ok((await json(base.url, ['status'])).connections > 0);
    await bad(base.url, 5, /is in use: connected are chatd \(/, ['restore', '-y', target]);
    assert.strictEqual((await history(chatd)).length, 3);
  } finally {
    await chatd.stop();
  }
  await good(base.url, ['restore', '-y', '--wait=10', target]);
  const again = await new Chatd({ settings }).start();
  try {
    assert.deepStrictEqual(await history(again), was);
    await say(again, 'another third');
    const now = await history(again);
    assert.deepStrictEqual([now.length, now[2][1], now[2][2]], [3, 3, 'another third']);
  } finally {
    await again.stop();
  }
  assert.strictEqual(await base.sql('SELECT string_agg(epoch_no::text, \',\' ORDER BY seq) FROM messages'), '1,1,2');
  await good(base.url, ['verify']);
});

test('what others have on the tables, and locks that they hold, end it without a change', { skip }, async () => {
  const base = await filled();
  const target = freshFile();
  await good(base.url, ['backup', target]);
  await base.sql('CREATE VIEW of_others AS SELECT id FROM rooms');
  const was = await contents(base, { epochs: true });
  await bad(base.url, 1, /of_others|other objects depend on it/, ['restore', '-y', target]);
  assert.strictEqual(await contents(base, { epochs: true }), was);
});
