'use strict';
// tour.sh: the whole REST API with curl and jq, as a script of a user would call it.

const assert = require('node:assert');
const path = require('node:path');
const { test } = require('node:test');
const { house } = require('./lib/people');
const { run } = require('./lib/chatd');

const here = house({ settings: { CHATD_HUB_CREATE_ROOMS: false } });

test('everything of the REST API by curl and jq', async () => {
  const token = (...args) => here.chatd.ctl('token', 'mint', '--user', ...args);
  const env = {
    URL: `http://${here.chatd.host}`,
    ALICE: await token('alice'),
    BOB: await token('bob'),
    ADMIN: await token('backend', '--role', 'admin'),
  };
  for (const time of ['first', 'second']) { // it tidies up behind itself
    const result = await run('/bin/sh', [path.join(__dirname, 'tour.sh')], { env });
    assert.strictEqual(result.code, 0, `${time}: ${result.stderr}${result.stdout}`);
    assert.strictEqual(result.stdout.trimEnd().split('\n').pop(), '# done');
    assert.ok(result.stdout.match(/^ok /gm).length > 45, result.stdout);
  }
});
