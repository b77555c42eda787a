'use strict';
// Clients that never give up and write down all that they are told: senders that repeat each message with its id until
// it is acknowledged or finally refused, and readers that come back with the last number up to which they have all.

const { Journal, now } = require('./journal');
const { openLink, refusalOf } = require('./links');
const { sleep, within } = require('../../func/lib/util');

const ANSWER_MS = 20000;
const RECONNECT_MS = [10, 60];
const RETRY_MS = [30, 120];
// Worth trying again: nothing was done, or it is not known.
const AGAIN = new Set(['unavailable', 'busy', 'uncertain', 'storage_full', 'timeout', 'internal', 'lost', 'silent']);
// Refusals that leave open whether it was done.
const UNSURE = new Set(['uncertain', 'timeout', 'internal']);

class Client {
  // instances: [{port}]. rooms: [{id, epoch}]. over: transport and encoding. pinned: the number of the only instance
  // that it goes to.
  constructor({ name, user = name, instances, rooms, random, by = 'light', over, pinned }) {
    Object.assign(this, { name, user, instances, rooms, random, by, over, pinned });
    this.journal = new Journal(name);
    this.link = null;
    this.running = true;
  }

  async connect() {
    while (this.running && !this.link) {
      const instance = this.pinned === undefined ? this.random.below(this.instances.length) : this.pinned;
      try {
        await this.open(instance);
        await this.attach();
      } catch {
        this.drop('not attached');
        await sleep(this.random.between(...RECONNECT_MS));
      }
    }
    return this.link;
  }

  async open(instance) {
    const face = { over: false };
    const hear = (message) => !face.over && this.hear(message);
    this.journal.note('connect', { instance, by: this.by, over: this.over && this.over.name });
    const link = await openLink(this.instances[instance].port, this.user, hear, this.by, this.over);
    if (!this.running) {
      link.destroy();
      throw new Error('too late');
    }
    this.link = Object.assign(face, { link, instance });
    link.ended.then((why) => this.link === face && this.drop(String(why)));
  }

  drop(why) {
    const face = this.link;
    this.link = null;
    if (face) {
      face.over = true;
      face.link.destroy();
      this.journal.note('end', { why });
    }
  }

  // Calls over the connection that is there; fails where it ends meanwhile.
  invoke(target, ...args) {
    const face = this.link;
    if (!face) {
      return Promise.reject(new Error('the connection is gone'));
    }
    return within(ANSWER_MS, face.link.invoke(target, ...args), 'silent');
  }

  hear({ roomId, seq, id, content, sentAt }) {
    this.journal.note('receive', { room: roomId, seq, id, content, sentAt: Date.parse(sentAt) });
  }

  // Joins one room, over again while the store is away.
  async join(room, last, epoch) {
    for (;;) {
      this.journal.note('join', { room: room.id, last, epoch });
      try {
        const answer = await this.invoke('JoinRoom', room.id, ...(last === undefined ? [] : [last, epoch]));
        const { recovered, gap } = answer;
        this.journal.note('joined', { room: room.id, last, asked: epoch, epoch: answer.epoch, recovered, gap });
        return answer;
      } catch (error) {
        this.journal.note('unjoined', { room: room.id, code: refusalOf(error) || error.message });
        if (!AGAIN.has(refusalOf(error)) || !this.link) {
          throw error;
        }
        await sleep(this.random.between(...RETRY_MS));
      }
    }
  }

  stop() {
    this.running = false;
    this.drop('stopped');
  }
}

class Sender extends Client {
  // think: [least, most] ms between messages. burst: most messages that are under way at once.
  constructor({ think = [10, 50], burst = 1, ...rest }) {
    super(rest);
    Object.assign(this, { think, burst, finishing: false, sends: 0, messages: 0, acks: 0 });
  }

  async attach() {
    for (const room of this.rooms) {
      await this.join(room);
    }
  }

  async run() {
    while (!this.finishing && this.running) {
      const room = this.random.pick(this.rooms);
      if (this.burst > 1 && this.random.chance(0.5)) {
        await this.sendBurst(room);
      } else if (this.random.chance(0.1)) {
        await this.sendBare(room);
      } else {
        await this.sendKeyed(room);
      }
      await sleep(this.random.between(...this.think));
    }
  }

  finish() {
    this.finishing = true;
  }

  fresh() {
    const text = `${this.name}-${++this.messages}`;
    return this.random.chance(0.05) ? `${text} ${'.'.repeat(this.random.below(400))}` : text;
  }

