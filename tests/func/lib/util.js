'use strict';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Rejects with what() where the promise takes longer.
function within(ms, promise, what = () => 'too late') {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${typeof what === 'function' ? what() : what} (${ms} ms)`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// Asks again until the answer is truthy, and gives that.
async function eventually(ask, { timeout = 10000, every = 20, what = 'it never came true' } = {}) {
  const until = Date.now() + timeout;
  for (;;) {
    const answer = await ask();
    if (answer) {
      return answer;
    }
    if (Date.now() > until) {
      throw new Error(`${typeof what === 'function' ? what() : what} (${timeout} ms)`);
    }
    await sleep(every);
  }
}

module.exports = { sleep, within, eventually };
