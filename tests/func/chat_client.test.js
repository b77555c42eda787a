'use strict';
// chatctl chat between pipes, with the real daemon.

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { spawn } = require('node:child_process');
const { CHATCTL, Chatd, environment, run, scratchDir, startChatd, steadyPort } = require('./lib/chatd');
const { Piped } = require('./lib/console');
const { house, fresh } = require('./lib/people');
const { userId, userToken } = require('./lib/token');
const { eventually, sleep } = require('./lib/util');

const here = house({ settings: { CHATD_LIMITS_USER_RATE: 0 } });

function chat(args, input, options = {}) {
  return here.chatd.chatctl(['chat', ...args], { input, ...options });
}

// A chatctl that goes on until the end of the test.
function piped(args, options, chatd = here.chatd) {
  const started = new Piped(['--socket', chatd.socket, 'chat', ...args], options);
  here.later(() => started.kill());
  return started;
}

async function history(room, chatd = here.chatd) {
  const lines = await chatd.ctl('history', 'export', room);
  return lines.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

test('chat: a line of stdin is a message, acknowledged before it ends', async () => {
  const room = fresh('room');
  const result = await chat([room, '--user', 'alice'], 'hello \u{1f44b} grüße\n');
  assert.deepStrictEqual(result, { code: 0, signal: null, stdout: '', stderr: '' });
  const [message, ...more] = await history(room);
  assert.deepStrictEqual(more, []);
  assert.strictEqual(message.content, 'hello \u{1f44b} grüße');
  assert.strictEqual(message.senderId, userId('alice'));
});

test('chat: without --user one acts as who one is on this machine', async () => {
  const room = fresh('room');
  assert.strictEqual((await chat([room], 'me')).code, 0);
  assert.strictEqual((await history(room))[0].senderId, userId(os.userInfo().username));
  const sudo = await chat([room], 'me', { env: { SUDO_USER: 'operator' } });
  assert.strictEqual(sudo.code, 0);
  const expected = process.getuid() === 0 ? 'operator' : os.userInfo().username;
  assert.strictEqual((await history(room))[1].senderId, userId(expected));
});

test('chat: a thousand lines arrive once and in order', async () => {
  const room = fresh('room');
  const lines = numbers(1, 1000);
  const result = await chat([room, '--user', 'alice'], lines.join('\n'));
  assert.deepStrictEqual([result.code, result.stdout, result.stderr], [0, '', '']);
  assert.deepStrictEqual((await history(room)).map(({ content }) => content), lines);
});

test('chat: empty lines are none, a last one needs no end, stdin may be a file or nothing', async () => {
  const room = fresh('room');
  assert.strictEqual((await chat([room], '\n\none\n\ntwo')).code, 0);
  const file = path.join(here.chatd.dir, 'lines');
  fs.writeFileSync(file, 'three\nfour\n');
  for (const name of [file, '/dev/null']) {
    const one = piped([room], { stdin: fs.openSync(name, 'r') });
    assert.deepStrictEqual(await one.end(), { code: 0, signal: null });
    assert.strictEqual(one.stderr, '');
  }
  assert.deepStrictEqual(
    (await history(room)).map(({ content }) => content),
    ['one', 'two', 'three', 'four'],
  );
});

test('chat: lines that are refused are named, the others are sent', async () => {
  const room = fresh('room');
  const input = Buffer.concat([
    Buffer.from('good\n\xff\n', 'latin1'),
    Buffer.from(`${'x'.repeat(70000)}\n${'y'.repeat(700000)}\nlast\n`),
  ]);
  const result = await chat([room], input);
  assert.strictEqual(result.code, 1);
  assert.strictEqual(result.stdout, '');
  const lines = result.stderr.trim().split('\n');
  assert.match(lines[0], /^chatctl: line 2 was not sent: bad_content: /);
  assert.ok(lines.some((line) => /^chatctl: line 3 was not sent: bad_content: .*70000 bytes/.test(line)), result.stderr);
  assert.ok(lines.some((line) => /^chatctl: line 4 was not sent: too_large: /.test(line)), result.stderr);
  assert.strictEqual(lines[lines.length - 1], 'chatctl: 3 of 5 lines were not sent');
  assert.deepStrictEqual(
    (await history(room)).map(({ content }) => content),
    ['good', 'last'],
  );
});

test('chat -o jsonl follows, each message as history shows it, until its reader goes', async () => {
  const room = fresh('room');
  await chat([room], 'before');
  const follower = piped([room, '-o', 'jsonl'], { stdin: 'ignore' });
  await eventually(async () => {
    await chat([room], 'now');
    return follower.items().length > 0;
  });
  await chat([room], 'a\nb');
  const got = await follower.came(3);
  const all = await history(room);
  assert.ok(!got.some(({ content }) => content === 'before'), 'what was there before is not shown');
  assert.deepStrictEqual(got, all.slice(-got.length));
  follower.child.stdout.destroy();
  assert.deepStrictEqual(await follower.end(), { code: 0, signal: null });
  assert.strictEqual(follower.stderr, '');
});

test('chat -o csv --history: what was said last comes first', async () => {
  const room = fresh('room');
  await chat([room], numbers(1, 450).join('\n'));
  const args = [room, '-o', 'csv', '--columns', 'seq,content', '--history'];
  const result = await chat([...args, '3'], 'new "one"\n');
  assert.strictEqual(result.code, 0);
  assert.strictEqual(result.stdout, 'seq,content\n448,448\n449,449\n450,450\n451,"new ""one"""\n');
  const long = await chat([...args, '430'], 'x\n');
  const expected = [...numbers(22, 450).map((n) => `${n},${n}`), '451,"new ""one"""', '452,x'];
  assert.strictEqual(long.stdout, `seq,content\n${expected.join('\n')}\n`);
});

test('chat -o jsonl ends after lines that came from a pipe', async () => {
  const room = fresh('room');
  const result = await chat([room, '-o', 'jsonl'], 'one\ntwo\n');
  assert.strictEqual(result.code, 0);
  const got = result.stdout.trim().split('\n').map((line) => JSON.parse(line).content);
  assert.deepStrictEqual(got, ['one', 'two']);
});

test('chat -o table follows as lines for people; what goes wrong is said on stderr', async () => {
  const room = fresh('room');
  await chat([room, '--user', 'alice'], 'before');
  const follower = piped([room, '-o', 'table', '--user', 'alice', '--history', '1'], { stdin: 'ignore' });
  await eventually(() => /before/.test(follower.stdout));
  await chat([room, '--user', 'bob'], 'of two\nlines');
  await eventually(() => /bob: lines/.test(follower.stdout));
  follower.kill('SIGTERM');
  assert.strictEqual((await follower.end()).signal, 'SIGTERM');
  const lines = follower.stdout.split('\n').map((line) => line.replace(/^\d\d:\d\d/, 'HH:MM'));
  assert.deepStrictEqual(lines, ['HH:MM alice: before', '-- bob has joined', 'HH:MM bob: of two', 'HH:MM bob: lines', '']);
  const sent = await chat([room, '-o', 'table', '--user', 'alice'], Buffer.from('good\n\xff\n', 'latin1'));
  assert.strictEqual(sent.code, 1);
  assert.match(sent.stdout, /^\d\d:\d\d alice: good\n$/);
  assert.match(sent.stderr, /line 2 was not sent/);
});

test('chat: closed streams do no harm', async () => {
  const room = fresh('room');
  const command = `exec "$0" --socket "$1" chat "$2" <&- >&- 2>&-`;
  const child = spawn('sh', ['-c', command, CHATCTL, here.chatd.socket, room], { env: environment({}), stdio: 'ignore' });
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.strictEqual(code, 0);
});

test('chat: killed and restarted in between, nothing is lost and nothing comes twice', async () => {
  const chatd = await startChatd({ port: await steadyPort(), settings: { CHATD_LIMITS_USER_RATE: 0 } });
  here.later(() => chatd.exit || chatd.kill());
  await chatd.ctl('room', 'create', 'general');
  const follower = piped(['general', '-o', 'jsonl', '--user', 'reader'], { stdin: 'ignore' }, chatd);
  await eventually(async () => JSON.parse(await chatd.ctl('-o', 'json', 'room', 'show', 'general')).members === 1);
  const sender = piped(['general', '--user', 'writer'], {}, chatd);
  const lines = numbers(1, 400);
  for (let kill = 0; kill < 3; kill++) {
    sender.write(`${lines.slice(kill * 100, kill * 100 + 100).join('\n')}\n`);
    await follower.came(kill * 100 + 1 + Math.floor(Math.random() * 60));
    await chatd.kill();
    await sleep(200 + Math.random() * 500);
    await chatd.restart();
  }
  sender.child.stdin.end(lines.slice(300).join('\n'));
  assert.deepStrictEqual(await sender.end(40000), { code: 0, signal: null });
  const got = await follower.came(400, 40000);
  const contents = got.map(({ content }) => content);
  const stored = await history('general', chatd);
  assert.deepStrictEqual(stored.map(({ content }) => content), lines);
  assert.deepStrictEqual(contents, lines);
  assert.deepStrictEqual(got.map(({ seq }) => seq), stored.map(({ seq }) => seq));
  for (const one of [sender, follower]) {
    assert.strictEqual(one.stderr.match(/connection lost/g).length, 3, one.stderr);
    assert.strictEqual(one.stderr.match(/back; \d+ messages? caught up/g).length, 3, one.stderr);
    assert.doesNotMatch(one.stderr, /never came|not sent again|not known/);
  }
  await chatd.stop();
});

test('chat: a daemon that drains is come back to, -q says nothing of it', async () => {
  const chatd = await startChatd({ port: await steadyPort() });
  here.later(() => chatd.exit || chatd.kill());
  await chatd.ctl('room', 'create', 'general');
  const sender = piped(['-q', 'general', '-o', 'jsonl'], {}, chatd);
  sender.write('one\n');
  await sender.came(1);
  await chatd.stop({ keepDir: true });
  sender.write('two\n');
  await sleep(300);
  await chatd.restart();
  const got = await sender.came(2);
  sender.child.stdin.end();
  assert.deepStrictEqual(await sender.end(), { code: 0, signal: null });
  assert.deepStrictEqual(got.map(({ content }) => content), ['one', 'two']);
  assert.strictEqual(sender.stderr, '');
  await chatd.stop();
});

test('chat: a rate limit slows a pipe down, in order', async () => {
  const chatd = await startChatd({ settings: { CHATD_LIMITS_USER_RATE: 20 } });
  here.later(() => chatd.exit || chatd.kill());
  const lines = numbers(1, 90);
  const started = Date.now();
  const result = await chatd.chatctl(['chat', 'general'], { input: lines.join('\n') });
  assert.deepStrictEqual([result.code, result.stderr], [0, '']);
  assert.deepStrictEqual((await history('general', chatd)).map(({ content }) => content), lines);
  assert.ok(Date.now() - started > 1500, 'the limit was felt');
  await chatd.stop();
});

test('chat gives up where the daemon stays away', async () => {
  const chatd = await startChatd({ port: await steadyPort() });
  here.later(() => chatd.exit || chatd.kill());
  const sender = piped(['--timeout', '1', 'general'], {}, chatd);
  sender.write('one\n');
  await eventually(async () => (await chatd.chatctl(['history', 'show', 'general', '-o', 'jsonl'])).stdout !== '');
  await chatd.kill();
  sender.child.stdin.end('two\nthree\n');
  assert.deepStrictEqual(await sender.end(), { code: 3, signal: null });
  assert.match(sender.stderr, /connection lost, trying again/);
  assert.match(sender.stderr, /cannot be reached\nchatctl: 2 lines were not acknowledged\n/);
});

test('chat: what is in the way is said, with its exit code', async () => {
  await here.chatd.ctl('room', 'create', 'Secret Room', '--alias', 'secret', '--private', '--owner', 'zoe');
  await here.chatd.ctl('room', 'create', 'Twice', '--alias', 'twice-1');
  await here.chatd.ctl('room', 'create', 'Twice', '--alias', 'twice-2');
  const rows = [
    [['secret', '--user', 'mallory'], 4, /secret: no such room, or no access to it/],
    [['No Such!'], 4, /a room is named by its id or its alias/],
    [['11111111-2222-4333-8444-555555555555'], 4, /no such room/],
    [['Twice'], 5, /several rooms/],
    [['general', '-o', 'json'], 2, /use -o jsonl/, /^\{"version":1,"error":\{"code":"usage"/],
    [['general', '--dry-run'], 2, /--dry-run/],
    [['general', '--columns', 'nope', '-o', 'jsonl'], 2, /no column/],
    [['general', '--histroy', '3'], 2, /did you mean --history/],
    [['general', '--history', '1001'], 2, /from 0 to 1000/],
    [['general', '--user', 'a', '--token-file', '/dev/null'], 2, /cannot be given together/],
    [['general', '--token-file', '/dev/null'], 1, /cannot read a token from .dev.null: it is empty/],
    [['general', '--token-file', '/nowhere'], 1, /No such file/],
    [[], 2, /ROOM/],
  ];
  for (const [args, code, pattern, stdout = /^$/] of rows) {
    const result = await chat(args, 'x\n');
    assert.strictEqual(result.code, code, `${args}: ${result.stderr}`);
    assert.match(result.stderr, pattern);
    assert.match(result.stdout, stdout);
  }
  assert.strictEqual((await chat(['Secret Room', '--user', 'zoe'], 'by its name\n')).code, 0);
});

test('chat: no daemon is exit code 3, --wait waits for one', async () => {
  const away = await run(CHATCTL, ['--socket', '/nowhere/at/all', 'chat', 'general'], { input: 'x' });
  assert.strictEqual(away.code, 3);
  assert.match(away.stderr, /cannot be reached.*\n {2}hint: start it/);
  const chatd = new Chatd();
  const waiting = new Piped(['--socket', chatd.socket, '--wait=20', 'chat', 'general']);
  here.later(() => waiting.kill());
  waiting.child.stdin.end('patience\n');
  await sleep(300);
  await chatd.start();
  here.later(() => chatd.exit || chatd.kill());
  assert.deepStrictEqual(await waiting.end(), { code: 0, signal: null });
  assert.strictEqual((await history('general', chatd))[0].content, 'patience');
  await chatd.stop();
});

test('chat --url --token-file needs no control socket', async () => {
  const room = fresh('room');
  const dir = scratchDir();
  const file = path.join(dir, 'token');
  fs.writeFileSync(file, `${userToken('carol')}\n`);
  const ask = (url, input = 'x') =>
    run(CHATCTL, ['--socket', '/nowhere', 'chat', room, '--url', url, '--token-file', file], { input });
  assert.strictEqual((await ask(`http://127.0.0.1:${here.chatd.port}`, 'by url')).code, 0);
  const [message] = await history(room);
  assert.deepStrictEqual([message.content, message.senderId], ['by url', userId('carol')]);
  const rows = [
    [`http://127.0.0.1:1`, 3, /nobody answers/],
    [`http://127.0.0.1:${here.chatd.port}/elsewhere`, 3, /there is no hub at that address/],
    ['ftp://127.0.0.1', 2, /http:\/\/HOST/],
    ['https://127.0.0.1', 1, /https is not offered/],
  ];
  for (const [url, code, pattern] of rows) {
    const result = await ask(url);
    assert.strictEqual(result.code, code, result.stderr);
    assert.match(result.stderr, pattern);
  }
  fs.writeFileSync(file, userToken('carol', { key: 'another secret, of at least 32 bytes length' }));
  const refused = await ask(`http://127.0.0.1:${here.chatd.port}`);
  assert.strictEqual(refused.code, 6, refused.stderr);
  assert.match(refused.stderr, /401/);
});

test('chat finds a daemon on a Unix socket, and its hub at another path', async () => {
  const dir = scratchDir();
  const chatd = new Chatd({
    settings: { CHATD_SERVER_LISTEN: `unix:${dir}/hub.sock,127.0.0.1:0`, CHATD_SERVER_HUB_PATH: '/other/hub' },
  });
  await chatd.start();
  here.later(() => chatd.exit || chatd.kill());
  const result = await chatd.chatctl(['chat', 'general'], { input: 'hi' });
  assert.deepStrictEqual([result.code, result.stderr], [0, '']);
  assert.strictEqual((await history('general', chatd))[0].content, 'hi');
  await chatd.stop();
});

test('chat: a room that is deleted, or that one is put out of, ends a pipe', async () => {
  for (const out of [
    (room) => here.chatd.ctl('-y', 'room', 'delete', room),
    (room) => here.chatd.ctl('room', 'remove', room, 'alice'),
  ]) {
    const room = fresh('room');
    const one = piped([room, '--user', 'alice', '-o', 'jsonl']);
    one.write('hi\n');
    await one.came(1);
    await out(room);
    assert.deepStrictEqual(await one.end(), { code: 4, signal: null });
    assert.match(one.stderr, /the room was deleted|no member of the room any more/);
  }
});

test('chat --help explains what pipes do', async () => {
  const { stdout, code } = await chat(['--help'], '');
  assert.strictEqual(code, 0);
  assert.match(stdout, /^Usage: chatctl chat ROOM \[--user=USER\]/);
  assert.match(stdout.replace(/\s+/g, ' '), /each line of stdin is sent as a message/);
});
