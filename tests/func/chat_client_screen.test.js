'use strict';
// chatctl chat on a terminal: what is typed stays whole while lines arrive above it.

const assert = require('node:assert');
const { test } = require('node:test');
const { startChatd, steadyPort } = require('./lib/chatd');
const { Screen } = require('./lib/console');
const { house, fresh } = require('./lib/people');
const { eventually, sleep } = require('./lib/util');

const here = house();
const skip = Screen.available() ? false : 'no tmux here';
const screenTest = (name, body) => test(name, { skip }, body);

function screen(args, options, chatd = here.chatd) {
  const opened = new Screen(['--socket', chatd.socket, 'chat', ...args], options);
  here.later(() => opened.close());
  return opened;
}

// A room, one terminal in it, and another user on a raw connection.
async function together(options) {
  const room = fresh('r');
  const other = await here.raw('otto');
  await other.invoke('JoinRoom', room);
  const one = screen([room, '--user', 'alice'], options);
  await one.shows(new RegExp(`this is ${room};[^]*^${room}>$`, 'm'));
  return { room, other, one };
}

screenTest('chat on a terminal: lines arrive above what is being typed', async () => {
  const { room, other, one } = await together();
  one.type('ich tippe gerade äöü 日本語 \u{1f44b} und noch eine ganze Menge mehr davon');
  await one.shows(/mehr davon$/);
  const before = one.cursor();
  await other.invoke('SendMessage', room, 'first');
  await one.shows(/otto: first/);
  one.keys('Left', 'Left', 'Left');
  await other.invoke('SendMessage', room, 'second\nof two lines');
  await one.shows(/otto: second\n {6}of two lines\n/);
  const lines = one.lines();
  const prompt = lines.findIndex((line) => line.startsWith(`${room}> `));
  assert.ok(lines.slice(0, prompt).some((line) => / otto: first$/.test(line)), lines.join('\n'));
  assert.strictEqual(one.cursor().x, before.x - 3);
  one.type('XX');
  one.keys('Enter');
  await one.shows(/alice: ich tippe[^]*daXXvon/);
  await other.heard('ReceiveMessage', ({ content }) =>
    content === 'ich tippe gerade äöü 日本語 \u{1f44b} und noch eine ganze Menge mehr daXXvon');
  assert.match(one.lines().pop(), new RegExp(`^${room}>$`));
  one.keys('C-d');
  const exit = await one.exit();
  assert.deepStrictEqual([exit.code, exit.stderr], [0, '']);
  assert.match(exit.stty, /(^|\s)icanon/);
  assert.match(exit.stty, /(^|\s)echo\s/);
});

screenTest('chat on a terminal: many lines while one types', async () => {
  const { room, other, one } = await together({ rows: 10 });
  let typed = '';
  for (let i = 0; i < 40; i++) {
    const sent = other.invoke('SendMessage', room, `line ${i}`);
    one.type(`w${i} `);
    typed += `w${i} `;
    await sent;
  }
  await one.shows(/otto: line 39/);
  one.keys('Enter');
  await other.heard('ReceiveMessage', ({ content }) => content === typed);
  await one.shows(/alice: w0[^]*w39/);
  const all = one.lines({ all: true }).join('\n');
  const seen = [...all.matchAll(/otto: line (\d+)$/gm)].map((match) => Number(match[1]));
  assert.deepStrictEqual(seen, Array.from({ length: 40 }, (_, i) => i));
});

screenTest('chat on a terminal: a line longer than the screen', async () => {
  const { room, other, one } = await together({ columns: 40, rows: 8 });
  const text = 'wörter 日本 '.repeat(60).trim();
  one.type(text);
  await sleep(300);
  await other.invoke('SendMessage', room, 'amid');
  await one.shows(/otto: amid/, { all: true });
  one.keys('Enter');
  await other.heard('ReceiveMessage', ({ content }) => content === text);
  await one.shows(new RegExp(`${room}>$`));
});

