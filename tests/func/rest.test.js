'use strict';
// The REST door: what a script can do with it, and what HTTP promises of it.

const assert = require('node:assert');
const zlib = require('node:zlib');
const { test } = require('node:test');
const left = require('./lib/left');
const { NO_RATES } = require('./lib/chatd');
const { RawConnection, requestBytes } = require('./lib/http');
const { house, fresh } = require('./lib/people');
const { Rest } = require('./lib/rest');
const { userId, userToken } = require('./lib/token');

const here = house({ settings: { ...NO_RATES, CHATD_SERVER_ALLOWED_ORIGINS: 'https://app.example' } });
const open = [];
left.finally(() => open.forEach((rest) => rest.close()));

function someone(prefix = 'user', options = {}) {
  const rest = new Rest(() => here.chatd.port, fresh(prefix), options);
  open.push(rest);
  return rest;
}

const nobody = () => new Rest(() => here.chatd.port);
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

// ---- what it does ----

test('rooms are made, shown, listed, changed and deleted', async () => {
  const alice = someone();
  const made = await alice.ask('POST', '/api/v1/rooms', { body: { name: 'Tea', alias: fresh('tea'), visibility: 'Private' } });
  assert.strictEqual(made.status, 201);
  const room = made.body;
  assert.strictEqual(made.headers.location, `/api/v1/rooms/${room.id}`);
  assert.deepStrictEqual([room.name, room.type, room.visibility, room.creatorId], ['Tea', 'Group', 'Private', userId(alice.user)]);
  for (const name of [room.id, room.id.toUpperCase(), room.alias, room.alias.toUpperCase(), encodeURIComponent(room.alias)]) {
    assert.strictEqual((await alice.must(200, 'GET', `/api/v1/rooms/${name}`)).id, room.id);
  }
  const { items, nextCursor } = await alice.must(200, 'GET', '/api/v1/rooms');
  assert.deepStrictEqual(items.map(({ id, role, unreadCount }) => [id, role, unreadCount]), [[room.id, 'Owner', 0]]);
  assert.strictEqual(nextCursor, null);
  const changed = await alice.must(200, 'PATCH', made.headers.location, { body: { name: 'Coffee', alias: null, archived: true } });
  assert.deepStrictEqual([changed.name, changed.alias], ['Coffee', null]);
  assert.ok(changed.archivedAt);
  assert.strictEqual(await alice.must(204, 'DELETE', made.headers.location), '');
  await alice.fails(404, 'not_found', 'GET', made.headers.location);
});

test('messages are sent, read page by page, edited and deleted', async () => {
  const alice = someone();
  const { id: room } = await alice.room();
  const path = `/api/v1/rooms/${room}/messages`;
  const first = await alice.ask('POST', path, { body: { content: 'message 1' } });
  assert.strictEqual(first.status, 201);
  assert.strictEqual(first.headers.location, `${path}/${first.body.id}`);
  for (const i of range(2, 12)) {
    await alice.say(room, `message ${i}`);
  }
  assert.strictEqual((await alice.must(200, 'GET', first.headers.location)).content, 'message 1');
  const newest = await alice.must(200, 'GET', `${path}?limit=5`);
  assert.deepStrictEqual(newest.items.map(({ seq }) => seq), range(8, 12));
  assert.deepStrictEqual([newest.lastSeq, newest.nextBefore, newest.gap], [12, 8, null]);
  const older = await alice.must(200, 'GET', `${path}?limit=10&before=${newest.nextBefore}`);
  assert.deepStrictEqual(older.items.map(({ content }) => content), range(1, 7).map((i) => `message ${i}`));
  assert.strictEqual(older.nextBefore, null);
  const ahead = await alice.must(200, 'GET', `${path}?after=3&limit=4`);
  assert.deepStrictEqual(ahead.items.map(({ seq }) => seq), range(4, 7));
  assert.strictEqual(ahead.nextAfter, 7);
  const edit = await alice.must(200, 'PATCH', first.headers.location, { body: { content: 'better' } });
  assert.strictEqual(edit.seq, 13);
  const edited = await alice.must(200, 'GET', first.headers.location);
  assert.strictEqual(edited.content, 'better');
  assert.ok(edited.editedAt);
  await alice.must(200, 'DELETE', first.headers.location);
  const tombstone = await alice.must(200, 'GET', first.headers.location);
  assert.strictEqual(tombstone.content, '');
  assert.ok(tombstone.deletedAt);
});

