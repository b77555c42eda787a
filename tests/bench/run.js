#!/usr/bin/env node
'use strict';
// make bench: puts chatd and the floor (tests/bench/floor.c) under the same loads in turn, pinned, on the same machine,
// prints a table and writes OUT/bench.json. Only ratios within one run count. It judges nothing: a row that cannot be
// measured says so, and the exit code is 0.
//
//     node tests/bench/run.js [--out build] [--rounds 3] [--seconds 2] [--dir FOLDER] [--only TEXT]
//
// --dir: where the databases are, which decides what disk is measured (default: /var/tmp). --only: rows whose name has
// the text.

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
    seconds: { type: 'string', default: '2' },
    dir: { type: 'string', default: '/var/tmp' },
    only: { type: 'string', default: '' },
  },
});
const ROUNDS = Math.max(1, Number(options.rounds) || 3);
const SECONDS = Number(options.seconds) || 2;
const OUT = path.resolve(options.out);
const CHATD = path.join(OUT, 'chatd');
const LOAD = path.join(OUT, 'bench/load');
const FLOOR = path.join(OUT, 'bench/floor');
const STORE_BENCH = path.join(OUT, 'bench/store_bench');

// ---- processes ------------------------------------------------------------------------------------------------------

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
        resolve({ child, pid: child.pid, port: Number(match[1]), ms: Number(process.hrtime.bigint() - began) / 1e6 });
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

const startFloor = (bytes, ...args) => startServer([FLOOR, '--bytes', String(bytes), ...args]);

function startChatd(folder, workers = 1) {
  return startServer([CHATD], {
    CHATD_SERVER_LISTEN: '127.0.0.1:0',
    CHATD_SERVER_STATE_DIR: folder,
    CHATD_SERVER_WORKERS: String(workers),
    CHATD_SERVER_DRAIN_SPREAD: '0s',
    CHATD_CONTROL_SOCKET: path.join(folder, 'control.sock'),
    CHATD_AUTH_JWT_SECRET: SECRET,
    CHATD_HUB_CREATE_ROOMS: 'true',
    CHATD_LOG_LEVEL: 'info',
  });
}

async function output(command) {
  const child = launch(command, {});
  const timer = setTimeout(() => child.kill('SIGKILL'), LOAD_MS);
  const how = await child.ended;
  clearTimeout(timer);
  if (how !== 'exit code 0') {
    throw new Error(`${path.basename(command.find((word) => word.startsWith('/')))}: ${how}: ${child.text.trim()}`);
  }
  return child.text.trim();
}

// The client under one of its modes (tests/bench/load.c): its line of JSON.
async function load(server, mode, settings = {}) {
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const target = ['--pid', String(server.pid), '--port', String(server.port), '--secret', SECRET];
  return JSON.parse(await output(pinned(1, [LOAD, mode, ...target, ...args])));
}

// ---- figures --------------------------------------------------------------------------------------------------------

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// The same load on each of the servers in turn, A B A B A B; the median of one figure for each.
async function inTurn(servers, rounds, measure) {
  const figures = servers.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, server] of servers.entries()) {
      figures[i].push(await measure(server));
    }
  }
  return { medians: figures.map(median), all: figures };
}

// A row that compares chatd with a floor: the goal is for the ratio.
async function versus(bench, floor, rounds, mode, settings, figure = 'us_per_delivery') {
  const { medians, all } = await inTurn([bench.chatd, bench[floor]], rounds, async (server) => {
    return (await load(server, mode, settings))[figure];
  });
  return { chatd: medians[0], floor: medians[1], figure: medians[0] / medians[1], all };
}

// A row of chatd alone: the goal is for the figure.
async function alone(server, rounds, mode, settings, figure) {
  const { medians, all } = await inTurn([server], rounds, async (one) => (await load(one, mode, settings))[figure]);
  return { chatd: medians[0], figure: medians[0], all: all[0] };
}

async function withChatd(workers, use) {
  const server = await startChatd(newFolder(), workers);
  try {
    return await use(server);
  } finally {
    await stopServer(server);
  }
}

async function startTimes(fresh) {
  const times = [];
  let folder = newFolder();
  await stopServer(await startChatd(folder, 2));
  for (let i = 0; i < 5; i++) {
    folder = fresh ? newFolder() : folder;
    const server = await startChatd(folder, 2);
    times.push(server.ms);
    await stopServer(server);
  }
  return { chatd: median(times), figure: median(times), all: times };
}

function rssAnonMib(server) {
  const status = fs.readFileSync(`/proc/${server.pid}/status`, 'utf8');
  const mib = Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)[1]) / 1024;
  return { chatd: mib, figure: mib };
}

async function bareStore() {
  const text = await output(pinned(0, [STORE_BENCH, '-d', newFolder(), '-r', '1000', '-b', '64', '-n', '50000']));
  const us = Number(/: ([\d.]+) us CPU per send/.exec(text)[1]);
  return { chatd: us, figure: us, text };
}

// ---- rows -----------------------------------------------------------------------------------------------------------

const CROWD = { connections: 1000, rooms: 1, seconds: SECONDS };
const MANY = { name: 'many', connections: 10000, rooms: 1000, 'in-flight': 64, seconds: SECONDS };
const FEW = Math.min(2, ROUNDS);

