'use strict';
// The three transports with both encodings, where they go together, for the real client; and its values in one form,
// whatever the encoding.

const { MessagePackHubProtocol } = require('@microsoft/signalr-protocol-msgpack');
const { realClient, signalR } = require('./hub');
const { sleep, within } = require('./util');

const ALL = [
  { transport: 'WebSockets', encoding: 'json' },
  { transport: 'WebSockets', encoding: 'messagepack' },
  { transport: 'ServerSentEvents', encoding: 'json' },
  { transport: 'LongPolling', encoding: 'json' },
  { transport: 'LongPolling', encoding: 'messagepack' },
];
const COMBINATIONS = ALL.map((one) => ({ ...one, name: `${one.transport}, ${one.encoding}` }));

// What realClient() takes for a combination.
const optionsOf = ({ transport, encoding }) => ({
  transport: signalR.HttpTransportType[transport],
  protocol: encoding === 'messagepack' ? new MessagePackHubProtocol() : undefined,
});

const lowerFirst = (name) => name[0].toLowerCase() + name.slice(1);

// A value of either encoding as JSON has it: names begin small, times are texts.
function plain(value) {
  if (value instanceof Date) {
    return value.toISOString();
  }
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (value === null || typeof value !== 'object') {
    return value;
  }
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [lowerFirst(name), plain(member)]));
}

// A real client that comes back by itself. It sends each message until it is acknowledged and reads what comes, and
// keeps account of both.
class Enduring {
  constructor(url, { user, room, combination }) {
    Object.assign(this, { user, room, name: combination.name, lastSeq: 0, epoch: undefined, attached: false });
    this.faults = [];
    this.acknowledged = new Map(); // client message id -> seq
    this.reconnects = 0;
    const reconnect = { nextRetryDelayInMilliseconds: () => (this.stopping ? null : 50) };
    this.connection = realClient(url, { user, reconnect, ...optionsOf(combination) });
    this.connection.on('ReceiveMessage', (message) => this.hear(plain(message)));
    this.connection.onreconnecting(() => (this.attached = false));
    this.connection.onreconnected(() => this.comeBack());
    this.connection.onclose((error) => this.stopping || this.faults.push(`closed: ${error}`));
  }

  hear({ seq }) {
    if (seq !== this.lastSeq + 1) {
      this.faults.push(`${seq} came behind ${this.lastSeq}`);
    }
    this.lastSeq = seq;
  }

  async start() {
    await this.connection.start();
    await this.attach();
  }

  async attach() {
    const args = this.epoch === undefined ? [] : [this.lastSeq, this.epoch];
    const answer = plain(await this.connection.invoke('JoinRoom', this.room, ...args));
    if (!answer.recovered) {
      this.faults.push(`not recovered from ${this.lastSeq}: ${JSON.stringify(answer)}`);
    }
    this.epoch = answer.epoch;
    this.attached = true;
  }

  // A drop in the middle of it leads here again.
  async comeBack() {
    this.reconnects++;
    await this.attach().catch(() => {});
  }

  async sendOne(id) {
    for (;;) {
      try {
        const answer = plain(await within(10000, this.connection.invoke('SendMessage', this.room, id, id)));
        this.acknowledged.set(id, answer.seq);
        return;
      } catch {
        await sleep(20);
      }
    }
  }

  // Sends until finish() is called.
  async run() {
    for (let n = 0; !this.finishing; n++) {
      if (this.attached) {
        await this.sendOne(`${this.user}-${n}`);
      } else {
        await sleep(10);
      }
    }
  }

  finish() {
    this.finishing = true;
  }

  stop() {
    this.stopping = true;
    return this.connection.stop();
  }
}

module.exports = { COMBINATIONS, Enduring, optionsOf, plain };
