'use strict';
// The matrix of authorization: kinds of caller x operations x doors. Its cells come from the doors' own tables
// (probe/tables); what each cell must answer comes from what the operation says it needs and, within rooms, from RULES;
// matrix.golden.txt holds the result for people to read, and is compared too. Every cell is tried against the daemon.
// MATRIX_WRITE=1 writes the golden file anew.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { execFileSync, spawnSync } = require('node:child_process');
const { test } = require('node:test');
const { house, fresh } = require('./lib/people');
const { startChatd, CHATD, CHATCTL, NO_RATES } = require('./lib/chatd');
const { RawHub } = require('./lib/hub');
const { request } = require('./lib/http');
const { userId, userToken } = require('./lib/token');

const GOLDEN = path.join(__dirname, 'matrix.golden.txt');
const TABLES = path.resolve(process.env.TABLES_BIN || path.join(path.dirname(CHATD), 'probe/tables'));
const tables = JSON.parse(execFileSync(TABLES));
const here = house({ settings: { ...NO_RATES, CHATD_CONTROL_READ_GROUP: 'users' } });

// ---- callers ----

const MEMBERS = ['member', 'roomAdmin', 'owner'];
const RANK = { member: 1, roomAdmin: 2, owner: 3 };
const PEOPLE = ['nobody', 'stranger', 'strangerToPublic', ...MEMBERS, 'banned', 'serverAdmin'];
const OPERATORS = ['controlStranger', 'controlRead', 'controlWrite'];

// A room with one of each, and messages of each; made anew for each cell, since cells change it.
async function makeWorld(kind) {
  const names = Object.fromEntries([...PEOPLE, 'target', 'maker'].map((one) => [one, fresh(one)]));
  const world = { names, ids: {}, tokens: {}, messages: {} };
  for (const [one, name] of Object.entries(names)) {
    world.ids[one] = userId(name);
    world.tokens[one] = userToken(name, { claims: one === 'serverAdmin' ? { role: 'admin' } : {} });
  }
  const api = (method, target, body) => rest(method, target, world.tokens.maker, body);
  const participants = ['member', 'roomAdmin', 'owner', 'banned', 'target'].map((one) => names[one]);
  const visibility = kind === 'strangerToPublic' ? 'Public' : 'Private';
  const made = await api('POST', '/api/v1/rooms', { name: fresh('matrix'), visibility, participants });
  assert.strictEqual(made.status, 201, made.body);
  world.room = JSON.parse(made.body).id;
  for (const [one, role] of [['roomAdmin', 'Admin'], ['owner', 'Owner']]) {
    const answer = await api('PATCH', `/api/v1/rooms/${world.room}/participants/${world.ids[one]}`, { role });
    assert.strictEqual(answer.status, 200, answer.body);
  }
  for (const one of [...MEMBERS, 'target']) {
    const answer = await rest('POST', `/api/v1/rooms/${world.room}/messages`, world.tokens[one], { content: `of ${one}` });
    assert.strictEqual(answer.status, 201, answer.body);
    world.messages[one] = JSON.parse(answer.body).id;
  }
  if (kind === 'banned') {
    await here.chatd.ctl('user', 'ban', names.banned);
  }
  return world;
}

function rest(method, target, token, body) {
  const options = { token };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { 'Content-Type': 'application/json' };
  }
  return request(here.chatd.port, method, target, options);
}

// ---- what each operation is tried with ----

