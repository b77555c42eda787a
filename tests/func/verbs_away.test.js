'use strict';
// Every command against a daemon that is away, stopped, of another version or out of its mind, and with an output that
// nobody reads or that is full. What destroys, and what --dry-run does, with a daemon that counts its requests.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test, after } = require('node:test');
const { startChatd, run, CHATCTL } = require('./lib/chatd');
const { Fake, withFake, answering, frame, item, end } = require('./lib/fake_control');
const { COMMANDS, isCheck, words, eachOf, nowhere } = require('./lib/commands');

const place = nowhere();
const INPUT = '{"senderId":"x","content":"y","sentAt":"2020-01-01T00:00:00Z"}\n';
// What a command needs beyond what the table requires.
let files = 0;
const newFile = () => path.join(place.dir, `file-${++files}`);
const BACKUP = path.join(place.dir, 'backup'); // generousSocket() makes it
function newDatabase() {
  const file = newFile();
  fs.copyFileSync(BACKUP, file);
  return file;
}
const VALUES = {
  'history purge': () => ({ before: '2' }),
  'conn kick': () => ({ user: 'x' }),
  'room set': () => ({ name: 'x' }),
  'db backup': () => ({ target: newFile() }),
  'db restore': () => ({ source: BACKUP, url: `sqlite:${newFile()}` }),
  'db new-epoch': () => ({ url: `sqlite:${newDatabase()}` }),
};
const line = (command) => words(command, (VALUES[command.name] || (() => ({})))());
const LOCAL = new Set(['config check', 'config defaults', ...COMMANDS.map(({ name }) => name).filter((name) => name.startsWith('db '))]);
// What there is to tell is nothing where no migration is missing.
const MIGRATES = ['db migrate', 'db plan'];
const ASKERS = COMMANDS.filter(({ name }) => !LOCAL.has(name));

const chatctl = (socket, args) =>
  run(CHATCTL, ['--socket', socket, ...args], { cwd: place.dir, env: place.env, input: INPUT, timeout: 30000 });

// The command with -o json, where it has that: {code, error, stderr, ms}.
async function ask(socket, command, more = []) {
  const form = command.name === 'chat' ? [] : ['-o', 'json'];
  const begun = Date.now();
  const { code, stdout, stderr, signal } = await chatctl(socket, ['-y', ...form, ...line(command), ...more]);
  let answer = {};
  try {
    answer = stdout === '' ? {} : JSON.parse(stdout);
  } catch {
    answer = { noJson: stdout };
  }
  return { code, signal, stderr, stdout, answer, error: answer.error, ms: Date.now() - begun };
}

// Asks with all commands; each must fail with that exit code, error code and text. check: its own exit codes.
async function allFail(socket, { code, errorCode, text, check }, more, commands = ASKERS) {
  const wrong = await eachOf(commands, async (command) => {
    const got = await ask(socket, command, more);
    const told = `${command.name}: exit ${got.code || got.signal} after ${got.ms} ms\n${got.stdout}\n${got.stderr}`;
    if (isCheck(command)) {
      const good = check.includes(got.code) && got.answer.status && got.stderr === '';
      return good ? null : told;
    }
    const inJson = command.name === 'chat' || (got.answer.version === 1 && got.error && got.error.code === errorCode &&
      got.stderr.startsWith(`chatctl: ${got.error.message}\n`));
    return got.code === code && inJson && text.test(got.stderr) && got.ms < 15000 ? null : told;
  });
  assert.deepStrictEqual(wrong.filter(Boolean), []);
}

// ---- away, stopped ----

test('nobody listens: exit 3', () =>
  allFail(place.socket, { code: 3, errorCode: 'unreachable', text: /nothing listens at .*none\.sock[^]*hint: start it/, check: [2] }));

