'use strict';
// chatctl against a daemon that is not there, is stopped, speaks nonsense, or says what the test wants it to say.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test, after } = require('node:test');
const { spawn } = require('node:child_process');
const { run, environment, scratchDir, CHATCTL } = require('./lib/chatd');
const { Fake, withFake, answering, frame, item, end } = require('./lib/fake_control');
const { onTerminal } = require('./lib/terminal');
const { sleep } = require('./lib/util');

const dir = scratchDir();
after(() => fs.rmSync(dir, { recursive: true }));

const room = (n) => ({
  id: `00000000-0000-4000-8000-00000000000${n}`, alias: `a${n}`, name: `Room ${n}`, type: 'Group', visibility: 'Public',
  encrypted: false, members: n, lastSeq: 10 * n, createdAt: '2026-01-02T03:04:05.678Z', archivedAt: null, tags: ['x'],
});

test('the request has version, id, command and args', () =>
  withFake(answering(item(room(1)), end()), async (fake) => {
    const result = await fake.chatctl(['-q', 'room', 'create', '--private', 'Some room', '--member=a', '--member', 'b',
      '--owner', 'o']);
    assert.deepStrictEqual([result.code, result.stdout, result.stderr], [0, `${room(1).id}\n`, '']);
    assert.deepStrictEqual(fake.requests, [{
      v: 1, id: 1, command: 'room create', args: { name: 'Some room', private: true, owner: 'o', member: ['a', 'b'] },
    }]);
    await fake.chatctl(['token', 'mint', '--user', 'u', '--ttl', '90m', '--claim', 'k=v=w', '--claim', 'e=', '--role', 'r']);
    assert.deepStrictEqual(fake.requests[1].args, { user: 'u', ttl: 5400000, role: ['r'], claim: { k: 'v=w', e: '' } });
    await fake.chatctl(['history', 'show', '--', '--limit', '--before', '3']);
    assert.strictEqual(fake.requests.length, 2, 'behind -- there are only arguments, of which this has one');
    await fake.chatctl(['history', 'show', '--before', '3', '--', '--limit']);
    assert.deepStrictEqual(fake.requests[2].args, { room: '--limit', before: 3 });
  }));

test('a list in every form', () =>
  withFake(answering(item(room(1)), item({ ...room(2), name: 'a,"b"\nc\u001b' }), end()), async (fake) => {
    const out = async (...args) => {
      const result = await fake.chatctl([...args, 'room', 'list']);
      assert.strictEqual(result.code, 0, result.stderr);
      return result.stdout;
    };
    const json = JSON.parse(await out('-o', 'json'));
    assert.strictEqual(json.version, 1);
    assert.deepStrictEqual(json.items[0], room(1));
    assert.strictEqual(json.items[1].name, 'a,"b"\nc\u001b');
    const lines = (await out('-o', 'jsonl')).trimEnd().split('\n').map((line) => JSON.parse(line));
    assert.deepStrictEqual(lines.map(({ members }) => members), [1, 2]);
    assert.strictEqual(await out('-o', 'csv', '--columns', 'ALIAS,name,archivedAt'),
      'alias,name,archivedAt\na1,Room 1,\na2,"a,""b""\nc\\x1B",\n');
    assert.strictEqual(await out('--columns', 'members,alias,archivedAt'),
      'members alias archivedAt\n      1 a1    -\n      2 a2    -\n');
    assert.strictEqual(await out('-q'), `${room(1).id}\n${room(2).id}\n`);
    assert.deepStrictEqual(JSON.parse(await out('-o', 'json', '--columns', 'alias')).items, [{ alias: 'a1' }, { alias: 'a2' }]);
    assert.match(await out(), /^id +alias +name .*\n.* Room 1 .*\n.*a,"b"\\x0Ac\\x1B/);
  }));

test('an empty list is empty in every form', () =>
  withFake(answering(end()), async (fake) => {
    const forms = { json: '{"version":1,"items":[]}\n', jsonl: '', csv: 'alias\n', table: '' };
    for (const [form, wanted] of Object.entries(forms)) {
      const result = await fake.chatctl(['-o', form, '--columns', 'alias', 'room', 'list']);
      assert.deepStrictEqual([result.code, result.stdout, result.stderr], [0, wanted, ''], form);
    }
    const seen = await onTerminal(CHATCTL, ['--socket', fake.socket, 'room', 'list']);
    assert.deepStrictEqual([seen.code, seen.stdout], [0, 'chatctl: there is nothing to show\r\n']);
    assert.strictEqual((await onTerminal(CHATCTL, ['--socket', fake.socket, '-q', 'room', 'list'])).stdout, '');
  }));