  // One attempt: the answer's code, or 'ack'.
  async attempt(room, content, clientId, expect) {
    const begun = now();
    const no = ++this.sends;
    const instance = this.link ? this.link.instance : -1;
    const note = (what, rest) => this.journal.note(what, { no, room: room.id, ms: now() - begun, ...rest });
    this.journal.note('send', { no, room: room.id, content, clientId, expect });
    try {
      const args = clientId === undefined ? [content] : [content, clientId];
      const { seq, id } = await this.invoke('SendMessage', room.id, ...args);
      this.acks++;
      note('ack', { seq, id, begun, instance });
      return 'ack';
    } catch (error) {
      const code = refusalOf(error);
      if (code !== undefined && !UNSURE.has(code)) {
        note('refuse', { code, begun, instance });
        return code;
      }
      const why = code || (error.message.startsWith('silent') ? 'silent' : 'lost');
      note('uncertain', { why, begun, instance });
      return why;
    }
  }

  // Until it is acknowledged or finally refused.
  async insist(room, content, clientId) {
    while (this.running) {
      if (!(await this.connect())) {
        return 'stopped';
      }
      const code = await this.attempt(room, content, clientId);
      if (!AGAIN.has(code)) {
        return code;
      }
      if (code === 'silent') {
        this.drop('silent');
      }
      await sleep(this.random.between(...RETRY_MS));
    }
    return 'stopped';
  }

  // Now and then also what an impatient client does: the same once more, or another text under the same id.
  async sendKeyed(room) {
    const content = this.fresh();
    const clientId = content.split(' ')[0];
    const end = await this.insist(room, content, clientId);
    if (end === 'ack' && this.random.chance(0.02)) {
      await this.attempt(room, content, clientId);
    } else if (end === 'ack' && this.random.chance(0.01)) {
      await this.attempt(room, `${content}#other`, clientId, 'conflict');
    }
  }

  // Without an id nobody may try again but the daemon itself.
  async sendBare(room) {
    if (await this.connect()) {
      await this.attempt(room, this.fresh(), undefined);
    }
  }

  async sendBurst(room) {
    if (!(await this.connect())) {
      return;
    }
    const contents = Array.from({ length: 2 + this.random.below(this.burst - 1) }, () => this.fresh());
    const idOf = (content) => content.split(' ')[0];
    const codes = await Promise.all(contents.map((content) => this.attempt(room, content, idOf(content))));
    for (let i = 0; i < contents.length; i++) {
      if (AGAIN.has(codes[i])) {
        await this.insist(room, contents[i], idOf(contents[i]));
      }
    }
  }
}

class Reader extends Client {
  // sync: catches up with one Sync of all rooms. stay: [least, most] ms after which it comes back by itself.
  constructor({ sync = false, stay = [1500, 6000], ...rest }) {
    super(rest);
    Object.assign(this, { sync, stay, attached: false });
    this.places = new Map(this.rooms.map(({ id, epoch }) => [id, { last: 0, ahead: new Set(), epoch }]));
  }

  // It has all up to place.last.
  hear(message) {
    super.hear(message);
    const place = this.places.get(message.roomId);
    if (message.seq > place.last) {
      place.ahead.add(message.seq);
    }
    while (place.ahead.delete(place.last + 1)) {
      place.last++;
    }
  }

  // What it was told at its return: where numbers started anew it has nothing, and goes on from there.
  settle(room, { gap, epoch, lastSeq }) {
    const place = this.places.get(room);
    if (epoch !== place.epoch) {
      Object.assign(place, { epoch, last: lastSeq });
    } else if (gap && gap.to > place.last) {
      place.last = gap.to;
    }
    while (place.ahead.delete(place.last + 1)) {
      place.last++;
    }
  }

  async attach() {
    this.attached = false;
    this.places.forEach(({ ahead }) => ahead.clear());
    if (this.sync) {
      await this.syncAll();
    } else {
      for (const room of this.rooms) {
        const { last, epoch } = this.places.get(room.id);
        this.settle(room.id, await this.join(room, last, epoch));
      }
    }
    this.attached = true;
  }

  async syncAll() {
    const asked = {};
    for (const { id } of this.rooms) {
      const { last, epoch } = this.places.get(id);
      asked[id] = { seq: last, epoch };
      this.journal.note('join', { room: id, last, epoch });
    }
    const answers = await this.invoke('Sync', asked);
    for (const { id } of this.rooms) {
      const { recovered, gap, epoch, error } = answers[id];
      if (error) {
        throw new Error(`Sync: ${error.code}`);
      }
      const { seq: last, epoch: before } = asked[id];
      this.journal.note('joined', { room: id, last, asked: before, epoch, recovered, gap });
      this.settle(id, answers[id]);
    }
  }

  async run() {
    while (this.running) {
      if (await this.connect()) {
        const { link } = this.link || {};
        await Promise.race([link && link.ended, sleep(this.random.between(...this.stay))]);
        if (!this.finishing) {
          this.drop('comes back');
        }
      }
    }
  }

  // From now on it stays where it is, so that it can get all there is.
  finish() {
    this.finishing = true;
  }

  has(room, head) {
    return this.link !== null && this.attached && this.places.get(room).last >= head;
  }

  leave() {
    this.journal.note('leave');
    this.stop();
  }
}

module.exports = { Client, Sender, Reader };
