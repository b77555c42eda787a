'use strict';
// The real client over every transport with every encoding, on four workers, so that requests land on other workers
// than the connection's.

const assert = require('node:assert');
const { test } = require('node:test');
const { Chatd, startChatd, steadyPort, NO_RATES } = require('./lib/chatd');
const { house, fresh } = require('./lib/people');
const { realClient, codeOf } = require('./lib/hub');
const { COMBINATIONS, Enduring, optionsOf, plain } = require('./lib/combinations');
const { BrowserEventSource } = require('./lib/event_source');
const { Proxy } = require('./lib/proxy');
const { userId, userToken } = require('./lib/token');
const { eventually, sleep, within } = require('./lib/util');

const SETTINGS = { ...NO_RATES, CHATD_SERVER_WORKERS: 4 };
const here = house({ settings: SETTINGS });
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const ODD = 'Grüße, 😀 \u2028 "\\ \u0001\n<&>\u001e';

const connect = (user, combination, more) => here.real(user, { ...optionsOf(combination), ...more });
const heard = (client) => client.heard.ReceiveMessage.map(([message]) => plain(message));
const reason = (promise) => promise.then(() => assert.fail('it was not refused'), (error) => error.message);

// One client of each combination in a room of its own.
async function gathering() {
  const alias = fresh('room');
  const clients = [];
  let room;
  for (const combination of COMBINATIONS) {
    const client = await connect(fresh('user'), combination);
    room = plain(await client.invoke('JoinRoom', alias)).roomId;
    clients.push(client);
  }
  return { clients, room };
}

const heardAll = (client, count) =>
  eventually(() => client.heard.ReceiveMessage.length >= count, {
    timeout: 30000,
    what: () => `${client.heard.ReceiveMessage.length} of ${count} came: ${heard(client).map(({ seq }) => seq)}`,
  });

// ---- the combinations one by one ----------------------------------------------------------------------------------------

for (const combination of COMBINATIONS) {
  const binary = combination.encoding === 'messagepack';
  const spell = (name) => (binary ? name[0].toUpperCase() + name.slice(1) : name);

  test(`${combination.name}: calls, history and what comes, field by field`, async () => {
    const name = fresh('alice');
    const alice = await connect(name, combination);
    const joined = await alice.invoke('JoinRoom', fresh('room'));
    const names = ['roomId', 'lastSeq', 'epoch', 'recovered', 'from', 'to', 'gap'].map(spell);
    assert.deepStrictEqual(Object.keys(joined).sort(), names.sort());
    const { roomId } = plain(joined);
    const sent = await alice.invoke('SendMessage', roomId, ODD, 'an id');
    assert.strictEqual(sent[spell('sentAt')] instanceof Date, binary, 'times of MessagePack are timestamps');
    const { id, seq, sentAt } = plain(sent);
    const wanted = {
      ...{ id, roomId, seq: 1, senderId: userId(name), type: 'Text', refSeq: null, status: 'Sent' },
      ...{ clientMessageId: 'an id', sentAt, content: ODD },
    };
    assert.strictEqual(seq, 1);
    const [message] = await alice.hears('ReceiveMessage');
    assert.deepStrictEqual(Object.keys(message).sort(), Object.keys(wanted).map(spell).sort());
    assert.deepStrictEqual(plain(message), wanted);
    const [stored] = await alice.invoke('GetHistory', roomId, null, 10);
    assert.strictEqual(stored[spell('content')], ODD);
    assert.strictEqual(stored[spell('sentAt')] instanceof Date, binary);
    assert.deepStrictEqual([plain(stored).id, plain(stored).sentAt], [id, sentAt]);
  });

  test(`${combination.name}: errors have the same text as everywhere`, async () => {
    const alice = await connect(fresh('alice'), combination);
    const told = await reason(alice.invoke('SendMessage', 'no-such-room', 'x'));
    const wanted = "An unexpected error occurred invoking 'SendMessage' on the server. HubException: not_found";
    assert.ok(told.startsWith(wanted), told);
    assert.strictEqual(codeOf({ message: told }), 'not_found');
    assert.strictEqual(
      await reason(alice.invoke('NoSuchMethod')),
      "Failed to invoke 'NoSuchMethod' due to an error on the server. HubException: Method does not exist.",
    );
    const unbound = await reason(alice.invoke('JoinRoom'));
    assert.match(unbound, /^Failed to invoke 'JoinRoom' due to an error on the server\./);
    assert.match(await reason(alice.invoke('JoinRoom', { a: [1.5, null, true] })), /'JoinRoom'/);
    assert.strictEqual(alice.state, 'Connected');
  });

  test(`${combination.name}: large messages both ways`, async () => {
    const alice = await connect(fresh('alice'), combination);
    const { roomId } = plain(await alice.invoke('JoinRoom', fresh('room')));
    const content = '€uro '.repeat(9000); // 63,000 bytes
    for (let i = 0; i < 10; i++) {
      await alice.invoke('SendMessage', roomId, content);
    }
    await heardAll(alice, 10);
    assert.ok(heard(alice).every((message) => message.content === content));
    const history = plain(await alice.invoke('GetHistory', roomId, null, 200));
    assert.ok(history.length > 0 && history.every((message) => message.content === content));
  });

  test(`${combination.name}: stop() ends the connection at the server`, async () => {
    const name = fresh('alice');
    const alice = realClient(here.chatd.url, { user: name, ...optionsOf(combination) });
    const closes = [];
    alice.onclose((error) => closes.push(error));
    await alice.start();
    await alice.invoke('JoinRoom', fresh('room'));
    const mine = async () => {
      const { items } = JSON.parse(await here.chatd.ctl('-o', 'json', 'conn', 'list', '--user', name));
      return items;
    };
    const [entry, ...others] = await mine();
    assert.deepStrictEqual([entry.transport, others], [combination.transport, []]);
    await alice.stop();
    assert.deepStrictEqual(closes, [undefined]);
    await eventually(async () => (await mine()).length === 0, { timeout: 3000, what: 'it is still there' });
  });
}

