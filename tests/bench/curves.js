#!/usr/bin/env node
'use strict';
// make bench-curves: what a send and a page cost on PostgreSQL as rooms, stored messages and connections become more.
// Prints a table with the factor between the dearest and the cheapest point of each curve, writes OUT/curves.json and
// draws OUT/curve-*.png with gnuplot where that is there. Like make bench it judges nothing.
//
//     node tests/bench/curves.js [--out build] [--rounds 3] [--only TEXT] [--dir FOLDER]
//
// Figures are CPU microseconds of chatd, or of the store's client (tests/bench/store_bench.c, page_bench.c), and beside
// them those of PostgreSQL's processes, whose part grows with what is not in its memory. Every round measures all points
// of a curve, so that what else the machine does meanwhile is shared; each figure is the median.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { OUT, PROGRAMS, ROUNDS, load, options, output, stopServer } = require('./servers');
const { dropDatabase, fill, newChatDatabase, postgresMissing, serverPid } = require('./postgres');
const { startOnPostgres } = require('./rows_postgres');
const { median } = require('./measure');

const GOAL = 1.3;
const ROOMS = 200; // of the curves over stored messages: 50 in each at their left end
const FEW_ROWS = 100000; // databases of at most so many are made anew for each round, as sends make them larger

// {us, server_us} of what store_bench and page_bench print.
async function run(program, args, unit) {
  const text = await output([program, ...args.map(String)]);
  const us = new RegExp(`: ([\\d.]+) us CPU per ${unit}`).exec(text);
  const server = /, ([\d.]+) us of the server/.exec(text);
  return { us: Number(us[1]), ...(server ? { server_us: Number(server[1]) } : {}) };
}

const sends = (bench, url, rooms, count) =>
  run(PROGRAMS.storeBench, ['-U', url, '-f', '-r', rooms, '-b', 64, '-n', count, '-P', bench.server], 'send');

const pages = (bench, url, messages, way) =>
  run(PROGRAMS.pageBench, ['-U', url, '-r', ROOMS, '-m', messages, '-k', 1, '-d', '-n', 4000, '-P', bench.server, ...way], 'page');

// All points of a curve in each round: {x, us, server_us, all} for each.
async function points(xs, rounds, measure) {
  const all = xs.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, x] of xs.entries()) {
      all[i].push(await measure(x, round));
    }
  }
  return xs.map((x, i) => ({
    x,
    us: median(all[i].map((one) => one.us)),
    ...(all[i][0].server_us === undefined ? {} : { server_us: median(all[i].map((one) => one.server_us)) }),
    all: all[i],
  }));
}

async function overRooms(bench) {
  const url = await newChatDatabase();
  await fill(url, { rooms: 10000, each: 1 });
  const result = await points([1, 10, 100, 1000, 10000], ROUNDS, (rooms) => sends(bench, url, rooms, 40000));
  await dropDatabase(url);
  return [{ name: 'rooms', points: result }];
}

// One database for each number of rows, so that sends and pages at all of them are measured by turns.
async function overRows(bench) {
  const databases = new Map();
  const database = async (rows, anew) => {
    if (databases.has(rows) && anew && rows <= FEW_ROWS) {
      await dropDatabase(databases.get(rows));
      databases.delete(rows);
    }
    if (!databases.has(rows)) {
      databases.set(rows, await newChatDatabase());
      await fill(databases.get(rows), { rooms: ROOMS, each: rows / ROOMS });
    }
    return databases.get(rows);
  };
  const xs = [1e4, 1e5, 1e6, 1e7];
  const paged = await points(xs, ROUNDS, async (rows) => pages(bench, await database(rows, false), rows / ROOMS, []));
  const bare = await points(xs, ROUNDS, async (rows) => pages(bench, await database(rows, false), rows / ROOMS, ['-b']));
  const sent = await points(xs, ROUNDS, async (rows) => sends(bench, await database(rows, true), ROOMS, 10000));
  for (const url of databases.values()) {
    await dropDatabase(url);
  }
  return [{ name: 'rows', points: sent }, { name: 'pages', points: paged }, { name: 'pages-bare', points: bare }];
}

// Two members in each room, 64 messages under way, all connections send by turns.
async function overConnections() {
  const server = await startOnPostgres();
  const result = await points([100, 300, 1000, 3000, 10000], ROUNDS, async (connections) => {
    const settings = { name: `crowd-${connections}`, connections, rooms: connections / 2, 'in-flight': 64, seconds: 2, rotate: true };
    return { us: (await load(server, 'sends', settings)).us_per_send };
  });
  await stopServer(server);
  return [{ name: 'connections', points: result }];
}