const own = (world, kind) => world.messages[kind] || world.messages.target;
// op: {variant: sample}. A sample answers the arguments of each door: {args, path, body}.
const SAMPLES = {
  join_room: { '': (w) => ({ args: [w.room] }) },
  leave_room: { '': (w) => ({ args: [w.room] }) },
  post_message: { '': (w) => ({ args: [w.room, 'hello'], body: { content: 'hello' } }) },
  message_edit: {
    own: (w, kind) => ({ message: own(w, kind), args: [w.room, own(w, kind), 'new'], body: { content: 'new' } }),
    "another's": (w) => ({ message: w.messages.target, args: [w.room, w.messages.target, 'new'], body: { content: 'new' } }),
  },
  message_delete: {
    own: (w, kind) => ({ message: own(w, kind), args: [w.room, own(w, kind)] }),
    "another's": (w) => ({ message: w.messages.target, args: [w.room, w.messages.target] }),
  },
  message_show: { '': (w) => ({ message: w.messages.target }) },
  message_page: { '': () => ({}) },
  get_history: { '': (w) => ({ args: [w.room, null, 10] }) },
  sync: { '': (w) => ({ args: [{ [w.room]: 0 }] }) },
  refresh_token: { '': (w, kind) => ({ args: [w.tokens[kind]] }) },
  room_page: { '': () => ({}) },
  room_create: { '': () => ({ body: { name: 'new' }, ctl: [fresh('made')] }) },
  room_show: { '': (w) => ({ ctl: [w.room] }) },
  room_update: { '': (w) => ({ body: { name: 'changed' }, ctl: [w.room, '--name', 'changed'] }) },
  room_archive: { '': (w) => ({ ctl: [w.room] }) },
  room_delete: { '': (w) => ({ ctl: [w.room] }) },
  room_list: { '': () => ({ ctl: [] }) },
  member_list: { '': (w) => ({ ctl: [w.room] }) },
  member_page: { '': () => ({}) },
  member_show: { '': (w) => ({ user: w.ids.target }) },
  member_add: {
    another: (w) => ({ body: { userId: fresh('guest') }, ctl: [w.room, fresh('guest')] }),
    oneself: (w, kind) => ({ body: { userId: w.ids[kind] }, onlyPeople: true }),
  },
  member_role: { "another's": (w) => ({ user: w.ids.target, body: { role: 'Admin' }, ctl: [w.room, w.ids.target, 'Admin'] }) },
  member_remove: {
    another: (w) => ({ user: w.ids.target, ctl: [w.room, w.ids.target] }),
    oneself: (w, kind) => ({ user: w.ids[kind], onlyPeople: true }),
  },
  user_me: { '': () => ({}) },
  user_update: { '': () => ({ body: { displayName: 'New name' } }) },
  user_show: { '': (w) => ({ user: w.ids.target, ctl: [w.ids.target] }) },
  user_list: { '': () => ({ ctl: [] }) },
  user_ban: { '': () => ({ ctl: [fresh('victim')] }) },
  user_unban: { '': () => ({ ctl: [fresh('victim')] }) },
  user_revoke_tokens: { '': () => ({ ctl: [fresh('victim')] }) },
  user_export: { '': (w) => ({ ctl: [w.ids.target] }) },
  user_erase: { '': (w) => ({ ctl: [w.ids.target] }) },
  push_user: { '': (w) => ({ user: w.ids.target, body: { method: 'Hello', arguments: [1] } }) },
  push_room: { '': () => ({ body: { method: 'Hello' } }) },
  push_connection: { '': (w) => ({ connection: w.connection, body: { method: 'Hello' } }) },
  conn_list: { '': () => ({ ctl: [] }) },
  conn_show: { '': (w) => ({ ctl: [w.connection] }) },
  conn_kick: { '': () => ({ ctl: ['--user', fresh('victim')] }) },
  history_show: { '': (w) => ({ ctl: [w.room] }) },
  history: { '': (w) => ({ ctl: [w.room] }) },
  history_replay: { '': (w) => ({ ctl: [w.room, '--from', '1'] }) },
  history_import: { '': (w) => ({ ctl: [w.room], input: '{"senderId":"x","content":"y","sentAt":"2020-01-01T00:00:00Z"}\n' }) },
  history_purge: { '': (w) => ({ ctl: [w.room, '--before', '2'] }) },
  notify_send: { '': () => ({ ctl: ['hello'] }) },
  node_drain: { '': () => ({ ctl: [], after: ['node', 'undrain'] }) },
  node_undrain: { '': () => ({ ctl: [] }) },
  node_stop: { '': () => ({ ctl: [], alone: true }) },
  config_show: { '': () => ({ ctl: [] }) },
  config_reload: { '': () => ({ ctl: [] }) },
  config_diff: { '': () => ({ ctl: [] }) },
  log_level: { '': () => ({ ctl: [] }) },
  log_tail: { '': () => ({ ctl: [] }) },
  token_mint: { '': () => ({ ctl: ['--user', 'someone'] }) },
  token_verify: { '': (w) => ({ ctl: [], input: w.tokens.member }) },
  status: { '': () => ({ ctl: [] }) },
  ping: { '': () => ({ ctl: [] }) },
  health: { '': () => ({}) },
  health_live: { '': () => ({}) },
  health_ready: { '': () => ({ ctl: [] }) },
  openapi: { '': () => ({}) },
};

