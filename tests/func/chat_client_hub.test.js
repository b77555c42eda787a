'use strict';
// chatctl chat with a hub that misbehaves: what is sent again, what is believed, and when it gives up.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test, afterEach } = require('node:test');
const { scratchDir } = require('./lib/chatd');
const { Piped } = require('./lib/console');
const { FakeHub, FakeControl } = require('./lib/fake_hub');
const { eventually, sleep } = require('./lib/util');

const open = [];
afterEach(() => open.splice(0).forEach((close) => close()));

// A hub and a chatctl in its room.
async function enter(args = [], { hub } = {}) {
  const fake = hub || (await new FakeHub().start());
  open.push(() => fake.stop());
  const file = path.join(scratchDir(), 'token');
  fs.writeFileSync(file, 'a.b.c');
  const one = new Piped(['chat', 'general', '--url', fake.url, '--token-file', file, ...args]);
  open.push(() => one.kill());
  return { hub: fake, one, file };
}

const done = { code: 0, signal: null };
const unsentTwice = (hub) => {
  const [first, second] = hub.sent();
  assert.deepStrictEqual(second, first, 'the same text with the same id');
  assert.match(first[2], /^[0-9a-f-]{36}$/);
};

for (const code of ['rate_limited', 'uncertain', 'unavailable', 'busy']) {
  test(`chat: a message that is answered ${code} is sent again with its id`, async () => {
    const hub = await new FakeHub().start();
    let refusals = 2;
    hub.on.SendMessage = (call) => {
      if (refusals-- > 0) {
        call.connection.fail(call, code, 'too much, try again in 0.02 s');
        return true;
      }
      return false;
    };
    const { one } = await enter([], { hub });
    one.child.stdin.end('one\ntwo\n');
    assert.deepStrictEqual(await one.end(), done);
    unsentTwice(hub);
    assert.deepStrictEqual(hub.sent().map(([, text]) => text), ['one', 'one', 'one', 'two']);
    assert.strictEqual(/not sent yet/.test(one.stderr), code !== 'rate_limited', one.stderr);
  });
}

test('chat: a message whose answer was lost with the connection is sent again with its id', async () => {
  const hub = await new FakeHub().start();
  let losses = 2;
  hub.on.SendMessage = (call) => {
    if (losses-- > 0) {
      if (losses === 0) {
        const [, content, clientMessageId] = call.args; // it was stored
        hub.say(content, { clientMessageId });
      }
      call.connection.drop();
      return true;
    }
    return false;
  };
  const { one } = await enter(['-o', 'jsonl'], { hub });
  one.child.stdin.end('one\ntwo\n');
  assert.deepStrictEqual(await one.end(), done);
  unsentTwice(hub);
  assert.deepStrictEqual(hub.messages.map(({ content }) => content), ['one', 'two']);
  assert.deepStrictEqual(one.items().map(({ content }) => content), ['one', 'two']);
  assert.match(one.stderr, /back; 1 message caught up/);
});

test('chat: it comes back with its number and epoch; repeats are dropped, holes are told', async () => {
  const { hub, one } = await enter(['-o', 'jsonl']);
  await hub.called('JoinRoom');
  assert.deepStrictEqual(hub.calls[0].args, ['general']);
  await sleep(100);
  const [first, second] = [hub.say('1'), hub.say('2')];
  hub.tell(first, second, first, second, hub.message(1, 'another text', { replayed: true }));
  hub.tell(hub.message(9, 'of another room', { roomId: 'x' }), { roomId: hub.room }, null, hub.say('3'));
  await one.came(3);
  hub.say('4');
  hub.on.JoinRoom = (call) => {
    hub.tell(...hub.messages.slice(2)); // one more than was asked for
    call.connection.result(call, hub.joined());
    hub.say('5');
    hub.tell(hub.say('6'), hub.messages[4]); // out of order: 5 never came in its place
    return true;
  };
  hub.last.drop();
  await one.came(5);
  assert.deepStrictEqual(hub.calls.filter(({ target }) => target === 'JoinRoom')[1].args, [hub.room, 3, hub.epoch]);
  assert.deepStrictEqual(one.items().map(({ content }) => content), ['1', '2', '3', '4', '6']);
  assert.match(one.stderr, /back; 1 message caught up/);
  assert.match(one.stderr, /messages 5 to 5 never came/);
});

test('chat: gaps that the hub tells are told', async () => {
  const { hub, one } = await enter(['-o', 'jsonl']);
  await hub.called('JoinRoom');
  await sleep(100);
  hub.tell(hub.say('1'));
  await one.came(1);
  for (let i = 2; i <= 20; i++) {
    hub.say(String(i));
  }
  hub.on.JoinRoom = (call) => {
    hub.tell(...hub.messages.slice(14));
    call.connection.result(call, hub.joined({ recovered: false, gap: { from: 2, to: 14 } }));
    return true;
  };
  hub.last.drop();
  await one.came(7);
  assert.match(one.stderr, /back; 6 messages caught up\nchatctl: messages 2 to 14 are not sent again/);
  assert.doesNotMatch(one.stderr, /never came/);
});

