'use strict';
// Every command that succeeds, against a running daemon and in each form: JSON with the table's columns and no others,
// CSV with their names, -q with the one column that is the answer, a table without control characters.

const assert = require('node:assert');
const path = require('node:path');
const { test } = require('node:test');
const { ON_POSTGRES } = require('./lib/database');
const { house, fresh } = require('./lib/people');
const { startChatd, run, CHATCTL, NO_RATES } = require('./lib/chatd');
const { RawHub } = require('./lib/hub');
const { withFake, answering, item, end } = require('./lib/fake_control');
const { COMMANDS, isCheck, words, eachOf } = require('./lib/commands');

const here = house({ settings: NO_RATES });
const ctl = (...args) => here.chatd.ctl(...args);
// A URL with a password is no argument.
const named = () => (ON_POSTGRES ? [] : ['--url', url()]);
const url = () => here.chatd.env.CHATD_DATABASE_URL || `sqlite:${path.join(here.chatd.dir, 'chatd.db')}`;
// What turns the direction of text round does no harm in JSON.
const DOERS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\u2066]/;
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;
const MESSAGE = '{"senderId":"x","content":"y","sentAt":"2020-01-01T00:00:00Z"}\n';
const world = {};

async function prepare() {
  if (world.room) {
    return;
  }
  Object.assign(world, { room: fresh('verbs'), owner: fresh('owner') });
  await ctl('room', 'create', 'All kinds', '--alias', world.room, '--owner', world.owner, '--member', 'someone');
  const sentAt = '2020-01-01T00:00:00Z';
  const rows = [
    { senderId: world.owner, sentAt, encryptedContent: 'YWJj', nonce: 'bm9uY2U=', authTag: 'dGFn' },
    { senderId: world.owner, sentAt, type: 'Image', content: 'a caption', attachment: { url: 'https://example.org/x.png' } },
  ];
  const input = rows.map((row) => JSON.stringify(row)).join('\n');
  const imported = await here.chatd.chatctl(['-q', 'history', 'import', world.room], { input });
  assert.deepStrictEqual([imported.stdout, imported.stderr], ['2\n', '']);
  await ctl('user', 'ban', fresh('banned'), '--reason', 'spam');
}

// A hub connection lives for one test only.
async function talk() {
  await prepare();
  const hub = await here.raw(world.owner);
  await hub.invoke('JoinRoom', world.room);
  const { id } = await hub.invoke('SendMessage', world.room, 'first', fresh('id'));
  const doomed = await hub.invoke('SendMessage', world.room, 'second');
  await hub.invoke('EditMessage', world.room, id, 'edited');
  await hub.invoke('DeleteMessage', world.room, doomed.id);
  const [row] = JSON.parse(await ctl('-o', 'json', 'conn', 'list', '--user', world.owner)).items;
  return { hub, connection: row.id };
}

// A database that nobody has open.
async function aBackup() {
  const [from, to] = [fresh('from'), fresh('copy')].map((name) => path.join(here.chatd.dir, name));
  await ctl('db', 'migrate', '--url', `sqlite:${from}`);
  await ctl('db', 'backup', to, '--url', `sqlite:${from}`);
  return to;
}

const newRoom = () => ctl('-q', 'room', 'create', fresh('room'), '--owner', 'somebody', '--member', 'someone');
async function newMember() {
  const name = fresh('member');
  await ctl('room', 'add', world.room, name);
  return name;
}
const added = async () => [world.room, await newMember()];