// Within a room: the least role, beyond what OP_MEMBER says; 'never': not even an Owner may.
const RULES = {
  room_update: 'roomAdmin',
  room_delete: 'owner',
  'member_add another': 'roomAdmin',
  "member_role another's": 'roomAdmin',
  'member_remove another': 'roomAdmin',
  "message_edit another's": 'never',
  "message_delete another's": 'roomAdmin',
};
// Open to everybody who can see the room, member or not.
const VISIBLE = new Set(['join_room', 'room_show', 'member_add oneself']);
// Need no membership at all, though they name a room or user.
const FREE = new Set(['refresh_token', 'room_page', 'room_create', 'user_me', 'user_update', 'user_show']);

function expectPerson(door, row, name, kind) {
  const { op, needs } = row;
  if (door === 'hub' || needs.includes('user')) {
    if (kind === 'nobody') {
      return 'unauthorized';
    }
    if (kind === 'banned') {
      return 'forbidden';
    }
  }
  if (needs.includes('admin')) {
    return kind === 'serverAdmin' ? 'ok' : 'forbidden';
  }
  if (!needs.includes('user') || FREE.has(op)) {
    return 'ok';
  }
  const outside = !MEMBERS.includes(kind);
  if (outside && (kind !== 'strangerToPublic' || op === 'sync')) {
    return 'not_found'; // Sync speaks of one's own rooms only
  }
  if (outside) {
    return VISIBLE.has(name) ? 'ok' : 'not_a_member';
  }
  const least = RULES[name];
  return least === undefined || RANK[kind] >= (RANK[least] || 9) ? 'ok' : 'forbidden';
}

function expectOperator(row, kind) {
  const changes = row.needs.includes('operatorWrite');
  assert.strictEqual(row.readOnly, !changes, `${row.name}: what the command table and the operation say differs`);
  return kind === 'controlWrite' || (kind === 'controlRead' && !changes) ? 'ok' : 'forbidden';
}

// ---- trying ----

const codeOf = (text) => (/HubException: ([a-z_]+):/.exec(text) || [null, text])[1];

async function tryHub(world, row, sample, kind) {
  let hub;
  try {
    hub = await RawHub.open(here.chatd.port, { token: kind === 'nobody' ? null : world.tokens[kind], user: 'unused' });
  } catch (error) {
    return { 401: 'unauthorized', 403: 'forbidden' }[(/\b(40[13])\b/.exec(error.message) || [])[1]] || error.message;
  }
  try {
    const result = await hub.invoke(row.name, ...sample.args);
    const failed = row.op === 'sync' && Object.values(result)[0].error;
    return failed ? codeOf(typeof failed === 'string' ? failed : failed.code) : 'ok';
  } catch (error) {
    return codeOf(error.message);
  } finally {
    hub.destroy();
  }
}

async function tryRest(world, row, sample, kind) {
  const [method, pattern] = row.name.split(' ');
  const values = { room: world.room, message: sample.message, user: sample.user, connection: sample.connection };
  const target = pattern.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name]));
  const answer = await rest(method, target, kind === 'nobody' ? undefined : world.tokens[kind], sample.body);
  return answer.status < 300 ? 'ok' : JSON.parse(answer.body).code;
}

const gidOf = (group) => Number(execFileSync('getent', ['group', group]).toString().split(':')[2]);
const NOBODY = 65534;

function tryControl(chatd, row, sample, kind) {
  const who = {
    controlStranger: { uid: NOBODY, gid: NOBODY },
    controlRead: { uid: NOBODY, gid: kind === 'controlRead' ? gidOf('users') : 0 },
    controlWrite: {},
  }[kind];
  const args = ['--socket', chatd.socket, '-y', '-o', 'json', ...row.name.split(' '), ...sample.ctl];
  const env = { ...process.env, LSAN_OPTIONS: 'detect_leaks=0' };
  const done = spawnSync(CHATCTL, args, { ...who, env, cwd: '/', input: sample.input || '', timeout: 20000 });
  if (done.status === 0) {
    return 'ok';
  }
  const text = done.stdout.toString();
  const answer = text.startsWith('{') ? JSON.parse(text) : {};
  if (answer.status && /only root|is for root|not open to this user/.test(answer.text)) {
    return 'forbidden'; // a probe for monitoring says it in its own form
  }
  return answer.error ? answer.error.code : `exit ${done.status}: ${text}${done.stderr}`;
}

