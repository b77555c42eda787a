'use strict';
// kill -9 of the daemon, of a random one where there are several: ready again within 2 s.

const assert = require('node:assert');
const { sleep, eventually } = require('../../func/lib/util');

const READY_MS = 2000;
const RUN_MS = [30, 900];

// times: how often. Each life lasts at least until one more message was acknowledged, so that there is load.
function kill(times, instances) {
  return {
    name: instances > 1 ? 'kill -9 of one of two' : 'kill -9',
    stores: instances > 1 ? ['postgres'] : ['sqlite', 'postgres'],
    instances,
    async hurt({ world, load, random, notes }) {
      notes.kills = 0;
      notes.readyMs = 0;
      while (notes.kills < times) {
        const before = load.acknowledged();
        await eventually(() => load.acknowledged() > before, { timeout: 20000, what: 'no send gets through', every: 5 });
        await sleep(random.between(...RUN_MS));
        const chatd = random.pick(world.instances);
        await chatd.kill();
        await chatd.restart();
        notes.kills++;
        notes.readyMs = Math.max(notes.readyMs, chatd.readyAt - chatd.startedAt);
      }
    },
    prove({ field: { notes } }) {
      assert.ok(notes.readyMs <= READY_MS, `ready ${notes.readyMs} ms after a kill`);
    },
  };
}

module.exports = { kill };
