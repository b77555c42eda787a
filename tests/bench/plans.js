#!/usr/bin/env node
'use strict';
// make bench-plans: whether PostgreSQL goes about the statements that matter in the same way however many messages there
// are. Fills one database step by step (for 100 million messages: some ten minutes, up to 30 GB below TMPDIR), gathers
// statistics after each step, plans each statement as the links of chatd have it planned (generic plans, the links'
// settings), and compares. Writes the plans and what a page costs at each step to OUT/plans.txt; the exit code is 1 where
// a plan has changed.
//
//     node tests/bench/plans.js [--out build] [--rows 10000,10000000,100000000]
//
// The table is UNLOGGED, because it can be filled again; plans do not know the difference. Its texts are of 20 bytes.

const fs = require('node:fs');
const path = require('node:path');
const { OUT, PROGRAMS, options, output } = require('./servers');
const { ask, dropDatabase, fill, newChatDatabase, postgresMissing, psql, serverPid } = require('./postgres');

const ROOMS = 10000;
const BYTES = 20;
const SCRIPT = path.join(OUT, 'plans.sql');

// Which are hot: sends, pages, what a connect asks, heads, one message, an edit. Appends run on the writing link alone.
const HOT = [
  'append', 'append_full', 'append_lock', 'append_edit', 'append_delete', 'page_newest', 'page_oldest', 'message_find',
  'user_get', 'user_come', 'user_rooms', 'heads',
];

async function readTexts() {
  const texts = { setup: new Map(), statement: new Map() };
  for (const line of (await output([PROGRAMS.planTexts])).split('\n')) {
    const [what, name, text] = line.split('\t');
    texts[what].set(name, text);
  }
  for (const name of HOT.filter((one) => !texts.statement.has(one))) {
    throw new Error(`there is no statement ${name}`);
  }
  return texts;
}

// Each statement on each kind of link that it may run on.
function cases({ setup }) {
  return HOT.flatMap((name) => [...setup.keys()].filter((kind) => kind === 'write' || !name.startsWith('append'))
    .map((kind) => ({ name, kind })));
}

// psql's: a plan for whatever parameters come.
function planScript(texts) {
  const one = ({ name, kind }) => `\\echo == ${name} ${kind}
RESET ALL;
${texts.setup.get(kind)};
PREPARE planned AS ${texts.statement.get(name)};
SELECT 'EXPLAIN (COSTS OFF) EXECUTE planned'
	|| coalesce('(' || nullif(array_to_string(array_fill('NULL'::text, ARRAY[cardinality(parameter_types)]), ', '), '') || ')', '')
	FROM pg_prepared_statements WHERE name = 'planned' \\gexec
DEALLOCATE planned;
`;
  return cases(texts).map(one).join('');
}

// "statement kind" -> its plan.
async function plans(url, texts) {
  fs.writeFileSync(SCRIPT, planScript(texts));
  const text = await psql(url, '--tuples-only', '--no-align', '-f', SCRIPT);
  fs.rmSync(SCRIPT);
  return new Map(text.split('== ').slice(1).map((part) => {
    const end = part.indexOf('\n');
    return [part.slice(0, end), part.slice(end + 1).trimEnd()];
  }));
}

async function sizes(url) {
  const sql = `SELECT count(*) || ' rows by statistics ' || (SELECT reltuples::bigint FROM pg_class WHERE oid = 'messages'::regclass)
    || ', heap ' || pg_size_pretty(pg_relation_size('messages')) || ', messages_pkey ' || pg_size_pretty(pg_relation_size('messages_pkey'))
    || ', messages_once ' || pg_size_pretty(pg_relation_size('messages_once')) FROM messages`;
  return ask(url, sql);
}

async function pageCost(url, server, each) {
  const args = ['-U', url, '-r', ROOMS, '-m', each, '-d', '-n', 2000, '-P', server];
  return output([PROGRAMS.pageBench, ...args.map(String)]);
}

// Fills up to so many, and looks.
async function step(state, rows) {
  const began = Date.now();
  await fill(state.url, { rooms: ROOMS, each: rows / ROOMS - state.each, bytes: BYTES, unlogged: state.each === 0 });
  state.each = rows / ROOMS;
  const filled = Math.round((Date.now() - began) / 1000);
  const found = { rows, plans: await plans(state.url, state.texts) };
  const about = [`${rows} messages in ${ROOMS} rooms (filled in ${filled} s): ${await sizes(state.url)}`,
    `  ${await pageCost(state.url, state.server, state.each)}`];
  console.log(about.join('\n'));
  state.lines.push(...about);
  return found;
}

// A join of two inputs may take either first; what is read, and by which index and condition, is what matters.
const accesses = (plan) => plan.split('\n').map((line) => line.trim()).sort().join('\n');

function verdictOf(plan, others, key) {
  const found = others.map((one) => one.plans.get(key));
  if (found.every((one) => one === plan)) {
    return 'the same at all sizes';
  }
  return found.every((one) => accesses(one) === accesses(plan)) ? 'the same accesses at all sizes, a join the other way round' : 'DIFFERENT';
}

function compare(state, steps) {
  const [first, ...others] = steps;
  let changed = 0;
  for (const [key, plan] of first.plans) {
    const verdict = verdictOf(plan, others, key);
    const different = others.filter((one) => one.plans.get(key) !== plan);
    changed += verdict === 'DIFFERENT' ? 1 : 0;
    console.log(`${key.padEnd(24)}${verdict}`);
    state.lines.push('', `== ${key}: ${verdict}`, plan, ...different.flatMap((one) => [`-- at ${one.rows}:`, one.plans.get(key)]));
  }
  return changed;
}

async function main() {
  if (postgresMissing() !== '') {
    throw new Error(postgresMissing());
  }
  const texts = await readTexts();
  const state = { texts, url: await newChatDatabase(), server: await serverPid(), each: 0, lines: [] };
  const steps = [];
  for (const rows of options.rows.split(',').map(Number)) {
    steps.push(await step(state, rows));
  }
  const changed = compare(state, steps);
  await dropDatabase(state.url);
  const file = path.join(OUT, 'plans.txt');
  fs.writeFileSync(file, `${state.lines.join('\n')}\n`);
  console.log(`${changed} of ${steps[0].plans.size} plans changed; ${path.relative(process.cwd(), file)} has them`);
  return changed === 0 ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error) => {
    console.error(`bench: ${error.message}`);
    process.exit(2);
  },
);
