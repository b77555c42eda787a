'use strict';
// What the operator changes by chatctl takes effect on live connections at once: rooms, members, roles, bans, revoked
// tokens, kicks, drains, notices; and history that is replayed, imported, purged, exported, erased.

const assert = require('node:assert');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { test } = require('node:test');
const { house, fresh } = require('./lib/people');
const { startChatd, NO_RATES } = require('./lib/chatd');
const { RawHub } = require('./lib/hub');
const { userId } = require('./lib/token');
const { eventually, sleep } = require('./lib/util');

const here = house({ settings: NO_RATES });
const ctl = (...args) => here.chatd.ctl(...args);
const json = async (...args) => JSON.parse(await ctl('-o', 'json', ...args));
const lines = async (...args) => (await ctl('-o', 'jsonl', ...args)).split('\n').filter(Boolean).map((line) => JSON.parse(line));
const fails = async (code, ...args) => {
  const result = await here.chatd.chatctl(['-o', 'json', ...args]);
  assert.strictEqual(result.code, code, `chatctl ${args.join(' ')}: ${result.stdout}${result.stderr}`);
  return JSON.parse(result.stdout).error;
};

// A private room of two who are connected: the owner and a member.
async function pair() {
  const [ownerName, memberName, alias] = [fresh('owner'), fresh('member'), fresh('room')];
  const room = await json('room', 'create', alias, '--private', '--owner', ownerName, '--member', memberName);
  const owner = await here.raw(ownerName);
  const member = await here.raw(memberName);
  await owner.invoke('JoinRoom', room.id);
  await member.invoke('JoinRoom', room.id);
  return { ownerName, memberName, room, owner, member, alias };
}

test('room set tells the members, and a new alias is good at once', async () => {
  const { room, owner, member, alias } = await pair();
  const other = fresh('renamed');
  const changed = await json('room', 'set', alias, '--name', 'New name', '--alias', other);
  assert.strictEqual(changed.name, 'New name');
  for (const hub of [owner, member]) {
    const [told] = await hub.heard('RoomUpdated');
    assert.deepStrictEqual([told.id, told.name, told.alias], [room.id, 'New name', other]);
  }
  assert.strictEqual((await member.invoke('SendMessage', other, 'by the new alias')).seq, 1);
  await assert.rejects(member.invoke('SendMessage', alias, 'by the old one'), /not_found/);
  const error = await fails(5, 'room', 'set', (await pair()).alias, '--alias', other);
  assert.strictEqual(error.code, 'exists');
});

test('room archive: reading goes on, writing does not, until it is undone', async () => {
  const { room, owner, member } = await pair();
  await member.invoke('SendMessage', room.id, 'before', 'once');
  await ctl('room', 'archive', room.id);
  const [told] = await owner.heard('RoomUpdated');
  assert.ok(Date.parse(told.archivedAt) > 0);
  await assert.rejects(member.invoke('SendMessage', room.id, 'after'), /archived/);
  await assert.rejects(member.invoke('SendMessage', room.id, 'after', 'new'), /archived/);
  assert.strictEqual((await member.invoke('SendMessage', room.id, 'before', 'once')).seq, 1, 'a repeat gets its answer');
  assert.strictEqual((await member.invoke('GetHistory', room.id, null, 10)).length, 1);
  await ctl('room', 'archive', room.id, '--undo');
  assert.strictEqual((await member.invoke('SendMessage', room.id, 'again')).seq, 2);
});

test('room delete: members lose it behind all its messages, and the alias is free', async () => {
  const { room, owner, member, alias } = await pair();
  await owner.invoke('SendMessage', room.id, 'last words');
  const refused = await here.chatd.chatctl(['room', 'delete', alias]);
  assert.strictEqual(refused.code, 2, 'without -y and a terminal it is not done');
  await ctl('-y', 'room', 'delete', alias);
  for (const hub of [owner, member]) {
    assert.deepStrictEqual(await hub.heard('RoomDeleted'), [room.id]);
    const targets = hub.received.map(({ target }) => target);
    assert.ok(targets.indexOf('ReceiveMessage') < targets.indexOf('RoomDeleted'));
    await assert.rejects(hub.invoke('SendMessage', room.id, 'into nothing'), /not_found/);
  }
  await fails(4, 'room', 'show', room.id);
  const again = await json('room', 'create', alias);
  assert.notStrictEqual(again.id, room.id);
  assert.strictEqual(again.lastSeq, 0);
});

