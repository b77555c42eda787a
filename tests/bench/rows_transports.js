'use strict';
// What each transport and encoding costs, chatd beside a floor of the same kind and, where there is one, the peer, which
// speaks JSON only, for MessagePack is a package that the SDK does not bring. Floors start when the first row wants them.

const fs = require('node:fs');
const path = require('node:path');
const { PROGRAMS, ROUNDS, SECONDS, load, newFolder, startChatd, startFloor, startPeer, stopServer } = require('./servers');
const { inTurn } = require('./measure');

const FEW = Math.min(2, ROUNDS);
const JSON_SOCKETS = { transport: 'websockets', encoding: 'json' };
const PACKED_SOCKETS = { transport: 'websockets', encoding: 'messagepack' };
const EVENTS = { transport: 'sse', encoding: 'json' };
const POLLS = { transport: 'longpolling', encoding: 'json' };
const PACKED_POLLS = { transport: 'longpolling', encoding: 'messagepack' };

const CROWD = { connections: 1000, rooms: 1, seconds: SECONDS };
const ONE = { name: 'one', ...CROWD, 'in-flight': 1 };
const MANY = { name: 'sixteen', ...CROWD, 'in-flight': 16 };
// Each poll brings one message; else the next message would come with those that the first ones have not polled for yet.
const STEPS = { name: 'steps', ...CROWD, 'in-flight': 1, lockstep: true };
const PACE = { name: 'pace', ...CROWD, rate: 20 };
const SENDS = { name: 'sends', seconds: SECONDS };

// The names of rooms and users: of this way, so that nobody is still there from another one.
const named = (settings, way) => ({ ...settings, ...way, name: `${settings.name}-${way.transport}-${way.encoding}` });

// How long chatd's messages are in an encoding: the floor sends as much.
async function messageBytes(bench, encoding) {
  bench.bytes ??= {};
  bench.bytes[encoding] ??= load(bench.chatd, 'fanout', {
    name: `size-${encoding}`, connections: 2, rooms: 1, 'in-flight': 1, seconds: 0.2, encoding,
  }).then((result) => Math.round(result.message_bytes));
  return bench.bytes[encoding];
}

async function floorOf(bench, way, gather) {
  const key = [way.transport, way.encoding, gather].join(' ');
  const bytes = await messageBytes(bench, way.encoding);
  const args = ['--transport', way.transport, '--encoding', way.encoding, '--bytes', bytes, ...(gather ? ['--gather'] : [])];
  bench.floors ??= {};
  bench.floors[key] ??= startFloor(...args);
  return bench.floors[key];
}

async function stopFloors(bench) {
  const floors = await Promise.all(Object.values(bench.floors ?? {}).map((floor) => floor.catch(() => undefined)));
  await Promise.all(floors.filter(Boolean).map(stopServer));
}

// subjects: {name: {server, way}}. The median of the figure for each, under the same load in turn.
const compare = (subjects, rounds, mode, settings, figure) =>
  inTurn(subjects, rounds, async ({ server, way }, round) => {
    const { name, ...rest } = named(settings, way);
    return (await load(server, mode, { ...rest, name: `${name}-${round}` }))[figure];
  });

const peerOf = (bench, way) => (bench.peer && way.encoding === 'json' ? { peer: { server: bench.peer, way } } : {});

async function besideFloor(bench, way, { rounds = ROUNDS, mode = 'fanout', settings, figure = 'us_per_delivery', gather = false }) {
  const floor = await floorOf(bench, way, gather);
  const subjects = { chatd: { server: bench.chatd, way }, floor: { server: floor, way }, ...peerOf(bench, way) };
  const result = await compare(subjects, rounds, mode, settings, figure);
  return { ...result, figure: result.chatd / result.floor };
}

// The goal is for the ratio to WebSockets on the same server.
async function besideSockets(bench, settings, gather) {
  const subjects = {
    chatd: { server: bench.chatd, way: EVENTS },
    sockets: { server: bench.chatd, way: JSON_SOCKETS },
    floor: { server: await floorOf(bench, EVENTS, gather), way: EVENTS },
    ...peerOf(bench, EVENTS),
  };
  const result = await compare(subjects, ROUNDS, 'fanout', settings, 'us_per_delivery');
  return { ...result, figure: result.chatd / result.sockets };
}

// The goal is for the ratio to the peer; without one there is no figure.
async function besidePeer(bench, settings, rounds, gather) {
  const result = await besideFloor(bench, POLLS, { settings, rounds, gather });
  return { ...result, figure: result.peer === undefined ? undefined : result.chatd / result.peer };
}

async function bare(bench, way, mode, settings, figure) {
  const result = await compare({ chatd: { server: bench.chatd, way }, ...peerOf(bench, way) }, FEW, mode, settings, figure);
  return { ...result, figure: result.chatd };
}

async function using(starting, use) {
  const server = await starting;
  try {
    return await use(server);
  } finally {
    await stopServer(server);
  }
}

// A figure of servers that have done nothing else before.
async function fresh(bench, way, measure) {
  const result = { chatd: await using(startChatd(), measure) };
  if (bench.peer && way.encoding === 'json') {
    result.peer = await using(startPeer(), measure);
  }
  return { ...result, figure: result.chatd };
}

const idle = (bench, way) =>
  fresh(bench, way, async (server) => (await load(server, 'idle', named({ name: 'idle', connections: 5000 }, way))).kib_per_connection);

const negotiations = (bench) =>
  fresh(bench, JSON_SOCKETS, async (server) => (await load(server, 'negotiate', { connections: 100000 })).kib_growth);

