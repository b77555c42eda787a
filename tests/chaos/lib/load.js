'use strict';
// Senders and readers over one or more instances on one store: a hot room and some quiet ones, most of the clients
// light, some of them the real one; over every transport with every encoding.

const { RawHub } = require('../../func/lib/hub');
const { COMBINATIONS } = require('../../func/lib/combinations');
const { eventually, within } = require('../../func/lib/util');
const { Sender, Reader } = require('./clients');

const PLAN = {
  rooms: 4, // besides the hot one
  hotSenders: 10,
  hotBursts: 2,
  hotReaders: 3,
  senders: 2, // of each quiet room
  readers: 1,
  real: 2, // pairs of a sender and a reader in the hot room
  think: [10, 60],
};
const WIDE = 'wide-reader';
const START_MS = 30000;
const FINISH_MS = 30000;
const CAUGHT_UP_MS = 20000;

class Load {
  // instances: [{port}], also those that are started only later.
  constructor({ instances, random, plan = {} }) {
    Object.assign(this, { instances, random, plan: { ...PLAN, ...plan } });
    Object.assign(this, { senders: [], readers: [], rooms: [], others: [] });
  }

  get clients() {
    return [...this.senders, ...this.readers];
  }

  // Those of the load, and those that a fault made for itself.
  get allRooms() {
    return [...this.rooms, ...this.others];
  }

  // Makes the rooms and the clients, and waits until each of them has come as far as it can stand for something.
  async start() {
    await this.makeRooms();
    this.makeClients();
    this.reading = this.readers.map((reader) => reader.run());
    const attached = () => this.readers.every((reader) => reader.attached);
    await eventually(attached, { timeout: START_MS, what: 'readers do not attach' });
    this.sending = this.senders.map((sender) => sender.run());
    const sent = () => this.senders.every(({ sends }) => sends > 0);
    await eventually(sent, { timeout: START_MS, what: 'senders do not send' });
  }

  // Whoever reads by Sync is a member already.
  async makeRooms() {
    const { port } = this.instances[0];
    const founder = await RawHub.open(port, { user: 'founder' });
    const wide = await RawHub.open(port, { user: WIDE });
    for (let i = 0; i <= this.plan.rooms; i++) {
      const { roomId: id, epoch } = await founder.invoke('JoinRoom', i === 0 ? 'hot' : `quiet-${i}`);
      await wide.invoke('JoinRoom', id);
      this.rooms.push({ id, epoch });
    }
    founder.destroy();
    wide.destroy();
  }

  // A room of a fault's own.
  async makeRoom(alias) {
    const founder = await RawHub.open(this.instances[0].port, { user: 'founder' });
    const { roomId: id, epoch } = await founder.invoke('JoinRoom', alias);
    founder.destroy();
    this.others.push({ id, epoch });
    return { id, epoch };
  }

  add(Kind, name, rooms, rest = {}) {
    const { instances, plan } = this;
    const over = COMBINATIONS[this.clients.length % COMBINATIONS.length];
    const client = new Kind({ name, rooms, instances, random: this.random.fork(), think: plan.think, over, ...rest });
    (client instanceof Sender ? this.senders : this.readers).push(client);
    return client;
  }

  makeClients() {
    const { plan } = this;
    const [hot, ...quiet] = this.rooms;
    const times = (n, make) => Array.from({ length: n }, (_, i) => make(i));
    times(plan.hotSenders, (i) => this.add(Sender, `hot-${i}`, [hot]));
    times(plan.hotBursts, (i) => this.add(Sender, `burst-${i}`, [hot, ...quiet], { burst: 12 }));
    times(plan.hotReaders, (i) => this.add(Reader, `hot-reader-${i}`, [hot]));
    quiet.forEach((room, r) => {
      times(plan.senders, (i) => this.add(Sender, `quiet-${r}-${i}`, [room]));
      times(plan.readers, (i) => this.add(Reader, `quiet-reader-${r}-${i}`, [room]));
    });
    times(plan.real, (i) => {
      this.add(Sender, `real-${i}`, [hot], { by: 'real' });
      this.add(Reader, `real-reader-${i}`, [hot], { by: 'real' });
    });
    this.add(Reader, WIDE, this.rooms, { sync: true });
    // One on each instance that says when it serves every room again.
    this.instances.forEach((_, i) => this.add(Sender, `probe-${i}`, this.rooms, { pinned: i, think: [5, 20], over: COMBINATIONS[0] }));
  }

  acknowledged() {
    return this.senders.reduce((sum, { acks }) => sum + acks, 0);
  }

  // Senders end with the message they are at. Gives those that could not.
  async finishSending() {
    this.senders.forEach((sender) => sender.finish());
    await within(FINISH_MS, Promise.all(this.sending)).catch(() => {});
    this.senders.forEach((sender) => sender.stop());
    await Promise.all(this.sending);
  }

  // Waits until every reader has all; heads: {room id: number}. The checker says who never came that far.
  async catchUp(heads) {
    this.readers.forEach((reader) => reader.finish());
    const behind = () => this.readers.filter((reader) => !reader.rooms.every(({ id }) => reader.has(id, heads[id])));
    await eventually(() => behind().length === 0, { timeout: CAUGHT_UP_MS, every: 50 }).catch(() => {});
    this.readers.forEach((reader) => reader.leave());
    await Promise.all(this.reading);
  }

  stop() {
    this.clients.forEach((client) => client.stop());
  }

  journals() {
    return this.clients.map(({ journal }) => journal);
  }
}

module.exports = { Load };