// What follows the command's words; input goes to stdin.
const SAMPLES = {
  chat: () => ({ args: [world.room], input: 'hello\n', forms: ['jsonl'] }),
  'room create': () => ({ args: [fresh('new')] }),
  'room set': () => ({ args: [world.room, '--name', fresh('name')] }),
  'room archive': async () => ({ args: [await newRoom()] }),
  'room delete': async () => ({ args: [await newRoom(), '-y'] }),
  'room add': () => ({ args: [world.room, fresh('guest')] }),
  'room remove': async () => ({ args: await added() }),
  'room role': async () => ({ args: [...await added(), 'Admin'] }),
  'user erase': async () => ({ args: ['-y', await newMember()] }),
  'conn show': ({ connection }) => ({ args: [connection] }),
  'conn kick': () => ({ args: ['--user', fresh('nobody')] }),
  'history replay': () => ({ args: [world.room, '--from', '1', '--to', '2'] }),
  'history import': () => ({ args: [world.room], input: MESSAGE }),
  'history purge': () => ({ args: ['-y', world.room, '--before', '1'] }),
  'node stop': () => ({ alone: true, args: [], forms: ['json'] }),
  'node drain': () => ({ alone: true, args: ['--spread', '0s'] }),
  'node undrain': () => ({ alone: true, args: [] }),
  'token verify': async () => ({ args: [], input: await ctl('token', 'mint', '--user', 'x') }),
  'db migrate': () => ({ args: ['--url', `sqlite:${path.join(here.chatd.dir, fresh('new'))}.db`] }),
  'db restore': async () => ({ args: ['-y', await aBackup(), '--url', `sqlite:${path.join(here.chatd.dir, fresh('new'))}.db`] }),
  'db new-epoch': async () => ({ args: ['-y', '--url', `sqlite:${await aBackup()}`] }),
  'db backup': () => ({ args: [path.join(here.chatd.dir, fresh('copy')), ...named()] }),
  'db status': () => ({ args: named() }),
  'db verify': () => ({ args: named() }),
};
for (const name of ['room show', 'room members', 'history show', 'history export']) {
  SAMPLES[name] = () => ({ args: [world.room] });
}
for (const name of ['user show', 'user export', 'user ban', 'user unban', 'user revoke-tokens']) {
  SAMPLES[name] = () => ({ args: [/ban|revoke/.test(name) ? fresh('user') : world.owner] });
}
SAMPLES['token mint'] = () => ({ args: ['--user', 'x'] });
SAMPLES['notify send'] = () => ({ args: ['hello'] });

// Columns that may be missing in an item, or in all of them.
const ABSENT = {
  chat: ['encryptedContent', 'nonce', 'authTag', 'attachment', 'editedAt', 'deletedAt'], // it hears one plain message
  'check live': ['walBytes', 'freeBytes'],
  'check ready': ['walBytes', 'freeBytes'],
  // What only a file has, and what only a server has.
  'check database': ON_POSTGRES ? ['walBytes', 'freeBytes'] : [],
  'db status': ON_POSTGRES ? ['walBytes', 'freeBytes', 'heldBy'] : ['server', 'role', 'connections', 'migrating'],
};

async function done(command, form, connected) {
  const { args, input = '', alone, forms } = await (SAMPLES[command.name] || (() => ({ args: [] })))(connected);
  if (forms && !forms.includes(form)) {
    return null;
  }
  const chatd = alone ? await startChatd() : here.chatd;
  const options = { plain: [], quiet: ['-q'] }[form] || ['-o', form];
  const result = await chatd.chatctl([...options, ...command.name.split(' '), ...args], { input, env: { CHATD_DATABASE_URL: url() } });
  if (alone) {
    await (command.name === 'node stop' ? chatd.end() : null);
    await chatd.stop();
  }
  const told = `chatctl ${options.join(' ')} ${command.name} ${args.join(' ')}: ${result.code}\n${result.stdout.slice(0, 2000)}${result.stderr}`;
  assert.deepStrictEqual([result.code, result.stderr], [0, ''], told);
  assert.doesNotMatch(result.stdout, CONTROLS);
  return result.stdout;
}

const lines = (text) => text.split('\n').slice(0, -1);

function itemsOf(command, form, stdout) {
  if (form === 'jsonl') {
    return lines(stdout).map((text) => JSON.parse(text));
  }
  const answer = JSON.parse(stdout);
  if (!command.list) {
    return command.columns.length === 0 ? [] : [answer];
  }
  assert.deepStrictEqual(Object.keys(answer), ['version', 'items']);
  assert.strictEqual(answer.version, 1);
  return answer.items;
}