test('chat: a changed past is told, and numbers start anew', async () => {
  const { hub, one } = await enter(['-o', 'jsonl']);
  await hub.called('JoinRoom');
  await sleep(100);
  hub.tell(hub.say('1'), hub.say('2'), hub.say('3'));
  await one.came(3);
  hub.messages = [hub.message(1, 'restored')];
  hub.epoch = 'fedcba9876543210';
  hub.on.JoinRoom = (call) => {
    call.connection.result(call, hub.joined({ recovered: false }));
    return true;
  };
  hub.last.drop();
  await one.said(/back; 0 messages caught up\nchatctl: the numbers .* do not go on/);
  hub.tell(hub.say('new 2'));
  assert.deepStrictEqual((await one.came(4)).map(({ content }) => content), ['1', '2', '3', 'new 2']);
  assert.doesNotMatch(one.stderr, /never came/);
  hub.last.drop();
  const again = await hub.called('JoinRoom', 3);
  assert.deepStrictEqual(again.args, [hub.room, 2, 'fedcba9876543210']);
});

test('chat: history and what comes meanwhile are put together', async () => {
  const hub = await new FakeHub().start();
  ['1', '2', '3'].forEach((text) => hub.say(text));
  hub.on.JoinRoom = (call) => {
    hub.tell(hub.messages[2]); // before the answer
    call.connection.result(call, hub.joined());
    hub.tell(hub.say('4'));
    return true;
  };
  hub.on.GetHistory = (call) => {
    hub.tell(hub.say('5'));
    setTimeout(() => hub.doGetHistory(call), 100);
    return true;
  };
  const { one } = await enter(['-o', 'jsonl', '--history', '2'], { hub });
  assert.deepStrictEqual((await one.came(4)).map(({ content }) => content), ['2', '3', '4', '5']);
  await sleep(100);
  assert.strictEqual(one.items().length, 4);
  assert.strictEqual(one.stderr, '');
});

test('chat: a connection lost before the history came is entered anew', async () => {
  const hub = await new FakeHub().start();
  ['1', '2', '3'].forEach((text) => hub.say(text));
  let losses = 1;
  hub.on.GetHistory = (call) => losses-- > 0 && (call.connection.drop(), true);
  const { one } = await enter(['-o', 'jsonl', '--history', '2', '--wait=5'], { hub });
  assert.deepStrictEqual((await one.came(2)).map(({ content }) => content), ['2', '3']);
  assert.deepStrictEqual(hub.calls.filter(({ target }) => target === 'JoinRoom').map(({ args }) => args), [
    ['general'],
    ['general'],
  ]);
});

