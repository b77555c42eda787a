'use strict';
// The primary dies and its streaming replica takes over. The primary waits for the replica with each commit, so nothing
// acknowledged may be lost.

const { eventually, sleep } = require('../../func/lib/util');
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

const failover = {
  name: 'failover to the replica',
  stores: ['postgres'],
  instances: 2,
  prepare,
  async hurt({ world, random }) {
    world.former = world.cluster;
    await world.cluster.kill();
    await sleep(random.between(0, 1000));
    world.cluster = world.replica;
    await world.replica.promote();
  },
  prove: ({ result }) => assertFelt(result),
  async clear({ world }) {
    await Promise.all([world.former, world.replica].filter(Boolean).map((cluster) => cluster.destroy()));
  },
};

module.exports = { failover };
