'use strict';
// What is measured. A row's run(bench) answers {chatd, floor, peer, figure, all}: figure is what its goal is for, floor
// and peer are left out where there is none. bench has the servers that run all the time: chatd, floor, gather (the
// floor that gathers) and, where it could be built, peer.

const fs = require('node:fs');
const {
  PROGRAMS, ROUNDS, SECONDS, load, newFolder, output, startChatd, startFloor, startPeer, stopServer,
} = require('./servers');
const { alone, inTurn, median } = require('./measure');

const withPeer = (bench) => (bench.peer ? { peer: bench.peer } : {});

// chatd beside a floor: the goal is for the ratio.
async function versus(bench, floor, rounds, mode, settings, figure = 'us_per_delivery', peer = withPeer(bench)) {
  const servers = { chatd: bench.chatd, floor: bench[floor], ...peer };
  const result = await inTurn(servers, rounds, async (server) => (await load(server, mode, settings))[figure]);
  return { ...result, figure: result.chatd / result.floor };
}

const sidewise = (bench, ...args) => alone({ chatd: bench.chatd, ...withPeer(bench) }, ...args);

async function using(starting, use) {
  const server = await starting;
  try {
    return await use(server);
  } finally {
    await stopServer(server);
  }
}

// A figure of servers that have done nothing else before.
async function fresh(bench, measure) {
  const result = { chatd: await using(startChatd(), measure) };
  if (bench.peer) {
    result.peer = await using(startPeer(), measure);
  }
  return { ...result, figure: result.chatd };
}

async function startTimes(bench, newDatabase) {
  const all = { chatd: [], peer: [] };
  let folder = newFolder();
  await stopServer(await startChatd({ folder, workers: 2 }));
  for (let i = 0; i < 5; i++) {
    folder = newDatabase ? newFolder() : folder;
    await using(startChatd({ folder, workers: 2 }), (server) => all.chatd.push(server.ms));
    if (bench.peer && !newDatabase) {
      await using(startPeer(), (server) => all.peer.push(server.ms));
    }
  }
  const chatd = median(all.chatd);
  return { chatd, figure: chatd, all, ...(all.peer.length > 0 ? { peer: median(all.peer) } : {}) };
}

function rssAnonMib(server) {
  const status = fs.readFileSync(`/proc/${server.pid}/status`, 'utf8');
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)[1]) / 1024;
}

async function memoryAtStart(bench) {
  const chatd = await using(startChatd({ workers: 2 }), rssAnonMib);
  return { chatd, figure: chatd, ...(bench.peer ? { peer: await using(startPeer(), rssAnonMib) } : {}) };
}

async function bareStore() {
  const text = await output([PROGRAMS.storeBench, '-d', newFolder(), '-r', '1000', '-b', '64', '-n', '50000']);
  const us = Number(/: ([\d.]+) us CPU per send/.exec(text)[1]);
  return { chatd: us, figure: us, text };
}

// 1,000 rooms of 10: what a send costs beyond the ten deliveries that the floor makes of it.
async function manyRooms(bench) {
  const result = await versus(bench, 'floor', FEW, 'fanout', MANY, 'us_per_delivery', {});
  return { ...result, figure: (result.chatd - 1.15 * result.floor) * 10, per_send_on_top: true };
}

async function pings() {
  return using(startChatd({ env: { CHATD_HUB_KEEPALIVE: '1s' } }), (chatd) =>
    using(startFloor('--ping', 1), (floor) => versus({ chatd, floor }, 'floor', FEW, 'ping', {}, 'us_per_ping', {})));
}

async function status(bench) {
  const command = [PROGRAMS.load, 'command', '--runs', '50', '--', PROGRAMS.chatctl, 'status'];
  const env = { CHATD_CONTROL_SOCKET: bench.chatd.env.CHATD_CONTROL_SOCKET };
  const result = JSON.parse(await output(command, env));
  return { chatd: result.ms, figure: result.ms, all: result };
}

const idle = (settings) => (server) => load(server, 'idle', settings).then((result) => result.kib_per_connection);

const CROWD = { connections: 1000, rooms: 1, seconds: SECONDS };
const MANY = { name: 'many', connections: 10000, rooms: 1000, 'in-flight': 64, seconds: SECONDS };
const HUGE = { name: 'huge', connections: 10000, rooms: 1, 'in-flight': 1, seconds: SECONDS };
const TIMED = { seconds: SECONDS };
const FEW = Math.min(2, ROUNDS);

