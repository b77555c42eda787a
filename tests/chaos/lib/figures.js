'use strict';
// The figures of runs: a line for each, and a table of all that a file holds.

const SENT = ['messages', 'acknowledged', 'refused', 'uncertain', 'unsure', 'received', 'reconnects'];
const SUMS = [...SENT, 'lost', 'doubled', 'disorder', 'holes', 'others'];

const FIRST_SEED = process.env.CHAOS_SEED ? Number(process.env.CHAOS_SEED) : Math.floor(Math.random() * 1e9);

// The seed of the n-th run.
const seedFor = (n) => (process.env.CHAOS_SEED ? FIRST_SEED : FIRST_SEED + n);

function lineOf(figures) {
  const { fault, store, refusals, ...rest } = figures;
  const words = Object.entries(rest).map(([name, value]) => `${name} ${value}`);
  return `chaos: ${fault} (${store}): ${words.join(', ')}; refusals ${JSON.stringify(refusals)}`;
}

const COLUMNS = [
  ['fault', ({ fault }) => fault],
  ['store', ({ store }) => store],
  ['runs', ({ runs }) => runs],
  ...SUMS.map((name) => [name, (row) => row[name]]),
  ['healed ms', ({ healedMs }) => (healedMs === null ? 'never' : healedMs)],
  ['slowest ms', ({ slowestMs }) => slowestMs],
];

// Runs of one fault on one store in one row: sums, and the longest times.
function rowsOf(runs) {
  const rows = new Map();
  for (const run of runs) {
    const key = `${run.fault} ${run.store}`;
    const row = rows.get(key) || { fault: run.fault, store: run.store, runs: 0, healedMs: 0, slowestMs: 0 };
    rows.set(key, row);
    row.runs++;
    SUMS.forEach((name) => (row[name] = (row[name] || 0) + run[name]));
    row.healedMs = row.healedMs === null || run.healedMs === null ? null : Math.max(row.healedMs, run.healedMs);
    row.slowestMs = Math.max(row.slowestMs, run.slowestMs);
  }
  return [...rows.values()];
}

function tableOf(runs) {
  const lines = rowsOf(runs).map((row) => COLUMNS.map(([, value]) => String(value(row))));
  const cells = [COLUMNS.map(([name]) => name), ...lines];
  const widths = COLUMNS.map((_, i) => Math.max(...cells.map((line) => line[i].length)));
  const pad = (text, i) => (i < 2 ? text.padEnd(widths[i]) : text.padStart(widths[i]));
  return cells.map((line) => line.map(pad).join('  ')).join('\n');
}

module.exports = { seedFor, lineOf, tableOf };
