#!/usr/bin/env node
'use strict';
// make bench: puts chatd, the floor (tests/bench/floor.c) and, where the .NET SDK is there, the same hub on ASP.NET Core
// SignalR (tests/bench/aspnet) under the same loads in turn, pinned, on the same machine, prints a table and writes
// OUT/bench.json. Only ratios within one run count. It judges nothing: a row that cannot be measured says so, and the
// exit code is 0.
//
//     node tests/bench/run.js [--out build] [--rounds 3] [--seconds 1.5] [--dir FOLDER] [--group NAME] [--only TEXT]
//         [--no-peer]
//
// --dir: where the databases are, which decides what disk is measured (default: /var/tmp). --group: rows of one group:
// hub, transports (every transport and encoding) or postgres. --only: rows whose name has the text.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { OUT, PINNED, options, peerMissing, startChatd, startFloor, startPeer, stopServer } = require('./servers');
const { ROWS: OWN_ROWS } = require('./rows');
const { ROWS: POSTGRES_ROWS, stopOnPostgres } = require('./rows_postgres');
const { ROWS: TRANSPORT_ROWS, messageBytes, stopFloors } = require('./rows_transports');
const { postgresMissing } = require('./postgres');

const inGroup = (group) => (row) => ({ ...row, groups: [group, ...(row.also ?? [])] });
const ROWS = [
  ...OWN_ROWS.map(inGroup('hub')),
  ...TRANSPORT_ROWS.map(inGroup('transports')),
  ...POSTGRES_ROWS.map(inGroup('postgres')),
];
const wanted = (row) => row.name.includes(options.only) && (options.group === '' || row.groups.includes(options.group));

const number = (n) => (n === undefined ? '' : (Math.abs(n) < 0.005 ? 0 : n).toFixed(n < 10 ? 2 : 1));
const isRatio = (row) => row.ratio || (row.floor !== undefined && !row.per_send_on_top);
const figureText = (row) => (row.figure === undefined || row.figure === row.chatd ? '' : `${number(row.figure)}${isRatio(row) ? 'x' : ''}`);
const COLUMNS = [
  ['', 50, (row) => row.name],
  ['unit', 20, (row) => row.unit],
  ['chatd', 8, (row) => number(row.chatd)],
  ['floor', 8, (row) => number(row.floor)],
  ['figure', 8, figureText],
  ['goal', 9, (row) => (row.goal === undefined ? '' : `<= ${row.goal}${isRatio(row) ? 'x' : ''}`)],
  ['', 4, (row) => (row.met === undefined ? '' : row.met ? 'yes' : 'NO')],
  ['ASP.NET', 8, (row) => number(row.peer)],
];
const print = (cells) => console.log(cells.join('  ').trimEnd());

function printRow(row) {
  print(COLUMNS.map(([, width, cell], i) => (i < 2 ? cell(row).padEnd(width) : cell(row).padStart(width))));
  if (row.error) {
    console.log(`    not measured: ${row.error}`);
  }
}

async function measure(bench, row) {
  const { run, also, ...rest } = row;
  const began = Date.now();
  try {
    const result = { ...rest, ...(await run(bench)), seconds: (Date.now() - began) / 1000 };
    return row.goal === undefined || result.figure === undefined ? result : { ...result, met: result.figure <= row.goal };
  } catch (error) {
    return { ...rest, error: error.message };
  }
}

async function startAll() {
  const bench = { chatd: await startChatd() };
  const about = {
    cpu: (os.cpus()[0] || {}).model,
    cores: os.cpus().length,
    kernel: os.release(),
    pinned: PINNED,
    message_bytes: await messageBytes(bench, 'json'),
    load_average: os.loadavg()[0],
    postgres_missing: postgresMissing(),
  };
  bench.floor = await startFloor('--bytes', about.message_bytes);
  bench.gather = await startFloor('--bytes', about.message_bytes, '--gather');
  about.peer_missing = peerMissing();
  if (about.peer_missing === '') {
    bench.peer = await startPeer();
    about.peer_message_bytes = await messageBytes({ chatd: bench.peer }, 'json');
  }
  return { bench, about };
}

function printHead(about) {
  console.log(`${about.cpu}, ${about.cores} cores, Linux ${about.kernel}, load ${about.load_average.toFixed(1)}; ` +
    `${PINNED ? 'server on core 0, client on core 1' : 'not pinned'}; one worker, SQLite where nothing else is said, messages of ${about.message_bytes} bytes`);
  console.log(about.peer_missing
    ? `ASP.NET Core is left out: ${about.peer_missing}`
    : `ASP.NET Core: in memory, without a store; messages of ${about.peer_message_bytes} bytes`);
  console.log(postgresMissing() === ''
    ? 'rows on PostgreSQL: chatd and ASP.NET Core with Npgsql on the same server, which is not pinned; figures are those of chatd alone'
    : `rows on PostgreSQL are left out: ${postgresMissing()}`);
  print(COLUMNS.map(([title, width], i) => (i < 2 ? title.padEnd(width) : title.padStart(width))));
}

async function main() {
  const began = Date.now();
  const chosen = ROWS.filter(wanted);
  if (chosen.length === 0) {
    throw new Error(`no row of group "${options.group}" has "${options.only}" in its name`);
  }
  const { bench, about } = await startAll();
  const rows = [];
  printHead(about);
  for (const row of chosen) {
    rows.push(await measure(bench, row));
    printRow(rows[rows.length - 1]);
  }
  await stopOnPostgres(bench);
  await stopFloors(bench);
  await Promise.all([bench.chatd, bench.floor, bench.gather, bench.peer].filter(Boolean).map(stopServer));
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
