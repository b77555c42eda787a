'use strict';
// The wall clock goes an hour forward and back, of the daemon or of the database server, while all goes on. Clocks that
// only count (CLOCK_MONOTONIC) are not touched, as in the world. With libfaketime, so only for programs without a
// sanitizer.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { scratchDir } = require('../../func/lib/chatd');
const { RawHub } = require('../../func/lib/hub');
const { userToken } = require('../../func/lib/token');
const { sleep } = require('../../func/lib/util');

const HOUR_S = 3600;
const STEP_MS = 1500;

// Debian's and Fedora's places.
function library() {
  const roots = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib'];
  const files = roots.map((root) => path.join(root, 'faketime', 'libfaketimeMT.so.1'));
  return files.find((file) => fs.existsSync(file));
}

const impossible = () => (library() ? undefined : 'no libfaketime here (package faketime)');

class Clock {
  constructor() {
    const dir = scratchDir();
    fs.chmodSync(dir, 0o755);
    this.file = path.join(dir, 'time');
    this.set(0);
  }

  // Whole or not at all: it is read at every look at the clock.
  set(seconds) {
    fs.writeFileSync(`${this.file}.new`, `${seconds >= 0 ? '+' : ''}${seconds}\n`);
    fs.renameSync(`${this.file}.new`, this.file);
  }

  get env() {
    return {
      LD_PRELOAD: library(),
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    };
  }
}

// Forward, back, an hour behind, and right again; look(seconds) at each.
async function walk(clock, look = () => {}) {
  for (const seconds of [HOUR_S, 0, -HOUR_S, 0]) {
    clock.set(seconds);
    await sleep(STEP_MS);
    await look(seconds);
  }
}

const spanOf = (rooms) => rooms.flatMap(({ table }) => table.map(({ sentAt }) => sentAt));

// What clocks have no part in goes on: no send fails.
function assertUnhurt({ during: { refusals, unsure } }) {
  assert.deepStrictEqual([...refusals.filter(({ code }) => code !== 'conflict'), ...unsure].slice(0, 3), []);
}

// A token that is good for half an hour tells what time the daemon thinks it is.
async function isFast(chatd) {
  try {
    (await RawHub.open(chatd.port, { token: userToken('early', { ttl: HOUR_S / 2 }) })).destroy();
    return false;
  } catch {
    return true;
  }
}

const ofDaemon = {
  name: "the daemon's clock moved by an hour",
  stores: ['sqlite', 'postgres'],
  impossible,
  setUp() {
    const clock = new Clock();
    return { clock, wrap: ['env', ...Object.entries(clock.env).map(([name, value]) => `${name}=${value}`)] };
  },
  async hurt({ world, clock }) {
    await walk(clock, async (seconds) => {
      assert.strictEqual(await isFast(world.instances[0]), seconds > 0, 'the clock did not move');
    });
  },
  prove({ result, field: { world, rooms } }) {
    assertUnhurt(result);
    const times = spanOf(rooms);
    const span = Math.max(...times.map((at) => Math.abs(at - Date.now())));
    const moved = world.store === 'sqlite';
    assert.strictEqual(span > (HOUR_S * 1000) / 2, moved, `sent_at is off by up to ${span} ms`);
  },
};

const ofServer = {
  name: "the database's clock moved by an hour",
  stores: ['postgres'],
  instances: 2,
  impossible,
  setUp() {
    const clock = new Clock();
    return { clock, serverEnv: clock.env };
  },
  hurt: ({ clock }) => walk(clock),
  // PostgreSQL's own time limits go by its wall clock: a statement that is under way at the jump may be cancelled.
  prove({ result, field: { rooms } }) {
    const { refusals, unsure, acks } = result.during;
    const cancelled = refusals.filter(({ code }) => code === 'unavailable').length + unsure.length;
    assert.ok(cancelled <= acks / 20, `${cancelled} sends failed, ${acks} did not`);
    const span = Math.max(...spanOf(rooms).map((at) => Math.abs(at - Date.now())));
    assert.ok(span > (HOUR_S * 1000) / 2, 'the clock did not move');
  },
};

module.exports = { ofDaemon, ofServer };
