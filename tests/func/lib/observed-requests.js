'use strict';
// The plain HTTP requests of a case of tests/vectors/server-observed.json: each on a connection of its own that stays
// open, and the answers found again by what the recording says they belong to.

const assert = require('node:assert');
const { RawConnection, requestBytes } = require('./http');
const { RawEvents } = require('./sse');
const { bodyOf } = require('./observed-bytes');
const { sleep, within } = require('./util');

const ORDINALS = ['first', 'second', 'third'];
// Between requests that are on their way together, so that they arrive in the order of the recording.
const APART_MS = 150;
const ANSWER_MS = 10000;

class Requests {
  // pipelined: all on one connection.
  constructor(port, { pipelined }) {
    Object.assign(this, { port, pipelined, all: [], stream: null });
  }

  async connect() {
    const [first] = this.all;
    return this.pipelined && first ? first.connection : RawConnection.connect(this.port);
  }

  // line: method and target, or a whole request. options are those of requestBytes().
  async send(line, options) {
    const waiting = this.all.some(({ answered }) => !answered);
    if (waiting && !this.pipelined) {
      await sleep(APART_MS);
    }
    const [method, target, version] = line.split(' ');
    const connection = await this.connect();
    const wantsStream = /^text\/event-stream$/i.test((options.headers || {}).Accept || '');
    this.all.push({ connection, method, wantsStream, answered: false, sentAt: Date.now() });
    if (line.includes('\r\n')) {
      connection.write(line);
      return;
    }
    const headers = { ...options.headers };
    if ('Transfer-Encoding' in headers && !('Content-Length' in headers)) {
      headers['Content-Length'] = null;
    }
    const body = options.body === undefined ? undefined : bodyOf(options.body);
    const httpVersion = version ? version.slice(5) : undefined;
    connection.write(requestBytes(method, target, { ...options, headers, body, version: httpVersion }));
  }

  // The request that an answer belongs to: "the waiting GET", "the POST", "second GET", "first"; else the last.
  find(of) {
    const left = this.all.filter(({ answered }) => !answered);
    if (of === undefined) {
      return left[left.length - 1];
    }
    const words = of.split(' ');
    const method = words.find((word) => word === word.toUpperCase());
    const nth = ORDINALS.indexOf(words[0]);
    if (nth >= 0) {
      return this.all.filter((request) => method === undefined || request.method === method)[nth];
    }
    return left.find((request) => request.method === method);
  }

  // The answer with the seconds that it took: `wait` are those that it may take beyond the usual.
  async response({ of, wait = 0 } = {}) {
    const request = this.find(of);
    assert.ok(request, `no request waits for an answer of ${of}`);
    const timeout = wait * 1000 + ANSWER_MS;
    request.answered = true;
    let response;
    if (request.wantsStream && request.method === 'GET') {
      const asked = await RawEvents.answer(request.connection, timeout);
      response = asked.response;
      if (asked.stream) {
        this.stream = Object.assign(asked.stream, { sentAt: request.sentAt });
        request.streams = true;
      }
    } else {
      response = await request.connection.readResponse({ method: request.method, timeout });
    }
    return { ...response, seconds: (Date.now() - request.sentAt) / 1000 };
  }

  // Nothing comes for so many seconds.
  async none(seconds) {
    const { connection } = this.find();
    const came = () => connection.buffer.length > 0 || connection.ended !== null;
    await within(seconds * 1000, (async () => came() || connection.more())(), 'nothing').catch(() => {});
    assert.ok(!came(), `an answer came: ${connection.ended || connection.buffer}`);
  }

  closeStream() {
    this.stream.destroy();
    return sleep(300);
  }

  // Nothing may follow an answer that nobody asked for.
  assertNothingLeft() {
    for (const { connection, answered, streams } of this.all) {
      if (answered && !streams && !this.pipelined) {
        assert.strictEqual(connection.buffer.toString(), '', 'bytes behind an answer');
      }
    }
  }

  destroy() {
    this.all.forEach(({ connection }) => connection.destroy());
  }
}

module.exports = { Requests };
