'use strict';
// A stream of server-sent events on raw bytes: each event as it stands on the wire, with the end of the stream told
// apart from an end of the connection.

const { RawConnection, requestBytes } = require('./http');
const { within } = require('./util');

class RawEvents {
  // connection: behind the head of an answer whose headers these are.
  constructor(connection, headers) {
    this.connection = connection;
    this.chunked = (headers['transfer-encoding'] || '').toLowerCase() === 'chunked';
    this.text = Buffer.alloc(0); // of an event, as far as it has come
    this.events = []; // not yet taken: {text} or {ended}
    this.waiting = [];
    this.pump().catch((error) => this.push({ ended: connection.ended || String(error), cut: true }));
  }

  // Asks for the stream. {response, stream, connection}; stream is null where none is given.
  static async ask(port, target, { token, headers = {}, timeout = 10000 } = {}) {
    const connection = await RawConnection.connect(port);
    const host = `127.0.0.1:${port}`;
    const all = { Accept: 'text/event-stream', ...headers };
    connection.write(requestBytes('GET', target, { host, token, headers: all }));
    return RawEvents.answer(connection, timeout);
  }

  // Reads the answer to a request for the stream.
  static async answer(connection, timeout) {
    const head = await within(timeout, connection.readHead(), 'no HTTP response');
    if (head.status !== 200 || !/^text\/event-stream/.test(head.headers['content-type'] || '')) {
      const body = await within(timeout, connection.readBody(head.headers), 'no body');
      return { response: { ...head, body: body.toString() }, stream: null, connection };
    }
    return { response: { ...head, body: '' }, stream: new RawEvents(connection, head.headers), connection };
  }

  push(event) {
    this.events.push(event);
    const waiting = this.waiting;
    this.waiting = [];
    waiting.forEach((resolve) => resolve());
  }

  async readPart() {
    const { connection } = this;
    if (!this.chunked) {
      while (connection.buffer.length === 0 && !connection.ended) {
        await connection.more();
      }
      return connection.take(connection.buffer.length);
    }
    const size = parseInt((await connection.takeUntil('\r\n')).toString('latin1'), 16);
    const part = await connection.take(size);
    await connection.take(2);
    return part;
  }

  async pump() {
    for (;;) {
      const part = await this.readPart();
      if (part.length === 0) {
        // A body without length or chunks ends with its connection.
        const whole = this.chunked || this.connection.ended === 'end';
        this.push({ ended: whole ? 'response ended' : this.connection.ended, cut: this.text.length > 0 });
        return;
      }
      this.text = Buffer.concat([this.text, part]);
      this.cut();
    }
  }

  // A comment is a line; an event ends with an empty one.
  cut() {
    for (;;) {
      const mark = this.text[0] === 0x3a ? '\r\n' : '\r\n\r\n';
      const at = this.text.indexOf(mark);
      if (at < 0) {
        return;
      }
      this.push({ text: this.text.toString('utf8', 0, at + mark.length) });
      this.text = this.text.subarray(at + mark.length);
    }
  }

  // The next event that keep() is true for; others are dropped.
  async next({ timeout = 5000, keep = () => true } = {}) {
    const until = Date.now() + timeout;
    for (;;) {
      while (this.events.length > 0) {
        const event = this.events.shift();
        if (keep(event)) {
          return event;
        }
      }
      await within(until - Date.now(), new Promise((resolve) => this.waiting.push(resolve)), 'no event came');
    }
  }

  destroy(options) {
    this.connection.destroy(options);
  }
}

module.exports = { RawEvents };
