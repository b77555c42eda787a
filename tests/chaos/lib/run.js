'use strict';
// One run of one fault: load, the fault in its midst, time to heal, and the checker's judgement.
//
// A fault is {name, stores, instances, server, settings: see World, codes, epochs: see the checker, plan: of the load,
// impossible(): why it cannot be had here, place(store): a folder for the store, setUp(): what else World and hurt()
// get, prepare(world): before the daemons start, hurt(field): brings it about and undoes it, heal: ms in which all must
// be well again then, prove({result, field}): asserts that it was felt, and what else must hold, clear(field)}. field is
// {world, load, random, place, notes: figures to be shown, rooms: what is stored}.

const assert = require('node:assert');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { ROOT } = require('../../func/lib/chatd');
const { sleep } = require('../../func/lib/util');
const { check, describe } = require('../checker');
const { now } = require('./journal');
const { Load } = require('./load');
const { randomFrom } = require('./random');
const { World } = require('./world');

const WARM_MS = 1200;
const HEAL_MS = 3000;
const AFTER_MS = 500;
const READY_MS = 30000;
const OUT = path.resolve(ROOT, process.env.OUT || 'build', 'chaos');

// Whether the instance says that it is ready.
function ready(port) {
  return new Promise((resolve) => {
    const request = http.get({ host: '127.0.0.1', port, path: '/health/ready', timeout: 1000, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}

// When each instance says so, measured from `from`.
async function readyMs(instances, from) {
  const all = instances.map(async ({ port }) => {
    while (!(await ready(port))) {
      if (now() - from > READY_MS) {
        return Infinity;
      }
      await sleep(20);
    }
    return now() - from;
  });
  return Math.max(...(await Promise.all(all)));
}

// The first acknowledgements of sends that began behind `from`: the latest of all rooms and all instances.
function healedMs(journals, from, rooms, instances) {
  const first = new Map();
  const see = (key, at) => first.set(key, Math.min(at, first.has(key) ? first.get(key) : Infinity));
  for (const { log } of journals) {
    for (const event of log) {
      if (event.what === 'ack' && event.begun >= from) {
        see(event.room, event.at - from);
        see(event.instance, event.at - from);
      }
    }
  }
  const keys = [...rooms.map(({ id }) => id), ...instances.map((_, i) => i)];
  return Math.max(...keys.map((key) => (first.has(key) ? first.get(key) : Infinity)));
}

// What senders were told of what they began between two moments.
function answersBetween(journals, from, to) {
  const answers = { acks: 0, refusals: [], unsure: [], slowestMs: 0 };
  for (const { log } of journals) {
    for (const event of log) {
      if (event.begun >= from && event.begun < to) {
        answers.slowestMs = Math.max(answers.slowestMs, event.ms);
        answers.acks += event.what === 'ack' ? 1 : 0;
        if (event.what === 'refuse') {
          answers.refusals.push(event);
        } else if (event.what === 'uncertain') {
          answers.unsure.push(event);
        }
      }
    }
  }
  return answers;
}

async function underLoad(fault, field) {
  const { load, world } = field;
  await load.start();
  await sleep(WARM_MS);
  const began = now();
  await fault.hurt(field);
  const ended = now();
  const wellMs = await readyMs(world.instances, ended);
  await sleep(Math.max(0, (fault.heal || HEAL_MS) + AFTER_MS - (now() - ended)));
  await load.finishSending();
  await load.catchUp(await world.heads(load.allRooms));
  return { began, ended, wellMs };
}

function judge(fault, field, times) {
  const { load, world } = field;
  const journals = load.journals();
  const result = {
    ...check({ clients: journals, rooms: field.rooms }, fault),
    ...times,
    healedMs: healedMs(journals, times.ended, load.rooms, world.instances),
    during: answersBetween(journals, times.began, times.ended),
    all: answersBetween(journals, 0, Infinity),
  };
  return result;
}

const SHOWN = ['lost', 'doubled', 'disorder', 'hole'];

function figuresOf(fault, store, seed, field, result) {
  const { counts, faults } = result;
  const others = Object.entries(faults).filter(([name]) => !SHOWN.includes(name));
  return {
    fault: fault.name,
    store,
    seed,
    messages: counts.messages,
    acknowledged: counts.acknowledged,
    refused: counts.refused,
    uncertain: counts.uncertain,
    unsure: counts.unsure,
    refusals: counts.refusals,
    received: counts.received,
    reconnects: counts.reconnects,
    lost: faults.lost.length,
    doubled: faults.doubled.length,
    disorder: faults.disorder.length,
    holes: faults.hole.length,
    others: others.reduce((sum, [, list]) => sum + list.length, 0),
    healedMs: Math.round(Math.max(result.healedMs, result.wellMs)),
    slowestMs: Math.round(result.all.slowestMs),
    ...field.notes,
  };
}

function writeFigures(figures) {
  fs.mkdirSync(OUT, { recursive: true });
  fs.appendFileSync(path.join(OUT, 'figures.jsonl'), `${JSON.stringify(figures)}\n`);
}

function keepEvidence(name, seed, field, error) {
  const dir = path.join(OUT, `${name.replace(/\W+/g, '-')}-${seed}`);
  fs.mkdirSync(dir, { recursive: true });
  field.load.journals().forEach((journal) => journal.writeTo(path.join(dir, `${journal.name}.jsonl`)));
  (field.rooms || []).forEach((room) => fs.writeFileSync(path.join(dir, `room-${room.room}.json`), JSON.stringify(room)));
  field.world.writeLogs(dir);
  fs.writeFileSync(path.join(dir, 'why.txt'), `${error ? error.stack : 'asked for'}\n`);
  return dir;
}

function assertWell(fault, result) {
  assert.deepStrictEqual(result.faulty, [], describe(result));
  const limit = fault.heal || HEAL_MS;
  assert.ok(result.wellMs <= limit, `ready ${result.wellMs} ms after the fault`);
  assert.ok(result.healedMs <= limit, `every room on every instance takes sends ${result.healedMs} ms after the fault`);
}

// Runs it; what is found wrong is thrown, with the place of the evidence. Gives the figures.
async function runFault(fault, store, seed) {
  const random = randomFrom(seed);
  const field = { random, notes: {}, ...(fault.setUp ? fault.setUp() : {}) };
  field.place = fault.place ? fault.place(store) : undefined;
  try {
    field.world = await World.create({ ...fault, ...field, dir: field.place, store });
    field.load = new Load({ instances: field.world.instances, random: random.fork(), plan: fault.plan });
    return await runOn(fault, store, seed, field);
  } finally {
    if (field.world) {
      await field.world.drop();
    }
    if (fault.clear) {
      await fault.clear(field);
    }
  }
}

async function runOn(fault, store, seed, field) {
  const { world, load } = field;
  try {
    const times = await underLoad(fault, field);
    field.rooms = await world.rooms(load.allRooms);
    const result = judge(fault, field, times);
    writeFigures(figuresOf(fault, store, seed, field, result));
    assertWell(fault, result);
    if (fault.prove) {
      await fault.prove({ result, field });
    }
    const figures = figuresOf(fault, store, seed, field, result);
    if (process.env.CHAOS_KEEP) {
      keepEvidence(`${fault.name}-${store}`, seed, field);
    }
    await world.stop();
    return figures;
  } catch (error) {
    load.stop();
    error.message = `${error.message}\nthe evidence is in ${keepEvidence(`${fault.name}-${store}`, seed, field, error)}`;
    throw error;
  }
}

module.exports = { runFault };
