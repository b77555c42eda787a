'use strict';
// chatctl chat on every transport and in every encoding, with the real daemon: what is shown, what is sent, and that
// nothing is lost or doubled by a kill -9.

const assert = require('node:assert');
const http = require('node:http');
const { test } = require('node:test');
const { CHATCTL, run, startChatd, steadyPort } = require('./lib/chatd');
const { Piped } = require('./lib/console');
const left = require('./lib/left');
const { house, fresh } = require('./lib/people');
const { eventually, sleep } = require('./lib/util');

const WAYS = [
  ['websockets', 'json'],
  ['websockets', 'messagepack'],
  ['sse', 'json'],
  ['longpolling', 'json'],
  ['longpolling', 'messagepack'],
];
// Of a daemon that a test stops: a poller cannot tell it that it has gone.
const SETTINGS = { CHATD_LIMITS_USER_RATE: 0 };
const here = house({ settings: { ...SETTINGS, CHATD_HUB_POLL_TIMEOUT: '500ms' } });
const optionsOf = ([transport, encoding]) => ['--transport', transport, '--encoding', encoding];

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
const members = async (room, chatd) => JSON.parse(await chatd.ctl('-o', 'json', 'room', 'show', room)).members;

for (const way of WAYS) {
  test(`chat over ${way.join(' in ')}: what is sent arrives, as history shows it`, async () => {
    const room = fresh('room');
    const chat = (args, input) => here.chatd.chatctl(['chat', room, ...optionsOf(way), ...args], { input });
    assert.deepStrictEqual(await chat([], 'before \u{1f44b} grüße\n'), { code: 0, signal: null, stdout: '', stderr: '' });
    const follower = piped([room, ...optionsOf(way), '-o', 'jsonl', '--history', '5'], { stdin: 'ignore' });
    await follower.came(1);
    const lines = numbers(1, 300);
    assert.strictEqual((await chat([], lines.join('\n'))).code, 0);
    const got = await follower.came(301);
    assert.deepStrictEqual(got, await history(room));
    assert.deepStrictEqual(got.slice(1).map(({ content }) => content), lines);
    follower.kill('SIGTERM');
    await follower.end();
    const shown = await chat(['-o', 'table', '--history', '1', '--user', 'ann'], 'last\n');
    assert.match(shown.stdout, /^\d\d:\d\d \w+: 300\n(?:-- .*\n)*\d\d:\d\d ann: last\n$/);
  });
}