// goal: what the figure may be at most; none: for information. The peer has no store behind it.
const ROWS = [
  {
    name: 'fan-out to 1,000, 1 in flight',
    also: ['transports'],
    unit: 'CPU us per delivery',
    goal: 1.15,
    run: (bench) => versus(bench, 'floor', ROUNDS, 'fanout', { ...CROWD, 'in-flight': 1 }),
  },
  {
    name: 'fan-out to 1,000, 16 in flight (gathering floor)',
    also: ['transports'],
    unit: 'CPU us per delivery',
    goal: 1.5,
    run: (bench) => versus(bench, 'gather', ROUNDS, 'fanout', { ...CROWD, 'in-flight': 16 }),
  },
  {
    name: 'fan-out to 10,000, 1 in flight',
    unit: 'CPU us per delivery',
    goal: 1.15,
    run: (bench) => versus(bench, 'floor', FEW, 'fanout', HUGE, 'us_per_delivery', {}),
  },
  {
    name: '1,000 rooms x 10, 64 in flight: send beyond 1.15x',
    unit: 'CPU us per delivery',
    goal: 25,
    run: manyRooms,
  },
  {
    name: '20 messages a second to 1,000',
    unit: 'p99 ms',
    run: (bench) => versus(bench, 'floor', FEW, 'rate', { name: 'rate', ...CROWD, rate: 20 }, 'p99_ms'),
  },
  {
    name: 'durable sends, 200 rooms x 2 (peer: no store)',
    unit: 'CPU us per send',
    goal: 45,
    run: (bench) => sidewise(bench, ROUNDS, 'sends', TIMED, 'us_per_send'),
  },
  {
    name: 'the same, two workers',
    unit: 'CPU us per send',
    run: () => using(startChatd({ workers: 2 }), (chatd) => alone({ chatd }, ROUNDS, 'sends', TIMED, 'us_per_send')),
  },
  {
    name: 'bare store, 1,000 rooms, batches of 64',
    unit: 'CPU us per send',
    run: bareStore,
  },
  {
    name: 'connect, new token, known user',
    unit: 'CPU us per connect',
    goal: 100,
    run: (bench) => sidewise(bench, ROUNDS, 'connect', { connections: 1000 }, 'us_per_connect'),
  },
  {
    name: 'connect, user in 10 rooms (peer: restores none)',
    unit: 'CPU us per connect',
    goal: 100,
    run: (bench) => sidewise(bench, FEW, 'connect', { name: 'rooms', connections: 1000, rooms: 10 }, 'us_per_connect'),
  },
  {
    name: 'idle connection, of 5,000',
    unit: 'KiB RssAnon',
    goal: 4,
    run: (bench) => fresh(bench, idle({ connections: 5000 })),
  },
  {
    name: 'idle connection, of 5,000 in 500 rooms',
    unit: 'KiB RssAnon',
    run: (bench) => fresh(bench, idle({ connections: 5000, rooms: 500 })),
  },
  {
    name: 'idle connection, pinged each second',
    unit: 'CPU us per ping',
    goal: 1.3,
    run: pings,
  },
  {
    name: 'REST: create a room',
    unit: 'CPU us per call',
    goal: 50,
    run: (bench) => sidewise(bench, FEW, 'rest-create', { name: 'create', ...TIMED }, 'us_per_call'),
  },
  {
    name: 'REST: list 5 rooms',
    unit: 'CPU us per call',
    goal: 50,
    run: (bench) => sidewise(bench, FEW, 'rest-list', { name: 'list', ...TIMED }, 'us_per_call'),
  },
  {
    name: 'REST: post a message (peer: no store)',
    unit: 'CPU us per call',
    run: (bench) => sidewise(bench, FEW, 'rest-post', { name: 'post', ...TIMED }, 'us_per_call'),
  },
  { name: 'chatctl status, start to end', unit: 'ms', goal: 10, run: status },
  { name: 'start to ready, database is there', unit: 'ms', goal: 50, run: (bench) => startTimes(bench, false) },
  { name: 'start to ready, new database', unit: 'ms', goal: 50, run: (bench) => startTimes(bench, true) },
  { name: 'memory at start, two workers', unit: 'MiB RssAnon', goal: 7, run: memoryAtStart },
];

module.exports = { ROWS };