// On a screen that is full: tmux scrolls a line's beginning away with what else makes room where there are empty lines
// below, and nobody can take that back.
screenTest('chat on a terminal: a window that changes', async () => {
  const { room, other, one } = await together({ columns: 40, rows: 8 });
  for (let i = 0; i < 40; i++) {
    await other.invoke('SendMessage', room, `line ${i}`);
  }
  // Where lines break is of no interest.
  const shown = () => one.lines().join('').replace(/ /g, '');
  const whole = /somewordsthatstaywhilethewindowbecomesnarrowerandwideragain$/;
  one.type('some words that stay while the window becomes narrower and wider again');
  await eventually(() => whole.test(shown()) && /line39/.test(shown()));
  for (const [columns, rows] of [[30, 8], [70, 12], [25, 8], [60, 16], [33, 10]]) {
    one.resize(columns, rows);
    await sleep(500); // tmux tells programs of the second of two changes that follow each other closely later
    await other.invoke('SendMessage', room, `at ${columns}`);
    await eventually(() => shown().includes(`otto:at${columns}`) && whole.test(shown()), { what: () => one.lines().join('\n') });
    assert.strictEqual(shown().split(`${room}>`).length, 2, `one prompt at ${columns}:\n${one.lines().join('\n')}`);
  }
  one.keys('Enter');
  await other.heard('ReceiveMessage', ({ content }) => /^some words .* again$/.test(content));
});

screenTest('chat on a terminal: editing, and lines typed before', async () => {
  const { other, one } = await together();
  const heard = (text) => other.heard('ReceiveMessage', ({ content }) => content === text);
  one.type('first');
  one.keys('Enter');
  await heard('first');
  one.type('second word');
  one.keys('C-w', 'C-a');
  one.type('a ');
  one.keys('End', 'BSpace', 'Enter');
  await heard('a second');
  one.keys('Up', 'Up', 'Enter');
  await eventually(() => other.messages().filter(({ content }) => content === 'first').length === 2);
  one.keys('C-c');
  assert.strictEqual((await one.exit()).code, 0);
});

screenTest('chat on a terminal: commands', async () => {
  const { room, other, one } = await together({ columns: 90, rows: 30 });
  one.type('/hlep');
  one.keys('Enter');
  await one.shows(/-- there is no \/hlep: did you mean \/help\?/);
  one.type('/help');
  one.keys('Enter');
  await one.shows(/-- \/join ROOM +go over to another room/);
  one.type('/who');
  one.keys('Enter');
  await one.shows(/-- 2 members: .*otto \(Owner\)/);
  one.type('//who');
  one.keys('Enter');
  await one.shows(/alice: \/who/);
  const third = await here.raw('third');
  await third.invoke('JoinRoom', room);
  await one.shows(/-- third has joined/);
  await third.invoke('LeaveRoom', room);
  await one.shows(/-- third has left/);
  const elsewhere = fresh('e');
  one.type(`/join ${elsewhere}`);
  one.keys('Enter');
  await one.shows(new RegExp(`this is ${elsewhere};[^]*^${elsewhere}>$`, 'm'));
  await other.invoke('SendMessage', room, 'not to be seen here');
  await other.invoke('JoinRoom', elsewhere);
  await other.invoke('SendMessage', elsewhere, 'to be seen');
  await one.shows(/otto: to be seen/);
  assert.doesNotMatch(one.lines().join('\n'), /not to be seen/);
  one.type('/join no/such/room');
  one.keys('Enter');
  await one.shows(new RegExp(`that did not work[^]*${elsewhere}>$`));
  one.type('still there');
  one.keys('Enter');
  await one.shows(/alice: still there/);
  one.type('/quit');
  one.keys('Enter');
  assert.strictEqual((await one.exit()).code, 0);
});

screenTest('chat on a terminal: earlier messages by command and key', async () => {
  const room = fresh('r');
  const other = await here.raw('otto');
  await other.invoke('JoinRoom', room);
  for (let i = 1; i <= 60; i++) {
    await other.invoke('SendMessage', room, `message ${i}.`);
  }
  const one = screen([room, '--user', 'alice', '--history', '5'], { rows: 70 });
  await one.shows(/message 56\.[^]*message 60\./);
  assert.doesNotMatch(one.lines().join('\n'), /message 55\./);
  one.type('/history 3');
  one.keys('Enter');
  await one.shows(/-- earlier messages:\n.*message 53\.\n.*message 54\.\n.*message 55\.\n-- end of/);
  one.type('kept');
  one.keys('PPage');
  await one.shows(/message 33\.[^]*message 52\.\n-- end of the earlier messages\n.*> kept$/);
  one.keys('C-u');
  one.type('/history 1000');
  one.keys('Enter');
  await one.shows(/-- earlier messages, from the first one:\n.*message 1\.[^]*message 32\.\n-- end of/);
  one.keys('PPage');
  await one.shows(/-- there are no earlier messages/);
});

