'use strict';
// Every command of the table with missing, surplus and wrong arguments: exit 2 (check: 3), a message that names what is
// wrong, a hint, and the same as JSON. Nobody is asked meanwhile.

const assert = require('node:assert');
const { test } = require('node:test');
const { run, CHATCTL } = require('./lib/chatd');
const { COMMANDS, GROUPS, GLOBALS, visible, positionals, options, isCheck, good, given, words, mistype, eachOf, nowhere } =
  require('./lib/commands');

const place = nowhere();
const chatctl = (args, more = {}) => run(CHATCTL, ['--socket', place.socket, ...args], { cwd: place.dir, env: place.env, ...more });
const usageCode = (command) => (isCheck(command) ? 3 : 2);

// What is wrong with the answer to a wrong command line, or undefined. parts: what message or hint must hold.
async function judge(command, args, parts, more) {
  const { code, stdout, stderr } = await chatctl(['-o', 'json', ...args], more);
  const told = `chatctl ${args.join(' ').slice(0, 200)}: exit ${code}\n${stdout.slice(0, 500)}\n${stderr.slice(0, 500)}`;
  let answer;
  try {
    answer = JSON.parse(stdout);
  } catch {
    return `${told}no JSON`;
  }
  const { version, error = {} } = answer;
  const text = `${error.message}\n${error.hint}`;
  const wrong =
    (code !== usageCode(command) && 'the exit code') ||
    (version !== 1 && 'the version') ||
    (Object.keys(answer).join() !== 'version,error' && 'the members') ||
    (Object.keys(error).join() !== 'code,message,hint' && 'the members of the error') ||
    (error.code !== 'usage' && 'the error code') ||
    (!error.hint && 'no hint') ||
    (stderr !== `chatctl: ${error.message}\n  hint: ${error.hint}\n` && 'stderr') ||
    (/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/.test(stderr) && 'control characters') ||
    parts.filter((part) => !text.includes(part)).map((part) => `nothing of ${part}`)[0];
  return wrong ? `${told}wrong: ${wrong}` : undefined;
}

async function judgeAll(command, cases) {
  const found = await eachOf(cases, ([args, parts, more]) => judge(command, args, parts, more));
  assert.deepStrictEqual(found.filter(Boolean), []);
}

// ---- what is missing, too much, or misspelt ----

function* missing(command) {
  for (const arg of visible(command)) {
    if (arg.required && arg.kind !== 'input') {
      // Those behind it on the line would take its place.
      const gone = visible(command).filter((other) => other === arg || (arg.positional && other.positional &&
        positionals(command).indexOf(other) > positionals(command).indexOf(arg)));
      yield [words(command, Object.fromEntries(gone.map(({ name }) => [name, undefined]))),
        [arg.positional ? arg.placeholder : `--${arg.name}`, 'missing']];
    }
    if (!arg.positional && arg.kind !== 'flag') {
      yield [[...words(command), `--${arg.name}`], [`--${arg.name}`, 'a value is missing']];
    }
  }
}

function* surplus(command) {
  const full = words(command, Object.fromEntries(positionals(command).map((arg) => [arg.name, good(arg)])));
  yield [[...full, 'surplus'], ['one argument too many', 'surplus', command.name]];
  for (const arg of options(command)) {
    if (arg.kind === 'flag') {
      yield [[...words(command), `--${arg.name}=yes`], [`--${arg.name}`, 'no value']];
    } else if (!arg.repeatable) {
      yield [[...words(command, { [arg.name]: good(arg) }), ...given(arg, good(arg))], [`--${arg.name}`, 'given once only']];
    }
    if (arg.excludes) {
      const other = visible(command).find(({ name }) => name === arg.excludes);
      yield [words(command, { [arg.name]: good(arg), [other.name]: good(other) }), [arg.name, other.name, 'cannot be given together']];
    }
  }
}

function* misspelt(command) {
  const all = COMMANDS.indexOf(command) % 10 === 0 ? Object.keys(GLOBALS) : ['quiet']; // a few with all of them
  const names = [...options(command).map(({ name }) => name), ...all];
  for (const name of names) {
    const wrong = mistype(name);
    yield [[...words(command), `--${wrong}`], [`there is no option --${wrong}`, `did you mean --${name}?`]];
  }
  yield [[...words(command), '-Z'], ['there is no option -Z']];
}