test('chat: a goodbye for good ends it with its reason', async () => {
  const { hub, one } = await enter(['-o', 'jsonl']);
  await hub.called('JoinRoom');
  hub.last.close('You are banned: \x1b[2J.', false);
  assert.deepStrictEqual(await one.end(), { code: 1, signal: null });
  assert.match(one.stderr, /^chatctl: general: You are banned: \\x1B\[2J\.\n$/);
});

test('chat: a goodbye for now does not', async () => {
  const { hub, one } = await enter(['-o', 'jsonl']);
  await hub.called('JoinRoom');
  hub.last.close('Going down for a moment.', true);
  await one.said(/connection lost \(Going down for a moment\.\), trying again/);
  await one.said(/back; 0 messages caught up/);
  hub.tell(hub.say('still here'));
  await one.came(1);
});

for (const [status, code] of [
  [401, 6],
  [403, 6],
]) {
  test(`chat: ${status} when it comes back ends it`, async () => {
    const { hub, one } = await enter(['-o', 'jsonl']);
    await hub.called('JoinRoom');
    await sleep(100);
    hub.status = status;
    hub.last.drop();
    assert.deepStrictEqual(await one.end(), { code, signal: null });
    assert.match(one.stderr, new RegExp(`the server answered ${status}`));
  });
}

test('chat: 503 and 429 when it comes back do not', async () => {
  const { hub, one } = await enter(['-o', 'jsonl']);
  await hub.called('JoinRoom');
  await sleep(100);
  hub.status = 503;
  hub.last.drop();
  await one.said(/connection lost/);
  await eventually(() => hub.tokens.length >= 3);
  hub.status = 429;
  await eventually(() => hub.tokens.length >= 4);
  hub.status = 200;
  await one.said(/back; 0 messages/);
});

test('chat: a room that is gone when it comes back ends it', async () => {
  const { hub, one } = await enter(['-o', 'jsonl']);
  await hub.called('JoinRoom');
  await sleep(100);
  hub.on.JoinRoom = (call) => (call.connection.fail(call, 'not_found', 'no such room, or no access to it'), true);
  hub.last.drop();
  assert.deepStrictEqual(await one.end(), { code: 4, signal: null });
  assert.match(one.stderr, /no such room/);
});

test('chat: a rate limit on the way in is waited for', async () => {
  const hub = await new FakeHub().start();
  let refusals = 2;
  hub.on.JoinRoom = (call) => refusals-- > 0 && (call.connection.fail(call, 'rate_limited', 'too many'), true);
  hub.status = 429;
  setTimeout(() => (hub.status = 200), 300);
  const { one } = await enter([], { hub });
  one.child.stdin.end('in\n');
  assert.deepStrictEqual(await one.end(), done);
  assert.deepStrictEqual(hub.messages.map(({ content }) => content), ['in']);
  assert.strictEqual(one.stderr, '');
});

test('chat: answers that are none do no harm', async () => {
  for (const result of [null, [], 7, {}, { roomId: 7 }, { roomId: 'x'.repeat(500), lastSeq: 1 }]) {
    const hub = await new FakeHub().start();
    hub.on.JoinRoom = (call) => (call.connection.result(call, result), true);
    const { one } = await enter([], { hub });
    assert.strictEqual((await one.end()).code, 1, JSON.stringify(result));
  }
});

test('chat: the token file is read again at each connect', async () => {
  const { hub, one, file } = await enter(['-o', 'jsonl']);
  await hub.called('JoinRoom');
  await sleep(100);
  fs.writeFileSync(file, '\n new.to.ken \n');
  hub.last.drop();
  await one.said(/back; /);
  fs.writeFileSync(file, '');
  hub.last.drop();
  await eventually(() => hub.tokens.length === 3);
  assert.deepStrictEqual(hub.tokens, ['Bearer a.b.c', 'Bearer new.to.ken', 'Bearer new.to.ken']);
});

// ---- with a control socket ----

async function withControl(answers, args = []) {
  const hub = await new FakeHub().start();
  open.push(() => hub.stop());
  const listen = new URL(hub.url).host;
  let minted = 0;
  const control = await new FakeControl(path.join(scratchDir(), 'control.sock'), {
    status: () => [{ listen, ready: true }],
    'config show': () => [{ key: 'server.hub_path', value: '/chathub' }],
    'room show': () => [{ id: hub.room, alias: 'general', name: 'General' }],
    'token mint': () => [{ token: `t.o.${++minted}`, expiresAt: new Date(Date.now() + 3600000).toISOString() }],
    ...answers,
  }).start();
  open.push(() => control.stop());
  const one = new Piped(['--socket', control.path, 'chat', 'general', '--user', 'bob', ...args]);
  open.push(() => one.kill());
  return { hub, control, one };
}

test('chat: a token is minted anew for each connect, and before it expires', async () => {
  let life = 1600;
  const { hub, control, one } = await withControl(
    {
      'token mint': ({ user }) => {
        const token = `${user}.t.${life}`;
        const expiresAt = new Date(Date.now() + life).toISOString();
        life = 3600000;
        return [{ token, expiresAt }];
      },
    },
    ['-o', 'jsonl'],
  );
  const refresh = await hub.called('RefreshToken');
  assert.deepStrictEqual(refresh.args, ['bob.t.3600000']);
  assert.deepStrictEqual(hub.tokens, ['Bearer bob.t.1600']);
  hub.last.drop();
  await one.said(/back; /);
  assert.deepStrictEqual(hub.tokens, ['Bearer bob.t.1600', 'Bearer bob.t.3600000']);
  assert.strictEqual(hub.calls.filter(({ target }) => target === 'RefreshToken').length, 1);
  assert.ok(control.asked.filter(({ command }) => command === 'token mint').length === 3);
});

test('chat: names come from the daemon, once each; without one the id is shown', async () => {
  const slow = 'bbbbbbbb-0000-4000-8000-000000000000';
  const { hub, control, one } = await withControl(
    {
      'user show': async ({ user }) => {
        if (user === slow) {
          await sleep(1500);
          return [{ displayName: 'Late', identity: 'late' }];
        }
        return user.startsWith('c') ? null : [{ displayName: 'Ann \x1b[1m', identity: 'ann' }];
      },
    },
    ['-o', 'table', '--history', '9'],
  );
  await hub.called('JoinRoom');
  await sleep(100);
  hub.tell(hub.say('one'), hub.say('two'));
  hub.tell(hub.say('three', { senderId: 'cccccccc-0000-4000-8000-000000000000' }));
  hub.tell(hub.say('four', { senderId: slow }), hub.say('five'));
  await eventually(() => /five/.test(one.stdout));
  const lines = one.stdout.trim().split('\n').map((line) => line.replace(/^\d\d:\d\d /, ''));
  assert.deepStrictEqual(lines, [
    '-- 2024-01-02',
    'Ann \\x1B[1m: one',
    'Ann \\x1B[1m: two',
    'cccccccc: three',
    'bbbbbbbb: four',
    'Ann \\x1B[1m: five',
  ]);
  await sleep(1500);
  hub.tell(hub.say('six', { senderId: slow }));
  await eventually(() => /Late: six/.test(one.stdout));
  const asked = control.asked.filter(({ command }) => command === 'user show').map(({ args }) => args.user[0]);
  assert.deepStrictEqual(asked, ['a', 'c', 'b']);
});
