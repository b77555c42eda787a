'use strict';
// What happens within one room: its row locked for long, members removed while their sends wait for the lock, and one
// client message id that races itself over two instances.

const assert = require('node:assert');
const { sleep } = require('../../func/lib/util');
const { Rest } = require('../../func/lib/rest');
const { userId } = require('../../func/lib/token');
const { now } = require('../lib/journal');
const { Sender } = require('../lib/clients');

const LOCKED_MS = 5000;
const CHANGE_REMOVED = 3;

const lock = (room) => `BEGIN; SELECT FROM rooms WHERE id = '${room}' FOR UPDATE`;

const locked = {
  name: 'a room locked for 5 s',
  stores: ['postgres'],
  instances: 2,
  async hurt({ world, load, random }) {
    const session = world.cluster.session();
    await session.ask(lock(random.pick(load.rooms).id));
    await sleep(LOCKED_MS);
    await session.ask('ROLLBACK');
    await session.end();
  },
};

// ---- removal ----

const removal = (room, user) => `
  DELETE FROM participants WHERE room_id = '${room}' AND user_id = '${user}';
  UPDATE rooms SET member_version = member_version + 1, member_count = member_count - 1 WHERE id = '${room}';
  INSERT INTO changes (origin, room_id, user_id, kind) VALUES (0, '${room}', '${user}', ${CHANGE_REMOVED});
  COMMIT`;

// Sends that all wait for the room's lock: of the one who is removed meanwhile, on each instance, and of one who stays.
async function sendBehindLock({ load, session, room, round, witness, random }) {
  const leavers = load.instances.map((_, i) =>
    load.add(Sender, `leaver-${round}-${i}`, [room], { user: `leaver-${round}`, pinned: i }),
  );
  await Promise.all(leavers.map((leaver) => leaver.connect()));
  await session.ask(lock(room.id));
  const told = [];
  for (let i = 0; i < 6; i++) {
    for (const leaver of leavers) {
      told.push(leaver.attempt(room, `${leaver.name}-${i}`, `${leaver.name}-${i}`));
    }
    told.push(witness.insist(room, `witness-${round}-${i}`, `witness-${round}-${i}`).then(() => null));
  }
  await sleep(random.between(30, 150));
  return { leavers, told };
}

// The removal commits under the lock that the sends wait for: all of them come after it.
async function removedUnderLock(scene) {
  const { session, room, round, notes } = scene;
  const { leavers, told } = await sendBehindLock(scene);
  const head = Number((await session.ask(`SELECT last_seq FROM rooms WHERE id = '${room.id}'`)));
  await session.ask(removal(room.id, userId(`leaver-${round}`)));
  const codes = (await Promise.all(told)).filter(Boolean);
  notes.waited += codes.length;
  assert.deepStrictEqual([...new Set(codes)], ['not_a_member'], 'what was sent behind the lock, by who is removed under it');
  for (const { journal } of leavers) {
    const late = journal.log.filter(({ what, seq }) => what === 'receive' && seq > head);
    assert.deepStrictEqual(late, [], 'who was removed goes on receiving');
  }
}

// The removal waits for the lock like the sends: either may come first, but nothing that is sent behind its answer.
async function removedByOwner(scene) {
  const { session, room, round, rest } = scene;
  const { leavers, told } = await sendBehindLock(scene);
  const removing = rest.must(204, 'DELETE', `/api/v1/rooms/${room.id}/participants/${userId(`leaver-${round}`)}`);
  await sleep(scene.random.between(30, 150));
  await session.ask('ROLLBACK');
  await removing;
  for (const leaver of leavers) {
    const code = await leaver.attempt(room, `${leaver.name}-late`, `${leaver.name}-late`);
    assert.notStrictEqual(code, 'ack', 'a send behind the answer to the removal');
  }
  await Promise.all(told);
}

const removed = {
  name: 'members removed while sends wait for the lock',
  stores: ['postgres'],
  instances: 2,
  codes: ['not_a_member', 'not_found'],
  async hurt({ world, load, random, notes }) {
    const room = await load.makeRoom('leaving');
    const witness = load.add(Sender, 'witness', [room]);
    await witness.connect();
    const session = world.cluster.session();
    const rest = new Rest(world.instances[0].port, 'founder');
    notes.waited = 0;
    for (let round = 0; round < 8; round++) {
      const scene = { load, session, room, round, witness, rest, random, notes };
      await (round % 2 === 0 ? removedUnderLock(scene) : removedByOwner(scene));
    }
    await session.end();
    rest.close();
  },
  prove({ field: { notes } }) {
    assert.ok(notes.waited >= 12, 'no send waited for the lock');
  },
};

// ---- one id, twice at once ----

const RACES_MS = 3000;

const raced = {
  name: 'one client message id raced',
  stores: ['sqlite', 'postgres'],
  instances: 2,
  async hurt({ load, random, notes }) {
    const room = await load.makeRoom('racing');
    const last = load.instances.length - 1;
    const [one, other] = [0, last].map((pinned, i) => load.add(Sender, `racer-${i}`, [room], { user: 'racer', pinned }));
    const until = now() + RACES_MS;
    notes.races = 0;
    for (notes.races = 0; now() < until; notes.races++) {
      const id = `race-${notes.races}`;
      if (random.chance(0.8)) {
        const codes = await Promise.all([one.insist(room, id, id), other.insist(room, id, id)]);
        assert.deepStrictEqual(codes, ['ack', 'ack'], 'the same message twice at once');
      } else {
        await Promise.all([one, other].map((racer) => racer.connect()));
        const codes = await Promise.all([one, other].map((racer, i) => racer.attempt(room, `${id}-${i}`, id, 'conflict')));
        assert.deepStrictEqual(codes.sort(), ['ack', 'conflict'], 'two messages under one id at once');
      }
    }
  },
  prove({ field: { notes } }) {
    assert.ok(notes.races >= 30, `only ${notes.races} races`);
  },
};

module.exports = { locked, removed, raced };
