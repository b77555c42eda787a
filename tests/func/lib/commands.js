'use strict';
// The table of control commands as data (probe/commands prints it), and command lines made from it.

const fs = require('node:fs');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { CHATD, scratchDir } = require('./chatd');

const PROBE = path.resolve(process.env.COMMANDS_BIN || path.join(path.dirname(CHATD), 'probe/commands'));
const COMMANDS = JSON.parse(execFileSync(PROBE));
const GROUPS = [...new Set(COMMANDS.map(({ group }) => group))].filter(Boolean);
// Options of all commands, and what a good value of them is.
const GLOBALS = {
  socket: 'x', config: 'x', output: 'json', columns: 'id', timeout: '1', wait: null, 'dry-run': null, yes: null,
  'no-input': null, quiet: null, help: null, version: null,
};

const visible = (command) => command.args.filter(({ kind }) => kind !== 'internal');
const positionals = (command) => visible(command).filter(({ positional }) => positional);
const options = (command) => visible(command).filter(({ positional }) => !positional);
const isCheck = (command) => command.group === 'check';

// A value that the argument takes.
function good(arg) {
  switch (arg.kind) {
    case 'number':
      return arg.min;
    case 'duration':
      return `${arg.min}ms`;
    case 'pair':
      return 'k=v';
    case 'input':
      return '-';
    default:
      return arg.choices ? arg.choices[0] : 'x';
  }
}

const given = (arg, value) => (arg.positional ? [value] : arg.kind === 'flag' ? [`--${arg.name}`] : [`--${arg.name}=${value}`]);

// The words of a command with what it requires. values: of arguments by name; undefined there leaves one out.
function words(command, values = {}) {
  const wanted = visible(command).filter((arg) => (arg.name in values ? values[arg.name] !== undefined : arg.required));
  const last = wanted.filter(({ positional }) => positional).at(-1);
  // What stands before a positional argument must be there too.
  const all = visible(command).filter((arg) => wanted.includes(arg) ||
    (arg.positional && last && positionals(command).indexOf(arg) < positionals(command).indexOf(last) && !(arg.name in values)));
  const flat = all.flatMap((arg) => given(arg, values[arg.name] ?? good(arg)));
  return [...command.name.split(' '), ...flat];
}

// The same word with one letter wrong.
const mistype = (word) => word.slice(0, -1) + (word.endsWith('q') ? 'x' : 'q');

// Runs the tasks, a few at a time, and gives what each answers.
async function eachOf(list, task, width = 4) {
  const results = [];
  let next = 0;
  const work = async () => {
    while (next < list.length) {
      const at = next++;
      results[at] = await task(list[at]);
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return results;
}

// Where nothing listens and no database is, so that a command that is not refused does no harm.
function nowhere() {
  const dir = scratchDir();
  const env = { CHATD_DATABASE_URL: `sqlite:${path.join(dir, 'none.db')}`, CHATD_CONFIG: path.join(dir, 'chatd.conf') };
  fs.writeFileSync(env.CHATD_CONFIG, '');
  return { dir, env, socket: path.join(dir, 'none.sock') };
}

module.exports = { COMMANDS, GROUPS, GLOBALS, visible, positionals, options, isCheck, good, given, words, mistype, eachOf, nowhere };