test('chat: without a choice it takes WebSockets, and goes down from there where they are refused', async () => {
  const room = fresh('room');
  // Somebody between, who knows no upgrades, and in the second round no events either.
  let refused;
  const proxy = http.createServer((request, response) => {
    const events = /text\/event-stream/.test(request.headers.accept || '');
    seen.push(`${request.method}${events ? ' events' : ''}`);
    if (events && refused) {
      response.writeHead(406).end();
      return;
    }
    const { host, port } = new URL(here.chatd.url);
    const onward = http.request({ host: host.split(':')[0], port, method: request.method, path: request.url, headers: request.headers });
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
    response.on('close', () => onward.destroy());
  });
  const seen = [];
  proxy.on('upgrade', (request, socket) => {
    seen.push('upgrade');
    socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
  proxy.on('connection', (socket) => left.socket(socket));
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  here.later(() => proxy.closeAllConnections() || proxy.close());
  const through = (args) =>
    here.chatd.chatctl(['chat', room, '--url', `http://127.0.0.1:${proxy.address().port}/chathub`, ...args], { input: 'hi\n' });
  const rows = [
    [[], false, /^POST,upgrade,POST,GET events,/],
    [[], true, /^POST,upgrade,POST,GET events,POST,GET,/],
    [['--encoding', 'messagepack'], false, /^POST,upgrade,POST,GET,/],
    [['--transport', 'longpolling'], false, /^POST,GET,/],
  ];
  for (const [args, refuse, pattern] of rows) {
    seen.length = 0;
    refused = refuse;
    const result = await through(args);
    assert.deepStrictEqual([result.code, result.stderr], [0, ''], args.join(' '));
    assert.match(seen.join(), pattern);
  }
  const result = await through(['--transport', 'websockets']);
  assert.strictEqual(result.code, 3);
  assert.match(result.stderr, /400 Bad Request/);
  assert.strictEqual((await history(room)).length, rows.length);
});

test('chat: killed and restarted in between, nothing is lost and nothing comes twice, whatever the way', async () => {
  const chatd = await startChatd({ port: await steadyPort(), settings: SETTINGS });
  here.later(() => chatd.exit || chatd.kill());
  const lines = numbers(1, 150);
  const all = [];
  for (const way of WAYS) {
    const room = way.join('-');
    await chatd.ctl('room', 'create', room);
    const follower = piped([room, ...optionsOf(way), '-o', 'jsonl', '--user', 'reader'], { stdin: 'ignore' }, chatd);
    const sender = piped([room, ...optionsOf(way), '--user', 'writer'], {}, chatd);
    all.push({ room, follower, sender });
  }
  for (const { room } of all) {
    await eventually(async () => (await members(room, chatd)) === 2);
  }
  for (let kill = 0; kill < 2; kill++) {
    const part = lines.slice(kill * 50, kill * 50 + 50);
    all.forEach(({ sender }) => sender.write(`${part.join('\n')}\n`));
    await all[Math.floor(Math.random() * all.length)].follower.came(kill * 50 + 1 + Math.floor(Math.random() * 30));
    await chatd.kill();
    await sleep(100 + Math.random() * 200);
    await chatd.restart();
  }
  all.forEach(({ sender }) => sender.child.stdin.end(lines.slice(100).join('\n')));
  for (const { room, follower, sender } of all) {
    assert.deepStrictEqual(await sender.end(40000), { code: 0, signal: null }, room);
    const got = await follower.came(lines.length, 40000);
    const stored = await history(room, chatd);
    assert.deepStrictEqual(stored.map(({ content }) => content), lines, room);
    assert.deepStrictEqual(got.map(({ content }) => content), lines, room);
    assert.deepStrictEqual(got.map(({ seq }) => seq), stored.map(({ seq }) => seq), room);
    for (const one of [sender, follower]) {
      assert.match(one.stderr, /connection lost, trying again/);
      assert.match(one.stderr, /back; \d+ messages? caught up/);
      assert.doesNotMatch(one.stderr, /never came|not sent again|not known/);
    }
  }
  await chatd.kill();
});

test('chat: a daemon that drains is come back to, whatever the way', async () => {
  const chatd = await startChatd({ port: await steadyPort(), settings: SETTINGS });
  here.later(() => chatd.exit || chatd.kill());
  await chatd.ctl('room', 'create', 'general');
  const all = WAYS.map((way) => piped(['-q', 'general', ...optionsOf(way), '-o', 'jsonl', '--user', way.join('-')], {}, chatd));
  await eventually(async () => (await members('general', chatd)) === WAYS.length);
  await chatd.stop({ keepDir: true });
  all[0].write('two\n');
  await chatd.restart();
  for (const [i, one] of all.entries()) {
    const got = await one.came(1);
    assert.deepStrictEqual(got.map(({ content }) => content), ['two'], WAYS[i].join());
    one.kill('SIGTERM');
    await one.end();
    assert.strictEqual(one.stderr, '');
  }
  await chatd.kill();
});

test('chat: what does not go together, or is not there, is said at once', async () => {
  const rows = [
    [['--transport', 'sse', '--encoding', 'messagepack'], 2, /server-sent events carry text only/],
    [['--transport', 'SSE', '--encoding', 'MessagePack'], 2, /websockets or longpolling/],
    [['--transport', 'pigeons'], 2, /transport must be auto, websockets, sse or longpolling/],
    [['--encoding', 'xml'], 2, /encoding must be json or messagepack/],
    [['--transport'], 2, /transport/],
  ];
  for (const [args, code, pattern] of rows) {
    // Nobody needs to be there for it.
    const result = await run(CHATCTL, ['--socket', '/nowhere', 'chat', 'general', ...args], { input: 'x' });
    assert.strictEqual(result.code, code, `${args}: ${result.stderr}`);
    assert.match(result.stderr, pattern);
    assert.strictEqual(result.stdout, '');
  }
  // A server that offers less.
  const server = http.createServer((request, response) => {
    request.resume();
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ negotiateVersion: 1, connectionToken: 'x', availableTransports: [{ transport: 'WebSockets', transferFormats: ['Text'] }] }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  here.later(() => server.closeAllConnections() || server.close());
  const url = `http://127.0.0.1:${server.address().port}/chathub`;
  const less = [
    [['--transport', 'longpolling'], /the server offers no long polling with text/],
    [['--transport', 'sse'], /the server offers no server-sent events with text/],
    [['--encoding', 'messagepack'], /the server offers no transport with binary data/],
  ];
  for (const [args, pattern] of less) {
    const result = await here.chatd.chatctl(['chat', 'general', '--url', url, ...args], { input: 'x' });
    assert.strictEqual(result.code, 1, result.stderr);
    assert.match(result.stderr, pattern);
  }
});

test('chat --help names transports and encodings', async () => {
  const { stdout } = await here.chatd.chatctl(['chat', '--help']);
  const text = stdout.replace(/\s+/g, ' ');
  assert.match(text, /--transport TRANSPORT How the bytes travel: websockets, sse \(server-sent events\), longpolling, or auto/);
  assert.match(text, /--encoding ENCODING .* json, .* or messagepack/);
});