test('server-sent events with MessagePack: the client says that they do not go together', async () => {
  const alone = { transport: 'ServerSentEvents', encoding: 'messagepack' };
  const client = realClient(here.chatd.url, { user: fresh('alice'), ...optionsOf(alone) });
  assert.match(await reason(client.start()), /ServerSentEvents.*does not support.*(Binary|transfer format)/s);
});

// ---- all of them together ------------------------------------------------------------------------------------------------

test('what one client sends, the clients of every other combination get: once, in order, alike', async () => {
  const { clients, room } = await gathering();
  const EACH = 30;
  await Promise.all(
    clients.map(async (client, who) => {
      for (let n = 0; n < EACH; n++) {
        await client.invoke('SendMessage', room, `${who}: ${n} ${ODD}`);
      }
    }),
  );
  const count = EACH * clients.length;
  await Promise.all(clients.map((client) => heardAll(client, count)));
  const [first, ...others] = clients.map(heard);
  assert.deepStrictEqual(first.map(({ seq }) => seq), range(1, count));
  others.forEach((messages) => assert.deepStrictEqual(messages, first));
  for (let who = 0; who < clients.length; who++) {
    const mine = first.filter(({ content }) => content.startsWith(`${who}: `)).map(({ content }) => content);
    assert.deepStrictEqual(mine, range(0, EACH - 1).map((n) => `${who}: ${n} ${ODD}`));
  }
});

test('many messages at once come in order over every transport', async () => {
  const { clients, room } = await gathering();
  const sender = await here.raw(fresh('sender'));
  await sender.invoke('JoinRoom', room);
  await Promise.all(range(1, 500).map((n) => sender.invoke('SendMessage', room, String(n))));
  await Promise.all(clients.map((client) => heardAll(client, 500)));
  clients.forEach((client) => assert.deepStrictEqual(heard(client).map(({ seq }) => seq), range(1, 500)));
});

test('calls sent at once over one connection are each answered', async () => {
  const { clients, room } = await gathering();
  for (const client of clients) {
    const answers = await Promise.all(range(1, 40).map((n) => client.invoke('SendMessage', room, `at once ${n}`)));
    assert.strictEqual(new Set(answers.map((answer) => plain(answer).seq)).size, 40);
  }
});

// ---- names in MessagePack --------------------------------------------------------------------------------------------------

