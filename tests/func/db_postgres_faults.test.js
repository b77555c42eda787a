'use strict';
// chatctl db on PostgreSQL: rights, passwords, programs that fail, signals, and looking for damage.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { after, test } = require('node:test');
const { environment, run, CHATCTL } = require('./lib/chatd');
const {
  ROOMS, MESSAGES, NO_CHECKSUM, dir, freshFile, db, good, json, bad, filled, contents, fakes, real, made
} = require('./lib/db_postgres');
const { skip, urlOf, newDatabase, newRole, dropAll } = require('./lib/postgres');
const { onTerminal } = require('./lib/terminal');
const { sleep } = require('./lib/util');

after(() => fs.rmSync(dir, { recursive: true }));
after(() => skip || dropAll());

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
  // Servers for development may let everybody in.
  const wrong = role.url(base.database).replace('hunter2-is-secret', 'hunter3-is-wrong');
  const error = await bad(wrong, 6, /password authentication failed|may not read/, ['status']);
  assert.match(error.hint, /pgpass/);
  await base.sql(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role.user}; GRANT CREATE ON SCHEMA public TO ${role.user}`);
  const was = await contents(base, { epochs: true });
  await bad(url, 6, /permission denied to set role|must be owner/, ['restore', '-y', target]);
  assert.strictEqual(await contents(base, { epochs: true }), was);
  await good(url, ['verify']);
  // The numbers of changes are nobody's but the owner's, and no part of a backup's rows.
  await bad(url, 6, /permission denied for sequence/, ['backup', freshFile()]);
  await base.sql(`GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO ${role.user}`);
  await good(url, ['backup', freshFile()]);
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
    [/psql did not come to its end: it was ended by signal 9 \(Killed\)/, {
      pg_restore: link('pg_restore'),
      psql: `kill -9 $$`,
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
  // What pg_restore 17 says to every server.
  const newer = {
    psql: link('psql'),
    pg_restore: `${version('pg_restore')}; case "$*" in *use-list*) ${folder}/pg_restore "$@" |
      sed 's/^SET lock_timeout = 0;/&\\nSET transaction_timeout = 0;/'; exit 0;; esac; exec ${folder}/pg_restore "$@"`,
  };
  await good(base.url, ['restore', '-y', target], { env: { CHATCTL_POSTGRESQL_BIN: fakes(newer) } });
  assert.notStrictEqual(await contents(base, { epochs: true }), was);
});

const isThere = (pid) => {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`).length > 0;
  } catch {
    return false;
  }
};

async function until(what, condition) {
  for (let i = 0; i < 400; i++) {
    if (await condition()) {
      return;
    }
    await sleep(50);
  }
  assert.fail(`20 s, and not yet: ${what}`);
}

// Starts chatctl, waits until the program that it started says so in `mark`, and sends the signal. How chatctl ended.
async function interrupt(url, args, env, mark, signal) {
  const child = spawn(CHATCTL, ['db', ...args],
    { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'], env: environment({ CHATD_DATABASE_URL: url, ...env }) });
  let said = '';
  child.stderr.on('data', (chunk) => (said += chunk));
  const ended = once(child, 'exit');
  await until('the program runs', () => fs.existsSync(mark) || child.exitCode !== null);
  assert.strictEqual(child.exitCode, null, said);
  child.kill(signal);
  const [code, by] = await ended;
  const pid = Number(fs.readFileSync(mark, 'utf8'));
  fs.rmSync(mark);
  await until('the program ends', () => !isThere(pid));
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
    await until('nobody is connected', async () => (await json(base.url, ['status'])).connections === 0);
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