screenTest('chat on a terminal: the daemon is killed and comes back', async () => {
  const chatd = await startChatd({ port: await steadyPort() });
  here.later(() => chatd.exit || chatd.kill());
  const alice = screen(['general', '--user', 'alice'], {}, chatd);
  await alice.shows(/^general>$/m);
  const bob = screen(['general', '--user', 'bob'], {}, chatd);
  await alice.shows(/-- bob has joined/);
  alice.type('half a ');
  await chatd.kill();
  await alice.shows(/-- connection lost, trying again\n(general \(away\)> half a)$/);
  alice.type('message');
  alice.keys('Enter');
  await alice.shows(/it is sent as soon as/);
  bob.type('from bob');
  bob.keys('Enter');
  await sleep(500);
  await chatd.restart();
  for (const one of [alice, bob]) {
    await one.shows(/-- back; \d messages? caught up/);
    await one.shows(/alice: half a message/);
    await one.shows(/bob: from bob/);
    await one.shows(/^general>$/m);
    const text = one.lines({ all: true }).join('\n');
    assert.strictEqual(text.match(/half a message/g).length, 1, text);
    assert.strictEqual(text.match(/bob: from bob/g).length, 1, text);
  }
  await chatd.stop();
});

screenTest('chat on a terminal: others cannot steer it; colours only where they are wanted', async () => {
  for (const [env, coloured] of [
    [{}, true],
    [{ NO_COLOR: '1' }, false],
  ]) {
    const { room, other, one } = await together({ env });
    await other.invoke('SendMessage', room, 'evil \x1b[2J\x1b]0;title\x07 \u202e text');
    await one.shows(/otto: evil \\x1B\[2J\\x1B\]0;title\\x07 \\u202E text/);
    const line = one.lines({ colours: true }).find((text) => /evil/.test(text));
    assert.strictEqual(/\x1b\[\d+m/.test(line), coloured, JSON.stringify(line));
  }
});

screenTest('chat on a dumb terminal has no editing, but all else', async () => {
  const room = fresh('r');
  const other = await here.raw('otto');
  await other.invoke('JoinRoom', room);
  const one = screen([room, '--user', 'alice'], { env: { TERM: 'dumb' } });
  await eventually(async () => {
    await other.invoke('SendMessage', room, 'hello');
    return /otto: hello/.test(one.lines().join('\n'));
  }, { every: 200 });
  one.type('hi there');
  one.keys('Enter');
  await one.shows(/alice: hi there/);
  one.type('/who');
  one.keys('Enter');
  await one.shows(/-- 2 members:/);
  one.keys('C-d');
  assert.strictEqual((await one.exit()).code, 0);
});

screenTest('chat on a terminal: stopped with Ctrl-Z and continued', async () => {
  const { room, other, one } = await together();
  one.type('kept');
  await one.shows(/> kept$/);
  one.keys('C-z');
  const pid = await eventually(() => {
    const [pane] = one.tmux('list-panes', '-F', '#{pane_pid}').trim().split('\n');
    const { execFileSync } = require('node:child_process');
    const children = execFileSync('ps', ['-o', 'pid=,stat=', '--ppid', pane], { encoding: 'utf8' }).trim();
    const match = /^\s*(\d+)\s+T/m.exec(children);
    return match && Number(match[1]);
  });
  await other.invoke('SendMessage', room, 'meanwhile');
  process.kill(pid, 'SIGCONT');
  await one.shows(/otto: meanwhile\n.*> kept$/);
  one.keys('Enter');
  await other.heard('ReceiveMessage', ({ content }) => content === 'kept');
});

screenTest('chat on a terminal: an end for good leaves the terminal as it was', async () => {
  const { one } = await together();
  await here.chatd.ctl('-y', 'user', 'ban', 'alice');
  const exit = await one.exit();
  assert.notStrictEqual(exit.code, 0);
  assert.match(exit.stderr, /^chatctl: r-/);
  assert.match(exit.stty, /(^|\s)icanon/);
  await here.chatd.ctl('user', 'unban', 'alice');
});
