'use strict';
// How chatd waits for a database that is not there, or goes away again while it starts.

const assert = require('node:assert');
const net = require('node:net');
const { test } = require('node:test');
const left = require('./lib/left');
const { Chatd, steadyPort } = require('./lib/chatd');
const { request } = require('./lib/http');
const { eventually, sleep } = require('./lib/util');
const postgres = require('./lib/postgres');

const LIVE_MS = 1000; // what a probe gives it
const servers = [];
const daemons = [];

left.finally(async () => {
  for (const daemon of daemons) {
    if (daemon.exit === null) {
      await daemon.kill();
    }
  }
  servers.forEach((server) => server.close());
  await postgres.dropAll();
});

// A server that gives each connection to taken(); its port.
async function listen(taken) {
  const server = net.createServer((socket) => {
    left.socket(socket);
    socket.on('error', () => {});
    taken(socket);
  });
  servers.push(server);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server.address().port;
}

async function begin(url) {
  const daemon = new Chatd({
    port: await steadyPort(),
    settings: { CHATD_DATABASE_URL: url, CHATD_DATABASE_AUTO_MIGRATE: true },
  });
  daemons.push(daemon);
  const ready = daemon.start();
  ready.catch(() => {});
  return { daemon, ready };
}

const live = (daemon) => request(daemon.wantedPort, 'GET', '/health/live').catch(() => ({}));

test('a database that takes connections and says nothing: the node is alive, and ends when told', async () => {
  const sockets = [];
  const port = await listen((socket) => sockets.push(socket));
  const { daemon } = await begin(`postgresql://chat@127.0.0.1:${port}/chat?sslmode=disable`);
  await eventually(async () => (await live(daemon)).status === 200, { timeout: 20000 });
  for (let i = 0; i < 12; i++) {
    const began = Date.now();
    assert.strictEqual((await live(daemon)).status, 200);
    assert.ok(Date.now() - began < LIVE_MS, `alive after ${Date.now() - began} ms`);
    await sleep(500);
  }
  assert.strictEqual((await request(daemon.wantedPort, 'GET', '/health/ready')).status, 503);
  daemon.child.kill('SIGHUP'); // nothing to reload yet
  await sleep(200);
  assert.strictEqual(daemon.exit, null, 'SIGHUP ended it');
  await daemon.stop();
  sockets.forEach((socket) => socket.destroy());
});

test('a database that is lost while chatd starts on it is waited for', { skip: postgres.skip }, async () => {
  const { hostname, port } = new URL(postgres.SERVER);
  const { url } = await postgres.newDatabase();
  let links = 0;
  let one = true; // is let through
  const proxy = await listen((socket) => {
    links += 1;
    if (one && links > 1) {
      socket.destroy();
      return;
    }
    const other = net.connect(Number(port), hostname);
    other.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    socket.on('close', () => other.destroy());
    socket.pipe(other).pipe(socket);
  });
  const through = new URL(url);
  through.port = proxy;
  const { daemon, ready } = await begin(through.href);
  await eventually(() => daemon.log.includes('lost at the start') && links > 9, { timeout: 20000, what: () => daemon.log });
  assert.strictEqual(daemon.exit, null, daemon.log);
  one = false;
  await ready;
  await daemon.stop();
});
