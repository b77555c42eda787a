'use strict';
// Clients that never give up: a sender that repeats each message with its id until it is acknowledged, and a reader
// that comes back with the last number it saw. Both keep account of what they were promised.

const { RawHub } = require('./hub');
const { sleep, within } = require('./util');

const RETRY_MS = 15;
const ANSWER_MS = 10000;

class Retrying {
  constructor(port, user, room) {
    Object.assign(this, { port, user, room, hub: null, running: true, connects: 0 });
  }

  // Connects and attaches again and again until it works or the work is over.
  async connect() {
    while (this.running) {
      try {
        this.hub = await within(ANSWER_MS, RawHub.open(this.port, { user: this.user, onCall: (call) => this.hear(call) }));
        await within(ANSWER_MS, this.attach());
        this.connects++;
        return true;
      } catch {
        this.drop();
        await sleep(RETRY_MS);
      }
    }
    return false;
  }

  hear() {}

  drop() {
    if (this.hub) {
      this.hub.destroy();
      this.hub = null;
    }
  }

  stop() {
    this.running = false;
    this.drop();
  }
}

class Sender extends Retrying {
  constructor(...args) {
    super(...args);
    this.acknowledged = new Map(); // client message id -> {id, seq}
    this.tried = 0;
    this.faults = [];
  }

  attach() {
    return this.hub.invoke('JoinRoom', this.room);
  }

  // Sends until finish() is called; the last message is not given up before it is acknowledged.
  async run() {
    for (let n = 0; !this.finishing; n++) {
      await this.sendOne(`${this.user}-${n}`);
    }
  }

  finish() {
    this.finishing = true;
  }

  async sendOne(clientId) {
    this.tried++;
    while (this.running) {
      if (!this.hub && !(await this.connect())) {
        return;
      }
      try {
        const answer = await within(ANSWER_MS, this.hub.invoke('SendMessage', this.room, clientId, clientId));
        this.acknowledged.set(clientId, answer);
        return;
      } catch (error) {
        if (/HubException: (?!unavailable|uncertain|busy)/.test(error.message)) {
          this.faults.push(`${clientId}: ${error.message}`);
        }
        this.drop();
      }
    }
  }
}

class Reader extends Retrying {
  constructor(...args) {
    super(...args);
    this.lastSeq = 0;
    this.epoch = undefined;
    this.faults = [];
  }

  hear({ target, arguments: [message] }) {
    if (target !== 'ReceiveMessage') {
      return;
    }
    if (message.seq !== this.lastSeq + 1) {
      this.faults.push(`${message.seq} came behind ${this.lastSeq}`);
    }
    this.lastSeq = message.seq;
  }

  async attach() {
    const args = this.epoch === undefined ? [] : [this.lastSeq, this.epoch];
    const answer = await this.hub.invoke('JoinRoom', this.room, ...args);
    if (!answer.recovered) {
      this.faults.push(`not recovered from ${this.lastSeq}: ${JSON.stringify(answer)}`);
    }
    this.epoch = answer.epoch;
  }

  async run() {
    while (this.running) {
      if (await this.connect()) {
        const { hub } = this;
        await (hub && hub.ended);
        this.drop();
      }
    }
  }
}

// All messages of a room, page by page.
async function wholeHistory(hub, room) {
  const all = [];
  let before = null;
  for (;;) {
    const page = await hub.invoke('GetHistory', room, before, 200);
    if (page.length === 0) {
      return all;
    }
    all.unshift(...page);
    before = page[0].seq;
    if (before === 1) {
      return all;
    }
  }
}

module.exports = { Sender, Reader, wholeHistory };
