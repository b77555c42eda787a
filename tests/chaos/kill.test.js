'use strict';
// kill -9 at random moments under load, on both stores, and of one of two instances. CHAOS_KILLS says how often (20),
// CHAOS_SEED repeats a run's chance.

const { test } = require('node:test');
const { runFault } = require('./lib/run');
const { seedFor, lineOf } = require('./lib/figures');
const { kill } = require('./faults/kill');

const KILLS = Number(process.env.CHAOS_KILLS || 20);
// So many in one run: what clients write down is kept in memory until it is judged.
const AT_MOST = 40;

for (const [store, instances] of [['sqlite', 1], ['postgres', 1], ['postgres', 2]]) {
  for (let done = 0; done < KILLS; done += AT_MOST) {
    const times = Math.min(AT_MOST, KILLS - done);
    const which = instances > 1 ? 'one of two' : 'chatd';
    test(`${which} on ${store}: kills ${done + 1} to ${done + times} under load`, async (t) => {
      t.diagnostic(lineOf(await runFault(kill(times, instances), store, seedFor(done))));
    });
  }
}
