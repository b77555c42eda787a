'use strict';
// chatctl db on PostgreSQL, for its tests: filled databases, what is in them, and programs that are not PostgreSQL's own.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { run, scratchDir, CHATCTL, ROOT } = require('./chatd');
const { newDatabase } = require('./postgres');

const MIGRATIONS = fs.readdirSync(path.join(ROOT, 'migrations/postgres')).filter((name) => /^\d{4}_.*\.sql$/.test(name))
  .map((name) => name.replace(/\.sql$/, '')).sort();
const TABLES = ['schema_migrations', 'meta', 'epochs', 'users', 'rooms', 'participants', 'messages', 'dead_rooms'];
const ROOMS = 7, MESSAGES = 40;
const NO_CHECKSUM = "checksum = decode(repeat('00', 32), 'hex')";

const dir = scratchDir();
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
// The folder of the real ones.
async function real() {
  realFolder = realFolder || (await run('sh', ['-c',
    'for f in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/bin; do [ -x $f/pg_dump ] && echo $f && break; done'])).stdout.trim();
  return realFolder;
}

// A new backup.
async function made(base) {
  const target = freshFile();
  await good(base.url, ['backup', target]);
  return target;
}

module.exports = {
  MIGRATIONS, TABLES, ROOMS, MESSAGES, FILL, NO_CHECKSUM, dir, freshFile, db, good, json, bad, filled, contents, epochs, fakes,
  real, made,
};