// why: what is known of a curve that is not flat.
const ABOUT = {
  rooms: {
    title: 'Send, batches of 64, over rooms', x: 'rooms', unit: 'send',
    why: 'PostgreSQL: each room of a batch is a row to lock and raise, and a leaf of two indexes',
  },
  rows: {
    title: 'Send, batches of 64 in 200 rooms, over stored messages', x: 'stored messages', unit: 'send',
    why: 'PostgreSQL: a key that is random goes to a leaf of the index that is not in its memory',
  },
  pages: {
    title: 'Page of 50 from anywhere, over stored messages', x: 'stored messages', unit: 'page',
    why: 'PostgreSQL: 50 pages of the heap, which is larger than its memory',
  },
  'pages-bare': {
    title: 'The same by the bare query', x: 'stored messages', unit: 'page',
    why: 'PostgreSQL: as above',
  },
  connections: {
    title: 'Send with both deliveries, 64 under way, over connections', x: 'connections', unit: 'send',
    why: 'what belongs to a connection, in chatd and in the kernel, is not in the processor\'s cache when its turn comes',
  },
};

const CURVES = [['rooms', overRooms], ['rows', overRows], ['connections', overConnections]];

function factor(figures) {
  const known = figures.filter((one) => one > 0);
  return known.length === 0 ? undefined : Math.max(...known) / Math.min(...known);
}

const number = (n) => (n === undefined ? '' : n.toFixed(n < 10 ? 2 : 1));

function printCurve(curve) {
  const row = (title, cells, last) => console.log(`  ${title.padEnd(12)}${cells.map((cell) => cell.padStart(9)).join('')}  ${last}`.trimEnd());
  console.log(`${curve.title}: CPU us per ${curve.unit}`);
  row(curve.x.slice(0, 11), curve.points.map((one) => String(one.x)), 'largest / smallest');
  row(curve.client, curve.points.map((one) => number(one.us)), `${number(curve.factor)}x${curve.flat ? '' : '  NOT FLAT'}`);
  if (curve.server_factor !== undefined) {
    row('PostgreSQL', curve.points.map((one) => number(one.server_us)), `${number(curve.server_factor)}x`);
  }
  if (!curve.flat || curve.server_factor > GOAL) {
    console.log(`  ${curve.why}`);
  }
}

function draw(curve) {
  const file = path.join(OUT, `curve-${curve.name}.png`);
  const series = [['us', curve.client], ['server_us', 'PostgreSQL']].filter(([key]) => curve.points[0][key] !== undefined);
  const data = series.map(([key]) => `${curve.points.map((one) => `${one.x} ${one[key]}`).join('\n')}\ne\n`).join('');
  const script = `set terminal pngcairo size 900,520
set output '${file}'
set title '${curve.title}'
set xlabel '${curve.x}'
set ylabel 'CPU us per ${curve.unit}'
set logscale x
set yrange [0:*]
set key top left
set grid
plot ${series.map(([, title]) => `'-' using 1:2 with linespoints lw 2 pt 7 title '${title}'`).join(', ')}
${data}`;
  const done = spawnSync('gnuplot', [], { input: script, encoding: 'utf8' });
  if (done.error || done.status !== 0) {
    return `not drawn: ${done.error ? 'gnuplot is not there' : done.stderr.trim()}`;
  }
  return path.relative(process.cwd(), file);
}

async function main() {
  if (postgresMissing() !== '') {
    throw new Error(postgresMissing());
  }
  const began = Date.now();
  const bench = { server: await serverPid() };
  const about = { cpu: (os.cpus()[0] || {}).model, cores: os.cpus().length, load_average: os.loadavg()[0] };
  console.log(`${about.cpu}, ${about.cores} cores, load ${about.load_average.toFixed(1)}; a curve is flat where its factor is at most ${GOAL}`);
  const curves = [];
  for (const [, measure] of CURVES.filter(([name]) => name.includes(options.only))) {
    for (const { name, points: measured } of await measure(bench)) {
      const curve = { name, ...ABOUT[name], client: name === 'connections' ? 'chatd' : 'client', points: measured };
      curve.factor = factor(measured.map((one) => one.us));
      curve.server_factor = factor(measured.map((one) => one.server_us ?? 0));
      curve.flat = curve.factor <= GOAL;
      curves.push(curve);
      printCurve(curve);
      console.log(`  ${draw(curve)}`);
    }
  }
  const seconds = Math.round((Date.now() - began) / 1000);
  const file = path.join(OUT, 'curves.json');
  fs.writeFileSync(file, `${JSON.stringify({ at: new Date(began).toISOString(), seconds, about, curves }, null, 2)}\n`);
  console.log(`${seconds} s; ${path.relative(process.cwd(), file)} has the single rounds too`);
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(`bench: ${error.message}`);
    process.exit(1);
  },
);
