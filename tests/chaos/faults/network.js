'use strict';
// The network between the daemons and their database: answers that are cut off, and silence.

const assert = require('node:assert');
const { sleep } = require('../../func/lib/util');
const { Proxy } = require('../lib/proxy');
const { assertFelt } = require('./server');

const CUT_CHANCE = 0.03;
const CUTTING_MS = 4000;
const SILENT_MS = 8000;

async function prepare(world) {
  world.proxy = await Proxy.open(world.cluster.port);
  world.url = world.cluster.url.replace(`:${world.cluster.port}/`, `:${world.proxy.port}/`);
}

const clear = ({ world }) => world && world.proxy && world.proxy.close();

// COMMIT is done, its answer is lost, over and over.
const cutOff = {
  name: 'answers of PostgreSQL cut off',
  stores: ['postgres'],
  instances: 2,
  prepare,
  async hurt({ world, random, notes }) {
    world.proxy.cutNext = () => random.chance(CUT_CHANCE);
    await sleep(CUTTING_MS);
    world.proxy.cutNext = () => false;
    notes.cuts = world.proxy.cuts;
  },
  prove({ field: { notes } }) {
    assert.ok(notes.cuts >= 20, `only ${notes.cuts} answers were cut off`);
  },
  clear,
};

// The connections stay open, and nothing ever comes on them again.
const silence = {
  name: 'network silent for 8 s',
  stores: ['postgres'],
  instances: 2,
  prepare,
  async hurt({ world }) {
    world.proxy.silence();
    await sleep(SILENT_MS);
    world.proxy.resume();
  },
  prove: ({ result }) => assertFelt(result),
  clear,
};

module.exports = { cutOff, silence };
