'use strict';
// Databases of a test's own on the PostgreSQL that CHATD_TEST_POSTGRES names (the URL of a superuser; tests/pg/ starts
// one). Where it is not set there are none, and tests of PostgreSQL are skipped.

const assert = require('node:assert');
const { run } = require('./chatd');

const SERVER = process.env.CHATD_TEST_POSTGRES || '';
const skip = SERVER === '' && 'CHATD_TEST_POSTGRES names no server';
const made = [];
const roles = [];
let count = 0;

// The server's URL with other parts.
function urlOf({ database, user, password } = {}) {
  const url = new URL(SERVER);
  url.pathname = `/${database || 'postgres'}`;
  if (user !== undefined) {
    url.username = user;
    url.password = password || '';
  }
  return url.href;
}

// Runs SQL as the superuser; answers what psql prints, columns between bars.
async function sql(database, text, { env = {} } = {}) {
  const result = await run('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', urlOf({ database })], { input: text, env });
  assert.strictEqual(result.code, 0, `${text}: ${result.stderr}`);
  return result.stdout.trim();
}

// A database of a name that nothing has; the URL is that of the superuser.
async function newDatabase({ owner } = {}) {
  const database = `chatd_test_${process.pid}_${++count}`;
  await sql(undefined, `CREATE DATABASE ${database} TEMPLATE template0 ENCODING 'UTF8' ${owner ? `OWNER ${owner}` : ''}`);
  made.push(database);
  return { database, url: urlOf({ database }), sql: (text, options) => sql(database, text, options) };
}

// A role that may log in.
async function newRole(password = 'of-a-role') {
  const user = `chatd_role_${process.pid}_${++count}`;
  await sql(undefined, `CREATE ROLE ${user} LOGIN PASSWORD '${password}'`);
  roles.push(user);
  return { user, password, url: (database) => urlOf({ database, user, password }) };
}

// At the end of a test file.
async function dropAll() {
  for (const database of made.splice(0)) {
    await sql(undefined, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
  }
  for (const role of roles.splice(0)) {
    await sql(undefined, `DROP ROLE IF EXISTS ${role}`);
  }
}

module.exports = { SERVER, skip, urlOf, sql, newDatabase, newRole, dropAll };