test('the daemon is stopped (SIGSTOP): exit 7 within --timeout, and it serves again when it goes on', async () => {
  const chatd = await startChatd();
  try {
    chatd.child.kill('SIGSTOP');
    const wanted = { code: 7, errorCode: 'timeout', text: /did not answer within 0\.3 s/, check: [2] };
    // What was asked is done when it goes on; then it shall still be there.
    await allFail(chatd.socket, wanted, ['--timeout', '300ms'], ASKERS.filter(({ name }) => name !== 'node stop' && name !== 'node drain'));
    const { error } = await ask(chatd.socket, COMMANDS.find(({ name }) => name === 'room create'), ['--timeout', '100ms']);
    assert.match(error.hint, /may still do what it was asked/);
  } finally {
    chatd.child.kill('SIGCONT');
  }
  assert.strictEqual((await chatd.chatctl(['ping', '--wait=10'])).code, 0);
  await chatd.stop();
});

// ---- another program behind the socket ----

const ANSWERS = [
  ['items of another version', frame({ v: 99, id: 1, item: {} }), { code: 1, errorCode: 'mismatch', text: /version 99 of the control frames/, check: [3] }],
  ['an end of another version', frame({ v: 99, id: 1, end: true, exit: 0 }), { code: 1, errorCode: 'mismatch', text: /version 99/, check: [3] }],
  ['garbage', Buffer.from('\u001b]0;evil\u0007 garbage \u009b2J'), { code: 1, errorCode: 'too_large', text: /no control frames/, check: [2] }],
  ['no JSON', frame('\u001b[2J'), { code: 1, errorCode: 'bad_request', text: /not understood/, check: [3] }],
  ['no item', frame({ v: 1, id: 1, item: [] }), { code: 1, errorCode: 'bad_request', text: /not understood: an item is no object/, check: [3] }],
  ['half a frame', item({ id: 'x' }).subarray(0, 9), { code: 1, errorCode: 'closed', text: /closed the connection amid the answer/, check: [2] }],
  ['nothing', Buffer.alloc(0), { code: 1, errorCode: 'closed', text: /closed the connection amid the answer/, check: [2] }],
  ['an error with control characters', end(1, { code: 'x\u001b[2J', message: 'bad\u001b[2J\u009b', hint: 'h\u0007' }),
    { code: 1, errorCode: 'x\\x1B[2J', text: /^chatctl: .*bad\\x1B\[2J\\x9B/, check: [2] }],
];

for (const [what, bytes, wanted] of ANSWERS) {
  test(`a daemon that answers ${what}: a clear error`, () => withFake(answering(bytes), (fake) => allFail(fake.socket, wanted)));
}

test('a daemon that never ends its answer: exit 7', () =>
  withFake((request, connection) => connection.write(item({ id: 'x' }).subarray(0, 9)), (fake) =>
    allFail(fake.socket, { code: 7, errorCode: 'timeout', text: /did not answer within 0\.2 s/, check: [2] }, ['--timeout', '200ms'])));

// ---- outputs ----

// A daemon that answers with all columns of the command.
function generous(request, connection) {
  const command = COMMANDS.find(({ name }) => name === request.command);
  const value = Object.fromEntries(command.columns.map(({ name }) => [name, name === 'ready' ? true : 7]));
  connection.write(Buffer.concat([...(command.columns.length > 0 ? [item(value)] : []), end()]));
}

const fakes = [];
after(() => fakes.forEach((fake) => fake.close()));

async function generousSocket() {
  if (fakes.length === 0) {
    fakes.push(await new Fake(generous).listen());
    const env = { ...place.env };
    for (const args of [['migrate'], ['backup', BACKUP]]) {
      assert.strictEqual((await run(CHATCTL, ['db', ...args], { cwd: place.dir, env })).code, 0);
    }
  }
  return fakes[0].socket;
}

// All commands, with their stdout as the shell makes it.
async function intoOutput(redirect, shell, judge) {
  const socket = await generousSocket();
  const cases = COMMANDS.filter(({ name }) => name !== 'chat').flatMap((command) =>
    (MIGRATES.includes(command.name) ? [[]] : [[], ['-o', 'json'], ['-o', 'csv']]).map((form) => ({ command, form })));
  cases.push({ command: { name: '--help', columns: [1] }, form: [] }, { command: { name: '--version', columns: [1] }, form: [] });
  const wrong = await eachOf(cases, async ({ command, form }) => {
    const args = command.name.startsWith('--') ? [command.name] : line(command);
    const [program, ...switches] = shell;
    const result = await run(program, [...switches, '-c', `${redirect[0]} "$0" --socket "$@" ${redirect[1]}`, CHATCTL, socket, '-y', ...form, ...args],
      { cwd: place.dir, env: place.env, input: INPUT });
    return judge(command, result, form) ? null : `${command.name} ${form.join(' ')}: ${result.code} ${result.stderr}`;
  });
  assert.deepStrictEqual(wrong.filter(Boolean), []);
}

// Prints nothing, whatever is asked.
const isSilent = (command, form) => command.columns.length === 0 && form.length === 0;
const writeFails = (text) => (command, { code, stderr }, form) => {
  if (code === 0 && stderr === '' && (isSilent(command, form) || command.columns.length === 0 || MIGRATES.includes(command.name))) {
    return true;
  }
  return code === (isCheck(command) ? 3 : 1) && text.test(stderr);
};

test('a full disk: exit 1 (check: 3), and a text', () =>
  intoOutput(['exec', '> /dev/full'], ['/bin/sh'], writeFails(/^chatctl: cannot write the output: No space left on device\n$/)));

test('a stdout that is closed is an error, and no socket gets its number', () =>
  intoOutput(['exec', '>&-'], ['/bin/sh'], writeFails(/^chatctl: cannot write the output: Bad file descriptor\n$/)));

test('a reader that has gone is no error to talk about', () =>
  intoOutput(['exec 9> >(exit 0); wait $!; exec', '>&9'], ['/bin/bash', '--norc'], (command, { code, stderr }) =>
    stderr === '' && (isCheck(command) || code === 0)));

// ---- what changes something ----

const CHANGERS = COMMANDS.filter(({ readOnly, name }) => !readOnly && name !== 'chat');
const isHarmless = ({ command, args }) => args.plan === true || COMMANDS.find(({ name }) => name === command).readOnly;

test('what destroys is not done without -y where nobody can be asked', async () => {
  const destroyers = COMMANDS.filter(({ destroys }) => destroys);
  assert.ok(destroyers.length >= 3);
  await generousSocket(); // for the database
  await withFake(generous, async (fake) => {
    for (const command of destroyers) {
      for (const more of [[], ['--no-input'], ['-q'], ['--wait=1']]) {
        const { code, stdout, stderr } = await chatctl(fake.socket, [...line(command), ...more]);
        assert.deepStrictEqual([code, stdout], [2, ''], command.name);
        assert.ok(stderr.startsWith(`chatctl: ${command.name} `) && stderr.includes(command.destroys) && /hint: -y/.test(stderr), stderr);
      }
      assert.deepStrictEqual(fake.requests, [], command.name);
      await chatctl(fake.socket, [...line(command), '--yes']);
      const asked = fake.requests.map((request) => request.command).filter((name) => name !== 'status');
      assert.deepStrictEqual(asked, LOCAL.has(command.name) ? [] : [command.name]);
      fake.requests.length = 0;
    }
  });
});

test('--dry-run does nothing, and prints what would be done', () =>
  withFake(generous, async (fake) => {
    await generousSocket(); // for the database
    for (const command of CHANGERS) {
      for (const form of [[], ['-o', 'json'], ['-o', 'jsonl'], ['-o', 'csv'], ['-q']]) {
        const { code, stdout, stderr } = await chatctl(fake.socket, ['--dry-run', ...form, ...line(command)]);
        assert.deepStrictEqual([code, stderr], [0, ''], `${command.name} ${form.join(' ')}`);
        assert.ok(stdout !== '' || MIGRATES.includes(command.name) || form[0] === '-q', `${command.name} ${form.join(' ')}`);
        if (form[1] === 'json' && !['db backup', 'db restore'].includes(command.name)) {
          assert.ok(JSON.parse(stdout), command.name);
        }
      }
      assert.deepStrictEqual(fake.requests.filter((request) => !isHarmless(request)), [], command.name);
    }
    const chat = await chatctl(fake.socket, ['--dry-run', 'chat', 'x']);
    assert.strictEqual(chat.code, 2);
  }));