test('a single item as lines of name and value', () =>
  withFake(answering(item(room(3)), end()), async (fake) => {
    const { stdout } = await fake.chatctl(['room', 'show', 'x']);
    assert.match(stdout, /^id +00000000-.*\nalias +a3\n/);
    assert.ok(!stdout.includes('archivedAt'), 'what is rarely set is left out while it is not');
    assert.deepStrictEqual(JSON.parse((await fake.chatctl(['-ojson', 'room', 'show', 'x'])).stdout), room(3));
  }));

test('an error of the daemon: its exit code, code, message and hint, without control characters', async () => {
  const error = { code: 'not_found', message: 'no room "\u001b[31mx"', hint: 'look' };
  await withFake(answering(end(4, error)), async (fake) => {
    const plain = await fake.chatctl(['room', 'show', 'x']);
    assert.deepStrictEqual([plain.code, plain.stdout, plain.stderr],
      [4, '', 'chatctl: no room "\\x1B[31mx"\n  hint: look\n']);
    const json = await fake.chatctl(['-o', 'json', 'room', 'show', 'x']);
    assert.deepStrictEqual([json.code, JSON.parse(json.stdout)],
      [4, { version: 1, error: { ...error, message: 'no room "\\x1B[31mx"' } }]);
  });
});

test('an error amid a list: the JSON is whole and has both', () =>
  withFake(answering(item(room(1)), end(8, { code: 'partial', message: 'm' })), async (fake) => {
    const result = await fake.chatctl(['-o', 'json', 'room', 'list']);
    assert.strictEqual(result.code, 8);
    assert.deepStrictEqual(JSON.parse(result.stdout),
      { version: 1, items: [room(1)], error: { code: 'partial', message: 'm', hint: null } });
  }));

test('answers that come byte by byte, and big ones', async () => {
  const long = 'x'.repeat(900000);
  const bytes = Buffer.concat([item({ token: 'tick' }), end()]);
  const slowly = async (request, connection) => {
    for (const byte of bytes) {
      connection.write(Buffer.from([byte]));
      await sleep(1);
    }
  };
  await withFake(slowly, async (fake) => {
    assert.strictEqual((await fake.chatctl(['token', 'mint', '--user', 'a'])).stdout, 'tick\n');
  });
  await withFake(answering(item({ token: long }), end()), async (fake) => {
    assert.strictEqual((await fake.chatctl(['token', 'mint', '--user', 'a'])).stdout, `${long}\n`);
  });
});

test('answers that are none', async () => {
  const cases = [
    ['HTTP/1.1 400 Bad Request\r\n\r\n', 1, /no control frames/],
    [Buffer.from([0, 0, 0, 0]), 1, /no control frames/],
    [frame('{"v":1'), 1, /not understood/],
    [frame({ v: 1, id: 1 }), 1, /neither an item nor the end/],
    [frame({ v: 2, id: 1, item: {} }), 1, /version 2 of the control frames[^]*hint: use the chatctl/],
    [frame({ v: 1, id: 9, item: {} }), 1, /a request that was not made/],
    [frame({ v: 1, id: 1, item: 7 }), 1, /no object/],
    [end(1), 1, /did not say why/],
    [item(room(1)), 1, /closed the connection amid the answer/],
    [item(room(1)).subarray(0, 20), 1, /closed the connection amid the answer/],
    ['', 1, /closed the connection amid the answer/],
  ];
  for (const [bytes, code, message] of cases) {
    await withFake((request, connection) => connection.end(bytes), async (fake) => {
      const result = await fake.chatctl(['room', 'show', 'x']);
      assert.strictEqual(result.code, code, result.stderr);
      assert.match(result.stderr, message);
    });
  }
});

test('a daemon that does not answer: exit 7 after --timeout; each answer begins it anew', async () => {
  await withFake(() => {}, async (fake) => {
    const begun = Date.now();
    const result = await fake.chatctl(['--timeout', '300ms', 'status']);
    assert.strictEqual(result.code, 7, result.stderr);
    assert.match(result.stderr, /did not answer within 0\.3 s/);
    assert.ok(Date.now() - begun >= 290);
  });
  const slow = async (request, connection) => {
    for (let n = 1; n <= 5; n++) {
      await sleep(400);
      connection.write(item(room(n)));
    }
    connection.end(end());
  };
  await withFake(slow, async (fake) => {
    const result = await fake.chatctl(['--timeout', '1500ms', '-q', 'room', 'list']);
    assert.strictEqual(result.code, 0, result.stderr);
    assert.strictEqual(result.stdout.split('\n').length, 6);
  });
});