// ---- the cells ----

function* cells() {
  for (const [door, rows] of Object.entries(tables)) {
    for (const row of rows) {
      assert.ok(SAMPLES[row.op], `the matrix has no sample for the operation ${row.op}`);
      for (const [variant, sample] of Object.entries(SAMPLES[row.op])) {
        const people = door === 'control' ? OPERATORS : PEOPLE;
        if (door === 'hub' && row.name === 'SendMessage' && row.arguments === 3) {
          continue; // the same with one argument more
        }
        const name = variant ? `${row.op} ${variant}` : row.op;
        for (const kind of people) {
          const probe = sample({ names: {}, ids: {}, tokens: {}, messages: {} }, kind);
          if (door === 'control' ? probe.onlyPeople : kind === 'nobody' && probe.onlyPeople && !row.needs.length) {
            continue;
          }
          const expected = door === 'control' ? expectOperator(row, kind) : expectPerson(door, row, name, kind);
          yield { door, row, name, kind, sample, expected };
        }
      }
    }
  }
}

// One line for each row of each door, a column for each kind of caller.
function draw(all) {
  const lines = new Map();
  for (const { door, row, name, kind, expected } of all) {
    const title = `${door}: ${row.name}${name === row.op ? '' : ` (${name.slice(row.op.length + 1)})`}`;
    lines.set(title, [...(lines.get(title) || []), `${kind}=${expected}`]);
  }
  return [...lines].map(([title, columns]) => `${title}\n    ${columns.join(' ')}\n`).join('');
}

const all = [...cells()];
let connection; // one that pushes and looks are tried on

async function prepare() {
  if (connection === undefined) {
    fs.chmodSync(here.chatd.dir, 0o711);
    here.standing = await RawHub.open(here.chatd.port, { user: 'matrix-connection' });
    const [row] = JSON.parse(await here.chatd.ctl('-o', 'json', 'conn', 'list', '--user', 'matrix-connection')).items;
    connection = row.id;
  }
}

test('what each cell must answer is what was agreed', () => {
  if (process.env.MATRIX_WRITE) {
    fs.writeFileSync(GOLDEN, draw(all));
  }
  assert.strictEqual(draw(all), fs.readFileSync(GOLDEN, 'utf8'));
});

async function tryCell({ door, row, kind, sample }) {
  const world = { ...(await makeWorld(kind)), connection };
  const tried = sample(world, kind);
  if (door !== 'control') {
    return door === 'hub' ? tryHub(world, row, tried, kind) : tryRest(world, row, tried, kind);
  }
  const chatd = tried.alone ? await startChatd({ settings: { CHATD_CONTROL_READ_GROUP: 'users' } }) : here.chatd;
  if (tried.alone) {
    fs.chmodSync(chatd.dir, 0o711);
  }
  const outcome = tryControl(chatd, row, tried, kind);
  if (tried.after && outcome === 'ok') {
    await here.chatd.ctl(...tried.after);
  }
  if (tried.alone) {
    await chatd.stop();
  }
  return outcome;
}

const why = process.getuid() === 0 ? false : 'other users can only be tried by root';
for (const door of Object.keys(tables)) {
  const wanted = all.filter((cell) => cell.door === door && (door !== 'control' || !why || cell.kind === 'controlWrite'));
  test(`${door}: ${wanted.length} cells`, async () => {
    await prepare();
    const wrong = [];
    for (const cell of wanted) {
      const outcome = await tryCell(cell);
      if (outcome !== cell.expected) {
        wrong.push(`${cell.row.name} (${cell.name}) by ${cell.kind}: ${outcome}, should be ${cell.expected}`);
      }
    }
    assert.deepStrictEqual(wrong, []);
  });
}
