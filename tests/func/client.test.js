'use strict';
// lib/client against the real daemon, by way of a small program: probe/client_probe.c.

const assert = require('node:assert');
const fs = require('node:fs');
const { test } = require('node:test');
const { steadyPort, startChatd } = require('./lib/chatd');
const { house, fresh } = require('./lib/people');
const { Probe } = require('./lib/probe');
const { signToken, now } = require('./lib/token');
const { sleep, eventually } = require('./lib/util');

const here = house();

// A probe of the user that is stopped behind the test.
function probe(options, url = here.chatd.url) {
  const started = new Probe(url, options);
  here.later(() => started.kill());
  return started;
}

// A daemon for one test, that may be killed.
async function ownChatd() {
  const chatd = await startChatd({ port: await steadyPort() });
  here.later(() => chatd.exit || chatd.kill());
  return chatd;
}

async function talk(one, user) {
  const alias = fresh('room');
  await one.opened();
  const joined = await one.call('JoinRoom', alias);
  assert.strictEqual(joined.error, undefined, joined.text);
  const { roomId } = joined.result;
  const sent = await one.call('SendMessage', roomId, 'grüß dich 👋', 'id-1');
  assert.strictEqual(sent.result.seq, 1);
  const [message] = (await one.invocation('ReceiveMessage')).arguments;
  assert.strictEqual(message.content, 'grüß dich 👋');
  assert.strictEqual(message.roomId, roomId);
  assert.strictEqual(message.seq, 1);
  const other = await here.raw(fresh('other'));
  await other.invoke('JoinRoom', roomId);
  await other.invoke('SendMessage', roomId, `to ${user}`);
  const second = await one.invocation('ReceiveMessage', ({ seq }) => seq === 2);
  assert.strictEqual(second.arguments[0].content, `to ${user}`);
}

async function join(one) {
  await one.opened();
  assert.strictEqual((await one.call('JoinRoom', 'general')).error, undefined);
}

for (const skip of [false, true]) {
  test(`lib/client joins, sends and hears itself, ${skip ? 'without' : 'with'} negotiation`, async () => {
    const one = probe({ user: fresh('alice'), skip });
    await talk(one, 'alice');
    await one.goodbye();
    assert.strictEqual(one.find('close'), undefined);
  });
}

test('lib/client: a long message goes and comes whole', async () => {
  const one = probe({ user: fresh('alice') });
  await one.opened();
  const { roomId } = (await one.call('JoinRoom', fresh('room'))).result;
  const text = 'long \u{1f600} '.repeat(400);
  assert.strictEqual((await one.call('SendMessage', roomId, text)).error, undefined);
  assert.strictEqual((await one.invocation('ReceiveMessage')).arguments[0].content, text);
  await one.goodbye();
});

test('lib/client: many calls at once are all answered, each with its own', async () => {
  const one = probe({ user: fresh('alice') });
  await one.opened();
  const { roomId } = (await one.call('JoinRoom', fresh('room'))).result;
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => one.call('SendMessage', roomId, `m${i}`)));
  const seqs = answers.map(({ result }) => result.seq).sort((a, b) => a - b);
  assert.deepStrictEqual(seqs, Array.from({ length: 20 }, (_, i) => i + 1));
  await one.goodbye();
});

const BAD_TOKENS = {
  'signed by somebody else': () => signToken({ sub: 'eve', exp: now() + 60 }, { key: 'x'.repeat(40) }),
  'none at all': () => '',
};

for (const [what, token] of Object.entries(BAD_TOKENS)) {
  for (const skip of [false, true]) {
    test(`lib/client: a token that is ${what} is refused, ${skip ? 'without' : 'with'} negotiation`, async () => {
      const close = await probe({ token: token(), skip }).closed();
      assert.strictEqual(close.error, 'unauthorized');
      assert.strictEqual(close.text, 'the server answered 401 Unauthorized');
      assert.strictEqual(close.allowReconnect, false);
    });
  }
}

test('lib/client: failed calls have their codes, and the connection goes on', async () => {
  const one = probe({ user: fresh('alice') });
  await one.opened();
  const stranger = await one.call('SendMessage', '00000000-0000-4000-8000-000000000000', 'x');
  assert.strictEqual(stranger.error, 'not_found');
  assert.match(stranger.text, /HubException: not_found: /);
  assert.strictEqual(stranger.result, null);
  assert.strictEqual((await one.call('JoinRoom', 'no such\nalias')).error, 'bad_room');
  const unknown = await one.call('NoSuchMethod');
  assert.strictEqual(unknown.error, 'internal');
  assert.match(unknown.text, /Method does not exist/);
  await talk(one, 'alice');
});

test('lib/client: an address without a hub, and one where nobody is', async () => {
  const { port } = here.chatd;
  const wrong = await probe({ user: 'alice' }, `http://127.0.0.1:${port}/nothing/here`).closed();
  assert.strictEqual(wrong.error, 'not_found');
  const nobody = await probe({ user: 'alice' }, `http://127.0.0.1:${await steadyPort()}/chathub`).closed();
  assert.strictEqual(nobody.error, 'unreachable');
});

test('lib/client: a daemon that is killed amid a call', async () => {
  const chatd = await ownChatd();
  const one = probe({ user: 'alice' }, chatd.url);
  await join(one);
  // Stopped first, so that the call has surely no answer.
  process.kill(chatd.pid, 'SIGSTOP');
  await eventually(() => / T /.test(fs.readFileSync(`/proc/${chatd.pid}/stat`, 'utf8')));
  const call = one.call('SendMessage', 'general', 'never seen');
  await sleep(300);
  await chatd.kill();
  assert.strictEqual((await call).error, 'closed');
  const close = await one.closed();
  assert.strictEqual(close.error, 'closed');
  assert.strictEqual(close.allowReconnect, false);
});

test('lib/client: a daemon that drains asks to come again', async () => {
  const chatd = await ownChatd();
  const [one, two] = [probe({ user: 'alice' }, chatd.url), probe({ user: 'bob', skip: true }, chatd.url)];
  await join(one);
  await join(two);
  await chatd.stop();
  for (const each of [one, two]) {
    const close = await each.closed();
    assert.strictEqual(close.error, undefined);
    assert.strictEqual(close.allowReconnect, true);
  }
});