test('ping: not ready is exit 1; --wait asks again until it is', async () => {
  let asked = 0;
  const answer = (request, connection) => connection.end(Buffer.concat([item({ pong: true, ready: ++asked > 3 }), end()]));
  await withFake(answer, async (fake) => {
    const result = await fake.chatctl(['ping']);
    assert.strictEqual(result.code, 1);
    assert.match(result.stderr, /not ready/);
    const waited = await fake.chatctl(['-o', 'json', 'ping', '--wait=10']);
    assert.deepStrictEqual([waited.code, JSON.parse(waited.stdout)], [0, { pong: true, ready: true }]);
    assert.strictEqual(asked, 4);
    asked = -1000;
    assert.strictEqual((await fake.chatctl(['ping', '--wait=300ms'])).code, 7);
  });
});

test('--wait on other commands waits for the daemon, and does not repeat what failed', async () => {
  const socket = path.join(dir, 'late.sock');
  const waiting = run(CHATCTL, ['--socket', socket, '--wait=10', 'room', 'show', 'x']);
  await sleep(200);
  const fake = await new Fake(answering(end(1, { code: 'unavailable', message: 'm' })), socket).listen();
  assert.strictEqual((await waiting).code, 1);
  assert.strictEqual(fake.requests.length, 1);
  fake.close();
});

test('where the socket is: option, environment, settings file, ./var', async () => {
  const cwd = fs.mkdtempSync(path.join(dir, 'cwd-'));
  fs.mkdirSync(path.join(cwd, 'var'));
  const named = (name) => new Fake(answering(item({ token: name }), end()), path.join(cwd, name)).listen();
  const fakes = await Promise.all(['option.sock', 'variable.sock', 'file.sock', 'var/control.sock'].map(named));
  const config = path.join(cwd, 'chatd.conf');
  fs.writeFileSync(config, `[control]\nsocket = ${cwd}/file.sock\n`);
  const mint = async (args, env) => {
    const result = await run(CHATCTL, [...args, 'token', 'mint', '--user', 'a'], { cwd, env });
    return result.code === 0 ? result.stdout.trim() : result.stderr;
  };
  const variable = { CHATD_CONTROL_SOCKET: `${cwd}/variable.sock` };
  assert.strictEqual(await mint(['--socket', `${cwd}/option.sock`], variable), 'option.sock');
  assert.strictEqual(await mint(['--config', config], variable), 'variable.sock');
  assert.strictEqual(await mint(['--config', config]), 'file.sock');
  assert.strictEqual(await mint([], { CHATD_CONFIG: config }), 'file.sock');
  if (!fs.existsSync('/run/chatd/control.sock') && !fs.existsSync('/etc/chatd/chatd.conf')) {
    assert.strictEqual(await mint([]), 'var/control.sock');
    fakes[3].close();
    const missing = await mint([]);
    assert.match(missing, /\/run\/chatd\/control\.sock .*\.\/var\/control\.sock/);
    assert.match(missing, /hint: start it/);
  }
  fs.writeFileSync(config, '[control]\nsokket = x\n');
  assert.match(await mint(['--config', config]), /chatd\.conf:2: control\.sokket: .*did you mean control\.socket/);
  fakes.forEach((fake) => fake.close());
});

test('token verify reads the token from a file or stdin; it is never an argument', () =>
  withFake(answering(item({ valid: true }), end()), async (fake) => {
    const file = path.join(dir, 'token');
    fs.writeFileSync(file, '  from.a.file\n');
    for (const [args, input] of [[[file]], [['-'], 'from.std.in\r\n'], [[], 'from.std.in']]) {
      assert.strictEqual((await fake.chatctl(['token', 'verify', ...args], { input })).code, 0);
    }
    assert.deepStrictEqual(fake.requests.map(({ args }) => args.token), ['from.a.file', 'from.std.in', 'from.std.in']);
    assert.strictEqual((await fake.chatctl(['token', 'verify', '/nonexistent'])).code, 1);
    assert.strictEqual((await fake.chatctl(['token', 'verify'], { input: '\n' })).code, 2, 'an empty one');
    assert.strictEqual(fake.requests.length, 3);
  }));

test('--dry-run asks nobody', () =>
  withFake(answering(end()), async (fake) => {
    const plain = await fake.chatctl(['--dry-run', 'room', 'create', 'x', '--member', 'a']);
    assert.deepStrictEqual([plain.code, plain.stdout],
      [0, 'The daemon would be asked: room create\n  name: x\n  member: a\n']);
    const json = await fake.chatctl(['--dry-run', '-o', 'json', 'node', 'stop']);
    assert.deepStrictEqual(JSON.parse(json.stdout), { dryRun: true, command: 'node stop', args: {} });
    assert.strictEqual(fake.requests.length, 0);
    await fake.chatctl(['--dry-run', 'room', 'list']);
    assert.strictEqual(fake.requests.length, 1, 'what changes nothing is done all the same');
  }));