test('every page of messages and rooms is reached by its Link', async () => {
  const alice = someone();
  const { id: room } = await alice.room();
  for (const i of range(1, 7)) {
    await alice.say(room, `message ${i}`);
    await alice.room({ name: `Room ${i}` });
  }
  const walk = async (path) => {
    const items = [];
    while (path) {
      const answer = await alice.ask('GET', path);
      assert.strictEqual(answer.status, 200, JSON.stringify(answer.body));
      items.push(...answer.body.items);
      const link = /^<([^>]+)>; rel="next"$/.exec(answer.headers.link || '');
      const { nextCursor, nextBefore, nextAfter } = answer.body;
      assert.strictEqual(link !== null, Boolean(nextCursor || nextBefore || nextAfter));
      path = link && link[1];
    }
    return items;
  };
  const seqs = (items) => items.map(({ seq }) => seq);
  assert.deepStrictEqual(seqs(await walk(`/api/v1/rooms/${room}/messages?limit=3`)).sort(), range(1, 7));
  assert.deepStrictEqual(seqs(await walk(`/api/v1/rooms/${room}/messages?limit=3&after=2`)), range(3, 7));
  const rooms = await walk('/api/v1/rooms?type=Group&limit=3');
  assert.strictEqual(new Set(rooms.map(({ id }) => id)).size, 8);
});

test('a client message id is one, whatever brings it, and by which door', async () => {
  const alice = someone();
  const { id: room } = await alice.room();
  const path = `/api/v1/rooms/${room}/messages`;
  const key = { 'Idempotency-Key': 'k 1' };
  const first = await alice.must(201, 'POST', path, { body: { content: 'hello' }, headers: key });
  assert.deepStrictEqual(await alice.must(200, 'POST', path, { body: { content: 'hello' }, headers: key }), first);
  assert.deepStrictEqual(await alice.must(200, 'POST', path, { body: { content: 'hello', clientMessageId: 'k 1' } }), first);
  assert.deepStrictEqual(
    await alice.must(200, 'POST', path, { body: { content: 'hello', clientMessageId: 'k 1' }, headers: { 'Idempotency-Key': '"k 1"' } }),
    first,
  );
  await alice.fails(409, 'conflict', 'POST', path, { body: { content: 'other' }, headers: key });
  await alice.fails(400, 'bad_request', 'POST', path, { body: { content: 'hello', clientMessageId: 'k 2' }, headers: key });
  const hub = await here.raw(alice.user);
  assert.strictEqual((await hub.invoke('SendMessage', room, 'hello', 'k 1')).seq, first.seq);
  // Both at once: one of them stores it.
  for (const i of range(1, 20)) {
    const id = `race ${i}`;
    const [one, other] = await Promise.all([
      alice.ask('POST', path, { body: { content: id, clientMessageId: id } }),
      hub.invoke('SendMessage', room, id, id),
    ]);
    assert.ok([200, 201].includes(one.status));
    assert.strictEqual(one.body.seq, other.seq);
    assert.strictEqual(other.seq, i + 1);
  }
});

test('images and files carry an attachment', async () => {
  const alice = someone();
  const { id: room } = await alice.room();
  const attachment = { url: 'https://example.org/a.png', name: 'a.png', mediaType: 'image/png', size: 17 };
  const { id } = await alice.must(201, 'POST', `/api/v1/rooms/${room}/messages`, { body: { type: 'Image', attachment } });
  const message = await alice.must(200, 'GET', `/api/v1/rooms/${room}/messages/${id}`);
  assert.deepStrictEqual([message.type, message.content, message.attachment], ['Image', '', attachment]);
});

