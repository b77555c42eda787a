'use strict';
// Clients that send a message and vanish while its answer is under way, ten thousand times: what was acknowledged is
// stored, numbers have no holes, and nothing is left behind.

const assert = require('node:assert');
const fs = require('node:fs');
const { test } = require('node:test');
const { startChatd, NO_RATES } = require('../func/lib/chatd');
const { RawHub, HANDSHAKE } = require('../func/lib/hub');
const { RawConnection } = require('../func/lib/http');
const { OPCODE, RS, frame, upgradeBytes } = require('../func/lib/ws');
const { userToken } = require('../func/lib/token');
const { sleep, eventually } = require('../func/lib/util');
const { wholeHistory } = require('../func/lib/retrying');

const TIMES = Number(process.env.VANISH_TIMES || 10000);
const AT_ONCE = 40;
const USERS = 10;
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

// Upgrade, handshake and call in one write; then the connection is reset at some moment of what follows.
async function vanish(chatd, user, token, room, number) {
  const send = { type: 1, invocationId: '1', target: 'SendMessage', arguments: [room, `v${number}`, `v${number}`] };
  const connection = await RawConnection.connect(chatd.port);
  connection.write(
    Buffer.concat([
      upgradeBytes('/chathub', { host: chatd.host, token, key: KEY }),
      frame(OPCODE.text, JSON.stringify(HANDSHAKE) + RS),
      frame(OPCODE.text, JSON.stringify(send) + RS),
    ]),
  );
  const moment = number % 4;
  if (moment === 0) {
    // At the head of the answers: the handshake is done or nearly so.
    await connection.more();
  } else if (moment === 1) {
    await sleep(Math.random() * 4);
  } else if (moment === 2) {
    await sleep(Math.random() * 20);
  }
  const acknowledged = /"invocationId":"1","result"/.test(connection.buffer.toString('latin1'));
  connection.destroy({ reset: number % 3 !== 0 });
  return acknowledged ? number : null;
}

test(`${TIMES} clients vanish while their answer is under way`, async (t) => {
  const chatd = await startChatd({ settings: NO_RATES });
  const users = Array.from({ length: USERS }, (_, i) => `ghost-${i}`);
  const tokens = users.map((user) => userToken(user));
  let room;
  for (const user of users) {
    const hub = await RawHub.open(chatd.port, { user });
    ({ roomId: room } = await hub.invoke('JoinRoom', 'haunted'));
    hub.destroy();
  }
  const watcher = await RawHub.open(chatd.port, { user: 'watcher' });
  await watcher.invoke('JoinRoom', room);
  const beat = setInterval(() => watcher.socket.sendRecord({ type: 6 }), 5000);
  const descriptors = () => fs.readdirSync(`/proc/${chatd.pid}/fd`).length;
  const before = descriptors();

  const acknowledged = [];
  let next = 0;
  const work = async () => {
    while (next < TIMES) {
      const number = next++;
      const user = number % USERS;
      const done = await vanish(chatd, users[user], tokens[user], room, number);
      if (done !== null) {
        acknowledged.push(done);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  clearInterval(beat);

  await eventually(() => descriptors() <= before + 1, {
    timeout: 30000,
    what: () => `${descriptors()} descriptors, ${before} before`,
  });
  // The last sends are stored and told while nobody waits for them any more.
  const history = await eventually(
    async () => {
      const all = await wholeHistory(watcher, room);
      return all.length === watcher.messages().length && all;
    },
    { timeout: 30000, every: 500, what: () => `the watcher heard ${watcher.messages().length}` },
  );
  assert.deepStrictEqual(
    history.map(({ seq }) => seq),
    history.map((_, i) => i + 1),
  );
  const stored = new Set(history.map(({ clientMessageId }) => clientMessageId));
  assert.strictEqual(stored.size, history.length, 'each is stored once');
  for (const number of acknowledged) {
    assert.ok(stored.has(`v${number}`), `v${number} was acknowledged and is lost`);
  }
  assert.ok(history.length > TIMES / 20, `only ${history.length} sends got as far as the store`);
  assert.deepStrictEqual(
    watcher.messages().map(({ seq }) => seq),
    history.map(({ seq }) => seq),
  );
  watcher.destroy();
  t.diagnostic(`vanish: ${TIMES} vanished, ${history.length} stored, ${acknowledged.length} acknowledged`);
  await chatd.stop();
});