test('usage errors name what was meant; with -o json anywhere they are JSON', async () => {
  const cases = [
    [['rom', 'list'], /did you mean room\?/],
    [['room', 'crate'], /did you mean chatctl room create\?/],
    [['room', 'create', 'x', '--privat'], /did you mean --private\?/],
    [['history', 'show', 'x', '--limit', '1001'], /--limit must be a whole number from 1 to 1000/],
    [['history', 'show', 'x', '--after', '-1'], /--after must be a whole number of at least 0/],
    [['token', 'mint', '--user', 'a', '--ttl', '366d'], /--ttl must be a time .*1s to 365d/],
    [['token', 'mint', '--user', 'a', '--claim', 'novalue'], /--claim must be NAME=VALUE/],
    [['token', 'mint', '--user', 'a', '--user', 'b'], /--user must be given once only/],
    [['room', 'create', 'x', '--alias'], /a value is missing behind --alias/],
    [['room', 'create', 'x', '--private=yes'], /no value is taken by --private/],
    [['room', 'create', 'a\u0007'], /without control characters/],
    [['room', 'list', '--columns', 'alia'], /did you mean alias\?/],
    [['room', 'list', '--timeout', '0'], /--timeout: "0" is not good/],
    [['room', 'list', '-x'], /no option -x/],
  ];
  for (const [args, message] of cases) {
    const plain = await run(CHATCTL, args);
    assert.deepStrictEqual([plain.code, plain.stdout], [2, ''], args.join(' '));
    assert.match(plain.stderr, message);
    const { code, stdout } = await run(CHATCTL, [...args.filter((arg) => arg !== '--alias'), '-o', 'json',
      ...args.filter((arg) => arg === '--alias')]);
    assert.strictEqual(code, 2);
    assert.strictEqual(JSON.parse(stdout).error.code, 'usage', args.join(' '));
  }
  assert.match((await run(CHATCTL, ['room', 'list', '-o', 'yaml'])).stderr, /table\|json\|jsonl\|csv/);
});

test('help comes on every level, and in two ways', async () => {
  const help = async (...args) => {
    const { code, stdout, stderr } = await run(CHATCTL, args);
    assert.deepStrictEqual([code, stderr], [0, '']);
    assert.ok(stdout.split('\n').every((line) => line.length <= 80), stdout);
    return stdout;
  };
  assert.match(await help('--help'), /room create +Make a room\n[^]*--timeout S[^]*Exit codes/);
  assert.match(await help('room', '--help'), /chatctl room VERB[^]*room show/);
  assert.match(await help('room', 'create', '--help'), /chatctl room create NAME \[--alias=ALIAS\][^]*--member USER/);
  for (const words of [['room', 'create'], ['history'], ['ping'], []]) {
    assert.strictEqual(await help('help', ...words), await help(...words, '-h'));
  }
});

test('a full disk is an error, a reader that has gone is none', async () => {
  await withFake(answering(...Array.from({ length: 3000 }, () => item(room(1))), end()), async (fake) => {
    const gone = await new Promise((resolve) => {
      const child = spawn(CHATCTL, ['--socket', fake.socket, '-o', 'jsonl', 'room', 'list'], { env: environment({}) });
      let stderr = '';
      child.stdout.once('data', () => child.stdout.destroy());
      child.stderr.on('data', (chunk) => { stderr += chunk; });
      child.on('close', (code) => resolve({ code, stderr }));
    });
    assert.deepStrictEqual(gone, { code: 0, stderr: '' });
    for (const form of ['jsonl', 'json', 'csv', 'table']) {
      const full = await run('/bin/sh', ['-c', `exec "$0" --socket "$1" -o ${form} room list > /dev/full`, CHATCTL, fake.socket]);
      assert.strictEqual(full.code, 1, `${form}: ${full.stderr}`);
      assert.match(full.stderr, /cannot write the output: No space left/, form);
    }
  });
});

test('a socket that is not for this user: exit 6', async (t) => {
  const root = process.getuid() === 0;
  const other = root ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
  if (root && (await run(other[0], [...other.slice(1), 'test', '-x', CHATCTL])).code !== 0) {
    t.skip('root may open every socket, and nobody else may start chatctl here');
    return;
  }
  await withFake(answering(end()), async (fake) => {
    fs.chmodSync(fake.socket, 0);
    const [command, ...args] = [...other, CHATCTL, '--socket', fake.socket, 'status'];
    const result = await run(command, args);
    assert.strictEqual(result.code, 6, result.stderr);
    assert.match(result.stderr, /is not open to this user/);
  });
});