test('room add, role, remove: live connections follow', async () => {
  const { ownerName, memberName, room, owner, member } = await pair();
  const newName = fresh('added');
  const added = await here.raw(newName);
  const row = await json('room', 'add', room.id, newName, '--role', 'Admin');
  assert.deepStrictEqual([row.userId, row.role, row.identity], [userId(newName), 'Admin', newName]);
  assert.strictEqual((await added.heard('RoomCreated'))[0].id, room.id);
  assert.deepStrictEqual(await member.heard('UserJoined'), [userId(newName), room.id]);
  await owner.invoke('SendMessage', room.id, 'hello');
  assert.strictEqual((await added.heard('ReceiveMessage'))[0].content, 'hello');

  await ctl('room', 'role', room.id, memberName, 'owner');
  await ctl('room', 'remove', room.id, ownerName);
  assert.deepStrictEqual(await owner.heard('UserLeft'), [userId(ownerName), room.id]);
  await member.invoke('SendMessage', room.id, 'without him');
  await added.heard('ReceiveMessage', (message) => message.content === 'without him');
  await assert.rejects(owner.invoke('SendMessage', room.id, 'still here?'), /not_found/);
  assert.deepStrictEqual(owner.messages().map(({ content }) => content), ['hello']);

  assert.strictEqual((await fails(5, 'room', 'role', room.id, memberName, 'Member')).code, 'conflict');
  assert.strictEqual((await fails(4, 'room', 'remove', room.id, 'nobody-here')).code, 'not_found');
  const members = await lines('room', 'members', room.id);
  assert.deepStrictEqual(members.map(({ identity, role }) => [identity, role]), [[memberName, 'Owner'], [newName, 'Admin']]);
});

test('who joins by id before he ever connected keeps his name', async () => {
  const name = fresh('early');
  const room = await json('room', 'create', fresh('open'));
  const token = await ctl('token', 'mint', '--user', name);
  const answer = await fetch(`http://${here.chatd.host}/api/v1/rooms/${room.id}/participants`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ userId: userId(name) }),
  });
  assert.strictEqual(answer.status, 201);
  assert.deepStrictEqual((await lines('room', 'members', room.id)).map(({ identity }) => identity), [name]);
});

test('SIGTERM waits neither for an operator who stopped reading nor for a replay', async () => {
  const chatd = await startChatd({ settings: NO_RATES });
  try {
    const room = JSON.parse(await chatd.ctl('-o', 'json', 'room', 'create', 'general', '--owner', 'alice'));
    const rows = Array.from({ length: 4000 }, (_, i) => JSON.stringify({ senderId: 'alice', content: `${i}`.repeat(500), sentAt: '2020-01-01T00:00:00Z' }));
    const imported = await chatd.chatctl(['history', 'import', 'general'], { input: rows.join('\n') });
    assert.strictEqual(imported.code, 0, imported.stderr);
    const { spawn } = require('node:child_process');
    const { CHATCTL } = require('./lib/chatd');
    const pager = spawn(CHATCTL, ['--socket', chatd.socket, 'history', 'export', room.id], { stdio: ['ignore', 'pipe', 'ignore'] });
    pager.stdout.once('readable', () => pager.kill('SIGSTOP'));
    const replay = spawn(CHATCTL, ['--socket', chatd.socket, 'history', 'replay', room.id, '--from', '1'], { stdio: 'ignore' });
    await sleep(500);
    const from = Date.now();
    await chatd.stop();
    assert.ok(Date.now() - from < 8000, `the end took ${Date.now() - from} ms`);
    pager.kill('SIGKILL');
    replay.kill('SIGKILL');
  } finally {
    await chatd.stop();
  }
});

