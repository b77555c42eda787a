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

const here = house({ settings: { CHATD_HUB_POLL_TIMEOUT: '300ms' } });

// Each way that bytes can travel, and what they are written in.
const WAYS = [
  { transport: 'websockets', encoding: 'json' },
  { transport: 'websockets', encoding: 'messagepack' },
  { transport: 'sse', encoding: 'json' },
  { transport: 'longpolling', encoding: 'json' },
  { transport: 'longpolling', encoding: 'messagepack' },
];
const named = ({ transport, encoding }) => `${transport}, ${encoding}`;

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

// What MessagePack spells with a capital, as JSON has it.
function camel(value) {
  if (Array.isArray(value)) {
    return value.map(camel);
  }
  if (value === null || typeof value !== 'object') {
    return value;
  }
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name[0].toLowerCase() + name.slice(1), camel(item)]));
}

async function talk(one, user) {
  const alias = fresh('room');
  await one.opened();
  const joined = camel(await one.call('JoinRoom', alias));
  assert.strictEqual(joined.error, undefined, joined.text);
  const { roomId } = joined.result;
  const sent = camel(await one.call('SendMessage', roomId, 'grüß dich 👋', 'id-1'));
  assert.strictEqual(sent.result.seq, 1);
  const [message] = camel((await one.invocation('ReceiveMessage')).arguments);
  assert.strictEqual(message.content, 'grüß dich 👋');
  assert.strictEqual(message.roomId, roomId);
  assert.strictEqual(message.seq, 1);
  const other = await here.raw(fresh('other'));
  await other.invoke('JoinRoom', roomId);
  await other.invoke('SendMessage', roomId, `to ${user}`);
  const second = await one.invocation('ReceiveMessage', (got) => camel(got).seq === 2);
  assert.strictEqual(camel(second.arguments)[0].content, `to ${user}`);
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

for (const way of WAYS) {
  test(`lib/client joins, sends and hears itself: ${named(way)}`, async () => {
    const one = probe({ user: fresh('alice'), ...way });
    await talk(one, 'alice');
    assert.strictEqual((await one.opened()).transport, way.transport);
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

for (const way of WAYS) {
  test(`lib/client: many calls at once are all answered, each with its own: ${named(way)}`, async () => {
    const one = probe({ user: fresh('alice'), ...way });
    await one.opened();
    const { roomId } = camel(await one.call('JoinRoom', fresh('room'))).result;
    const texts = Array.from({ length: 20 }, (_, i) => `m${i} `.repeat(i * 100 + 1));
    const answers = await Promise.all(texts.map((text) => one.call('SendMessage', roomId, text)));
    const seqs = answers.map(({ result }) => camel(result).seq).sort((a, b) => a - b);
    assert.deepStrictEqual(seqs, Array.from({ length: 20 }, (_, i) => i + 1));
    await one.invocation('ReceiveMessage', (got) => camel(got).seq === 20);
    const came = one.events.filter(({ event, target }) => event === 'invocation' && target === 'ReceiveMessage');
    assert.deepStrictEqual(came.map((event) => camel(event.arguments)[0].content), texts);
    await one.goodbye();
  });
}

// It stays over many polls, and its goodbye reaches the hub, which then lets go of the user at once.
test('lib/client: a goodbye is heard on every transport', async () => {
  for (const way of WAYS) {
    const user = fresh('leaver');
    const one = probe({ user, ...way });
    await one.opened();
    await sleep(way.transport === 'longpolling' ? 1000 : 0);
    const list = async () => (await here.chatd.ctl('conn', 'list', '-o', 'jsonl')).split('\n').filter(Boolean).length;
    assert.strictEqual(await list(), 1);
    assert.strictEqual(one.find('close'), undefined);
    const started = Date.now();
    await one.goodbye();
    await eventually(async () => (await list()) === 0, { timeout: 1500, what: () => `${named(way)} is still there` });
    assert.ok(Date.now() - started < 1900, `${named(way)} took ${Date.now() - started} ms`);
  }
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

test('lib/client: a daemon that is killed amid calls', async () => {
  const chatd = await ownChatd();
  const all = WAYS.map((way) => probe({ user: fresh('alice'), ...way }, chatd.url));
  for (const one of all) {
    await join(one);
  }
  // Stopped first, so that the calls have surely no answer.
  process.kill(chatd.pid, 'SIGSTOP');
  await eventually(() => / T /.test(fs.readFileSync(`/proc/${chatd.pid}/stat`, 'utf8')));
  const calls = all.map((one) => one.call('SendMessage', 'general', 'never seen'));
  await sleep(300);
  await chatd.kill();
  for (const [i, one] of all.entries()) {
    assert.strictEqual((await calls[i]).error, 'closed', named(WAYS[i]));
    const close = await one.closed();
    assert.strictEqual(close.error, 'closed', named(WAYS[i]));
    assert.strictEqual(close.allowReconnect, false);
  }
});

test('lib/client: a daemon that drains asks to come again', async () => {
  const chatd = await ownChatd();
  const all = [...WAYS, { skip: true }].map((way) => probe({ user: fresh('alice'), ...way }, chatd.url));
  for (const one of all) {
    await join(one);
  }
  await chatd.stop();
  for (const each of all) {
    const close = await each.closed();
    assert.strictEqual(close.error, undefined);
    assert.strictEqual(close.allowReconnect, true);
  }
});