for (const command of COMMANDS) {
  test(`${command.name}: what is missing, surplus, or misspelt`, async () => {
    await judgeAll(command, [...missing(command), ...surplus(command), ...misspelt(command)]);
  });
}

test('a verb or a group that is misspelt: the nearest one', async () => {
  const cases = COMMANDS.map((command) => {
    const wrong = mistype(command.verb);
    const meant = command.group ? `did you mean chatctl ${command.name}?` : `did you mean ${command.verb}?`;
    return [command, [...(command.group ? [command.group] : []), wrong], ['there is no command', wrong, meant]];
  });
  for (const group of GROUPS) {
    cases.push([{ group: null }, [mistype(group), 'list'], ['there is no command', `did you mean ${group}?`]]);
    cases.push([{ group }, [group], [`${group} needs a verb`, `chatctl ${group} --help`]]);
    cases.push([{ group }, [group, 'qqqqqqqq'], ['there is no command']]);
  }
  cases.push([{ group: null }, [], ['no command was given']]);
  const found = await eachOf(cases, ([command, args, parts]) => judge(command, args, parts));
  assert.deepStrictEqual(found.filter(Boolean), []);
});

// ---- values ----

const UNITS = [['d', 86400000n], ['h', 3600000n], ['m', 60000n], ['s', 1000n], ['ms', 1n]];
// As ranges show it: the largest unit that has no rest.
function duration(ms) {
  const [unit, size] = UNITS.find(([, one]) => ms % one === 0n);
  return ms === 0n ? '0' : `${ms / size}${unit}`;
}

function* wrongNumbers(arg) {
  const min = BigInt(arg.min), max = BigInt(arg.max), unit = arg.kind === 'duration' ? 'ms' : '';
  yield* ['', ' ', 'x', '1x', '1.5', '0x10', '1e3', '--', '9'.repeat(40), `${max + 1n}${unit}`, `${min - 1n}${unit}`];
  if (unit) {
    yield* ['1', '-1s', '1w', '1 s', 's', '99999999999999999999d'];
  }
}

function rangeOf(arg) {
  if (arg.kind === 'duration') {
    return [`(${duration(BigInt(arg.min))} to ${duration(BigInt(arg.max))})`];
  }
  return [arg.max === '9223372036854775807' ? `at least ${arg.min}` : `from ${arg.min} to ${arg.max}`];
}

const shown = (arg) => (arg.positional && arg.kind !== 'text' ? arg.placeholder : arg.name);

function* wrongTexts(arg) {
  const max = Number(arg.max) || 4096;
  yield* ['a\u001b[31mb', 'a\nb', 'a\tb', 'a\u007fb', 'a\u009bb', 'x'.repeat(max + 1), 'ä'.repeat(max / 2 + 1)];
  if (Number(arg.min) > 0) {
    yield '';
  }
}

function* wrongValues(command) {
  for (const arg of visible(command)) {
    const put = (value) => words(command, { [arg.name]: value });
    if (arg.kind === 'number' || arg.kind === 'duration') {
      for (const value of wrongNumbers(arg)) {
        yield [put(value), [`--${arg.name}`, ...rangeOf(arg)]];
      }
    } else if (arg.kind === 'text' && arg.choices) {
      for (const value of ['nonsense', `${arg.choices[0]}x`, '', ' ']) {
        yield [put(value), [shown(arg), ...arg.choices]];
      }
    } else if (arg.kind === 'text') {
      for (const value of wrongTexts(arg)) {
        yield [put(value), [shown(arg), `${arg.min} to ${arg.max === '0' ? 4096 : arg.max} bytes`]];
      }
    } else if (arg.kind === 'pair') {
      for (const value of ['', 'k', '=v']) {
        yield [put(value), [`--${arg.name}`, 'NAME=VALUE']];
      }
      yield [[...put('k=v'), ...given(arg, 'k=w')], [`--${arg.name}`, 'once for each name']];
      yield [put('k=a\u001bb'), [arg.name]];
    }
  }
}

for (const command of COMMANDS.filter((one) => visible(one).some(({ kind }) => kind !== 'flag' && kind !== 'input'))) {
  test(`${command.name}: values that are wrong`, async () => {
    await judgeAll(command, [...wrongValues(command)]);
  });
}