// What is wrong with the items, or null.
function judgeItems(command, items) {
  const names = command.columns.map(({ name }) => name);
  const seen = new Set(items.flatMap((one) => Object.keys(one)));
  const absent = items.length === 0 ? names : ABSENT[command.name] || [];
  const unknown = [...seen].filter((name) => !names.includes(name));
  const missing = names.filter((name) => !seen.has(name) && !absent.includes(name));
  return unknown.length + missing.length === 0 ? null : `unknown: ${unknown}; no item has: ${missing}`;
}

test('each command is tried', () => {
  assert.deepStrictEqual(Object.keys(SAMPLES).filter((name) => !COMMANDS.some((command) => command.name === name)), []);
  for (const command of COMMANDS.filter(({ name }) => !SAMPLES[name])) {
    assert.deepStrictEqual(words(command), command.name.split(' '), `${command.name} needs a sample`);
  }
});

test('JSON: the columns of the table, and nothing else', async () => {
  const connected = await talk();
  const wrong = await eachOf(COMMANDS, async (command) => {
    for (const form of ['json', 'jsonl']) {
      const stdout = await done(command, form, connected);
      const problem = stdout === null ? null : judgeItems(command, itemsOf(command, form, stdout));
      if (problem) {
        return `${command.name} ${form}: ${problem}`;
      }
    }
    return null;
  });
  assert.deepStrictEqual(wrong.filter(Boolean), []);
});

test('CSV: the names of the columns first, as many fields in each line', async () => {
  const connected = await talk();
  await eachOf(COMMANDS, async (command) => {
    const stdout = await done(command, 'csv', connected);
    if (stdout === null) {
      return;
    }
    const [head, ...rows] = lines(stdout);
    assert.strictEqual(head, command.columns.length > 0 ? command.columns.map(({ name }) => name).join(',') : undefined, command.name);
    for (const row of rows) {
      const fields = row.match(/("([^"]|"")*"|[^,"]*)(,|$)/g).filter((_, i, all) => i < all.length - 1 || all[i] !== '');
      assert.ok(fields.length === command.columns.length || row.endsWith(','), `${command.name}: ${row}`);
    }
    assert.ok(command.list || rows.length <= 1, command.name);
  });
});

test('-q: the one column that is the answer', async () => {
  const connected = await talk();
  await eachOf(COMMANDS, async (command) => {
    const stdout = await done(command, 'quiet', connected);
    if (stdout === null) {
      return;
    }
    const values = lines(stdout);
    if (!command.quiet) {
      if (command.name === 'config defaults') {
        return; // a text for a file, not items
      }
      assert.strictEqual(stdout, '', command.name);
      return;
    }
    assert.ok(command.list || values.length === 1, `${command.name}: ${stdout}`);
    const shape = { id: /^[\w-]{22,36}$/, userId: /^[0-9a-f-]{36}$/, key: /^\w+\.\w+$/, ready: /^true$/, level: /^\w+$/, token: /^[\w.-]+$/, epoch: /^[0-9a-f]{16}$/ };
    values.forEach((value) => assert.match(value, shape[command.quiet] || /^\d+$/, command.name));
    if (command.readOnly && command.place === 'daemon') {
      const items = itemsOf(command, 'json', await done(command, 'json', connected));
      assert.deepStrictEqual(values, items.map((one) => String(one[command.quiet])), command.name);
    }
  }, 1); // lists must be the same the second time
});

test('for people: something, where there is something to say', async () => {
  const connected = await talk();
  await eachOf(COMMANDS, async (command) => {
    const stdout = await done(command, 'plain', connected);
    const mayBeEmpty = command.columns.length === 0 || ['config reload', 'config diff', 'db plan'].includes(command.name);
    assert.ok(stdout === null || mayBeEmpty || stdout !== '', command.name);
  });
});

// ---- names that do something to terminals ----

const EVIL = 'a\u001b[31m\u009b2J\u007f\u0085\u202e\u2066\u0007\r\u0008z';

