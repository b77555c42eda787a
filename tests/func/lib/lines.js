'use strict';
// One raw face for a hub connection of any transport and encoding: hub messages in the order in which they came, then
// the end in the transport's own words. Light enough for hundreds at once, and rude where a test wants it.

const { MessagePackHubProtocol } = require('@microsoft/signalr-protocol-msgpack');
const { RawConnection, requestBytes, request } = require('./http');
const { RawWebSocket, OPCODE, RS, frame } = require('./ws');
const { RawEvents } = require('./sse');
const { idOn } = require('./poll');
const { userToken } = require('./token');
const { within } = require('./util');

const PING = { type: 6 };
const packer = new MessagePackHubProtocol();
const quiet = { log() {} };

const CODECS = {
  json: {
    write: (message) => Buffer.from(JSON.stringify(message) + RS),
    read: (bytes) => bytes.toString().split(RS).slice(0, -1).map((record) => JSON.parse(record)),
  },
  messagepack: {
    write: (message) => Buffer.from(packer.writeMessage(message)),
    read: (bytes) => packer.parseMessages(new Uint8Array(bytes).buffer, quiet),
  },
};

class Line {
  constructor(port, { id, token, encoding }) {
    Object.assign(this, { port, id, token, encoding, codec: CODECS[encoding], target: `/chathub?id=${id}` });
    this.events = []; // not yet taken: {message, at} or {ended}; at: milliseconds
    this.waiting = [];
    this.greeted = false;
    this.calls = 0;
    this.ended = null;
    this.onEvent = null; // instead of keeping events
    this.posting = Promise.resolve();
  }

  // transport: as negotiate names it. hands: false leaves the handshake out. polls: false leaves polling to the test.
  static async open(port, { transport, encoding = 'json', user, token = userToken(user), worker, hands = true, polls } = {}) {
    const line = new KINDS[transport](port, { id: await idOn(port, token, worker), token, encoding });
    await line.connect({ polls });
    if (hands) {
      await line.shakeHands();
    }
    return line;
  }

  async shakeHands() {
    await this.write(Buffer.from(JSON.stringify({ protocol: this.encoding, version: 1 }) + RS));
    const { message } = await this.next();
    if (!message || message.error !== undefined || message.type !== undefined) {
      throw new Error(`the handshake: ${JSON.stringify(message)}`);
    }
  }

  push(event) {
    if (event.ended && this.ended) {
      return;
    }
    this.ended = event.ended || null;
    if (this.onEvent) {
      this.onEvent(event);
      return;
    }
    this.events.push({ ...event, at: Date.now() });
    const waiting = this.waiting;
    this.waiting = [];
    waiting.forEach((resolve) => resolve());
  }

  // The answer to the handshake is JSON in every encoding.
  take(bytes) {
    let rest = bytes;
    if (!this.greeted && rest.length > 0) {
      const at = rest.indexOf(RS) + 1;
      this.greeted = true;
      this.push({ message: CODECS.json.read(rest.subarray(0, at))[0] });
      rest = rest.subarray(at);
    }
    if (rest.length > 0) {
      this.codec.read(rest).forEach((message) => this.push({ message }));
    }
  }

  // The next event that keep() is true for, or the end; others are dropped.
  async next({ timeout = 8000, keep = () => true } = {}) {
    const until = Date.now() + timeout;
    for (;;) {
      while (this.events.length > 0) {
        const event = this.events.shift();
        if (event.ended || keep(event.message)) {
          return event;
        }
      }
      await within(until - Date.now(), new Promise((resolve) => this.waiting.push(resolve)), 'nothing came');
    }
  }

  // All that comes until the end, pings left out: {messages, ended, took}.
  async untilEnd(options) {
    const begun = Date.now();
    const messages = [];
    for (;;) {
      const { message, ended } = await this.next({ keep: ({ type }) => type !== PING.type, ...options });
      if (ended) {
        return { messages, ended, took: Date.now() - begun };
      }
      messages.push(message);
    }
  }

  send(...messages) {
    return this.write(Buffer.concat(messages.map((message) => this.codec.write(message))));
  }

  call(id, target, ...args) {
    return { type: 1, invocationId: String(id), target, arguments: args, headers: {}, streamIds: [] };
  }

  // The answer to a call; other messages stay.
  async invoke(target, ...args) {
    const id = `i${++this.calls}`;
    await this.send(this.call(id, target, ...args));
    const passed = [];
    const { message, ended } = await this.next({
      keep: (one) => (one.type === 3 && one.invocationId === id) || void passed.push({ message: one, at: Date.now() }),
    });
    this.events.unshift(...passed);
    if (ended) {
      this.push({ ended });
      throw new Error(`the connection ended (${ended})`);
    }
    if (message.error !== undefined && message.error !== null) {
      throw new Error(message.error);
    }
    return message.result;
  }

