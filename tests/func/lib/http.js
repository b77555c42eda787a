'use strict';
// HTTP/1.1 over a plain socket: bytes in, bytes out, nothing repaired, so that tests can be as rude as they like.

const net = require('node:net');
const left = require('./left');
const { within } = require('./util');

const TIMEOUT_MS = 10000;

class RawConnection {
  constructor(socket) {
    this.socket = socket;
    this.buffer = Buffer.alloc(0);
    this.ended = null; // null, 'end' or 'reset'
    this.waiting = [];
    left.socket(socket);
    socket.on('data', (chunk) => {
      this.buffer = this.buffer.length ? Buffer.concat([this.buffer, chunk]) : chunk;
      this.wake();
    });
    socket.on('end', () => this.finish('end'));
    socket.on('error', () => this.finish('reset'));
    socket.on('close', () => this.finish('end'));
  }

  // To a port of this machine, or to a socket's path.
  static connect(where) {
    return new Promise((resolve, reject) => {
      const peer = typeof where === 'string' ? { path: where } : { port: where, host: '127.0.0.1', noDelay: true };
      const socket = net.connect({ ...peer, allowHalfOpen: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.removeListener('error', reject);
        resolve(new RawConnection(socket));
      });
    });
  }

  finish(how) {
    this.ended = this.ended || how;
    this.wake();
  }

  wake() {
    const waiting = this.waiting;
    this.waiting = [];
    waiting.forEach((resolve) => resolve());
  }

  // Resolves at the next bytes, or the end.
  more() {
    return this.ended ? Promise.resolve() : new Promise((resolve) => this.waiting.push(resolve));
  }

  write(data) {
    this.socket.write(data);
  }

  // FIN; reading goes on.
  end() {
    this.socket.end();
  }

  // Gone without a word more; with reset as a peer whose process was killed behind unread data.
  destroy({ reset = false } = {}) {
    if (reset && this.socket.resetAndDestroy) {
      this.socket.resetAndDestroy();
    } else {
      this.socket.destroy();
    }
  }

  // Resolves with 'end' or 'reset'.
  async endOfStream(timeout = TIMEOUT_MS) {
    await within(timeout, this.untilEnded(), 'the connection stays open');
    return this.ended;
  }

  async untilEnded() {
    while (!this.ended) {
      await this.more();
    }
  }

  async takeUntil(mark) {
    let at;
    while ((at = this.buffer.indexOf(mark)) < 0) {
      if (this.ended) {
        throw new Error(`the connection ended (${this.ended}) before ${JSON.stringify(mark)}`);
      }
      await this.more();
    }
    const taken = this.buffer.subarray(0, at);
    this.buffer = this.buffer.subarray(at + mark.length);
    return taken;
  }

  async take(count) {
    while (this.buffer.length < count) {
      if (this.ended) {
        throw new Error(`the connection ended (${this.ended}) inside ${count} bytes`);
      }
      await this.more();
    }
    const taken = this.buffer.subarray(0, count);
    this.buffer = this.buffer.subarray(count);
    return taken;
  }

  async readHead() {
    const lines = (await this.takeUntil('\r\n\r\n')).toString('latin1').split('\r\n');
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(lines.shift());
    if (!status) {
      throw new Error('no status line');
    }
    const headers = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      const name = line.slice(0, colon).toLowerCase();
      const value = line.slice(colon + 1).trim();
      headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
    }
    return { status: Number(status[1]), headers };
  }

  async readChunks() {
    const parts = [];
    for (;;) {
      const size = parseInt((await this.takeUntil('\r\n')).toString('latin1'), 16);
      if (size === 0) {
        await this.takeUntil('\r\n');
        return Buffer.concat(parts);
      }
      parts.push(Buffer.from(await this.take(size)));
      await this.take(2);
    }
  }

  async readBody(headers) {
    if ((headers['transfer-encoding'] || '').toLowerCase() === 'chunked') {
      return this.readChunks();
    }
    if ('content-length' in headers) {
      return Buffer.from(await this.take(Number(headers['content-length'])));
    }
    await this.untilEnded();
    return this.take(this.buffer.length);
  }

  // One response, interim ones passed over: {status, headers, body}. method: HEAD has no body.
  readResponse({ method = 'GET', timeout = TIMEOUT_MS } = {}) {
    const read = async () => {
      let head = await this.readHead();
      while (head.status >= 100 && head.status < 200 && head.status !== 101) {
        head = await this.readHead();
      }
      const bodyless = method === 'HEAD' || head.status === 101 || head.status === 204 || head.status === 304;
      const body = bodyless ? Buffer.alloc(0) : await this.readBody(head.headers);
      return { ...head, body: body.toString() };
    };
    return within(timeout, read(), 'no HTTP response');
  }
}

// The bytes of a request. A header whose value is null is left out; others replace what would be there.
function requestBytes(method, target, { host = 'test', token, headers = {}, body, version = '1.1' } = {}) {
  const all = { Host: host };
  if (token) {
    all.Authorization = `Bearer ${token}`;
  }
  if (method === 'POST' || body !== undefined) {
    all['Content-Length'] = Buffer.byteLength(body || '');
  }
  Object.assign(all, headers);
  const lines = [`${method} ${target} HTTP/${version}`];
  for (const [name, value] of Object.entries(all)) {
    if (value !== null) {
      lines.push(`${name}: ${value}`);
    }
  }
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body || '')]);
}

// One request on a connection of its own.
async function request(port, method, target, options = {}) {
  const connection = await RawConnection.connect(port);
  try {
    connection.write(requestBytes(method, target, { host: `127.0.0.1:${port}`, ...options }));
    return await connection.readResponse({ method, timeout: options.timeout });
  } finally {
    connection.destroy();
  }
}

// Negotiates with version 1: the parsed answer.
async function negotiate(port, token) {
  const response = await request(port, 'POST', '/chathub/negotiate?negotiateVersion=1', { token });
  if (response.status !== 200) {
    throw new Error(`negotiate: ${response.status} ${response.body}`);
  }
  return JSON.parse(response.body);
}

module.exports = { RawConnection, requestBytes, request, negotiate };