test('control characters in what the daemon tells reach the output in no form; JSON keeps what they were', async () => {
  const commands = COMMANDS.filter(({ name, columns }) => columns.length > 0 && !/^(db|check|config|ping|chat|history import)/.test(name));
  for (const command of commands) {
    const value = Object.fromEntries(command.columns.map(({ name }) => [name, EVIL]));
    await withFake(answering(item({ ...value, [`evil${EVIL}`]: { [EVIL]: [EVIL] } }), end()), async (fake) => {
      for (const form of ['table', 'csv', 'json', 'jsonl', '-q']) {
        const args = ['-y', ...(form === '-q' ? ['-q'] : ['-o', form]), ...words(command)];
        const { code, stdout, stderr } = await run(CHATCTL, ['--socket', fake.socket, ...args], { input: 'x' });
        assert.deepStrictEqual([code, stderr], [0, ''], `${command.name} ${form}`);
        const isJson = form.startsWith('json');
        assert.doesNotMatch(stdout, isJson ? CONTROLS : DOERS, `${command.name} ${form}`);
        if (isJson) {
          const answer = JSON.parse(stdout);
          const one = answer.items ? answer.items[0] : answer;
          assert.strictEqual(one[command.columns[0].name], EVIL);
          assert.deepStrictEqual(one[`evil${EVIL}`], { [EVIL]: [EVIL] });
        }
      }
    });
  }
});

test('history replay --stdout passes no control characters on', () =>
  withFake((request, connection) => connection.end(Buffer.concat([item({ seq: 1, roomId: 'r', content: EVIL }), end()])), async (fake) => {
    const { code, stdout } = await run(CHATCTL, ['--socket', fake.socket, 'history', 'replay', 'r', '--from', '1', '--stdout']);
    assert.strictEqual(code, 0);
    assert.doesNotMatch(stdout, CONTROLS);
    assert.strictEqual(JSON.parse(stdout).content, EVIL);
  }));

test('what the user typed is not printed raw either', async () => {
  for (const args of [[EVIL], ['room', EVIL], [`--${EVIL}`], ['room', 'list', '--columns', EVIL], ['-o', EVIL], ['room', 'show', EVIL],
    ['--socket', `/tmp/${EVIL}`, 'status'], ['db', 'status', '--url', `sqlite:/tmp/${EVIL}`], ['db', 'backup', `/nowhere/${EVIL.replace(/[^ -~]/g, '')}`],
    ['--config', `/tmp/${EVIL}`, 'config', 'check'], ['token', 'verify', `/tmp/${EVIL}`], ['--dry-run', '--socket', EVIL, 'room', 'create', 'x']]) {
    const { stdout, stderr } = await run(CHATCTL, args);
    assert.doesNotMatch(stdout + stderr, DOERS, args.join(' '));
  }
});

test('a message that no frame of the control socket holds is not left out silently: exit 8', async () => {
  const settings = { CHATD_LIMITS_MAX_CONTENT: '4MiB', CHATD_HUB_MAX_MESSAGE_SIZE: '8MiB', CHATD_LIMITS_SEND_QUEUE: '16MiB' };
  const chatd = await startChatd({ settings });
  try {
    const hub = await RawHub.open(chatd.port, { user: 'alice' });
    await hub.invoke('JoinRoom', 'big');
    for (const content of ['before', 'x'.repeat(1200000), 'behind']) {
      await hub.invoke('SendMessage', 'big', content);
    }
    hub.destroy();
    for (const verb of ['export', 'show']) {
      const { code, stdout, stderr } = await chatd.chatctl(['-o', 'jsonl', 'history', verb, 'big']);
      assert.deepStrictEqual([code, lines(stdout).map((text) => JSON.parse(text).content)], [8, ['before', 'behind']]);
      assert.match(stderr, /^chatctl: left out, since larger than a frame of the control socket: 1\n/);
    }
  } finally {
    await chatd.stop();
  }
});

test('an import of nothing into nowhere is an error', async () => {
  assert.strictEqual((await here.chatd.chatctl(['history', 'import', fresh('nowhere')])).code, 4);
  assert.strictEqual((await run(CHATCTL, ['--socket', '/nonexistent/socket', 'history', 'import', 'x'])).code, 3);
  const { code, stdout } = await here.chatd.chatctl(['-o', 'json', 'history', 'import', await newRoom()]);
  assert.deepStrictEqual([code, JSON.parse(stdout)], [0, { imported: 0, repeated: 0, failed: 0 }]);
});
