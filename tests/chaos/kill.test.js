'use strict';
// kill -9 at random moments under load from senders that retry with ids: no acknowledged message lost, none twice,
// numbers without holes, every reader saw everything once in order, and the daemon is ready again in time.
// CHAOS_KILLS says how often (20).

const assert = require('node:assert');
const fs = require('node:fs');
const { test } = require('node:test');
const { Chatd, steadyPort, NO_RATES } = require('../func/lib/chatd');
const { RawHub } = require('../func/lib/hub');
const { Sender, Reader, wholeHistory } = require('../func/lib/retrying');
const { sleep, eventually } = require('../func/lib/util');

const KILLS = Number(process.env.CHAOS_KILLS || 20);
const SENDERS = 50;
const READERS = 5;
const READY_MS = 2000;
const RUN_MIN_MS = 30;
const RUN_MAX_MS = 900;

const acknowledgedOf = (senders) => senders.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0);

// Kills and restarts; each life lasts at least until one more message was acknowledged, so that there is load.
async function killing(chatd, senders) {
  const readyMs = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const before = acknowledgedOf(senders);
    await eventually(() => acknowledgedOf(senders) > before, { what: 'no send gets through', every: 5 });
    await sleep(RUN_MIN_MS + Math.random() * (RUN_MAX_MS - RUN_MIN_MS));
    await chatd.kill();
    await chatd.restart();
    readyMs.push(chatd.readyAt - chatd.startedAt);
  }
  return readyMs;
}

function checkHistory(history, senders) {
  assert.deepStrictEqual(
    history.map(({ seq }) => seq),
    history.map((_, i) => i + 1),
    'numbers are contiguous from 1',
  );
  const stored = new Map();
  for (const message of history) {
    assert.ok(!stored.has(message.clientMessageId), `${message.clientMessageId} is stored twice`);
    assert.strictEqual(message.content, message.clientMessageId);
    stored.set(message.clientMessageId, message);
  }
  for (const { acknowledged } of senders) {
    let lastSeq = 0;
    for (const [clientId, { id, seq }] of acknowledged) {
      const message = stored.get(clientId);
      assert.ok(message, `${clientId} was acknowledged as ${seq} and is lost`);
      assert.deepStrictEqual({ id: message.id, seq: message.seq }, { id, seq }, `${clientId} as acknowledged`);
      assert.ok(seq > lastSeq, `${clientId} precedes what its sender sent before`);
      lastSeq = seq;
    }
  }
}

test(`${KILLS} kills under load`, async (t) => {
  const chatd = new Chatd({ port: await steadyPort(), settings: NO_RATES });
  await chatd.start();
  const first = await RawHub.open(chatd.port, { user: 'first' });
  const { roomId, epoch } = await first.invoke('JoinRoom', 'chaos');
  first.destroy();
  const senders = Array.from({ length: SENDERS }, (_, i) => new Sender(chatd.port, `sender-${i}`, roomId));
  const readers = Array.from({ length: READERS }, (_, i) => new Reader(chatd.port, `reader-${i}`, roomId));
  readers.forEach((reader) => (reader.epoch = epoch));
  const reading = readers.map((reader) => reader.run());
  await eventually(() => readers.every(({ connects }) => connects > 0));
  const sending = senders.map((sender) => sender.run());
  const readyMs = await killing(chatd, senders);
  senders.forEach((sender) => sender.finish());
  await Promise.all(sending);

  const checker = await RawHub.open(chatd.port, { user: 'first' });
  const history = await wholeHistory(checker, roomId);
  checkHistory(history, senders);
  await eventually(() => readers.every(({ lastSeq }) => lastSeq === history.length), {
    what: () => `readers are at ${readers.map(({ lastSeq }) => lastSeq)} of ${history.length}`,
  });
  [...readers, ...senders].forEach((one) => one.stop());
  await Promise.all(reading);
  checker.destroy();
  for (const one of [...readers, ...senders]) {
    assert.deepStrictEqual(one.faults, [], one.user);
  }
  t.diagnostic(
    `kills: ${KILLS}, ${history.length} messages, ${acknowledgedOf(senders)} acknowledged, ` +
      `ready again after at most ${Math.max(...readyMs)} ms`,
  );
  assert.ok(Math.max(...readyMs) < READY_MS, `ready after ${readyMs} ms`);
  await chatd.stop({ keepDir: true });
  fs.rmSync(chatd.dir, { recursive: true });
});
