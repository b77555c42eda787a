'use strict';
// A WebSocket client on raw bytes: frames as they are, lawful or not, and what the other side sends told in order.

const crypto = require('node:crypto');
const { RawConnection, requestBytes } = require('./http');
const { within } = require('./util');

const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };
const RS = '\x1e';

// A frame of a client. length: what the header claims, where it is not the payload's; wide: its 64-bit form.
function frame(opcode, payload = '', { fin = true, masked = true, rsv = 0, length, wide = false } = {}) {
  const data = Buffer.from(payload);
  const claimed = length === undefined ? BigInt(data.length) : BigInt(length);
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const maskBit = masked ? 0x80 : 0;
  let size;
  if (wide || claimed > 0xffffn) {
    size = Buffer.alloc(9);
    size[0] = maskBit | 127;
    size.writeBigUInt64BE(claimed, 1);
  } else if (claimed > 125n) {
    size = Buffer.alloc(3);
    size[0] = maskBit | 126;
    size.writeUInt16BE(Number(claimed), 1);
  } else {
    size = Buffer.from([maskBit | Number(claimed)]);
  }
  if (!masked) {
    return Buffer.concat([Buffer.from(head), size, data]);
  }
  const mask = crypto.randomBytes(4);
  const body = Buffer.alloc(data.length);
  for (let i = 0; i < data.length; i++) {
    body[i] = data[i] ^ mask[i & 3];
  }
  return Buffer.concat([Buffer.from(head), size, mask, body]);
}

function closeFrame(code, reason = '') {
  if (code === undefined) {
    return frame(OPCODE.close);
  }
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  Buffer.from(reason).copy(payload, 2);
  return frame(OPCODE.close, payload);
}

function upgradeBytes(target, { host, token, headers = {}, method = 'GET', version, key } = {}) {
  return requestBytes(method, target, {
    host,
    token,
    version,
    headers: {
      'Content-Length': null,
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': key,
      ...headers,
    },
  });
}

const acceptOf = (key) =>
  crypto.createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

class RawWebSocket {
  constructor(connection, { answerClose = true } = {}) {
    this.connection = connection;
    this.answerClose = answerClose;
    this.events = []; // not yet taken: {record}, {pong}, {close, reason}, {ended}
    this.partial = null; // fragments of a message
    this.text = ''; // of records, as far as they have come
    this.waiting = [];
    this.closed = null;
    this.pump().catch((error) => this.push({ failed: error }));
  }

  // Asks for the upgrade. {response, socket}; socket is null where the answer is not 101. early: bytes written with the
  // request, before the answer can have come.
  static async ask(port, target, options = {}) {
    const key = options.key || crypto.randomBytes(16).toString('base64');
    const connection = await RawConnection.connect(port);
    const request = upgradeBytes(target, { host: `127.0.0.1:${port}`, ...options, key });
    connection.write(options.early ? Buffer.concat([request, options.early]) : request);
    const response = await connection.readResponse({ method: options.method, timeout: options.timeout });
    response.acceptRight = response.headers['sec-websocket-accept'] === acceptOf(key);
    if (response.status !== 101) {
      return { response, socket: null, connection };
    }
    return { response, socket: new RawWebSocket(connection, options), connection };
  }

  static async open(port, target, options) {
    const { response, socket } = await RawWebSocket.ask(port, target, options);
    if (!socket) {
      throw new Error(`no upgrade: ${response.status} ${response.body}`);
    }
    return socket;
  }

  push(event) {
    this.events.push(event);
    const waiting = this.waiting;
    this.waiting = [];
    waiting.forEach((resolve) => resolve());
  }

  async readFrame() {
    const connection = this.connection;
    const head = await connection.take(2);
    const fin = (head[0] & 0x80) !== 0;
    const opcode = head[0] & 0x0f;
    if ((head[0] & 0x70) !== 0 || (head[1] & 0x80) !== 0) {
      throw new Error('the server sent a masked frame, or reserved bits');
    }
    let length = head[1];
    if (length === 126) {
      length = (await connection.take(2)).readUInt16BE();
    } else if (length === 127) {
      length = Number((await connection.take(8)).readBigUInt64BE());
    }
    return { fin, opcode, payload: Buffer.from(await connection.take(length)) };
  }

  async pump() {
    const connection = this.connection;
    for (;;) {
      while (connection.buffer.length === 0 && !connection.ended) {
        await connection.more();
      }
      if (connection.buffer.length === 0) {
        this.push({ ended: connection.ended });
        return;
      }
      let got;
      try {
        got = await this.readFrame();
      } catch (error) {
        if (!connection.ended) {
          throw error;
        }
        this.push({ ended: connection.ended, cut: true });
        return;
      }
      this.take(got);
    }
  }

  take({ fin, opcode, payload }) {
    if (opcode === OPCODE.pong) {
      this.push({ pong: payload.toString('latin1') });
    } else if (opcode === OPCODE.ping) {
      this.push({ ping: payload.toString('latin1') });
    } else if (opcode === OPCODE.close) {
      this.closed = { close: payload.length >= 2 ? payload.readUInt16BE() : 1005, reason: payload.toString('utf8', 2) };
      this.push(this.closed);
      if (this.answerClose && !this.closeSent) {
        this.sendClose(this.closed.close === 1005 ? undefined : this.closed.close);
      }
    } else {
      this.partial = opcode === OPCODE.continuation ? this.partial : [];
      this.partial.push(payload);
      if (fin) {
        this.message(Buffer.concat(this.partial));
        this.partial = null;
      }
    }
  }

  // A WebSocket message must hold whole records.
  message(data) {
    const records = data.toString('utf8').split(RS);
    const rest = records.pop();
    for (const record of records) {
      this.push({ record });
    }
    if (rest !== '') {
      this.push({ failed: new Error(`a message ends inside a record: ${rest.slice(0, 200)}`) });
    }
  }

  send(text, options) {
    this.connection.write(frame(OPCODE.text, text, options));
  }

  // One hub record.
  sendRecord(value) {
    this.send((typeof value === 'string' ? value : JSON.stringify(value)) + RS);
  }

  sendClose(code, reason) {
    this.closeSent = true;
    this.connection.write(closeFrame(code, reason));
  }

  // The next event that keep() is true for; others are dropped. At the end of the stream there are no more.
  async next({ timeout = 5000, keep = () => true } = {}) {
    const until = Date.now() + timeout;
    for (;;) {
      while (this.events.length > 0) {
        const event = this.events.shift();
        if (event.failed) {
          throw event.failed;
        }
        if (keep(event)) {
          return event;
        }
        if (event.ended) {
          throw new Error(`the connection ended (${event.ended})`);
        }
      }
      // Nobody else may take an event for this call once it has given up, so the wait alone has the time limit.
      await within(until - Date.now(), new Promise((resolve) => this.waiting.push(resolve)), 'nothing came');
    }
  }

  destroy(options) {
    this.connection.destroy(options);
  }
}

module.exports = { RawWebSocket, OPCODE, RS, frame, closeFrame, upgradeBytes };
