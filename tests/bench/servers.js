'use strict';
// The processes of the benchmark: the servers that are measured, pinned to one core, and the client that loads them,
// pinned to another. All of them end with this process.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { spawn, spawnSync } = require('node:child_process');

const SECRET = 'a secret of the benchmark, 32 bytes or more';
const READY = /\bready\b.*?(?:port=|127\.0\.0\.1:)(\d+)/;
const START_MS = 20000;
const STOP_MS = 10000;
const LOAD_MS = 150000;

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: 'build' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '1.5' },
    dir: { type: 'string', default: '/var/tmp' },
    only: { type: 'string', default: '' },
    group: { type: 'string', default: '' },
    rows: { type: 'string', default: '10000,10000000,100000000' },
    'no-peer': { type: 'boolean', default: false },
  },
});
const ROUNDS = Math.max(1, Number(options.rounds) || 3);
const SECONDS = Number(options.seconds) || 1.5;
const OUT = path.resolve(options.out);
const PROGRAMS = {
  chatd: path.join(OUT, 'chatd'),
  chatctl: path.join(OUT, 'chatctl'),
  load: path.join(OUT, 'bench/load'),
  floor: path.join(OUT, 'bench/floor'),
  allocCount: path.join(OUT, 'bench/alloc_count.so'),
  storeBench: path.join(OUT, 'bench/store_bench'),
  pageBench: path.join(OUT, 'bench/page_bench'),
  planTexts: path.join(OUT, 'bench/plan_texts'),
  peer: path.join(OUT, 'bench/aspnet/publish/aspnet/release/aspnet.dll'),
};

const PINNED = os.cpus().length > 1 && spawnSync('taskset', ['-c', '0,1', 'true']).status === 0;
const pinned = (core, command) => (PINNED ? ['taskset', '-c', String(core), ...command] : command);
const children = new Set();
const folders = new Set();

function cleanUp() {
  for (const child of children) {
    child.kill('SIGKILL');
  }
  for (const folder of folders) {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
process.on('exit', cleanUp);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => process.exit(130));
}

function newFolder() {
  const folder = fs.mkdtempSync(path.join(options.dir, 'chatd-bench-'));
  folders.add(folder);
  return folder;
}

// taskset becomes the program, so the process id is the program's own.
function launch(command, env) {
  const child = spawn(command[0], command.slice(1), {
    env: { PATH: process.env.PATH, LANG: 'C.UTF-8', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  child.text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => (child.text += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk) => (child.text += chunk));
  child.ended = new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(signal || `exit code ${code}`));
  }).finally(() => children.delete(child));
  return child;
}

// A server, once it has said that it is ready: {pid, port, ms}.
function startServer(command, env = {}) {
  const began = process.hrtime.bigint();
  const child = launch(pinned(0, command), env);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${command[0]} is not ready: ${child.text}`)), START_MS);
    const look = () => {
      const match = READY.exec(child.text);
      if (match) {
        clearTimeout(timer);
        child.stdout.off('data', look);
        child.stderr.off('data', look);
        resolve({ child, env, pid: child.pid, port: Number(match[1]), ms: Number(process.hrtime.bigint() - began) / 1e6 });
      }
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    child.ended.then((how) => reject(new Error(`${command[0]}: ${how}: ${child.text}`)));
  });
}

async function stopServer(server) {
  const timer = setTimeout(() => server.child.kill('SIGKILL'), STOP_MS);
  server.child.kill('SIGTERM');
  await server.child.ended;
  clearTimeout(timer);
}

const startFloor = (...args) => startServer([PROGRAMS.floor, ...args.map(String)]);

// Limits are so high that none is met: what counting costs is measured with the rest.
function startChatd({ folder = newFolder(), workers = 1, env = {} } = {}) {
  return startServer([PROGRAMS.chatd], {
    CHATD_SERVER_LISTEN: '127.0.0.1:0',
    CHATD_SERVER_STATE_DIR: folder,
    CHATD_SERVER_WORKERS: String(workers),
    CHATD_SERVER_DRAIN_SPREAD: '0s',
    CHATD_CONTROL_SOCKET: path.join(folder, 'control.sock'),
    CHATD_AUTH_JWT_SECRET: SECRET,
    CHATD_HUB_CREATE_ROOMS: 'true',
    CHATD_LIMITS_USER_RATE: '1000000/s',
    CHATD_LIMITS_ROOM_RATE: '1000000/s',
    CHATD_LIMITS_ADDRESS_CONNECTS: '1000000/s',
    CHATD_LOG_LEVEL: 'info',
    ...env,
  });
}

// Why the peer (tests/bench/aspnet) cannot be measured; empty: it can.
function peerMissing() {
  if (options['no-peer']) {
    return 'not wanted';
  }
  return fs.existsSync(PROGRAMS.peer) ? '' : 'it was not built, for want of the .NET SDK 10';
}

// postgres: a connection string as Npgsql takes it, or nothing: all is in memory.
function startPeer(postgres) {
  const store = postgres ? ['--postgres', postgres] : [];
  return startServer(['dotnet', PROGRAMS.peer, '--secret', SECRET, ...store], { DOTNET_NOLOGO: '1', HOME: OUT });
}

async function output(command, env = {}) {
  const child = launch(pinned(1, command), env);
  const timer = setTimeout(() => child.kill('SIGKILL'), LOAD_MS);
  const how = await child.ended;
  clearTimeout(timer);
  if (how !== 'exit code 0') {
    throw new Error(`${path.basename(command[0])}: ${how}: ${child.text.trim()}`);
  }
  return child.text.trim();
}

// The client under one of its modes (tests/bench/load.c): its line of JSON. true: an option without a value.
async function load(server, mode, settings = {}) {
  const args = Object.entries(settings).flatMap(([name, value]) => (value === true ? [`--${name}`] : [`--${name}`, String(value)]));
  const target = ['--pid', String(server.pid), '--port', String(server.port), '--secret', SECRET];
  return JSON.parse(await output([PROGRAMS.load, mode, ...target, ...args]));
}

module.exports = {
  OUT, PINNED, PROGRAMS, ROUNDS, SECONDS, options,
  load, newFolder, output, peerMissing, pinned, startChatd, startFloor, startPeer, stopServer,
};
