'use strict';
// The faults of faults/index.js under load, each followed by the checker. CHAOS_FAULTS chooses: quick (as in the check),
// all, or parts of names, separated by commas; CHAOS_RUNS how often each is brought about (1); CHAOS_SEED repeats a run's
// chance.

const { test } = require('node:test');
const { runFault } = require('./lib/run');
const { seedFor, lineOf } = require('./lib/figures');
const { ALL, QUICK } = require('./faults');

const CHOICE = process.env.CHAOS_FAULTS || 'quick';
const RUNS = Number(process.env.CHAOS_RUNS || 1);

function chosen() {
  if (CHOICE === 'quick' || CHOICE === 'all') {
    return CHOICE === 'quick' ? QUICK : ALL;
  }
  return ALL.filter(({ name }) => CHOICE.split(',').some((part) => name.includes(part)));
}

for (const fault of chosen()) {
  const skip = fault.impossible && fault.impossible();
  for (const store of fault.stores) {
    for (let run = 1; run <= RUNS; run++) {
      test(`${fault.name}, on ${store}${RUNS > 1 ? `, run ${run}` : ''}`, { skip }, async (t) => {
        t.diagnostic(lineOf(await runFault(fault, store, seedFor(run))));
      });
    }
  }
}
