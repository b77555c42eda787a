'use strict';
// GET /metrics on its own listener: the counters of all workers, in Prometheus' text format.

const assert = require('node:assert');
const { test } = require('node:test');
const { startChatd } = require('./lib/chatd');
const { RawHub } = require('./lib/hub');
const { house, fresh } = require('./lib/people');

const here = house({ settings: { CHATD_METRICS_LISTEN: '127.0.0.1:0' } });

async function scrape(daemon, path = '/metrics', options = {}) {
  const [, address] = /metrics=(\S+)/.exec(daemon.log);
  const response = await fetch(`http://${address}${path}`, options);
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
}

const value = (text, name) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);

test('counters of all workers are added up', async () => {
  const room = fresh('room');
  const people = await Promise.all(['a', 'b', 'c', 'd'].map((name) => here.raw(fresh(name))));
  for (const person of people) {
    await person.invoke('JoinRoom', room);
  }
  await people[0].invoke('SendMessage', room, 'hello');
  const { status, type, text } = await scrape(here.chatd);
  assert.strictEqual(status, 200);
  assert.match(type, /^text\/plain; version=0\.0\.4/);
  assert.strictEqual(value(text, 'chatd_connections{transport="WebSockets",protocol="json"}'), 4);
  assert.strictEqual(value(text, 'chatd_connections_opened_total'), 4);
  assert.strictEqual(value(text, 'chatd_messages_stored_total'), 1);
  assert.strictEqual(value(text, 'chatd_deliveries_total'), 4);
  assert.strictEqual(value(text, 'chatd_workers_silent'), 0);
  assert.match(text, /^chatd_build_info\{version="[^"]+"\} 1$/m);
  for (const line of text.trimEnd().split('\n')) {
    assert.match(line, /^(# (HELP|TYPE) chatd_\w+ .+|chatd_\w+(\{[^}]*\})? \d+(\.\d+)?)$/);
  }
});

test('operations by name: how many, how long, how many failed', async () => {
  const chatd = await startChatd({ settings: { CHATD_METRICS_LISTEN: '127.0.0.1:0' } });
  const hub = await RawHub.open(chatd.port, { user: fresh('one') });
  const room = fresh('room');
  await hub.invoke('JoinRoom', room);
  for (let i = 0; i < 5; i++) {
    await hub.invoke('SendMessage', room, 'hello');
  }
  await assert.rejects(hub.invoke('LeaveRoom', 'no-such-room'));
  const { text } = await scrape(chatd);
  assert.match(text, /^# TYPE chatd_op_seconds histogram$/m);
  const read = (name, labels) => {
    const line = text.split('\n').find((row) => row.startsWith(`chatd_${name}{${labels}} `));
    return line === undefined ? undefined : Number(line.split(' ')[1]);
  };
  assert.strictEqual(read('op_seconds_count', 'op="post_message"'), 5);
  assert.strictEqual(read('op_seconds_count', 'op="leave_room"'), 1);
  assert.strictEqual(read('op_failures_total', 'op="leave_room"'), 1);
  assert.strictEqual(read('op_failures_total', 'op="post_message"'), 0);
  const sum = read('op_seconds_sum', 'op="post_message"');
  assert.ok(sum > 0 && sum < 10, `five messages took ${sum} s`);
  const bounds = ['0.001', '0.005', '0.025', '0.1', '0.5', '2.5', '+Inf'];
  const buckets = bounds.map((le) => read('op_seconds_bucket', `op="post_message",le="${le}"`));
  assert.deepStrictEqual(buckets, [...buckets].sort((a, b) => a - b), 'each holds those before it');
  assert.strictEqual(buckets[buckets.length - 1], 5);
  hub.destroy();
  await chatd.stop();
});

test('nothing else is there, and other methods are refused', async () => {
  assert.strictEqual((await scrape(here.chatd, '/')).status, 404);
  assert.strictEqual((await scrape(here.chatd, '/metrics', { method: 'POST' })).status, 405);
});

test('without the setting there is no such listener, and clients\' own has no /metrics', async () => {
  const daemon = await startChatd({});
  assert.match(daemon.log, /metrics=off/);
  assert.strictEqual((await fetch(`http://127.0.0.1:${daemon.port}/metrics`)).status, 404);
  await daemon.stop();
});

test('the default address is not worth failing for, one that was asked for is', async () => {
  const server = require('node:net').createServer().listen(9464, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve).once('error', resolve));
  const chatd = new (require('./lib/chatd').Chatd)();
  delete chatd.env.CHATD_METRICS_LISTEN;
  try {
    await chatd.start();
    assert.match(chatd.log, /warn no metrics why="listen: 127\.0\.0\.1:9464: .*in use/);
    await chatd.stop();
    await assert.rejects(startChatd({ settings: { CHATD_METRICS_LISTEN: '127.0.0.1:9464' } }), /metrics\.listen: listen: 127\.0\.0\.1:9464/);
  } finally {
    server.close();
  }
});