// What a message to 1,000 allocates beyond one to 100, by receiver; chatd: what one to 1,000 allocates in all.
async function allocations(way, settings) {
  const folder = newFolder();
  const file = path.join(folder, 'allocations');
  const env = { LD_PRELOAD: PROGRAMS.allocCount, BENCH_ALLOCATIONS: file };
  if (!fs.existsSync(PROGRAMS.allocCount)) {
    throw new Error(`${PROGRAMS.allocCount} was not built`);
  }
  return using(startChatd({ folder, env }), async (server) => {
    const all = {};
    for (const connections of [100, 1000]) {
      const settingsOf = named({ ...settings, name: `to-${connections}`, connections, allocations: file }, way);
      all[connections] = await load(server, 'fanout', settingsOf);
    }
    const [few, many] = [all[100], all[1000]].map((result) => result.allocations_per_send);
    return { chatd: many, figure: (many - few) / 900, all };
  });
}

const ROWS = [
  {
    name: 'MessagePack over WebSockets: 1,000, 1 in flight',
    unit: 'CPU us per delivery',
    goal: 1.15,
    run: (bench) => besideFloor(bench, PACKED_SOCKETS, { settings: ONE }),
  },
  {
    name: 'MessagePack over WebSockets: 1,000, 16 in flight',
    unit: 'CPU us per delivery',
    goal: 1.5,
    run: (bench) => besideFloor(bench, PACKED_SOCKETS, { settings: MANY, gather: true }),
  },
  {
    name: 'events: 1,000, 1 in flight, events / WebSockets',
    unit: 'CPU us per delivery',
    goal: 1.3,
    ratio: true,
    run: (bench) => besideSockets(bench, ONE, false),
  },
  {
    name: 'events: 1,000, 16 in flight, events / WebSockets',
    unit: 'CPU us per delivery',
    goal: 1.3,
    ratio: true,
    run: (bench) => besideSockets(bench, MANY, true),
  },
  {
    name: 'polls: 1,000, one message a poll, chatd / ASP.NET',
    unit: 'CPU us per delivery',
    goal: 0.5,
    ratio: true,
    run: (bench) => besidePeer(bench, STEPS, ROUNDS, false),
  },
  {
    name: 'polls: 1,000, 16 in flight, chatd / ASP.NET',
    unit: 'CPU us per delivery',
    goal: 0.5,
    ratio: true,
    run: (bench) => besidePeer(bench, MANY, FEW, true),
  },
  {
    name: 'MessagePack over polls: one message a poll',
    unit: 'CPU us per delivery',
    run: (bench) => besideFloor(bench, PACKED_POLLS, { settings: STEPS, rounds: FEW }),
  },
  {
    name: 'events: 20 messages a second to 1,000',
    unit: 'p99 ms',
    run: (bench) => besideFloor(bench, EVENTS, { mode: 'rate', settings: PACE, rounds: FEW, figure: 'p99_ms' }),
  },
  {
    name: 'polls: 20 messages a second to 1,000',
    unit: 'p99 ms',
    run: (bench) => besideFloor(bench, POLLS, { mode: 'rate', settings: PACE, rounds: FEW, figure: 'p99_ms' }),
  },
  {
    name: 'MessagePack: durable sends, 200 rooms x 2',
    unit: 'CPU us per send',
    run: (bench) => bare(bench, PACKED_SOCKETS, 'sends', SENDS, 'us_per_send'),
  },
  {
    name: 'events: durable sends, 200 rooms x 2',
    unit: 'CPU us per send',
    run: (bench) => bare(bench, EVENTS, 'sends', SENDS, 'us_per_send'),
  },
  {
    name: 'polls: durable sends, 200 rooms x 2',
    unit: 'CPU us per send',
    run: (bench) => bare(bench, POLLS, 'sends', SENDS, 'us_per_send'),
  },
  {
    name: 'events: connect, negotiation and POST included',
    unit: 'CPU us per connect',
    run: (bench) => bare(bench, EVENTS, 'connect', { name: 'connect', connections: 1000 }, 'us_per_connect'),
  },
  {
    name: 'polls: connect, negotiation and POST included',
    unit: 'CPU us per connect',
    run: (bench) => bare(bench, POLLS, 'connect', { name: 'connect', connections: 1000 }, 'us_per_connect'),
  },
  { name: 'MessagePack: idle WebSocket, of 5,000', unit: 'KiB RssAnon', goal: 4, run: (bench) => idle(bench, PACKED_SOCKETS) },
  { name: 'events: idle stream, of 5,000', unit: 'KiB RssAnon', goal: 4, run: (bench) => idle(bench, EVENTS) },
  { name: 'polls: idle poll, of 5,000', unit: 'KiB RssAnon', run: (bench) => idle(bench, POLLS) },
  { name: '100,000 negotiations that come to nothing', unit: 'KiB of growth', goal: 1024, run: negotiations },
  {
    name: 'WebSockets: allocations to 1,000, by receiver',
    unit: 'per message',
    goal: 0.05,
    run: () => allocations(JSON_SOCKETS, ONE),
  },
  { name: 'MessagePack: allocations to 1,000, by receiver', unit: 'per message', goal: 0.05, run: () => allocations(PACKED_SOCKETS, ONE) },
  { name: 'events: allocations to 1,000, by receiver', unit: 'per message', goal: 0.05, run: () => allocations(EVENTS, ONE) },
  { name: 'polls: allocations to 1,000, by receiver', unit: 'per message', run: () => allocations(POLLS, STEPS) },
];

module.exports = { ROWS, messageBytes, stopFloors };
