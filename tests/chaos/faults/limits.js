'use strict';
// What a database administrator sets against others and hits chatd with: time limits of statements and of idle
// sessions, and no connections left.

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const { sleep, eventually } = require('../../func/lib/util');
const { now } = require('../lib/journal');
const { ROLE, DATABASE } = require('../lib/postgres');
const { assertFelt } = require('./server');

// With the settings put on the role, the database and new sessions, until work() is over.
async function withSettings(cluster, settings, work) {
  for (const [name, value] of Object.entries(settings)) {
    await cluster.sql(`ALTER ROLE ${ROLE} SET ${name} = '${value}'`);
    await cluster.sql(`ALTER DATABASE ${DATABASE} SET ${name} = '${value}'`);
  }
  await cluster.terminate();
  await work();
  await cluster.sql(`ALTER ROLE ${ROLE} RESET ALL`);
  await cluster.sql(`ALTER DATABASE ${DATABASE} RESET ALL`);
  await cluster.terminate();
}

const statementTimeout = {
  name: 'statement_timeout 50 ms, rooms locked',
  stores: ['postgres'],
  instances: 2,
  async hurt({ world, load, notes }) {
    const session = world.cluster.session();
    await withSettings(world.cluster, { statement_timeout: '50ms', lock_timeout: '40ms' }, async () => {
      for (notes.locks = 0; notes.locks < 6; notes.locks++) {
        const { id } = load.rooms[notes.locks % load.rooms.length];
        await session.ask(`BEGIN; SELECT FROM rooms WHERE id = '${id}' FOR UPDATE`);
        await sleep(400);
        await session.ask('ROLLBACK');
        await sleep(100);
      }
    });
    await session.end();
  },
};

// Sessions that have nothing to do are ended, by the settings or, where the daemon has its own, by the injector.
const idleTimeouts = {
  name: 'idle sessions ended',
  stores: ['postgres'],
  instances: 2,
  async hurt({ world, notes }) {
    const limits = { idle_session_timeout: '50ms', idle_in_transaction_session_timeout: '50ms' };
    notes.ended = 0;
    await withSettings(world.cluster, limits, async () => {
      const until = now() + 4000;
      while (now() < until) {
        const idle = "state LIKE 'idle%' AND state_change < now() - interval '10 ms'";
        const end = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '${ROLE}' AND ${idle}`;
        notes.ended += Number(await world.cluster.sql(end));
        await sleep(50);
      }
    });
  },
  prove({ field: { notes } }) {
    assert.ok(notes.ended > 0, 'no session was idle');
  },
};

// A session that takes a connection as soon as there is one, and keeps it.
class Hog {
  constructor(url) {
    this.url = url;
    this.running = true;
    this.holds = false;
    this.over = this.run();
  }

  async run() {
    while (this.running) {
      const args = ['-X', '-q', '-A', '-t', this.url];
      const env = { PATH: process.env.PATH, LANG: 'C.UTF-8' };
      this.child = spawn('psql', args, { stdio: ['pipe', 'pipe', 'ignore'], env });
      this.child.stdin.on('error', () => {});
      this.child.stdin.write('SELECT 1;\n');
      this.child.stdout.once('data', () => (this.holds = true));
      await new Promise((resolve) => this.child.once('close', resolve));
      this.holds = false;
      await sleep(5);
    }
  }

  stop() {
    this.running = false;
    this.child.kill('SIGKILL');
    return this.over;
  }
}

const MAX_CONNECTIONS = 24;
const RESERVED = 3;

// The daemon comes back quickly: it is kept out until all are taken.
async function takeAll(cluster, hogs) {
  const held = () => hogs.filter(({ holds }) => holds).length;
  await cluster.sql(`ALTER ROLE ${ROLE} CONNECTION LIMIT 0`);
  await cluster.terminate();
  await eventually(() => held() === hogs.length, { timeout: 20000, what: () => `the injector got ${held()} connections` });
  await cluster.sql(`ALTER ROLE ${ROLE} CONNECTION LIMIT -1`);
  return held();
}

const exhausted = {
  name: 'connections exhausted',
  stores: ['postgres'],
  instances: 2,
  server: { max_connections: MAX_CONNECTIONS, superuser_reserved_connections: RESERVED },
  settings: { CHATD_DATABASE_POOL_SIZE: 3, CHATD_SERVER_WORKERS: 1 },
  async hurt({ world, notes }) {
    const { cluster } = world;
    await cluster.sql('CREATE ROLE hog LOGIN');
    const hogs = Array.from({ length: MAX_CONNECTIONS - RESERVED }, () => new Hog(cluster.url.replace(ROLE, 'hog')));
    try {
      notes.taken = await takeAll(cluster, hogs);
      await sleep(3000);
    } finally {
      await Promise.all(hogs.map((hog) => hog.stop()));
    }
  },
  prove: ({ result }) => assertFelt(result),
};

module.exports = { statementTimeout, idleTimeouts, exhausted };
