'use strict';
// The exchanges recorded from the real ASP.NET Core server, played against chatd: each case is a test. What waits and
// what is expected otherwise stands in lib/observed-list.js.

const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { startChatd, ROOT } = require('./lib/chatd');
const { playCase } = require('./lib/observed');
const { GROUPS, WAITING, BETTER, SERVERS } = require('./lib/observed-list');

const AT_ONCE = 12;
const only = process.env.OBSERVED ? new RegExp(process.env.OBSERVED) : /./;
const { cases } = JSON.parse(fs.readFileSync(path.join(ROOT, 'tests/vectors/server-observed.json'), 'utf8'));
const names = Object.keys(cases).filter((name) => GROUPS.includes(name.split('/')[0]) && only.test(name));

for (const [server, settings] of Object.entries(SERVERS)) {
  const mine = names.filter((name) => (cases[name].server || 'default') === server);
  test(`observed, server ${server}`, { concurrency: AT_ONCE, skip: mine.length === 0 }, async (t) => {
    const chatd = await startChatd({ settings });
    const differ = [];
    let agree = 0;
    const play = async (name) => {
      try {
        await playCase(name, cases[name], chatd.port, { number: names.indexOf(name), better: BETTER[name] });
        agree++;
      } catch (error) {
        differ.push(name);
        error.message = `${cases[name].about}: ${error.message}`;
        throw error;
      }
    };
    const waiting = mine.filter((name) => WAITING[name] !== undefined);
    await Promise.all(
      mine.map((name) => t.test(`observed ${name}`, { skip: WAITING[name] }, () => play(name))),
    );
    t.diagnostic(
      `observed, server ${server}: ${agree} agree, ${waiting.length} wait, ${differ.length} differ` +
        `${differ.length ? `: ${differ.join(' ')}` : ''}`,
    );
    await chatd.stop();
  });
}