// goal: what the last column's figure may be at most; none: for information.
const ROWS = [
  {
    name: 'fan-out to 1,000, 1 in flight',
    unit: 'CPU us per delivery',
    goal: 1.3,
    run: (bench) => versus(bench, 'floor', ROUNDS, 'fanout', { ...CROWD, 'in-flight': 1 }),
  },
  {
    name: 'fan-out to 1,000, 16 in flight (gathering floor)',
    unit: 'CPU us per delivery',
    goal: 2,
    run: (bench) => versus(bench, 'gather', ROUNDS, 'fanout', { ...CROWD, 'in-flight': 16 }),
  },
  {
    name: '1,000 rooms x 10 members, 64 in flight',
    unit: 'CPU us per delivery',
    run: (bench) => versus(bench, 'floor', FEW, 'fanout', MANY),
  },
  {
    name: '20 messages a second to 1,000',
    unit: 'p99 ms',
    run: (bench) => versus(bench, 'floor', FEW, 'rate', { name: 'rate', ...CROWD, rate: 20 }, 'p99_ms'),
  },
  {
    name: 'durable sends, 200 rooms x 2, 400 in flight',
    unit: 'CPU us per send',
    goal: 60,
    run: (bench) => alone(bench.chatd, ROUNDS, 'sends', { seconds: SECONDS }, 'us_per_send'),
  },
  {
    name: 'the same, two workers',
    unit: 'CPU us per send',
    run: () => withChatd(2, (server) => alone(server, ROUNDS, 'sends', { seconds: SECONDS }, 'us_per_send')),
  },
  {
    name: 'bare store, 1,000 rooms, batches of 64',
    unit: 'CPU us per send',
    run: bareStore,
  },
  {
    name: 'connect, new token, known user',
    unit: 'CPU us per connect',
    goal: 150,
    run: (bench) => alone(bench.chatd, ROUNDS, 'connect', { connections: 1000 }, 'us_per_connect'),
  },
  {
    name: 'idle connection, of 5,000',
    unit: 'KiB RssAnon',
    goal: 6,
    run: () => withChatd(1, (server) => alone(server, 1, 'idle', { connections: 5000 }, 'kib_per_connection')),
  },
  { name: 'start to ready, database is there', unit: 'ms', goal: 100, run: () => startTimes(false) },
  { name: 'start to ready, new database', unit: 'ms', goal: 100, run: () => startTimes(true) },
  {
    name: 'memory at start, two workers',
    unit: 'MiB RssAnon',
    goal: 8,
    run: () => withChatd(2, async (server) => rssAnonMib(server)),
  },
];

// ---- table ----------------------------------------------------------------------------------------------------------

const number = (n) => (n === undefined ? '' : n.toFixed(n < 10 ? 2 : 1));
const COLUMNS = [
  ['', 50, (row) => row.name],
  ['unit', 20, (row) => row.unit],
  ['chatd', 8, (row) => number(row.chatd)],
  ['floor', 8, (row) => number(row.floor)],
  ['ratio', 7, (row) => (row.floor === undefined ? '' : `${number(row.figure)}x`)],
  ['goal', 9, (row) => (row.goal === undefined ? '' : `<= ${row.goal}${row.floor === undefined ? '' : 'x'}`)],
  ['', 4, (row) => (row.goal === undefined || row.error ? '' : row.met ? 'yes' : 'NO')],
];
const print = (cells) => console.log(cells.join('  ').trimEnd());

function printRow(row) {
  print(COLUMNS.map(([, width, cell], i) => (i < 2 ? cell(row).padEnd(width) : cell(row).padStart(width))));
  if (row.error) {
    console.log(`    not measured: ${row.error}`);
  }
}

// Messages as long as chatd's own are what the floor sends.
async function frameBytes(chatd) {
  const tiny = { name: 'size', connections: 2, rooms: 1, 'in-flight': 1, seconds: 0.2 };
  return Math.round((await load(chatd, 'fanout', tiny)).frame_bytes);
}

async function measure(bench, row) {
  const { run, ...rest } = row;
  try {
    const result = { ...rest, ...(await run(bench)) };
    return row.goal === undefined ? result : { ...result, met: result.figure <= row.goal };
  } catch (error) {
    return { ...rest, error: error.message };
  }
}

async function main() {
  const began = Date.now();
  const bench = { chatd: await startChatd(newFolder()) };
  const bytes = await frameBytes(bench.chatd);
  bench.floor = await startFloor(bytes);
  bench.gather = await startFloor(bytes, '--gather');
  const about = {
    cpu: (os.cpus()[0] || {}).model,
    cores: os.cpus().length,
    kernel: os.release(),
    pinned: PINNED,
    frame_bytes: bytes,
    load_average: os.loadavg()[0],
  };
  console.log(`${about.cpu}, ${about.cores} cores, Linux ${about.kernel}, load ${about.load_average.toFixed(1)}; ` +
    `${PINNED ? 'server on core 0, client on core 1' : 'not pinned'}; one worker, SQLite, frames of ${bytes} bytes`);
  print(COLUMNS.map(([title, width], i) => (i < 2 ? title.padEnd(width) : title.padStart(width))));
  const rows = [];
  for (const row of ROWS.filter((one) => one.name.includes(options.only))) {
    rows.push(await measure(bench, row));
    printRow(rows[rows.length - 1]);
  }
  await Promise.all([bench.chatd, bench.floor, bench.gather].map(stopServer));
  const file = path.join(OUT, 'bench.json');
  const seconds = Math.round((Date.now() - began) / 1000);
  fs.writeFileSync(file, `${JSON.stringify({ at: new Date(began).toISOString(), seconds, about, rows }, null, 2)}\n`);
  console.log(`${seconds} s; ${path.relative(process.cwd(), file)} has the single rounds too`);
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(`bench: ${error.message}`);
    process.exit(0);
  },
);