test('the last owner leaving makes the oldest admin owner', async () => {
  const { ownerName, memberName, room } = await pair();
  const adminName = fresh('admin');
  await ctl('room', 'add', room.id, adminName, '--role', 'Admin');
  await ctl('room', 'remove', room.id, ownerName);
  const members = await lines('room', 'members', room.id);
  assert.deepStrictEqual(members.map(({ identity, role }) => [identity, role]), [[adminName, 'Owner'], [memberName, 'Member']]);
});

test('a ban ends live connections, holds at every door and over a restart of the user, and can be taken back', async () => {
  const { memberName, room, owner, member } = await pair();
  await ctl('user', 'ban', memberName, '--reason', 'spam');
  await within(member.ended);
  assert.match(member.closeMessage.error, /spam/);
  assert.notStrictEqual(member.closeMessage.allowReconnect, true);
  await assert.rejects(here.raw(memberName), /403/);
  const shown = await json('user', 'show', memberName);
  assert.strictEqual(shown.banReason, 'spam');
  assert.deepStrictEqual((await lines('user', 'list', '--banned')).filter(({ identity }) => identity === memberName).length, 1);
  await ctl('user', 'unban', memberName);
  const back = await here.raw(memberName);
  await back.invoke('JoinRoom', room.id);
  await owner.invoke('SendMessage', room.id, 'welcome back');
  await back.heard('ReceiveMessage');
});

const within = (promise, ms = 5000) =>
  Promise.race([promise, sleep(ms).then(() => Promise.reject(new Error(`not within ${ms} ms`)))]);

test('revoked tokens are refused, later ones are good', async () => {
  const { memberName, member } = await pair();
  const before = await ctl('token', 'mint', '--user', memberName);
  await ctl('user', 'revoke-tokens', memberName);
  await within(member.ended);
  await assert.rejects(RawHub.open(here.chatd.port, { token: before }), /401/);
  await sleep(2100);
  const token = await ctl('token', 'mint', '--user', memberName);
  (await RawHub.open(here.chatd.port, { token })).destroy();
});

test('bans and revocations are read again at the start', async () => {
  const chatd = await startChatd();
  try {
    await chatd.ctl('user', 'ban', 'mallory');
    await chatd.kill();
    await chatd.restart();
    await assert.rejects(RawHub.open(chatd.port, { user: 'mallory' }), /403/);
    (await RawHub.open(chatd.port, { user: 'alice' })).destroy();
  } finally {
    await chatd.stop();
  }
});

test('conn list, show, kick', async () => {
  const name = fresh('kicked');
  const [one, two] = [await here.raw(name), await here.raw(name)];
  await one.invoke('Sync', {});
  await two.invoke('Sync', {});
  const list = await lines('conn', 'list', '--user', name);
  assert.strictEqual(list.length, 2);
  for (const row of list) {
    assert.deepStrictEqual([row.identity, row.transport, row.protocol, row.state], [name, 'WebSockets', 'json', 'Open']);
  }
  const shown = await json('conn', 'show', list[0].id);
  assert.strictEqual(shown.id, list[0].id);
  assert.deepStrictEqual(await json('conn', 'kick', list[0].id, '--reason', 'enough'), { closed: 1 });
  const gone = await within(Promise.race([one.ended.then(() => one), two.ended.then(() => two)]));
  assert.strictEqual(gone.closeMessage.error, 'enough');
  assert.deepStrictEqual(await json('conn', 'kick', '--user', name, '--reconnect'), { closed: 1 });
  const other = gone === one ? two : one;
  await within(other.ended);
  assert.strictEqual(other.closeMessage.allowReconnect, true);
  assert.strictEqual((await fails(4, 'conn', 'show', list[0].id)).code, 'not_found');
  await fails(4, 'conn', 'kick', 'nonsense');
  await fails(2, 'conn', 'kick');
});