test('participants are added, given roles, shown and removed; the hub hears of it', async () => {
  const [alice, bob] = [someone('alice'), someone('bob')];
  const { id: room } = await alice.room({ visibility: 'Private' });
  const path = `/api/v1/rooms/${room}/participants`;
  const hub = await here.raw(bob.user);
  await bob.fails(404, 'not_found', 'GET', path);
  const added = await alice.ask('POST', path, { body: { userId: bob.user } });
  assert.strictEqual(added.status, 201);
  assert.strictEqual(added.headers.location, `${path}/${userId(bob.user)}`);
  assert.deepStrictEqual([added.body.userId, added.body.role], [userId(bob.user), 'Member']);
  await hub.heard('RoomCreated');
  assert.strictEqual((await alice.ask('POST', path, { body: { userId: bob.user } })).status, 200);
  const { items } = await bob.must(200, 'GET', path);
  assert.deepStrictEqual(items.map(({ role }) => role).sort(), ['Member', 'Owner']);
  await bob.fails(403, 'forbidden', 'PATCH', `${path}/${bob.user}`, { body: { role: 'Admin' } });
  assert.strictEqual((await alice.must(200, 'PATCH', `${path}/${bob.user}`, { body: { role: 'Admin' } })).role, 'Admin');
  assert.strictEqual((await bob.must(200, 'GET', `${path}/${userId(bob.user)}`)).role, 'Admin');
  await bob.must(204, 'DELETE', `${path}/${bob.user}`);
  await bob.fails(404, 'not_found', 'GET', path);
});

test('a user has a profile', async () => {
  const alice = someone('alice', { claims: { name: 'Alice A.' } });
  const me = await alice.must(200, 'GET', '/api/v1/users/me');
  assert.deepStrictEqual([me.id, me.identity, me.displayName], [userId(alice.user), alice.user, 'Alice A.']);
  const changed = await alice.must(200, 'PATCH', '/api/v1/users/me', {
    body: { displayName: 'Al', avatarUrl: 'https://example.org/al.png' },
  });
  assert.deepStrictEqual([changed.displayName, changed.avatarUrl], ['Al', 'https://example.org/al.png']);
  const seen = await someone().must(200, 'GET', `/api/v1/users/${alice.user}`);
  assert.deepStrictEqual([seen.displayName, seen.identity], ['Al', undefined]);
  assert.strictEqual((await alice.must(200, 'PATCH', '/api/v1/users/me', { body: { avatarUrl: null } })).avatarUrl, null);
});

test('a name with a slash, a blank or a percent sign is one segment', async () => {
  const odd = new Rest(() => here.chatd.port, `corp/${fresh('al')} %2F`);
  open.push(odd);
  await odd.must(200, 'GET', '/api/v1/users/me');
  const path = `/api/v1/users/${encodeURIComponent(odd.user)}`;
  assert.strictEqual((await someone().must(200, 'GET', path)).id, userId(odd.user));
});

test('a back end with the admin role calls clients', async () => {
  const admin = someone('admin', { claims: { role: 'admin' } });
  const [alice, bob] = [someone('alice'), someone('bob')];
  const { id: room } = await alice.room();
  const hubs = [await here.raw(alice.user), await here.raw(bob.user)];
  const send = { method: 'Notice', arguments: ['hello', { n: 1 }] };
  assert.strictEqual((await admin.must(200, 'POST', `/api/v1/admin/users/${bob.user}/send`, { body: send })).connections, 1);
  assert.deepStrictEqual(await hubs[1].heard('Notice'), send.arguments);
  await hubs[0].invoke('JoinRoom', room);
  await admin.must(204, 'POST', `/api/v1/admin/rooms/${room}/send`, { body: { method: 'InRoom' } });
  assert.deepStrictEqual(await hubs[0].heard('InRoom'), []);
  const problem = await alice.fails(403, 'forbidden', 'POST', `/api/v1/admin/users/${bob.user}/send`, { body: send });
  assert.match(problem.detail, /admin/);
  await nobody().fails(401, 'unauthorized', 'POST', `/api/v1/admin/users/${bob.user}/send`, { body: send });
});