  ask(method, options = {}) {
    return request(this.port, method, this.target, { token: this.token, ...options });
  }

  // One behind the other, so that they are taken in order.
  post(bytes) {
    const posted = this.posting.then(() => this.postNow(bytes));
    this.posting = posted.catch(() => {});
    return posted;
  }

  async postNow(bytes) {
    if (!this.poster || this.poster.ended) {
      this.poster = await RawConnection.connect(this.port);
    }
    const { poster } = this;
    if (this.destroyed) {
      poster.destroy();
      throw new Error('the line was destroyed');
    }
    poster.write(requestBytes('POST', this.target, { host: `127.0.0.1:${this.port}`, token: this.token, body: bytes }));
    const { status, headers, body } = await poster.readResponse({ timeout: 30000 });
    if (headers.connection === 'close') {
      poster.destroy();
      this.poster = null;
    }
    if (status !== 200) {
      throw new Error(`POST: ${status} ${body}`);
    }
  }

  destroy(options) {
    this.destroyed = true;
    if (this.poster) {
      this.poster.destroy(options);
    }
    this.drop(options);
  }
}

class WebSocketLine extends Line {
  async connect() {
    this.socket = await RawWebSocket.open(this.port, this.target, { token: this.token });
    this.socket.message = (bytes) => this.take(bytes);
    this.pump().catch((error) => this.push({ ended: String(error) }));
  }

  async pump() {
    const { close, ended } = await this.socket.next({ timeout: 2 ** 31 - 1 });
    this.push({ ended: close === undefined ? ended : `close ${close}` });
  }

  async write(bytes) {
    this.socket.connection.write(frame(this.encoding === 'json' ? OPCODE.text : OPCODE.binary, bytes));
  }

  stopReading() {
    this.socket.connection.socket.pause();
  }

  drop(options) {
    this.socket.destroy(options);
  }
}

class EventsLine extends Line {
  async connect() {
    const { stream, response } = await RawEvents.ask(this.port, this.target, { token: this.token });
    if (!stream) {
      throw new Error(`no events: ${response.status} ${response.body}`);
    }
    this.stream = stream;
    this.pump().catch((error) => this.push({ ended: String(error) }));
  }

  async pump() {
    for (;;) {
      const { text, ended, cut } = await this.stream.next({ timeout: 2 ** 31 - 1 });
      if (ended) {
        this.push({ ended: cut ? `${ended} inside an event` : ended });
        return;
      }
      if (text.startsWith('data: ')) {
        this.take(Buffer.from(text.slice('data: '.length, -'\r\n\r\n'.length)));
      }
    }
  }

  write(bytes) {
    return this.post(bytes);
  }

  stopReading() {
    this.stream.connection.socket.pause();
  }

  drop(options) {
    this.stream.destroy(options);
  }
}

class PollLine extends Line {
  async connect({ polls = true } = {}) {
    const { status, body } = await this.poll();
    if (status !== 200 || body.length > 0) {
      throw new Error(`the first poll: ${status} ${body}`);
    }
    if (polls) {
      this.pump().catch((error) => this.push({ ended: String(error) }));
    }
  }

  // One poll, whose messages are taken: {status, body}.
  async poll(token = this.token) {
    if (!this.connection || this.connection.ended) {
      this.connection = await RawConnection.connect(this.port);
    }
    const { connection } = this;
    connection.write(requestBytes('GET', this.target, { host: `127.0.0.1:${this.port}`, token }));
    const { status, headers } = await connection.readHead();
    const body = status === 204 ? Buffer.alloc(0) : await connection.readBody(headers);
    if (headers.connection === 'close') {
      this.connection = null;
      connection.destroy();
    }
    if (status === 200) {
      this.take(body);
    }
    return { status, body };
  }

  async pump() {
    for (this.polling = true; this.polling; ) {
      const { status, body } = await this.poll();
      if (status !== 200) {
        this.push({ ended: `${status}${body.length > 0 ? ` ${body}` : ''}` });
        return;
      }
    }
  }

  write(bytes) {
    return this.post(bytes);
  }

  // What the next poll is answered is left in the socket.
  stopReading() {
    this.polling = false;
    this.connection.socket.pause();
  }

  drop(options) {
    this.polling = false;
    if (this.connection) {
      this.connection.destroy(options);
    }
  }
}

const KINDS = { WebSockets: WebSocketLine, ServerSentEvents: EventsLine, LongPolling: PollLine };

// How each transport says goodbye in order.
const GOODBYES = { WebSockets: 'close 1000', ServerSentEvents: 'response ended', LongPolling: '204' };

module.exports = { Line, PING, CODECS, GOODBYES };
