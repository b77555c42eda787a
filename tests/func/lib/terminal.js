'use strict';
// A program that believes to be on a terminal: script(1) of util-linux gives it one.

const { run } = require('./chatd');

const quote = (word) => `'${String(word).replace(/'/g, "'\\''")}'`;

// Runs program with both its output and its errors on one terminal, where `input` is typed: {code, stdout}.
function onTerminal(program, args, { input = '', ...options } = {}) {
  const line = [program, ...args].map(quote).join(' ');
  return run('script', ['-qec', line, '/dev/null'], { input, ...options });
}

module.exports = { onTerminal };
