'use strict';
// The primary dies and its streaming replica takes over. The primary waits for the replica with each commit, so nothing
// acknowledged may be lost; or it does not wait, and everybody must be told that numbers started anew.

const { eventually, sleep } = require('../../func/lib/util');
const { Proxy } = require('../lib/proxy');
const { assertFelt } = require('./server');

async function prepare(world) {
  const { cluster } = world;
  world.replica = await cluster.replicate();
  await cluster.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
  await cluster.sql('SELECT pg_reload_conf()');
  const state = () => cluster.sql('SELECT sync_state FROM pg_stat_replication');
  await eventually(async () => (await state()) === 'sync', { what: 'the replica does not keep up' });
  world.url = cluster.url.replace(`:${cluster.port}/`, `:${cluster.port},127.0.0.1:${world.replica.port}/`);
}

async function takeOver({ world, random }) {
  world.former = world.cluster;
  await world.cluster.kill();
  await sleep(random.between(0, 1000));
  world.cluster = world.replica;
  await world.replica.promote();
}

async function clear({ world }) {
  const clusters = world ? [world.former, world.replica] : [];
  await Promise.all(clusters.filter(Boolean).map((cluster) => cluster.destroy()));
}

const failover = {
  name: 'failover to the replica',
  stores: ['postgres'],
  instances: 2,
  // Who takes over may be behind: that numbers start anew is told each time. This one is not behind.
  epochs: 2,
  keeps: true,
  prepare,
  hurt: takeOver,
  prove: ({ result }) => assertFelt(result),
  clear,
};

// The replica stops following a moment before; then the primary dies with what it alone has.
const LAG_MS = [20, 600];

const lagging = {
  name: 'failover to a replica that lags',
  stores: ['postgres'],
  instances: 2,
  epochs: 2,
  prepare,
  async hurt(field) {
    const { world, random, notes } = field;
    await world.cluster.sql("ALTER SYSTEM SET synchronous_standby_names = ''");
    await world.cluster.sql('SELECT pg_reload_conf()');
    await world.replica.sql("ALTER SYSTEM SET primary_conninfo = ''");
    await world.replica.sql('SELECT pg_reload_conf()');
    const state = () => world.cluster.sql('SELECT count(*) FROM pg_stat_replication');
    await eventually(async () => (await state()) === '0', { what: 'the replica goes on following' });
    await sleep(random.between(...LAG_MS));
    await takeOver(field);
  },
  async prove({ result, field: { world, notes } }) {
    notes.epochs = Number(await world.cluster.sql('SELECT count(*) FROM epochs'));
    assertFelt(result);
  },
  clear,
};

// The primary's machine goes silent: nobody says that connections are over, or that there is nobody.
const silent = {
  name: 'failover from a silent machine',
  stores: ['postgres'],
  instances: 2,
  epochs: 2,
  keeps: true,
  async prepare(world) {
    await prepare(world);
    world.proxy = await Proxy.open(world.cluster.port);
    world.url = world.url.replace(`:${world.cluster.port},`, `:${world.proxy.port},`);
  },
  async hurt(field) {
    const { proxy } = field.world;
    proxy.silence();
    await takeOver(field);
  },
  // Nobody can know before the deadlines of what was under way have passed.
  heal: 16000,
  prove: ({ result }) => assertFelt(result),
  async clear(field) {
    if (field.world && field.world.proxy) {
      field.world.proxy.close();
    }
    await clear(field);
  },
};

module.exports = { failover, lagging, silent };