test('hub.messagepack_names = camel: the names of JSON; both spellings are taken', async () => {
  const chatd = await startChatd({ settings: { ...SETTINGS, CHATD_HUB_MESSAGEPACK_NAMES: 'camel' } });
  for (const combination of COMBINATIONS.filter(({ encoding }) => encoding === 'messagepack')) {
    const client = realClient(chatd.url, { user: fresh('alice'), ...optionsOf(combination) });
    await client.start();
    const { roomId, lastSeq } = await client.invoke('JoinRoom', fresh('room'));
    assert.strictEqual(lastSeq, 0);
    await client.invoke('SendMessage', roomId, { content: 'small', clientMessageId: 'one' });
    await client.invoke('SendMessage', roomId, { Content: 'large', ClientMessageId: 'two' });
    await heardAll(client, 2);
    const [[one], [two]] = client.heard.ReceiveMessage;
    assert.deepStrictEqual([one.content, one.clientMessageId], ['small', 'one']);
    assert.deepStrictEqual([two.content, two.clientMessageId], ['large', 'two']);
    assert.ok(one.sentAt instanceof Date);
    await client.stop();
  }
  await chatd.stop();
});

// ---- the way to a transport ------------------------------------------------------------------------------------------------

const transportOf = (client) => client.connection.transport.constructor.name;

test('where WebSockets are blocked the client falls back to events, and where those are, to polls', async () => {
  const wanted = [
    [{ webSockets: true, events: true }, 'WebSocketTransport', [0, 0]],
    [{ events: true }, 'ServerSentEventsTransport', [1, 0]],
    [{}, 'LongPollingTransport', [1, 1]],
  ];
  for (const [allowed, transport, refused] of wanted) {
    const proxy = await new Proxy(here.chatd.port, allowed).start();
    const client = realClient(proxy.url, { user: fresh('alice') });
    await client.start();
    assert.strictEqual(transportOf(client), transport);
    assert.deepStrictEqual([proxy.refused.webSockets, proxy.refused.events], refused);
    const { roomId } = await client.invoke('JoinRoom', fresh('room'));
    await client.invoke('SendMessage', roomId, `by way of ${transport}`);
    assert.strictEqual((await client.hears('ReceiveMessage'))[0].content, `by way of ${transport}`);
    await client.stop();
    await proxy.stop();
  }
});

test('with MessagePack the way back from a blocked WebSocket leads past the events, to polls', async () => {
  const proxy = await new Proxy(here.chatd.port, { events: true }).start();
  const { protocol } = optionsOf({ transport: 'LongPolling', encoding: 'messagepack' });
  const client = realClient(proxy.url, { user: fresh('alice'), protocol });
  await client.start();
  assert.strictEqual(transportOf(client), 'LongPollingTransport');
  assert.strictEqual(plain(await client.invoke('JoinRoom', fresh('room'))).lastSeq, 0);
  await client.stop();
  await proxy.stop();
});

test('a browser reads the events by its own rules', async () => {
  const combination = COMBINATIONS.find(({ transport }) => transport === 'ServerSentEvents');
  const client = await connect(fresh('alice'), combination, { http: { EventSource: BrowserEventSource } });
  const { roomId } = await client.invoke('JoinRoom', fresh('room'));
  for (let n = 1; n <= 20; n++) {
    await client.invoke('SendMessage', roomId, `${n} ${ODD}\r\n\r\n`);
  }
  await heardAll(client, 20);
  assert.deepStrictEqual(heard(client).map(({ content }) => content), range(1, 20).map((n) => `${n} ${ODD}\r\n\r\n`));
});

test('tokens come from the factory in header and query, are refused when bad, and never logged', async () => {
  for (const combination of COMBINATIONS) {
    const token = userToken(fresh('alice'));
    let asked = 0;
    const factory = () => {
      asked++;
      return token;
    };
    const client = await connect(undefined, combination, { token: factory });
    await client.invoke('JoinRoom', fresh('room'));
    assert.ok(asked > 0);
    assert.ok(!here.chatd.log.includes(token), 'a token is in the log');
    const eve = realClient(here.chatd.url, { token: () => `${token}x`, ...optionsOf(combination) });
    assert.match(await reason(eve.start()), /401/);
  }
});

// ---- coming back ---------------------------------------------------------------------------------------------------------

const STEADY = {
  ...SETTINGS,
  CHATD_HUB_RESTORE_HOLD: '10s',
  CHATD_HUB_KEEPALIVE: '1s',
};