test('notify send reaches every client', async () => {
  const { owner, member } = await pair();
  const { connections } = await json('notify', 'send', 'down at noon');
  assert.ok(connections >= 2);
  for (const hub of [owner, member]) {
    const [text, at] = await hub.heard('ServerNotification');
    assert.strictEqual(text, 'down at noon');
    assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60000);
  }
});

test('node drain sends clients away and takes none, node undrain takes them again', async () => {
  const chatd = await startChatd();
  try {
    const hub = await RawHub.open(chatd.port, { user: 'alice' });
    const answer = JSON.parse(await chatd.ctl('-o', 'json', '--wait=5', 'node', 'drain', '--spread', '100ms'));
    assert.deepStrictEqual(answer, { draining: true, connections: 0 });
    assert.strictEqual(hub.closeMessage.allowReconnect, true);
    assert.strictEqual((await fetch(`http://${chatd.host}/health/ready`)).status, 503);
    assert.strictEqual((await fetch(`http://${chatd.host}/health/live`)).status, 200);
    await assert.rejects(RawHub.open(chatd.port, { user: 'alice' }), /503/);
    await assert.rejects(RawHub.open(chatd.port, { user: 'alice', negotiated: true }), /503/);
    assert.strictEqual((await chatd.chatctl(['ping'])).code, 1, 'it answers, but takes no clients');
    await chatd.ctl('node', 'undrain');
    assert.strictEqual((await fetch(`http://${chatd.host}/health/ready`)).status, 200);
    (await RawHub.open(chatd.port, { user: 'alice' })).destroy();
  } finally {
    await chatd.stop();
  }
});

test('config diff and reload say what differs, and what needs a restart', async () => {
  const chatd = await startChatd();
  try {
    const file = path.join(chatd.dir, 'chatd.conf');
    fs.writeFileSync(file, '[hub]\nkeepalive = 15s\n');
    await chatd.stop({ keepDir: true });
    chatd.args = ['--config', file];
    await chatd.restart();
    assert.deepStrictEqual(JSON.parse(await chatd.ctl('-o', 'json', 'config', 'diff')).items, []);
    fs.writeFileSync(file, '[hub]\nkeepalive = 7s\nhub_path = /x\n');
    const bad = await chatd.chatctl(['config', 'reload']);
    assert.strictEqual(bad.code, 1);
    assert.match(bad.stderr, /hub_path/);
    fs.writeFileSync(file, '[hub]\nkeepalive = 7s\n[server]\nhub_path = /other\n');
    const expected = [
      { key: 'server.hub_path', running: '/chathub', configured: '/other', reloadable: false },
      { key: 'hub.keepalive', running: '15s', configured: '7s', reloadable: true },
    ];
    assert.deepStrictEqual(JSON.parse(await chatd.ctl('-o', 'json', 'config', 'diff')).items, expected);
    const applied = JSON.parse(await chatd.ctl('-o', 'json', 'config', 'reload')).items;
    assert.deepStrictEqual(applied.map(({ key, old, new: now, applied: did }) => [key, old, now, did]), [
      ['server.hub_path', '/chathub', '/other', false],
      ['hub.keepalive', '15s', '7s', true],
    ]);
    assert.deepStrictEqual(JSON.parse(await chatd.ctl('-o', 'json', 'config', 'diff')).items, expected.slice(0, 1));
    assert.match(await chatd.ctl('config', 'show'), /hub\.keepalive\s+7s/);
  } finally {
    await chatd.stop();
  }
});

// ---- history ----

async function talk(hub, room, count, prefix = 'm') {
  for (let i = 1; i <= count; i++) {
    await hub.invoke('SendMessage', room, `${prefix}${i}`, `${prefix}-id-${i}`);
  }
}

