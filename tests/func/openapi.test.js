'use strict';
// The OpenAPI document: a linter likes it, and the daemon is what it says, whatever it is asked.

const assert = require('node:assert');
const { test } = require('node:test');
const { createConfig, lintFromString } = require('@redocly/openapi-core');
const { NO_RATES } = require('./lib/chatd');
const { house } = require('./lib/people');
const { request } = require('./lib/http');
const { Fuzzer, Judge } = require('./lib/openapi');
const { userToken } = require('./lib/token');

const REQUESTS = Number(process.env.FUZZ_REST_REQUESTS || 1000);
const SEED = Number(process.env.FUZZ_REST_SEED || 1);

const here = house({ settings: NO_RATES });

async function theDocument() {
  const answer = await request(here.chatd.port, 'GET', '/api/v1/openapi.json');
  assert.strictEqual(answer.status, 200);
  return JSON.parse(answer.body);
}

async function lint(source) {
  const config = await createConfig({ extends: ['recommended-strict'] });
  const problems = await lintFromString({ source: JSON.stringify(source), absoluteRef: 'openapi.json', config });
  return problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} (${location[0].pointer})`);
}

test('the linter has nothing to say against the OpenAPI document', async () => {
  assert.deepStrictEqual(await lint(await theDocument()), []);
});

test('the linter would say it', async () => {
  const spoiled = await theDocument();
  delete spoiled.paths['/api/v1/rooms'].get.responses;
  spoiled.paths['/api/v1/rooms'].post.operationId = 'room_show';
  assert.ok((await lint(spoiled)).length >= 2);
});

test('the document names every path, and each operation by a name of its own', async () => {
  const { operations } = new Judge(await theDocument());
  const ids = operations.map(({ operationId }) => operationId);
  assert.strictEqual(new Set(ids).size, ids.length);
  const named = operations.map(({ method, path }) => `${method} ${path}`);
  for (const wanted of [
    'GET /api/v1/rooms', 'POST /api/v1/rooms', 'GET /api/v1/rooms/{room}', 'PATCH /api/v1/rooms/{room}', 'DELETE /api/v1/rooms/{room}',
    'GET /api/v1/rooms/{room}/messages', 'POST /api/v1/rooms/{room}/messages', 'GET /api/v1/rooms/{room}/messages/{message}',
    'PATCH /api/v1/rooms/{room}/messages/{message}', 'DELETE /api/v1/rooms/{room}/messages/{message}',
    'GET /api/v1/rooms/{room}/participants', 'POST /api/v1/rooms/{room}/participants', 'GET /api/v1/rooms/{room}/participants/{user}',
    'PATCH /api/v1/rooms/{room}/participants/{user}', 'DELETE /api/v1/rooms/{room}/participants/{user}', 'GET /api/v1/users/me',
    'PATCH /api/v1/users/me', 'GET /api/v1/users/{user}', 'POST /api/v1/admin/users/{user}/send', 'POST /api/v1/admin/rooms/{room}/send',
    'POST /api/v1/admin/connections/{connection}/send', 'GET /api/v1/openapi.json', 'GET /health', 'GET /health/live', 'GET /health/ready',
  ]) {
    assert.ok(named.includes(wanted), `${wanted} is missing`);
  }
  const open = operations.filter(({ security }) => security && security.length === 0).map(({ path }) => path);
  assert.deepStrictEqual(open.sort(), ['/api/v1/openapi.json', '/health/live', '/health/ready']);
});

test(`${REQUESTS} requests that the document suggests, good and bad ones: no answer that it does not allow`, async (t) => {
  const people = Object.fromEntries(['fay', 'gus', 'hal'].map((name) => [name, userToken(name)]));
  const admin = userToken('ada', { claims: { role: 'admin' } });
  const judge = new Judge(await theDocument());
  const fuzzer = new Fuzzer(judge, here.chatd.port, { people, admin, seed: SEED });
  await fuzzer.run(REQUESTS);
  t.diagnostic(`observed ${fuzzer.count} requests: ${JSON.stringify(fuzzer.statuses)}`);
  assert.strictEqual(fuzzer.complaints.slice(0, 5).join('\n'), '');
  assert.strictEqual(fuzzer.count, REQUESTS);
  // It is worth nothing where everything is refused.
  const share = Object.entries(fuzzer.statuses).reduce((sum, [status, count]) => sum + (status < 300 ? count : 0), 0);
  assert.ok(share > REQUESTS / 4, `only ${share} of ${REQUESTS} went well`);
  const rare = ['push_connection', 'room_delete', 'member_remove', 'message_delete'];
  const never = judge.operations.map(({ operationId }) => operationId).filter((id) => !fuzzer.succeeded.has(id));
  assert.deepStrictEqual(never.filter((id) => !rare.includes(id)), []);
  here.chatd.assertNoReport();
});
