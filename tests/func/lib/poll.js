'use strict';
// Hub connections over POSTs with polls or events, on raw HTTP: each request on the TCP connection that the test
// chooses, so that it lands on any worker.

const { RawConnection, requestBytes, request, negotiate } = require('./http');
const { RawEvents } = require('./sse');
const { RS } = require('./ws');
const { userToken } = require('./token');

const HANDSHAKE = `{"protocol":"json","version":1}${RS}`;

// The worker that a connection id names (chatd/auth/conn_token.h).
const workerOf = (id) => Buffer.from(id, 'base64url').readUInt16BE(9);

const recordsOf = (body) => body.split(RS).slice(0, -1).map((record) => JSON.parse(record));
const callOf = (id, target, ...args) =>
  `${JSON.stringify({ type: 1, invocationId: String(id), target, arguments: args })}${RS}`;

// A negotiated id, of that worker if one is named.
async function idOn(port, token, worker) {
  for (;;) {
    const { connectionToken } = await negotiate(port, token);
    if (worker === undefined || workerOf(connectionToken) === worker) {
      return connectionToken;
    }
  }
}

class RawLine {
  constructor(port, { token, id }) {
    Object.assign(this, { port, token, id, target: `/chathub?id=${id}`, calls: 0, got: [] });
  }

  bytes(method, { body, headers, token = this.token } = {}) {
    return requestBytes(method, this.target, { host: `127.0.0.1:${this.port}`, token, headers, body });
  }

  // One request on a TCP connection of its own.
  ask(method, options = {}) {
    return request(this.port, method, this.target, { token: this.token, ...options });
  }

  post(body) {
    return this.ask('POST', { body });
  }

  async mustPost(body) {
    const { status, body: text } = await this.post(body);
    if (status !== 200 || text !== '') {
      throw new Error(`POST: ${status} ${text}`);
    }
  }

  // What came and match is true for, once it has come. fetch() brings more to this.got.
  async until(match, fetch) {
    for (;;) {
      const found = this.got.find(match);
      if (found) {
        return found;
      }
      await fetch();
    }
  }

  // A call whose answer is waited for: its result, or it throws the error.
  async invoke(target, ...args) {
    const id = `c${++this.calls}`;
    await this.mustPost(callOf(id, target, ...args));
    const answer = await this.until((message) => message.type === 3 && message.invocationId === id, () => this.fetch());
    if (answer.error !== undefined) {
      throw new Error(answer.error);
    }
    return answer.result;
  }

  messages() {
    return this.got.filter(({ target }) => target === 'ReceiveMessage').map((call) => call.arguments[0]);
  }
}

class RawPoll extends RawLine {
  // Connects as the user and shakes hands. worker: whose the connection is to be.
  static async open(port, { user, token = userToken(user), worker } = {}) {
    const line = new RawPoll(port, { token, id: await idOn(port, token, worker) });
    await line.expect('', await line.ask('GET'));
    await line.mustPost(HANDSHAKE);
    await line.expect(`{}${RS}`, await line.ask('GET'));
    return line;
  }

  expect(body, response) {
    if (response.status !== 200 || response.body !== body) {
      throw new Error(`a poll: ${response.status} ${response.body}`);
    }
  }

  // One poll, on a connection of its own or on the given one.
  async fetch({ connection, timeout = 10000 } = {}) {
    let response;
    if (connection) {
      connection.write(this.bytes('GET'));
      response = await connection.readResponse({ timeout });
    } else {
      response = await this.ask('GET', { timeout });
    }
    if (response.status !== 200) {
      throw new Error(`a poll: ${response.status} ${response.body}`);
    }
    this.got.push(...recordsOf(response.body));
    return response;
  }

  delete() {
    return this.ask('DELETE');
  }
}

class RawSse extends RawLine {
  static async open(port, { user, token = userToken(user), worker } = {}) {
    const line = new RawSse(port, { token, id: await idOn(port, token, worker) });
    const { stream, response } = await RawEvents.ask(port, line.target, { token });
    if (!stream) {
      throw new Error(`no events: ${response.status} ${response.body}`);
    }
    line.stream = stream;
    await line.mustPost(HANDSHAKE);
    const greeting = [await stream.next(), await stream.next()].map(({ text }) => text).join('');
    if (greeting !== `:\r\ndata: {}${RS}\r\n\r\n`) {
      throw new Error(`the greeting: ${greeting}`);
    }
    return line;
  }

  async fetch({ timeout = 10000 } = {}) {
    const event = await this.stream.next({ timeout });
    if (event.ended) {
      throw new Error(`the events ended (${event.ended})`);
    }
    this.got.push(...recordsOf(event.text.slice('data: '.length)));
  }

  destroy(options) {
    this.stream.destroy(options);
  }
}

// A TCP connection that that worker serves.
async function connectionOn(port, token, worker) {
  for (;;) {
    const connection = await RawConnection.connect(port);
    connection.write(requestBytes('POST', '/chathub/negotiate?negotiateVersion=1', { host: 'test', token }));
    const { connectionToken } = JSON.parse((await connection.readResponse()).body);
    if (workerOf(connectionToken) === worker) {
      return connection;
    }
    connection.destroy();
  }
}

module.exports = { RawPoll, RawSse, RawLine, HANDSHAKE, callOf, recordsOf, connectionOn, idOn, workerOf };
