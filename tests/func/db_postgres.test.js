'use strict';
// chatctl db on PostgreSQL: backups, restoring, looking for damage, and what an operator is told when it cannot be.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { after, test } = require('node:test');
const { run, scratchDir, CHATCTL, ROOT } = require('./lib/chatd');
const { skip, sql, urlOf, newDatabase, newRole, dropAll } = require('./lib/postgres');
const { onTerminal } = require('./lib/terminal');
const { sleep } = require('./lib/util');

const MIGRATIONS = fs.readdirSync(path.join(ROOT, 'migrations/postgres')).filter((name) => /^\d{4}_.*\.sql$/.test(name))
  .map((name) => name.replace(/\.sql$/, '')).sort();
const TABLES = ['schema_migrations', 'meta', 'epochs', 'users', 'rooms', 'participants', 'messages', 'dead_rooms'];
const ROOMS = 7, MESSAGES = 40;
const NO_CHECKSUM = "checksum = decode(repeat('00', 32), 'hex')";

const dir = scratchDir();
after(() => fs.rmSync(dir, { recursive: true }));
after(() => skip || dropAll());
let files = 0;

const freshFile = () => path.join(dir, `backup-${++files}`);
const db = (url, args, { env, ...options } = {}) =>
  run(CHATCTL, ['db', ...args], { cwd: dir, env: { CHATD_DATABASE_URL: url, ...env }, ...options });

