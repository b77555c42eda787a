'use strict';
// Peers that vanish without a word, as when a cable is pulled: nothing comes from them any more, not even an
// acknowledgement. The daemon runs in a network of its own, whose only link is then taken down.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { spawn } = require('node:child_process');
const left = require('./lib/left');
const { startChatd, run, NO_RATES } = require('./lib/chatd');
const { userToken } = require('./lib/token');
const { eventually, within } = require('./lib/util');

const EACH = 20;
const isRoot = process.getuid() === 0;
const OWN_NETWORK = ['unshare', isRoot ? '-n' : '-rn', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
const INTO_IT = isRoot ? ['-n'] : ['-U', '--preserve-credentials', '-n'];
// All of them last at most a second and a half here; by default thirty. The kernel's own times are what they are.
const SETTINGS = {
  ...NO_RATES,
  CHATD_HUB_KEEPALIVE: '500ms',
  CHATD_HUB_CLIENT_TIMEOUT: '1500ms',
  CHATD_HUB_HANDSHAKE_TIMEOUT: '1s',
  CHATD_HUB_CLOSE_TIMEOUT: '500ms',
  CHATD_LIMITS_CONNECT_TIMEOUT: '1s',
};

// Run inside the daemon's network: as many of each kind, the first of them pinging as clients do.
function clients({ port, token }) {
  return `
    const { RawHub } = require(${JSON.stringify(path.join(__dirname, 'lib/hub'))});
    const { RawWebSocket } = require(${JSON.stringify(path.join(__dirname, 'lib/ws'))});
    (async () => {
      for (let i = 0; i < ${EACH}; i++) {
        const hub = await RawHub.open(${port}, { token: ${JSON.stringify(token)} });
        hub.socket.sendRecord({ type: 6 });
        setInterval(() => hub.socket.sendRecord({ type: 6 }), 500);
        await RawWebSocket.open(${port}, '/chathub', { token: ${JSON.stringify(token)} });
      }
      console.log('connected');
    })();
  `;
}

// The same of events and of polls, which are parked: nothing is sent to these, nor do they send.
function attached({ port, token }) {
  return `
    const { Line } = require(${JSON.stringify(path.join(__dirname, 'lib/lines'))});
    (async () => {
      for (let i = 0; i < ${EACH}; i++) {
        for (const transport of ['ServerSentEvents', 'LongPolling']) {
          await Line.open(${port}, { transport, token: ${JSON.stringify(token)} });
        }
      }
      console.log('connected');
    })();
  `;
}

// more: descriptors that may stay for longer.
async function vanish(t, code, more = 0) {
  const [program, ...args] = OWN_NETWORK;
  if ((await run(program, [...args, 'true']).catch(() => ({ code: 1 }))).code !== 0) {
    t.skip('no network namespaces here');
    return;
  }
  const daemon = await startChatd({ settings: SETTINGS, wrap: OWN_NETWORK });
  left.finally(() => daemon.stop());
  const inside = (...command) => ['-t', String(daemon.pid), ...INTO_IT, ...command];
  const openFiles = () => fs.readdirSync(`/proc/${daemon.pid}/fd`).length;
  const connections = async () => JSON.parse(await daemon.ctl('-o', 'json', 'status')).connections;
  const idle = openFiles();
  const script = code({ port: daemon.port, token: userToken('vanishes') });
  const others = spawn('nsenter', inside(process.execPath, '-e', script), { stdio: ['ignore', 'pipe', 'inherit'] });
  left.daemon(others);
  const connected = new Promise((resolve) => others.stdout.on('data', (chunk) => /connected/.test(chunk) && resolve()));
  await within(20000, connected, 'the clients do not connect');
  assert.ok(openFiles() > idle + EACH);
  assert.ok((await connections()) >= EACH);
  assert.strictEqual((await run('nsenter', inside('ip', 'link', 'set', 'lo', 'down'))).code, 0);
  const begun = Date.now();
  const patience = { timeout: 30000, every: 100 };
  await eventually(async () => (await connections()) === 0, { ...patience, what: 'connections are still counted' });
  // Descriptors that the daemon opens of its own may come and go.
  const files = () => `${openFiles()} descriptors, ${idle} when idle`;
  await eventually(() => openFiles() <= idle + more + 4, { ...patience, what: files });
  const took = Date.now() - begun;
  others.kill('SIGKILL');
  t.diagnostic(`gone after ${took} ms`);
}

test('half-open peers are reaped, with a handshake and without', (t) => vanish(t, clients));

// Their POSTs came by connections of their own, which are idle: HTTP has its own time for these.
test('so are those that wait for events, and for the answer to a poll', (t) => vanish(t, attached, 2 * EACH));