test('health is for everybody', async () => {
  for (const path of ['/health', '/health/live', '/health/ready']) {
    const answer = await nobody().ask('GET', path);
    assert.deepStrictEqual([answer.status, answer.body.status, answer.headers['cache-control']], [200, 'Healthy', 'no-store']);
    assert.strictEqual(answer.body.checks, undefined);
    assert.strictEqual((await nobody().ask('GET', path, { token: 'nonsense' })).status, 200);
  }
});

// ---- what HTTP promises ----

test('GET has an ETag, and 304 for who knows it already', async () => {
  const alice = someone();
  const { id } = await alice.room();
  for (const path of [`/api/v1/rooms/${id}`, '/api/v1/rooms', '/api/v1/users/me', `/api/v1/rooms/${id}/messages`, '/api/v1/openapi.json']) {
    const { headers } = await alice.ask('GET', path);
    assert.match(headers.etag, /^"(\d+-)?[0-9a-f]{16}"$/);
    assert.strictEqual(headers['cache-control'], 'private, no-cache');
    assert.strictEqual(headers.vary, 'Authorization, Origin, Accept-Encoding');
    const known = await alice.ask('GET', path, { headers: { 'If-None-Match': `"x", W/${headers.etag}` } });
    assert.deepStrictEqual([known.status, known.headers.etag, known.bytes.length], [304, headers.etag, 0]);
    assert.strictEqual((await alice.ask('GET', path, { headers: { 'If-None-Match': '"x"' } })).status, 200);
    assert.strictEqual((await alice.ask('GET', path, { headers: { 'If-Match': headers.etag } })).status, 200);
    await alice.fails(412, 'precondition_failed', 'GET', path, { headers: { 'If-Match': '"x"' } });
  }
});

test('If-Match keeps one from changing what another one changed', async () => {
  const alice = someone();
  const { id } = await alice.room();
  const path = `/api/v1/rooms/${id}`;
  const seen = (await alice.ask('GET', path)).headers.etag;
  const patch = (name, tag) => alice.ask('PATCH', path, { body: { name }, headers: tag ? { 'If-Match': tag } : {} });
  const first = await patch('One', seen);
  assert.strictEqual(first.status, 200);
  const second = await patch('Two', seen);
  assert.deepStrictEqual([second.status, second.body.code], [412, 'precondition_failed']);
  assert.strictEqual((await patch('Two', first.headers.etag)).status, 200);
  assert.strictEqual((await patch('Three', '*')).status, 200);
  assert.strictEqual((await patch('Four')).status, 200);
  await alice.fails(412, 'precondition_failed', 'DELETE', path, { headers: { 'If-Match': seen } });
  await alice.fails(412, 'precondition_failed', 'PATCH', path, { body: { name: 'x' }, headers: { 'If-Match': '"nonsense"' } });
  await alice.fails(412, 'precondition_failed', 'PATCH', path, { body: { name: 'x' }, headers: { 'If-None-Match': '*' } });
  await alice.fails(412, 'precondition_failed', 'POST', `${path}/messages`, { body: { content: 'x' }, headers: { 'If-Match': '"1-a"' } });
  const now = (await alice.ask('GET', path)).headers.etag;
  await alice.must(204, 'DELETE', path, { headers: { 'If-Match': now } });
  const me = (await alice.ask('GET', '/api/v1/users/me')).headers.etag;
  await alice.must(200, 'PATCH', '/api/v1/users/me', { body: { displayName: 'A' }, headers: { 'If-Match': me } });
  await alice.fails(412, 'precondition_failed', 'PATCH', '/api/v1/users/me', { body: { displayName: 'B' }, headers: { 'If-Match': me } });
});

