'use strict';
// The exchanges recorded from the real ASP.NET Core server, played against chatd: each case is a test. What is not
// played and what is expected otherwise stands in lib/observed-list.js.

const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { startChatd, CHATD, ROOT } = require('./lib/chatd');
const { playCase } = require('./lib/observed');
const { BETTER, SERVERS, waitingFor, serverOf } = require('./lib/observed-list');

const AT_ONCE = 12;
const CHATD_OWN = path.join(path.dirname(CHATD), 'chatd-own');
const only = process.env.OBSERVED ? new RegExp(process.env.OBSERVED) : /./;
const { cases } = JSON.parse(fs.readFileSync(path.join(ROOT, 'tests/vectors/server-observed.json'), 'utf8'));
const all = Object.keys(cases);
const names = all.filter((name) => only.test(name));

// Seconds that a case needs at least, so that long ones are begun first.
function secondsOf({ steps }) {
  const waits = JSON.stringify(steps).matchAll(/"(?:afterS":|nothing for |do":"wait )([\d.]+)(?: (ms))?/g);
  return Math.max(0, ...[...waits].map(([, count, ms]) => Number(count) / (ms ? 1000 : 1)));
}

const longestFirst = (one, other) => secondsOf(cases[other]) - secondsOf(cases[one]);

// As recorded, as the recording says that chatd should do it, or otherwise, with a reason of ours.
function kindOf(name) {
  if (BETTER[name] === undefined) {
    return 'agree';
  }
  return cases[name].chatd_should ? 'should' : 'otherwise';
}

// Plays the cases of one server. {agree, should, otherwise, differ, waiting}: names.
async function playServer(t, server, mine) {
  const { settings, own } = SERVERS[server];
  const counts = { agree: [], should: [], otherwise: [], differ: [], waiting: mine.filter(waitingFor) };
  const chatd = await startChatd({ settings, program: own ? CHATD_OWN : CHATD });
  const play = async (name) => {
    try {
      await playCase(name, cases[name], chatd.port, { number: all.indexOf(name), better: BETTER[name] });
      counts[kindOf(name)].push(name);
    } catch (error) {
      counts.differ.push(name);
      error.message = `${cases[name].about}: ${error.message}`;
      throw error;
    }
  };
  await Promise.all(
    mine.sort(longestFirst).map((name) => t.test(`observed ${name}`, { skip: waitingFor(name) }, () => play(name))),
  );
  await chatd.stop();
  return counts;
}

// Names by what is said of them.
function byReason(list, reasonOf) {
  const reasons = {};
  list.forEach((name) => (reasons[reasonOf(name)] = reasons[reasonOf(name)] || []).push(name));
  return Object.entries(reasons);
}

function tell(t, results) {
  const sum = (what) => results.flatMap((counts) => counts[what]).sort();
  const [agree, should, otherwise, differ, waiting] = ['agree', 'should', 'otherwise', 'differ', 'waiting'].map(sum);
  const say = (what, list, reasonOf) =>
    byReason(list, reasonOf).forEach(([why, some]) => t.diagnostic(`observed, ${what} (${why}): ${some.join(' ')}`));
  say('as it should be', should, (name) => BETTER[name].why);
  say('otherwise', otherwise, (name) => BETTER[name].why);
  say('not played', waiting, waitingFor);
  t.diagnostic(
    `observed: of ${names.length} recorded cases ${agree.length} agree as recorded, ${should.length} with what the ` +
      `recording says chatd should do, ${otherwise.length} are otherwise, ${waiting.length} are not played, ` +
      `${differ.length} differ${differ.length ? `: ${differ.join(' ')}` : ''}`,
  );
}

test('observed', { concurrency: Object.keys(SERVERS).length }, async (t) => {
  const results = [];
  const playAll = Object.keys(SERVERS).map((server) => {
    const mine = names.filter((name) => serverOf(name, cases[name]) === server);
    return t.test(`observed, server ${server}`, { concurrency: AT_ONCE, skip: mine.length === 0 }, async (st) => {
      results.push(await playServer(st, server, mine));
    });
  });
  await Promise.all(playAll);
  tell(t, results);
});