async function enduring(chatd, count = 1) {
  const room = fresh('room');
  const list = COMBINATIONS.flatMap((combination) => Array.from({ length: count }, () => combination));
  const clients = list.map((combination) => new Enduring(chatd.url, { user: fresh('user'), room, combination }));
  for (const client of clients) {
    await client.start();
  }
  return { room, clients };
}

// Everything that was acknowledged is there once, and everybody has seen all of it, in order.
async function judge(chatd, { room, clients }) {
  const reader = realClient(chatd.url, { user: fresh('reader') });
  await reader.start();
  const { lastSeq } = await reader.invoke('JoinRoom', room);
  const stored = [];
  while (stored.length === 0 || stored[0].seq > 1) {
    stored.unshift(...(await reader.invoke('GetHistory', room, stored.length ? stored[0].seq : null, 200)));
  }
  await reader.stop();
  assert.deepStrictEqual(stored.map(({ seq }) => seq), range(1, lastSeq));
  const ids = stored.map(({ clientMessageId }) => clientMessageId);
  assert.strictEqual(new Set(ids).size, ids.length, 'a message is there twice');
  for (const client of clients) {
    const what = () => `${client.name}: read up to ${client.lastSeq} of ${lastSeq}`;
    await eventually(() => client.lastSeq >= lastSeq, { timeout: 20000, what });
    assert.deepStrictEqual(client.faults, [], client.name);
    for (const [id, seq] of client.acknowledged) {
      assert.strictEqual(ids[seq - 1], id, `${client.name}: ${id} was acknowledged`);
    }
  }
}

test('kill -9 under load: every client comes back by itself, nothing is lost or doubled', async () => {
  const chatd = await new Chatd({ settings: STEADY, port: await steadyPort() }).start();
  const { room, clients } = await enduring(chatd);
  const work = clients.map((client) => client.run());
  for (let kill = 0; kill < 3; kill++) {
    const before = clients.map(({ acknowledged }) => acknowledged.size);
    await eventually(() => clients.every(({ acknowledged }, i) => acknowledged.size >= before[i] + 5), {
      timeout: 30000,
      what: () => clients.map(({ name, acknowledged, faults }) => `${name}: ${acknowledged.size} ${faults}`).join('; '),
    });
    await chatd.kill();
    await chatd.restart();
  }
  await eventually(() => clients.every(({ reconnects, attached }) => attached && reconnects >= 3), {
    timeout: 30000,
    what: () => clients.map(({ name, reconnects }) => `${name}: ${reconnects}`).join('; '),
  });
  clients.forEach((client) => client.finish());
  await within(30000, Promise.all(work), 'a sender does not finish');
  await judge(chatd, { room, clients });
  await Promise.all(clients.map((client) => client.stop()));
  await chatd.stop();
});

test('a drain asks every client to come again, and it does', async () => {
  const chatd = await new Chatd({ settings: STEADY, port: await steadyPort() }).start();
  const { room, clients } = await enduring(chatd);
  for (const client of clients) {
    await client.sendOne(`${client.user}-before`);
  }
  const begun = Date.now();
  chatd.child.kill('SIGTERM');
  assert.deepStrictEqual(await chatd.end(), { code: 0, signal: null });
  assert.ok(Date.now() - begun < 8000, 'nobody is waited for who has been told');
  await eventually(() => clients.every(({ connection }) => connection.state === 'Reconnecting'), {
    what: () => clients.map(({ name, connection }) => `${name}: ${connection.state}`).join('; '),
  });
  await chatd.restart();
  await eventually(() => clients.every(({ attached, reconnects }) => attached && reconnects === 1), { timeout: 20000 });
  for (const client of clients) {
    await client.sendOne(`${client.user}-after`);
  }
  await judge(chatd, { room, clients });
  await Promise.all(clients.map((client) => client.stop()));
  await chatd.stop();
});

test('a client that was idle over several polls and pings still hears', async () => {
  const settings = { ...SETTINGS, CHATD_HUB_POLL_TIMEOUT: '500ms', CHATD_HUB_KEEPALIVE: '200ms' };
  const chatd = await startChatd({ settings });
  const { room, clients } = await enduring(chatd);
  await sleep(2500);
  await clients[0].sendOne('behind the silence');
  await judge(chatd, { room, clients });
  clients.forEach(({ name, reconnects }) => assert.strictEqual(reconnects, 0, name));
  await Promise.all(clients.map((client) => client.stop()));
  await chatd.stop();
});
