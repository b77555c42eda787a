'use strict';
// A hub that does what a test tells it, right or wrong: negotiate, WebSockets and hub records in JSON, and the control
// socket of a daemon. What clients do with answers that the real one gives seldom can be tried with it.

const crypto = require('node:crypto');
const http = require('node:http');
const net = require('node:net');
const left = require('./left');
const { eventually } = require('./util');

const RS = '\x1e';
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

function serverFrame(opcode, payload) {
  const data = Buffer.from(payload);
  let head;
  if (data.length < 126) {
    head = Buffer.from([0x80 | opcode, data.length]);
  } else if (data.length < 65536) {
    head = Buffer.alloc(4);
    head.writeUInt16BE(data.length, 2);
  } else {
    head = Buffer.alloc(10);
    head.writeBigUInt64BE(BigInt(data.length), 2);
  }
  head[0] = 0x80 | opcode;
  head[1] = data.length < 126 ? data.length : data.length < 65536 ? 126 : 127;
  return Buffer.concat([head, data]);
}

// One connection of a client, from the upgrade on.
class FakeConnection {
  constructor(hub, socket) {
    Object.assign(this, { hub, socket, buffer: Buffer.alloc(0), text: '', calls: [], shaken: false });
    left.socket(socket);
    socket.on('data', (chunk) => this.feed(chunk));
    socket.on('error', () => {});
    socket.on('close', () => (this.gone = true));
  }

  feed(chunk) {
    this.buffer = Buffer.concat([this.buffer, chunk]);
    for (;;) {
      if (this.buffer.length < 6) {
        return;
      }
      let length = this.buffer[1] & 0x7f;
      let at = 2;
      if (length === 126) {
        length = this.buffer.readUInt16BE(2);
        at = 4;
      } else if (length === 127) {
        length = Number(this.buffer.readBigUInt64BE(2));
        at = 10;
      }
      if (this.buffer.length < at + 4 + length) {
        return;
      }
      const mask = this.buffer.subarray(at, at + 4);
      const payload = Buffer.from(this.buffer.subarray(at + 4, at + 4 + length)).map((b, i) => b ^ mask[i & 3]);
      const opcode = this.buffer[0] & 0x0f;
      this.buffer = this.buffer.subarray(at + 4 + length);
      if (opcode === 8) {
        this.socket.end();
      } else {
        this.records(payload.toString());
      }
    }
  }

  records(text) {
    const records = (this.text + text).split(RS);
    this.text = records.pop();
    for (const record of records) {
      const message = JSON.parse(record);
      if (!this.shaken) {
        this.shaken = true;
        this.socket.write(serverFrame(1, `{}${RS}`));
      } else if (message.type === 1) {
        const call = { target: message.target, args: message.arguments, id: message.invocationId, connection: this };
        this.calls.push(call);
        this.hub.calls.push(call);
        this.hub.answer(call);
      }
    }
  }

  send(record) {
    this.socket.write(serverFrame(1, JSON.stringify(record) + RS));
  }

  result(call, result) {
    this.send({ type: 3, invocationId: call.id, result });
  }

  fail(call, code, text) {
    const base = `An unexpected error occurred invoking '${call.target}' on the server.`;
    this.send({ type: 3, invocationId: call.id, error: `${base} HubException: ${code}: ${text}` });
  }

  invoke(target, ...args) {
    this.send({ type: 1, target, arguments: args });
  }

  // A hub Close.
  close(error, allowReconnect) {
    this.send({ type: 7, error, allowReconnect });
    this.socket.end(serverFrame(8, Buffer.from([3, 232])));
  }

  // As when the process was killed.
  drop() {
    this.socket.resetAndDestroy ? this.socket.resetAndDestroy() : this.socket.destroy();
  }
}

// One room with messages, whose misbehaviour is added by on[target](call): what it answers true for is done.
class FakeHub {
  constructor() {
    Object.assign(this, { calls: [], connections: [], messages: [], on: {}, epoch: '0123456789abcdef', status: 200 });
    this.room = '11111111-2222-4333-8444-555555555555';
    this.sender = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee';
    this.tokens = [];
  }

