'use strict';
// Which store the daemons of the tests have. Without settings it is SQLite, a file in the state directory. Where
// CHATD_TEST_STORE is postgres, each state directory has a database of its own on the server that CHATD_TEST_POSTGRES
// names (tests/pg/with-postgres.sh starts one), which goes with the process that made it.

const { createHash } = require('node:crypto');
const { execFileSync } = require('node:child_process');

const ON_POSTGRES = process.env.CHATD_TEST_STORE === 'postgres';
const made = new Set(); // names of databases

function serverUrl() {
  if (!process.env.CHATD_TEST_POSTGRES) {
    throw new Error('CHATD_TEST_STORE=postgres needs CHATD_TEST_POSTGRES; tests/pg/with-postgres.sh sets it');
  }
  return new URL(process.env.CHATD_TEST_POSTGRES);
}

// Runs statements, each by itself, on a database of the server; the fields of the rows, unaligned. The password is
// where no list of processes shows it.
function psql(statements, database = 'postgres') {
  const url = serverUrl();
  const env = {
    PATH: process.env.PATH, PGHOST: url.hostname, PGPORT: url.port, PGUSER: decodeURIComponent(url.username),
    PGPASSWORD: decodeURIComponent(url.password), PGDATABASE: database, PGOPTIONS: '-c client_min_messages=warning',
  };
  const args = ['-XAtq', '-v', 'ON_ERROR_STOP=1', ...[].concat(statements).flatMap((statement) => ['-c', statement])];
  return execFileSync('psql', args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

// The name and URL of the database that a state directory has on PostgreSQL; it need not be there yet.
function databaseOf(dir) {
  const name = `chat_${createHash('sha256').update(dir).digest('hex').slice(0, 20)}`;
  const url = serverUrl();
  url.pathname = `/${name}`;
  return { name, url: url.href };
}

// Makes an empty database where this process has not made it yet.
function makeDatabase({ name }) {
  if (!made.has(name)) {
    made.add(name);
    psql(`CREATE DATABASE ${name}`);
  }
}

// With whatever is still connected.
function dropDatabases() {
  const names = [...made];
  made.clear();
  if (names.length > 0) {
    psql(names.map((name) => `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
  }
}

process.on('exit', () => {
  try {
    dropDatabases();
  } catch (error) {
    console.error(`the databases of the tests could not be dropped: ${error.message}`);
  }
});

// As the option "skip" of a test that is about SQLite's files: why says what in it is.
const sqliteOnly = (why) => (ON_POSTGRES ? `about SQLite's files: ${why}` : false);

module.exports = { ON_POSTGRES, databaseOf, makeDatabase, psql, sqliteOnly };