async function good(url, args, options) {
  const result = await db(url, args, options);
  assert.strictEqual(result.code, 0, `db ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

const json = async (url, args, options) => JSON.parse(await good(url, ['-o', 'json', ...args], options));

// The exit code and text of a command that must fail; the same as JSON; and no password anywhere.
async function bad(url, code, text, args, options) {
  const result = await db(url, ['-o', 'json', ...args], options);
  assert.strictEqual(result.code, code, `db ${args.join(' ')}: ${result.stderr}`);
  assert.match(result.stderr, text);
  const { error } = JSON.parse(result.stdout);
  assert.match(error.message, text);
  const { password } = new URL(url);
  assert.ok(password === '' || !(result.stderr + result.stdout).includes(password), result.stderr);
  return error;
}

// Rooms with messages, as chatd leaves them.
const FILL = `
  INSERT INTO users (id, identity, display_name) SELECT md5('user' || g)::uuid, 'user' || g, 'User ' || g
    FROM generate_series(1, 5) g;
  INSERT INTO rooms (id, type, visibility, name, last_seq, message_count, member_count)
    SELECT md5('room' || r)::uuid, 1, 0, 'Room ' || r, ${MESSAGES}, ${MESSAGES}, 5 FROM generate_series(1, ${ROOMS}) r;
  INSERT INTO participants (room_id, user_id, role) SELECT md5('room' || r)::uuid, md5('user' || u)::uuid, 1
    FROM generate_series(1, ${ROOMS}) r, generate_series(1, 5) u;
  INSERT INTO messages (room_id, seq, sent_at, sender_id, client_key, body_hash, epoch_no, type, content)
    SELECT md5('room' || r)::uuid, s, chat_now(), md5('user1')::uuid, md5(r || ' ' || s)::uuid, s, 1, 0, E'line\\n\\t' || s
    FROM generate_series(1, ${ROOMS}) r, generate_series(1, ${MESSAGES}) s;
  INSERT INTO changes (origin, kind) VALUES (1, 1);`;

async function filled(options) {
  const base = await newDatabase(options);
  await good(base.url, ['migrate']);
  await base.sql(FILL);
  return base;
}

// What is in our tables, as one text; without what a restore adds.
async function contents(base, { epochs = false } = {}) {
  const rows = TABLES.filter((table) => epochs || table !== 'epochs').map((table) =>
    `SELECT '${table}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM ${table} t`);
  return base.sql(rows.join(' UNION ALL '));
}

const epochs = async (base) => (await base.sql('SELECT no, epoch FROM epochs ORDER BY no')).split('\n');

// A folder with programs before the real ones: {name: text of a shell script}.
function fakes(scripts) {
  const folder = fs.mkdtempSync(path.join(dir, 'bin-'));
  for (const [name, text] of Object.entries(scripts)) {
    fs.writeFileSync(path.join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  }
  return folder;
}

let realFolder;
async function real() {
  realFolder = realFolder || (await run('sh', ['-c',
    'for f in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/bin; do [ -x $f/pg_dump ] && echo $f && break; done'])).stdout.trim();
  return realFolder;
}

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
  for (let i = 1; i <= 12; i++) {
    fs.writeFileSync(cut, whole.subarray(0, Math.floor(whole.length * i / 13)));
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

test('what others have on the tables, and locks that they hold, end it without a change', { skip }, async () => {
  const base = await filled();
  const target = freshFile();
  await good(base.url, ['backup', target]);
  await base.sql('CREATE VIEW of_others AS SELECT id FROM rooms');
  const was = await contents(base, { epochs: true });
  await bad(base.url, 1, /of_others|other objects depend on it/, ['restore', '-y', target]);
  assert.strictEqual(await contents(base, { epochs: true }), was);
});

// ---- rights and the way to the server ----

test('a role without rights, an unknown role or database, a server that is away', { skip }, async () => {
  const base = await filled();
  const target = freshFile();
  const role = await newRole('hunter2-is-secret');
  await good(base.url, ['backup', target]);
  const url = role.url(base.database);
  for (const args of [['status'], ['backup', freshFile()], ['verify'], ['restore', '-y', target]]) {
    await bad(url, 6, /may not read chatd's tables/, args);
  }
  const empty = await newDatabase();
  await bad(role.url(empty.database), 6, /may make no tables in the schema public/, ['restore', '-y', target]);
  await bad(urlOf({ database: 'chatd_no_such' }), 4, /database "chatd_no_such" does not exist/, ['status']);
  const wrong = role.url(base.database).replace('hunter2-is-secret', 'hunter3-is-wrong');
  if ((await db(wrong, ['status'])).code !== 0) {
    // Servers for development may let everybody in.
    const error = await bad(wrong, 6, /password authentication failed|permission denied/, ['status']);
    assert.match(error.hint, /pgpass/);
  }
  const away = new URL(base.url);
  away.port = 1;
  await bad(away.href, 1, /Connection refused/, ['backup', freshFile()]);
});

test('a password is never an argument', { skip }, async () => {
  const base = await filled();
  const { database } = base;
  const url = urlOf({ database, user: new URL(base.url).username, password: new URL(base.url).password || 'hunter2-is-secret' });
  const secret = new URL(url).password;
  const result = await run(CHATCTL, ['db', 'status', '--url', url]);
  assert.strictEqual(result.code, 2);
  assert.match(result.stderr, /--url has a password in it/);
  assert.ok(!result.stderr.includes(secret));
  const folder = fakes({
    pg_dump: `[ "$1" != --version ] || exec ${await real()}/pg_dump --version
      echo "$@" >>${dir}/arguments; env >${dir}/environment; exec ${await real()}/pg_dump "$@"`,
    pg_restore: `echo "$@" >>${dir}/arguments; exec ${await real()}/pg_restore "$@"`,
    psql: `echo "$@" >>${dir}/arguments; exec ${await real()}/psql "$@"`,
  });
  const env = { CHATCTL_POSTGRESQL_BIN: folder };
  const target = freshFile();
  await good(`${url}?keepalives_idle=7`, ['backup', target], { env });
  await good(`${url}?keepalives_idle=7`, ['restore', '-y', target], { env });
  const seen = fs.readFileSync(path.join(dir, 'arguments'), 'utf8');
  assert.match(seen, /--format=custom/);
  assert.match(seen, /keepalives_idle='7'/);
  assert.ok(!seen.includes(secret), seen);
  assert.ok(fs.readFileSync(path.join(dir, 'environment'), 'utf8').includes(`PGPASSWORD=${decodeURIComponent(secret)}\n`));
});

// ---- PostgreSQL's programs ----

test('a pg_dump that is too old is passed over, or named with the server and the package', { skip }, async () => {
  const base = await filled();
  const major = (await base.sql('SHOW server_version_num')).slice(0, -4);
  const old = fakes({ pg_dump: 'echo "pg_dump (PostgreSQL) 9.6.24"' });
  await good(base.url, ['backup', freshFile()], { env: { PATH: `${old}:${process.env.PATH}` } });
  const only = { env: { CHATCTL_POSTGRESQL_BIN: old } };
  await bad(base.url, 1, new RegExp(`server is PostgreSQL ${major}, but the newest pg_dump here is of version 9 .*` +
    `postgresql-client-${major}`), ['backup', freshFile()], only);
  await bad(base.url, 1, new RegExp(`server is PostgreSQL ${major}, and there is no pg_restore here`),
    ['restore', '-y', await made(base)], only);
});

async function made(base) {
  const target = freshFile();
  await good(base.url, ['backup', target]);
  return target;
}

test('programs that fail, or write something else', { skip }, async () => {
  const base = await filled();
  const target = await made(base);
  const was = await contents(base, { epochs: true });
  const folder = await real();
  const version = (name) => `[ "$1" != --version ] || exec ${folder}/${name} --version`;
  const link = (name) => `exec ${folder}/${name} "$@"`;
  const fails = { pg_restore: link('pg_restore'), psql: link('psql') };
  const cases = [
    [/pg_dump did not come to its end: oh no/, { ...fails, pg_dump: `${version('pg_dump')}; echo "oh no" >&2; exit 1` }],
    [/what pg_dump wrote cannot be read/, { ...fails, pg_dump: `${version('pg_dump')}; echo nonsense` }],
    [/what pg_dump wrote is an archive of pg_dump, but not of/, {
      ...fails, pg_dump: `${version('pg_dump')}; exec ${folder}/pg_dump -Fc template1`,
    }],
  ];
  for (const [text, scripts] of cases) {
    const file = freshFile();
    await bad(base.url, 1, text, ['backup', file], { env: { CHATCTL_POSTGRESQL_BIN: fakes(scripts) } });
    assert.strictEqual(fs.existsSync(file), false);
  }
  const restores = [
    [/server closed|terminat|killed|connection/i, {
      pg_restore: link('pg_restore'),
      psql: `case "$*" in *fd/4*) kill -9 $$;; esac`,
    }],
    [/damaged or cut off: pg_restore: error: half/, {
      psql: link('psql'),
      pg_restore: `${version('pg_restore')}; case "$*" in *use-list*) ${folder}/pg_restore "$@" | head -c 9000
        echo "pg_restore: error: half" >&2; exit 1;; esac; exec ${folder}/pg_restore "$@"`,
    }],
  ];
  for (const [text, scripts] of restores) {
    const result = await db(base.url, ['restore', '-y', target], { env: { CHATCTL_POSTGRESQL_BIN: fakes(scripts) } });
    assert.strictEqual(result.code, 1, result.stderr);
    assert.match(result.stderr, text);
    assert.strictEqual(await contents(base, { epochs: true }), was, String(text));
  }
  await good(base.url, ['restore', '-y', target]);
});

// Starts chatctl, waits until the program that it started says so in `mark`, and sends the signal.
async function interrupt(url, args, env, mark, signal) {
  const child = spawn(CHATCTL, ['db', ...args], { cwd: dir, stdio: 'ignore', env: { ...process.env, CHATD_DATABASE_URL: url, ...env } });
  const ended = once(child, 'exit');
  while (!fs.existsSync(mark)) {
    await sleep(20);
  }
  child.kill(signal);
  const [code, by] = await ended;
  const pid = Number(fs.readFileSync(mark, 'utf8'));
  fs.rmSync(mark);
  for (let i = 0; i < 100 && fs.existsSync(`/proc/${pid}/cmdline`) && fs.readFileSync(`/proc/${pid}/cmdline`).length > 0; i++) {
    await sleep(50);
  }
  assert.ok(!fs.existsSync(`/proc/${pid}/cmdline`) || fs.readFileSync(`/proc/${pid}/cmdline`).length === 0, 'its program has ended');
  return code === null ? by : code;
}

test('signals end the programs, and leave nothing half-done', { skip }, async () => {
  const base = await filled();
  const target = await made(base);
  const was = await contents(base, { epochs: true });
  const folder = await real();
  const mark = path.join(dir, 'mark');
  const waits = `echo $$ >${mark}.new; mv ${mark}.new ${mark}; exec sleep 60`;
  const dumps = { CHATCTL_POSTGRESQL_BIN: fakes({ pg_dump: `[ "$1" != --version ] || exec ${folder}/pg_dump --version; ${waits}` }) };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    const file = freshFile();
    assert.strictEqual(await interrupt(base.url, ['backup', file], dumps, mark, signal), signal);
    assert.strictEqual(fs.existsSync(file), false);
    assert.deepStrictEqual(fs.readdirSync(dir).filter((name) => name.endsWith('.part')), []);
  }
  const restores = {
    CHATCTL_POSTGRESQL_BIN: fakes({
      psql: `exec ${folder}/psql "$@"`,
      pg_restore: `[ "$1" != --version ] || exec ${folder}/pg_restore --version
        case "$*" in *use-list*) ${folder}/pg_restore "$@"; ${waits};; esac; exec ${folder}/pg_restore "$@"`,
    }),
  };
  for (const signal of ['SIGINT', 'SIGKILL']) {
    assert.strictEqual(await interrupt(base.url, ['restore', '-y', target], restores, mark, signal), signal);
    for (let i = 0; i < 100 && (await json(base.url, ['status'])).connections > 0; i++) {
      await sleep(50);
    }
    assert.strictEqual(await contents(base, { epochs: true }), was, signal);
  }
});

test('it asks on a terminal', { skip }, async () => {
  const base = await filled();
  const target = await made(base);
  const was = await contents(base, { epochs: true });
  const env = { CHATD_DATABASE_URL: base.url };
  const refused = await onTerminal(CHATCTL, ['db', 'restore', target], { input: 'n\n', env });
  assert.strictEqual(refused.code, 1);
  assert.match(refused.stdout, /will be replaced by those of the backup.*Go on\? \[y\/N\]/);
  assert.strictEqual(await contents(base, { epochs: true }), was);
  const agreed = await onTerminal(CHATCTL, ['db', 'restore', target], { input: 'y\n', env });
  assert.strictEqual(agreed.code, 0, agreed.stdout);
  assert.notStrictEqual(await contents(base, { epochs: true }), was);
});

// ---- damage ----

test('damage is found, and named', { skip }, async () => {
  const base = await filled();
  const target = await made(base);
  const room = (n) => `md5('room${n}')::uuid`;
  const cases = [
    ['rooms', /room \S+ has holes: 39 messages from number 1 to 40/,
      `DELETE FROM messages WHERE room_id = ${room(2)} AND seq = 7; UPDATE rooms SET message_count = 39 WHERE id = ${room(2)}`],
    ['rooms', /counts 40 messages, but has 39/, `DELETE FROM messages WHERE room_id = ${room(1)} AND seq = 1`],
    ['rooms', /messages from 1 to 40, but its head is 41/, `UPDATE rooms SET last_seq = 41 WHERE id = ${room(7)}`],
    ['rooms', /there are messages of room \S+, which there is not/, `DELETE FROM rooms WHERE id = ${room(3)}`],
    ['rooms', /counts 5 participants, but has 4/,
      `DELETE FROM participants WHERE room_id = ${room(4)} AND user_id = md5('user1')::uuid`],
    ['participants', /5 participants are of room \S+, which there is not/, `DELETE FROM rooms WHERE id = ${room(3)}`],
    ['participants', new RegExp(`${ROOMS} participants are of user \\S+, which there is not`),
      "DELETE FROM users WHERE id = md5('user3')::uuid"],
    ['epochs', /3 messages are of epoch number 5, which there is not/,
      `UPDATE messages SET epoch_no = 5 WHERE room_id = ${room(5)} AND seq < 4`],
    ['epochs', /there is no epoch/, 'DELETE FROM epochs'],
    ['epochs', /secret is missing or malformed/, "UPDATE meta SET value = '\\x00' WHERE name = 'fleet_secret'"],
    ['schema', /0001_start was changed after it was applied/, `UPDATE schema_migrations SET ${NO_CHECKSUM}`],
    ['indexes', /there is no index messages_once/, 'DROP INDEX messages_once'],
    ['indexes', /index messages_ref is not valid/,
      "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'messages_ref'::regclass"],
    ['epochs', /relation "meta" does not exist|meta/, 'DROP TABLE meta'],
  ];
  for (const [check, text, damage] of cases) {
    await good(base.url, ['restore', '-y', target]);
    await base.sql(damage);
    const result = await db(base.url, ['-o', 'json', 'verify']);
    assert.strictEqual(result.code, 1, `${damage}: ${result.stdout}`);
    const list = JSON.parse(result.stdout);
    assert.ok(list.items.some((item) => item.check === check && !item.ok && text.test(item.detail)), `${damage}: ${result.stdout}`);
    assert.strictEqual(list.error.code, 'corrupt');
  }
  await good(base.url, ['restore', '-y', target]);
  await base.sql(`DELETE FROM rooms WHERE id = ${room(3)}; DELETE FROM participants WHERE room_id = ${room(3)};
    INSERT INTO dead_rooms VALUES (${room(3)})`);
  const { items } = await json(base.url, ['verify']);
  assert.deepStrictEqual(items.map(({ check, ok }) => [check, ok]),
    ['indexes', 'schema', 'epochs', 'rooms', 'participants'].map((check) => [check, true]));
  assert.match(items[3].detail, /^6 rooms, 240 messages without holes$/);
});

test('amcheck looks into indexes where it is', { skip }, async (t) => {
  const base = await filled();
  if (await base.sql("SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'") === '0') {
    t.skip('the server has no amcheck');
    return;
  }
  assert.match((await json(base.url, ['verify'])).items[0].detail, /not looked into, which takes the extension amcheck/);
  await base.sql('CREATE SCHEMA tools; CREATE EXTENSION amcheck SCHEMA tools');
  assert.match((await json(base.url, ['verify'])).items[0].detail, /indexes are there and valid, all looked into/);
  // What an index says of a column that is text is another order than the one that it was made in.
  await base.sql(`UPDATE pg_index SET indcollation = array_to_string(ARRAY[0], ' ')::oidvector WHERE false;
    UPDATE pg_index SET indoption = '3 3'::int2vector WHERE indexrelid = 'messages_once'::regclass`);
  const result = await db(base.url, ['-o', 'json', 'verify']);
  assert.strictEqual(result.code, 1, result.stdout);
  assert.match(JSON.parse(result.stdout).items[0].detail, /messages_once/);
});

test('many rooms: ranges have no seams', { skip }, async () => {
  const base = await filled();
  await base.sql(`INSERT INTO rooms (id, type, visibility, name, last_seq, message_count) SELECT md5('many' || r)::uuid, 1, 0, 'm', 1, 1
      FROM generate_series(1, 1000) r;
    INSERT INTO rooms (id, type, visibility, name, last_seq, message_count) VALUES
      ('00000000-0000-0000-0000-000000000000', 1, 0, 'first', 1, 1), ('ffffffff-ffff-ffff-ffff-ffffffffffff', 1, 0, 'last', 1, 1);
    INSERT INTO messages (room_id, seq, sent_at, sender_id, client_key, body_hash, epoch_no, type, content)
      SELECT id, 1, chat_now(), md5('user1')::uuid, id, 1, 1, 0, 'x' FROM rooms WHERE last_seq = 1`);
  const { items } = await json(base.url, ['verify']);
  assert.match(items[3].detail, new RegExp(`^${ROOMS + 1002} rooms, ${ROOMS * MESSAGES + 1002} messages without holes$`));
  await base.sql("DELETE FROM messages WHERE room_id = 'ffffffff-ffff-ffff-ffff-ffffffffffff'");
  const result = await db(base.url, ['-o', 'json', 'verify']);
  assert.deepStrictEqual(JSON.parse(result.stdout).items.filter(({ ok }) => !ok).map(({ detail }) => detail),
    ['room ffffffff-ffff-ffff-ffff-ffffffffffff counts 1 messages, but has 0']);
});
