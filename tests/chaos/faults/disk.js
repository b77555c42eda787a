'use strict';
// The disk is full: what the store lies on is a small file system of its own, which a file fills up.

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { sleep } = require('../../func/lib/util');
const { now } = require('../lib/journal');

const FULL_MS = 4000;

function mount(mebibytes) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'chatd-small-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=755`, 'tmpfs', dir], { stdio: 'pipe' });
  } catch (error) {
    fs.rmdirSync(dir);
    throw error;
  }
  process.once('exit', () => unmount(dir));
  return dir;
}

function unmount(dir) {
  if (fs.existsSync(dir)) {
    execFileSync('umount', ['-l', dir], { stdio: 'pipe' });
    fs.rmdirSync(dir);
  }
}

// A reason, where it cannot be done here.
function impossible() {
  try {
    unmount(mount(1));
    return undefined;
  } catch (error) {
    return `no right to mount a tmpfs: ${String(error.stderr || error).trim()}`;
  }
}

// Appends to the file until there is no room for a byte more.
function fill(file) {
  const handle = fs.openSync(file, 'a');
  for (let size = 1 << 20; size >= 1; size = size >> 1) {
    const block = Buffer.alloc(size);
    try {
      for (;;) {
        fs.writeSync(handle, block);
      }
    } catch (error) {
      assert.strictEqual(error.code, 'ENOSPC');
    }
  }
  fs.closeSync(handle);
}

const full = {
  name: 'disk full',
  stores: ['sqlite', 'postgres'],
  impossible,
  server: { min_wal_size: '32MB', max_wal_size: '64MB' },
  codes: ['storage_full'],
  place: (store) => mount(store === 'postgres' ? 256 : 24),
  async hurt({ world, place, notes }) {
    const file = path.join(place, 'filling');
    const until = now() + FULL_MS;
    while (now() < until) {
      fill(file);
      await sleep(100);
    }
    fs.rmSync(file);
    // A server that found no room for its log has ended, and an operator starts it.
    if (world.cluster && world.cluster.child.exitCode !== null) {
      notes.started = true;
      await world.cluster.start();
    }
  },
  prove({ result: { counts } }) {
    const { storage_full: full_ = 0, unavailable = 0 } = counts.refusals;
    assert.ok(full_ + unavailable + counts.unsure > 0, 'no sender felt that the disk was full');
  },
  clear: ({ place }) => unmount(place),
};

module.exports = { full };