  async start() {
    this.server = http.createServer((request, response) => {
      request.resume();
      this.tokens.push(request.headers.authorization);
      response.writeHead(this.status, { 'Content-Type': 'application/json' });
      const transports = [{ transport: 'WebSockets', transferFormats: ['Text'] }];
      response.end(JSON.stringify({ negotiateVersion: 1, connectionToken: 'x', availableTransports: transports }));
    });
    this.server.on('upgrade', (request, socket) => {
      const key = request.headers['sec-websocket-key'];
      const accept = crypto.createHash('sha1').update(key + GUID).digest('base64');
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
          `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      this.connections.push(new FakeConnection(this, socket));
    });
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}/chathub`;
    return this;
  }

  stop() {
    this.connections.forEach((connection) => connection.socket.destroy());
    this.server.close();
    this.server.closeAllConnections && this.server.closeAllConnections();
  }

  get last() {
    return this.connections[this.connections.length - 1];
  }

  message(seq, content, more = {}) {
    const sentAt = '2024-01-02T03:04:05.678Z';
    return { id: `m${seq}`, roomId: this.room, seq, senderId: this.sender, type: 'Text', sentAt, content, ...more };
  }

  // Stores a message, and tells it where there is somebody.
  say(content, more) {
    const message = this.message(this.messages.length + 1, content, more);
    this.messages.push(message);
    return message;
  }

  tell(...messages) {
    messages.forEach((message) => this.last.invoke('ReceiveMessage', message));
  }

  answer(call) {
    const own = this.on[call.target];
    if ((own && own(call)) || this[`do${call.target}`] === undefined) {
      return;
    }
    this[`do${call.target}`](call);
  }

  joined(more = {}) {
    const lastSeq = this.messages.length;
    return { roomId: this.room, lastSeq, epoch: this.epoch, recovered: true, from: null, to: null, gap: null, ...more };
  }

  doJoinRoom(call) {
    const [, lastSeq] = call.args;
    if (lastSeq !== undefined) {
      this.tell(...this.messages.slice(lastSeq));
    }
    call.connection.result(call, this.joined());
  }

  doGetHistory(call) {
    const [, before, limit] = call.args;
    call.connection.result(call, this.messages.filter(({ seq }) => seq < before).slice(-limit));
  }

  // With the same id it answers what it answered first.
  doSendMessage(call) {
    const [, content, clientMessageId] = call.args;
    let message = this.messages.find((stored) => stored.clientMessageId === clientMessageId);
    if (!message) {
      message = this.say(content, { clientMessageId });
      this.tell(message);
    }
    call.connection.result(call, { id: message.id, seq: message.seq, sentAt: message.sentAt });
  }

  doRefreshToken(call) {
    call.connection.result(call, null);
  }

  sent() {
    return this.calls.filter(({ target }) => target === 'SendMessage').map(({ args }) => args);
  }

  // Waits for the nth call of that name, from 1.
  called(target, count = 1) {
    const find = () => this.calls.filter((call) => call.target === target)[count - 1];
    return eventually(find, { what: () => `${target} was not called ${count} times` });
  }
}

// The control socket of a daemon: answers[command](args) gives the items, or throws.
class FakeControl {
  constructor(path, answers) {
    Object.assign(this, { path, answers, asked: [] });
  }

  async start() {
    this.server = net.createServer((socket) => {
      left.socket(socket);
      let buffer = Buffer.alloc(0);
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        buffer = Buffer.concat([buffer, chunk]);
        if (buffer.length >= 4 && buffer.length >= 4 + buffer.readUInt32BE(0)) {
          this.take(socket, JSON.parse(buffer.toString('utf8', 4)));
        }
      });
    });
    await new Promise((resolve) => this.server.listen(this.path, resolve));
    return this;
  }

  async take(socket, { id, command, args }) {
    const write = (answer) => {
      const json = Buffer.from(JSON.stringify({ v: 1, id, ...answer }));
      const head = Buffer.alloc(4);
      head.writeUInt32BE(json.length);
      socket.write(Buffer.concat([head, json]));
    };
    this.asked.push({ command, args });
    const answer = this.answers[command];
    const items = answer ? await answer(args) : null;
    if (items === null) {
      write({ end: true, exit: 4, error: { code: 'not_found', message: `no ${command}`, hint: null } });
      return;
    }
    items.forEach((item) => write({ item }));
    write({ end: true, exit: 0 });
  }

  stop() {
    this.server.close();
  }
}

module.exports = { FakeHub, FakeControl };
