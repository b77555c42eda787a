'use strict';
// What befalls the database server as a whole: restarted, its sessions ended, stopped, frozen.

const assert = require('node:assert');
const { sleep } = require('../../func/lib/util');
const { now } = require('../lib/journal');

// Refusals come at once where the daemon knows that the server is gone.
const AT_ONCE_MS = 1000;
// From when on it must know.
const KNOWN_MS = 1500;

const seconds = (s) => s * 1000;

const WAITED_MS = 400;

// Some sender was refused, left in doubt, or had to wait.
function assertFelt({ during: { refusals, unsure }, all: { slowestMs } }) {
  const refused = refusals.filter(({ code }) => code !== 'conflict');
  assert.ok(refused.length + unsure.length > 0 || slowestMs > WAITED_MS, 'no sender felt the fault: it did not happen');
}

// Each send that began while the server was known to be away was refused, and quickly.
function assertFastRefusals({ during, began, ended }) {
  const known = (event) => event.begun > began + KNOWN_MS && event.begun < ended - 100;
  const late = [...during.refusals, ...during.unsure].filter(known).filter(({ ms }) => ms > AT_ONCE_MS);
  assert.deepStrictEqual(late.slice(0, 3), [], `${late.length} sends had to wait to be refused`);
}

function restarted(mode) {
  return {
    name: `PostgreSQL restarted (${mode})`,
    stores: ['postgres'],
    instances: 2,
    async hurt({ world, random, notes }) {
      for (notes.restarts = 0; notes.restarts < 3; notes.restarts++) {
        await sleep(random.between(0, 400));
        await world.cluster.restart(mode);
      }
    },
    prove: ({ result }) => assertFelt(result),
  };
}

const terminated = {
  name: 'backends terminated',
  stores: ['postgres'],
  instances: 2,
  async hurt({ world, random, notes }) {
    notes.terminated = 0;
    const until = now() + seconds(3);
    while (now() < until) {
      notes.terminated += await world.cluster.terminate();
      await sleep(random.between(20, 400));
    }
  },
  prove({ field: { notes } }) {
    assert.ok(notes.terminated >= 10, `only ${notes.terminated} sessions were there to be ended`);
  },
};

const stopped = {
  name: 'PostgreSQL stopped for 20 s',
  stores: ['postgres'],
  instances: 2,
  async hurt({ world }) {
    await world.cluster.stop('fast');
    await sleep(seconds(20));
    await world.cluster.start();
  },
  prove({ result }) {
    assertFelt(result);
    assertFastRefusals(result);
  },
};

const frozen = {
  name: 'PostgreSQL frozen for 10 s',
  stores: ['postgres'],
  instances: 2,
  async hurt({ world }) {
    world.cluster.freeze();
    await sleep(seconds(10));
    world.cluster.thaw();
  },
  prove: ({ result }) => assertFelt(result),
};

module.exports = { restarted, terminated, stopped, frozen, assertFelt, assertFastRefusals };