test('history replay: to members, to one connection, to stdout, to a webhook', async () => {
  const { room, owner, member } = await pair();
  await talk(owner, room.id, 250);
  await member.heard('ReceiveMessage', (message) => message.seq === 250);
  const replayed = (hub) => hub.messages().filter((message) => message.replayed).map(({ seq }) => seq);
  assert.deepStrictEqual(await json('history', 'replay', room.id, '--from', '3', '--to', '5'), { sent: 3, from: 3, to: 5 });
  await eventually(() => replayed(member).length === 3 && replayed(owner).length === 3);
  assert.deepStrictEqual(replayed(member), [3, 4, 5]);

  const [row] = (await lines('conn', 'list')).filter(({ userId: id }) => id === userId(member.name || ''));
  assert.strictEqual(row, undefined);
  const [mine] = await lines('conn', 'list', '--user', (await lines('room', 'members', room.id))[1].userId);
  assert.deepStrictEqual(await json('history', 'replay', room.id, '--from', '1', '--connection', mine.id), { sent: 250, from: 1, to: 250 });
  await eventually(() => replayed(member).length === 253);
  assert.strictEqual(replayed(owner).length, 3);

  const whole = await lines('history', 'replay', room.id, '--from', '1', '--stdout');
  assert.deepStrictEqual(whole.map(({ seq }) => seq), Array.from({ length: 250 }, (_, i) => i + 1));
  const out = await lines('history', 'replay', room.id, '--from', '249', '--stdout');
  assert.deepStrictEqual(out.map(({ seq, content }) => [seq, content]), [[249, 'm249'], [250, 'm250']]);

  const got = [];
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      got.push([request.headers['idempotency-key'], JSON.parse(body).content]);
      response.writeHead(got.length === 1 ? 503 : 204).end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}/hook`;
  assert.deepStrictEqual(await json('history', 'replay', room.id, '--from', '10', '--to', '11', '--webhook', url), { sent: 2, from: 10, to: 11 });
  assert.deepStrictEqual(got, [[`${room.id}:10`, 'm10'], [`${room.id}:10`, 'm10'], [`${room.id}:11`, 'm11']]);
  await new Promise((resolve) => server.close(resolve));
  const error = await fails(3, 'history', 'replay', room.id, '--from', '10', '--to', '11', '--webhook', url);
  assert.strictEqual(error.code, 'unreachable');
  assert.strictEqual((await fails(4, 'history', 'replay', room.id, '--from', '1', '--connection', 'AAAAAAAAAAAAAAAAAAAAAA')).code, 'not_found');
});

test('what history export writes history import reads: ids, times, edits; once each', async () => {
  const { room, owner, member, ownerName } = await pair();
  await talk(owner, room.id, 230);
  const edited = await owner.invoke('SendMessage', room.id, 'to be edited');
  const doomed = await owner.invoke('SendMessage', room.id, 'to be deleted');
  await owner.invoke('EditMessage', room.id, edited.id, 'edited');
  await owner.invoke('DeleteMessage', room.id, doomed.id);
  const exported = await lines('history', 'export', room.id);
  assert.strictEqual(exported.length, 234);
  const file = path.join(here.chatd.dir, fresh('export'));
  fs.writeFileSync(file, exported.map((message) => JSON.stringify(message)).join('\n'));

  const target = await json('room', 'create', fresh('copy'), '--owner', ownerName);
  await owner.invoke('JoinRoom', target.id);
  await owner.invoke('SendMessage', target.id, 'was here before');
  assert.deepStrictEqual(await json('history', 'import', target.id, file), { imported: 234, repeated: 0, failed: 0 });
  const copied = await lines('history', 'export', target.id);
  const bare = ({ seq, roomId, refSeq, ...rest }) => rest;
  assert.deepStrictEqual(copied.slice(1).map(bare), exported.map(bare));
  assert.deepStrictEqual(copied.map(({ seq }) => seq), Array.from({ length: 235 }, (_, i) => i + 1));
  assert.deepStrictEqual(copied.slice(-2).map(({ type, refSeq }) => [type, refSeq]), [['Edit', 232], ['Delete', 233]]);
  await owner.heard('ReceiveMessage', (message) => message.roomId === target.id && message.seq === 235);
  const heard = owner.messages().filter(({ roomId }) => roomId === target.id);
  assert.deepStrictEqual(heard, copied, 'what is told live is what is stored');

  assert.deepStrictEqual(await json('history', 'import', target.id, file), { imported: 0, repeated: 234, failed: 0 });
  assert.deepStrictEqual(await json('history', 'import', room.id, file), { imported: 0, repeated: 234, failed: 0 });
  assert.deepStrictEqual(await json('--dry-run', 'history', 'import', room.id, file), { imported: 234, repeated: 0, failed: 0 });

  const broken = await here.chatd.chatctl(['-o', 'json', 'history', 'import', target.id], {
    input: '{"senderId":"x","content":"good","sentAt":"2020-01-01T00:00:00Z"}\nno json\n{"content":"nobody","sentAt":"2020-01-01T00:00:00Z"}\n{"senderId":"x","sentAt":1}\n',
  });
  assert.strictEqual(broken.code, 8);
  assert.match(broken.stderr, /stdin:2: .*\n.*stdin:3: .*senderId.*\n.*stdin:4: .*sentAt/);
  assert.strictEqual(member.dead, undefined);
});

test('history purge: what is gone is told as a gap, numbers go on', async () => {
  const { room, owner, member } = await pair();
  await talk(owner, room.id, 20);
  assert.deepStrictEqual(await json('--dry-run', 'history', 'purge', room.id, '--before', '11'), { purged: 10, firstKept: 11 });
  assert.strictEqual((await lines('history', 'export', room.id)).length, 20);
  await fails(2, 'history', 'purge', room.id, '--before', '11');
  assert.deepStrictEqual(await json('-y', 'history', 'purge', room.id, '--before', '11'), { purged: 10, firstKept: 11 });
  assert.deepStrictEqual((await lines('history', 'export', room.id)).map(({ seq }) => seq), [11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
  assert.strictEqual((await owner.invoke('SendMessage', room.id, 'on')).seq, 21);
  await member.close();
  const again = await here.raw((await lines('room', 'members', room.id))[1].identity);
  const joined = await again.invoke('JoinRoom', room.id, 4);
  assert.deepStrictEqual(joined.gap, { from: 5, to: 10 });
  await eventually(() => again.messages().length === 11);
  assert.deepStrictEqual(await json('-y', 'history', 'purge', room.id, '--older-than', '1h'), { purged: 0, firstKept: 11 });
  await sleep(1100);
  assert.deepStrictEqual(await json('-y', 'history', 'purge', room.id, '--older-than', '1s'), { purged: 11, firstKept: 22 });
  assert.strictEqual((await owner.invoke('SendMessage', room.id, 'still on')).seq, 22);
});

test('user export holds everything of him, user erase leaves numbers only', async () => {
  const { memberName, room, owner, member } = await pair();
  await talk(member, room.id, 3);
  await owner.invoke('SendMessage', room.id, 'of another');
  const all = await lines('user', 'export', memberName);
  assert.deepStrictEqual(all.map(({ kind }) => kind), ['user', 'room', 'message', 'message', 'message']);
  assert.strictEqual(all[0].data.identity, memberName);
  assert.deepStrictEqual(all.slice(2).map(({ data }) => data.content), ['m1', 'm2', 'm3']);
  await fails(2, 'user', 'erase', memberName);
  assert.deepStrictEqual(await json('-y', 'user', 'erase', memberName), { id: userId(memberName), roomsLeft: 1, messagesErased: 3 });
  await within(member.ended);
  assert.deepStrictEqual(await owner.heard('UserLeft'), [userId(memberName), room.id]);
  const left = await lines('history', 'export', room.id);
  assert.deepStrictEqual(left.map(({ content, deletedAt }) => [content, deletedAt !== null && deletedAt !== undefined]), [
    ['', true],
    ['', true],
    ['', true],
    ['of another', false],
  ]);
  const shown = await json('user', 'show', userId(memberName));
  assert.ok(!JSON.stringify(shown).includes(memberName));
  assert.ok(!JSON.stringify(await lines('user', 'export', userId(memberName))).includes('m1'));
  assert.strictEqual((await fails(4, '-y', 'user', 'erase', 'never-was')).code, 'not_found');
});
