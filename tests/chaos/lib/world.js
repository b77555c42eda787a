'use strict';
// A store and the instances of the daemon on it, and what can be read of the store by another way than the daemon's.

const fs = require('node:fs');
const path = require('node:path');
const { execFile } = require('node:child_process');
const { promisify } = require('node:util');
const { Chatd, steadyPort, scratchDir, NO_RATES } = require('../../func/lib/chatd');
const { RawHub } = require('../../func/lib/hub');
const { userToken } = require('../../func/lib/token');
const { wholeHistory } = require('../../func/lib/retrying');
const { Cluster } = require('./postgres');

const call = promisify(execFile);

const POSTGRES_ROWS = `SELECT json_build_object('seq', seq, 'content', content, 'clientMessageId', client_message_id,
  'senderId', sender_id, 'sentAt', (extract(epoch FROM sent_at) * 1000)::bigint) FROM messages WHERE room_id = `;
const SQLITE_ROWS = `SELECT json_object('seq', seq, 'content', content, 'clientMessageId', client_message_id,
  'senderId', lower(hex(sender_id)), 'sentAt', sent_at) FROM messages WHERE room_id = `;

class World {
  // store: sqlite, which is one instance's alone, or postgres. server, serverEnv: settings and environment of PostgreSQL.
  // settings, wrap: of the daemon (see Chatd). dir: where the store is to be, if not in a new folder. prepare(world):
  // before the daemons start.
  static async create({ store, instances = 1, server, serverEnv, settings = {}, wrap, dir, prepare }) {
    const world = new World();
    world.store = store;
    world.cluster = store === 'postgres' ? await Cluster.create({ settings: server, env: serverEnv, dir }) : null;
    world.url = world.cluster ? world.cluster.url : `sqlite:${path.join(dir || scratchDir(), 'chatd.db')}`;
    if (prepare) {
      await prepare(world);
    }
    const env = { ...NO_RATES, CHATD_DATABASE_URL: world.url, CHATD_DATABASE_AUTO_MIGRATE: true, ...settings };
    world.instances = [];
    for (let i = 0; i < (store === 'sqlite' ? 1 : instances); i++) {
      const chatd = new Chatd({ port: await steadyPort(), settings: env, wrap });
      await chatd.start();
      world.instances.push(chatd);
    }
    return world;
  }

  // What a command prints about the store, line by line.
  async lines(postgres, sqlite) {
    const text = this.cluster
      ? await this.cluster.sql(postgres)
      : (await call('sqlite3', ['-readonly', this.url.replace(/^sqlite:/, ''), sqlite], { maxBuffer: 1 << 30 })).stdout;
    return text.split('\n').filter(Boolean);
  }

  // {room id: its last number}
  async heads(rooms) {
    const heads = {};
    for (const { id } of rooms) {
      const bare = id.replace(/-/g, '');
      const head = (where) => `SELECT last_seq FROM rooms WHERE id = ${where}`;
      heads[id] = Number((await this.lines(head(`'${id}'`), head(`x'${bare}'`)))[0]);
    }
    return heads;
  }

  async table(room) {
    const bare = room.replace(/-/g, '');
    const postgres = `${POSTGRES_ROWS}'${room}' ORDER BY seq`;
    return (await this.lines(postgres, `${SQLITE_ROWS}x'${bare}' ORDER BY seq`)).map((line) => JSON.parse(line));
  }

  // What the checker reads of each room.
  async rooms(rooms) {
    const chatd = this.instances.at(-1);
    const hub = await RawHub.open(chatd.port, { token: userToken('founder', { ttl: 7 * 86400 }) });
    const heads = await this.heads(rooms);
    const all = [];
    for (const { id } of rooms) {
      const history = (await wholeHistory(hub, id)).map((message) => ({
        seq: message.seq,
        id: message.id,
        content: message.content,
        clientMessageId: message.clientMessageId || null,
        sentAt: Date.parse(message.sentAt),
      }));
      all.push({ room: id, head: heads[id], table: await this.table(id), history });
    }
    hub.destroy();
    return all;
  }

  // What was said by whom, for the evidence of a failure.
  writeLogs(dir) {
    this.instances.forEach((chatd, i) => fs.writeFileSync(path.join(dir, `chatd-${i}.log`), chatd.log));
    if (this.cluster) {
      fs.writeFileSync(path.join(dir, 'postgres.log'), this.cluster.log);
    }
  }

  async stop() {
    const ends = await Promise.allSettled(this.instances.map((chatd) => chatd.stop()));
    if (this.cluster) {
      await this.cluster.destroy();
    }
    const bad = ends.find(({ status }) => status === 'rejected');
    if (bad) {
      throw bad.reason;
    }
  }

  // Without a word, where a test has failed already.
  async drop() {
    this.instances.forEach((chatd) => chatd.child && chatd.child.kill('SIGKILL'));
    if (this.cluster) {
      await this.cluster.destroy().catch(() => {});
    }
  }
}

module.exports = { World };
