'use strict';
// The PostgreSQL that the benchmark uses: the one that CHATD_TEST_POSTGRES names (tests/pg/with-postgres.sh starts it, on
// stock settings and with fsync on, and ends it). It is not pinned. Each server that is measured has a database of its own.

const fs = require('node:fs');
const path = require('node:path');
const { spawn, spawnSync } = require('node:child_process');
const { PROGRAMS } = require('./servers');

const ADMIN = process.env.CHATD_TEST_POSTGRES || '';
const FILL = path.join(__dirname, 'fill.sql');

const databases = new Set();
let made = 0;

function psql(url, ...args) {
  const child = spawn('psql', ['--no-psqlrc', '--quiet', '-v', 'ON_ERROR_STOP=1', '-d', url, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  let error = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => (text += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk) => (error += chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(text.trimEnd()) : reject(new Error(`psql: ${error.trim() || `exit code ${code}`}`))));
  });
}

// One value, or one value a line.
const ask = (url, sql) => psql(url, '--tuples-only', '--no-align', '-c', sql);

// Why there is none; empty: there is one.
const postgresMissing = () => (ADMIN === '' ? 'no PostgreSQL (CHATD_TEST_POSTGRES)' : '');

function urlOf(name) {
  const url = new URL(ADMIN);
  url.pathname = `/${name}`;
  return url.href;
}

// An empty database: its URL.
async function newDatabase() {
  if (postgresMissing() !== '') {
    throw new Error(postgresMissing());
  }
  const name = `chatd_bench_${process.pid}_${++made}`;
  await ask(ADMIN, `CREATE DATABASE ${name}`);
  databases.add(name);
  return urlOf(name);
}

async function dropDatabase(url) {
  const name = new URL(url).pathname.slice(1);
  await ask(ADMIN, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  databases.delete(name);
}

process.on('exit', () => {
  for (const name of databases) {
    spawnSync('psql', ['--no-psqlrc', '-d', ADMIN, '-c', `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`], { stdio: 'ignore' });
  }
});

// A database as Npgsql wants it named.
function npgsql(url) {
  const { hostname, port, username, password, pathname } = new URL(url);
  const parts = { Host: hostname, Port: port || 5432, Username: username, Password: decodeURIComponent(password), Database: pathname.slice(1) };
  return Object.entries(parts).filter(([, value]) => value !== '').map(([name, value]) => `${name}=${value}`).join(';');
}

// A new database with chatd's schema: its URL.
async function newChatDatabase() {
  const url = await newDatabase();
  const done = spawnSync(PROGRAMS.chatctl, ['db', 'migrate'], { env: { PATH: process.env.PATH, CHATD_DATABASE_URL: url }, encoding: 'utf8' });
  if (done.status !== 0) {
    throw new Error(`chatctl db migrate: ${done.stderr}`);
  }
  return url;
}

// So many more messages in each of so many rooms. unlogged: for who does not measure what is written.
async function fill(url, { rooms, each, bytes = 100, unlogged = false }) {
  if (unlogged) {
    await ask(url, 'ALTER TABLE messages SET UNLOGGED');
  }
  await psql(url, '-v', `rooms=${rooms}`, '-v', `each=${each}`, '-v', `bytes=${bytes}`, '-f', FILL);
}

// The server's process where it runs here, else 0: what its children use can be read then.
async function serverPid() {
  try {
    const pid = Number((await ask(ADMIN, "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)")).trim());
    return fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'postgres' ? pid : 0;
  } catch {
    return 0;
  }
}

module.exports = { ask, dropDatabase, fill, newChatDatabase, newDatabase, npgsql, postgresMissing, psql, serverPid };
