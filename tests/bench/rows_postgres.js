'use strict';
// What is measured on PostgreSQL, chatd beside the peer with Npgsql on the same server. Two more servers run as long as
// these rows are measured, each on a database of its own.

const fs = require('node:fs');
const path = require('node:path');
const { PROGRAMS, ROUNDS, SECONDS, load, output, peerMissing, startChatd, startPeer, stopServer } = require('./servers');
const { dropDatabase, fill, newChatDatabase, newDatabase, npgsql } = require('./postgres');
const { alone, inTurn, median } = require('./measure');

const FEW = Math.min(2, ROUNDS);
const TIMED = { seconds: SECONDS };
const FILLED = { rooms: 10000, each: 1000 };
const PAGES = 4000;

const hasNpgsql = () => fs.existsSync(path.join(path.dirname(PROGRAMS.peer), 'Npgsql.dll'));

async function startOnPostgres(settings = {}) {
  const env = { CHATD_DATABASE_URL: await newDatabase(), CHATD_DATABASE_AUTO_MIGRATE: 'true' };
  return startChatd({ ...settings, env });
}

// chatd, and where it could be built with Npgsql the peer: they start when the first row wants them.
async function servers(bench) {
  bench.onPostgres ??= (async () => {
    const found = { chatd: await startOnPostgres() };
    if (peerMissing() === '' && hasNpgsql()) {
      found.peer = await startPeer(npgsql(await newDatabase()));
    }
    return found;
  })();
  return bench.onPostgres;
}

async function stopOnPostgres(bench) {
  const found = bench.onPostgres ? await bench.onPostgres.catch(() => ({})) : {};
  await Promise.all(Object.values(found).map(stopServer));
}

const beside = async (bench, ...args) => alone(await servers(bench), ...args);

// The goal is for the ratio of two workers to one.
async function twoWorkers(bench) {
  const { chatd: one } = await servers(bench);
  const two = await startOnPostgres({ workers: 2 });
  try {
    const result = await inTurn({ two, one }, ROUNDS, async (server) => (await load(server, 'sends', TIMED)).us_per_send);
    return { chatd: result.two, one: result.one, all: result.all, figure: result.two / result.one };
  } finally {
    await stopServer(two);
  }
}

// One measurement for both rows of it.
async function hotRoom(bench) {
  const { chatd, peer } = await servers(bench);
  const all = { chatd: [], floor: [], ...(peer ? { peer: [] } : {}) };
  bench.hotRoom ??= inTurn({ chatd, floor: bench.gather, ...(peer ? { peer } : {}) }, FEW, async (server) => {
    const result = await load(server, 'sends', { name: 'hot', connections: 100, rooms: 1, 'in-flight': 100, seconds: SECONDS });
    all[server === chatd ? 'chatd' : server === peer ? 'peer' : 'floor'].push(result);
    return result.us_per_send;
  }).then(() => all);
  return bench.hotRoom;
}

async function hotRoomBy(bench, figure) {
  const all = await hotRoom(bench);
  const medians = Object.entries(all).map(([name, results]) => [name, median(results.map((result) => result[figure]))]);
  const result = Object.fromEntries(medians);
  return { ...result, all, figure: result.chatd / result.floor };
}

// Both ways to the same database of 10 million messages, in turn. Pages from anywhere in their rooms, so many under way.
async function pages(bench, underWay) {
  bench.filled ??= newChatDatabase().then(async (url) => {
    await fill(url, { ...FILLED, unlogged: true });
    return url;
  });
  const url = await bench.filled;
  const run = async (way) => {
    const args = ['-U', url, '-r', FILLED.rooms, '-m', FILLED.each, '-k', underWay, '-d', '-n', PAGES, ...way];
    return Number(/: ([\d.]+) us CPU per page/.exec(await output([PROGRAMS.pageBench, ...args.map(String)]))[1]);
  };
  const result = await inTurn({ store: [], bare: ['-b'] }, 2 * ROUNDS - 1, run);
  return { chatd: result.store, floor: result.bare, all: result.all, figure: result.store / result.bare };
}

async function lastPages(bench) {
  try {
    return await pages(bench, 8);
  } finally {
    await bench.filled.then(dropDatabase, () => {});
  }
}

const ROWS = [
  {
    name: 'PostgreSQL: durable sends, 200 rooms x 2',
    unit: 'CPU us per send',
    goal: 20,
    run: (bench) => beside(bench, ROUNDS, 'sends', TIMED, 'us_per_send'),
  },
  {
    name: 'PostgreSQL: the same, 64 under way',
    unit: 'CPU us per send',
    run: (bench) => beside(bench, FEW, 'sends', { ...TIMED, 'in-flight': 64, rotate: true }, 'us_per_send'),
  },
  {
    name: 'PostgreSQL: sends, two workers / one',
    unit: 'CPU us per send',
    goal: 1.1,
    ratio: true,
    run: twoWorkers,
  },
  {
    name: 'PostgreSQL: 100 send into one room: per send',
    unit: 'CPU us per send',
    run: (bench) => hotRoomBy(bench, 'us_per_send'),
  },
  {
    name: 'PostgreSQL: 100 send into one room: per delivery',
    unit: 'CPU us per delivery',
    run: (bench) => hotRoomBy(bench, 'us_per_delivery'),
  },
  {
    name: 'PostgreSQL: GetHistory, pages of 50',
    unit: 'CPU us per page',
    run: (bench) => beside(bench, FEW, 'history', { name: 'history', ...TIMED }, 'us_per_page'),
  },
  {
    name: 'PostgreSQL: page of 10 million, store / bare query',
    unit: 'CPU us per page',
    goal: 1.3,
    run: (bench) => pages(bench, 1),
  },
  {
    name: 'PostgreSQL: the same, 8 under way',
    unit: 'CPU us per page',
    goal: 1.3,
    run: lastPages,
  },
  {
    name: 'PostgreSQL: connect, user in 10 rooms',
    unit: 'CPU us per connect',
    goal: 100,
    run: (bench) => beside(bench, FEW, 'connect', { name: 'rooms', connections: 1000, rooms: 10 }, 'us_per_connect'),
  },
  {
    name: 'PostgreSQL: REST, create a room',
    unit: 'CPU us per call',
    run: (bench) => beside(bench, FEW, 'rest-create', { name: 'create', ...TIMED }, 'us_per_call'),
  },
  {
    name: 'PostgreSQL: REST, list 5 rooms',
    unit: 'CPU us per call',
    run: (bench) => beside(bench, FEW, 'rest-list', { name: 'list', ...TIMED }, 'us_per_call'),
  },
];

module.exports = { ROWS, stopOnPostgres, startOnPostgres };
