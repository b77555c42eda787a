'use strict';
// How figures are taken: the same load on each of several servers in turn, and the median.

const { load } = require('./servers');

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// The same load on each of the servers in turn, A B A B A B; the median of one figure for each, by the server's name.
async function inTurn(servers, rounds, measure) {
  const all = Object.fromEntries(Object.keys(servers).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, server] of Object.entries(servers)) {
      all[name].push(await measure(server, round));
    }
  }
  const medians = Object.fromEntries(Object.entries(all).map(([name, figures]) => [name, median(figures)]));
  return { ...medians, all };
}

// chatd without a floor: the goal is for the figure. A name is another one in each round.
async function alone(servers, rounds, mode, settings, figure) {
  const result = await inTurn(servers, rounds, async (server, round) => {
    const named = settings.name ? { ...settings, name: `${settings.name}-${round}` } : settings;
    return (await load(server, mode, named))[figure];
  });
  return { ...result, figure: result.chatd };
}

module.exports = { alone, inTurn, median };