test('bytes that are no UTF-8', async () => {
  const cases = COMMANDS.flatMap((command) => visible(command).filter(({ kind }) => kind === 'text' || kind === 'pair')
    .map((arg) => ({ command, arg })));
  const found = await eachOf(cases, async ({ command, arg }) => {
    const marked = words(command, { [arg.name]: arg.kind === 'pair' ? 'k=aMARKb' : 'aMARKb' });
    const quoted = marked.map((word) => `"$(printf '%b' '${word.replace('MARK', '\\0377')}')"`).join(' ');
    const { code, stdout, stderr } = await run('/bin/sh', ['-c', `exec "$0" -o json ${quoted}`, CHATCTL], { cwd: place.dir, env: place.env });
    const { error } = JSON.parse(stdout);
    const right = code === usageCode(command) && error.code === 'usage' && error.message.includes(arg.name) && error.hint;
    return right ? undefined : `${command.name} ${arg.name}: ${code} ${stdout} ${stderr}`;
  });
  assert.deepStrictEqual(found.filter(Boolean), []);
});

test('what is repeated too often', async () => {
  for (const command of COMMANDS) {
    for (const arg of visible(command).filter(({ repeatable }) => repeatable)) {
      const many = Array.from({ length: 1001 }, (_, i) => given(arg, arg.kind === 'pair' ? `k${i}=v` : `x${i}`)).flat();
      assert.strictEqual(await judge(command, [...words(command), ...many], [arg.name, '1000']), undefined);
    }
  }
});

// ---- options of all commands ----

test('options of all commands, with each of them', async () => {
  const bad = [
    [['--output=yaml'], ['--output', 'yaml', 'table|json|jsonl|csv']],
    [['-o', ''], ['--output', 'table|json|jsonl|csv']],
    [['-oJSON'], ['--output', 'table|json|jsonl|csv']],
    [['--columns', 'nonsense'], ['--columns', 'there is no column "nonsense"']],
    [['--columns', ''], ['--columns']],
    [['--columns', ','], ['--columns']],
    ...['', '0', '-1', 'x', '1w', '99999999999'].map((value) => [['--timeout', value], ['--timeout', 'seconds']]),
    ...['', '-1', 'x', '99999999999'].map((value) => [[`--wait=${value}`], ['--wait', 'seconds']]),
    [['--socket', ''], ['--socket']],
    [['--config', ''], ['--config']],
    [['--dry-run=1'], ['--dry-run', 'no value']],
    [['--timeout'], ['--timeout', 'a value is missing']],
  ];
  const cases = COMMANDS.flatMap((command) => bad.map(([args, parts]) => [command, [...words(command), ...args], parts]));
  // All with a few commands, a few with all.
  const wanted = cases.filter((_, i) => i % 7 === 0 || cases[i][0].name === 'room create' || cases[i][0].name === 'check live');
  const found = await eachOf(wanted, ([command, args, parts]) => judge(command, args, parts));
  assert.deepStrictEqual(found.filter(Boolean), []);
});

test('a misspelt column: the nearest one, and all that there are', async () => {
  const cases = COMMANDS.filter(({ columns }) => columns.length > 0).map((command) => {
    const [{ name }] = command.columns;
    return [command, [...words(command), '--columns', mistype(name)], [`did you mean ${name}?`, ...command.columns.map((one) => one.name)]];
  });
  const found = await eachOf(cases, ([command, args, parts]) => judge(command, args, parts));
  assert.deepStrictEqual(found.filter(Boolean), []);
});

// ---- help ----

test('--help of each command explains all its arguments and columns', async () => {
  await eachOf(COMMANDS, async (command) => {
    const { code, stdout, stderr } = await chatctl([...command.name.split(' '), '--help']);
    assert.deepStrictEqual([code, stderr], [0, ''], command.name);
    const names = [`chatctl ${command.name}`, ...visible(command).map((arg) => (arg.positional ? arg.placeholder : `--${arg.name}`)),
      ...visible(command).flatMap(({ choices }) => choices || []), ...Object.keys(GLOBALS).map((name) => `--${name}`),
      ...command.columns.map(({ name }) => `\n  ${name}`)];
    assert.deepStrictEqual(names.filter((name) => !stdout.includes(name)), [], command.name);
    assert.ok(stdout.split('\n').every((line) => line.length <= 80), stdout);
    assert.ok(!command.quiet || stdout.includes(`With -q it prints the column ${command.quiet} alone`));
    const other = await chatctl(['help', ...command.name.split(' ')]);
    assert.strictEqual(other.stdout, stdout);
  });
});