test('HEAD is GET without its body', async () => {
  const alice = someone();
  await alice.room();
  for (const path of ['/api/v1/rooms', '/api/v1/users/me', '/health', '/api/v1/openapi.json', '/api/v1/rooms?limit=x', '/nowhere']) {
    const [head, get] = [await alice.ask('HEAD', path), await alice.ask('GET', path)];
    assert.strictEqual(head.bytes.length, 0);
    assert.deepStrictEqual([head.status, head.headers.etag], [get.status, get.headers.etag]);
    assert.strictEqual(head.headers['content-type'], get.headers['content-type']);
  }
});

test('long answers are compressed for who wants it', async () => {
  const alice = someone();
  const { id } = await alice.room();
  for (const i of range(1, 5)) {
    await alice.say(id, `${i} ${'long '.repeat(200)}`);
  }
  const path = `/api/v1/rooms/${id}/messages`;
  const plain = await alice.ask('GET', path);
  const packed = await alice.ask('GET', path, { headers: { 'Accept-Encoding': 'br, gzip' } });
  assert.deepStrictEqual([plain.headers['content-encoding'], packed.headers['content-encoding']], [undefined, 'gzip']);
  assert.ok(packed.bytes.length < plain.bytes.length / 4);
  assert.deepStrictEqual(zlib.gunzipSync(packed.bytes), plain.bytes);
  assert.strictEqual(packed.headers.etag, plain.headers.etag.replace(/"$/, '-gzip"'));
  for (const tag of [plain.headers.etag, packed.headers.etag]) {
    const headers = { 'Accept-Encoding': 'gzip', 'If-None-Match': tag };
    assert.strictEqual((await alice.ask('GET', path, { headers })).status, 304);
  }
  for (const encoding of ['gzip;q=0', 'identity', 'identity, gzip;q=0.5', 'br']) {
    assert.strictEqual((await alice.ask('GET', path, { headers: { 'Accept-Encoding': encoding } })).headers['content-encoding'], undefined);
  }
  const short = await alice.ask('GET', `/api/v1/rooms/${id}`, { headers: { 'Accept-Encoding': 'gzip' } });
  assert.strictEqual(short.headers['content-encoding'], undefined);
});

test('OPTIONS tells the methods, and browsers what pages may do', async () => {
  const ask = (path, headers = {}) => nobody().ask('OPTIONS', path, { headers });
  const plain = await ask('/api/v1/rooms/x');
  assert.deepStrictEqual([plain.status, plain.headers.allow], [204, 'GET, HEAD, PATCH, DELETE, OPTIONS']);
  assert.strictEqual((await ask('*')).status, 204);
  assert.strictEqual((await ask('/nowhere')).status, 404);
  const preflight = { 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization' };
  for (const path of ['/api/v1/rooms', '/chathub/negotiate?negotiateVersion=1']) {
    const { status, headers } = await ask(path, { ...preflight, Origin: 'https://app.example' });
    assert.strictEqual(status, 204);
    assert.strictEqual(headers['access-control-allow-origin'], 'https://app.example');
    assert.strictEqual(headers['access-control-allow-credentials'], 'true');
    assert.match(headers['access-control-allow-methods'], /\bPOST\b/);
    for (const name of ['authorization', 'content-type', 'idempotency-key', 'if-match', 'x-signalr-user-agent']) {
      assert.match(headers['access-control-allow-headers'], new RegExp(`\\b${name}\\b`));
    }
    assert.strictEqual(headers['access-control-max-age'], '600');
    assert.match(headers.vary, /\bOrigin\b/);
    for (const Origin of ['https://evil.example', 'null', 'https://app.example.evil', 'http://app.example']) {
      const refused = await ask(path, { ...preflight, Origin });
      // The hub answers as the real server does where no policy allows the page.
      const status = path.startsWith('/chathub') ? 401 : 403;
      assert.deepStrictEqual([refused.status, refused.headers['access-control-allow-origin']], [status, undefined]);
    }
  }
});

test('answers to pages of an allowed origin say so, others do not', async () => {
  const alice = someone();
  const ask = async (Origin, path = '/api/v1/rooms') => (await alice.ask('GET', path, { headers: { Origin } })).headers;
  for (const path of ['/api/v1/rooms', '/api/v1/rooms?limit=x', '/nowhere', '/health']) {
    const headers = await ask('https://app.example', path);
    assert.strictEqual(headers['access-control-allow-origin'], 'https://app.example');
    assert.strictEqual(headers['access-control-expose-headers'], 'ETag, Location, Retry-After, Link');
  }
  assert.strictEqual((await ask('https://evil.example'))['access-control-allow-origin'], undefined);
  const negotiated = await alice.ask('POST', '/chathub/negotiate?negotiateVersion=1', { body: '', headers: { Origin: 'https://app.example' } });
  assert.strictEqual(negotiated.status, 200);
  assert.strictEqual(negotiated.headers['access-control-allow-origin'], 'https://app.example');
});

test('pipelined requests are answered in their order, one that is refused among them', async () => {
  const alice = someone();
  const rooms = [];
  for (const i of range(0, 4)) {
    rooms.push((await alice.room({ name: `Room ${i}` })).id);
  }
  const connection = await RawConnection.connect(here.chatd.port);
  const one = (i) => {
    const token = i % 10 === 5 ? 'nonsense' : alice.token;
    return i % 3 === 0
      ? requestBytes('POST', `/api/v1/rooms/${rooms[i % 5]}/messages`, {
          token,
          body: JSON.stringify({ content: `message ${i}` }),
          headers: { 'Content-Type': 'application/json' },
        })
      : requestBytes('GET', `/api/v1/rooms/${rooms[i % 5]}`, { token });
  };
  connection.write(Buffer.concat(range(0, 99).map(one)));
  for (const i of range(0, 99)) {
    const { status, headers, body } = await connection.readResponse();
    if (i % 10 === 5) {
      assert.strictEqual(status, 401);
      assert.match(headers['www-authenticate'], /^Bearer realm="chatd", error="invalid_token"$/);
    } else if (i % 3 === 0) {
      assert.strictEqual(status, 201, body);
    } else {
      assert.deepStrictEqual([status, JSON.parse(body).id], [200, rooms[i % 5]]);
    }
  }
  connection.destroy();
});

test('a token that has the wrong form or signature is not one', async () => {
  const alice = someone();
  const ask = (Authorization) => nobody().ask('GET', '/api/v1/rooms', { headers: { Authorization } });
  const expect = async (Authorization, status, challenge) => {
    const answer = await ask(Authorization);
    assert.deepStrictEqual([answer.status, answer.headers['www-authenticate']], [status, challenge]);
  };
  const bare = 'Bearer realm="chatd"';
  const invalid = `${bare}, error="invalid_token"`;
  assert.strictEqual((await ask(`bEARER  ${alice.token}`)).status, 200);
  assert.strictEqual((await nobody().ask('GET', '/api/v1/rooms')).headers['www-authenticate'], bare);
  await expect('Bearer', 401, bare);
  await expect('Basic YTpi', 401, bare);
  await expect(alice.token, 401, bare);
  await expect('Bearer nonsense', 401, invalid);
  await expect(`Bearer ${alice.token}x`, 401, invalid);
  await expect(`Bearer ${userToken('x', { ttl: -60 })}`, 401, invalid);
  await expect(`Bearer ${alice.token}, Bearer ${alice.token}`, 401, invalid);
  const twice = await RawConnection.connect(here.chatd.port);
  twice.write(requestBytes('GET', '/api/v1/rooms', { headers: { Authorization: `Bearer ${alice.token}`, authorization: 'Basic YTpi' } }));
  assert.strictEqual((await twice.readResponse()).status, 400);
  twice.destroy();
  await nobody().fails(400, 'bad_request', 'GET', `/api/v1/openapi.json?access_token=${alice.token}`);
  await nobody().fails(401, 'unauthorized', 'GET', `/api/v1/rooms?access_token=${alice.token}`);
});
