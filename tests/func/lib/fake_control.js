'use strict';
// A daemon that answers on its control socket what the test wants it to say.

const net = require('node:net');
const path = require('node:path');
const { run, scratchDir, CHATCTL } = require('./chatd');

const dir = scratchDir();
let sockets = 0;

function frame(object) {
  const json = Buffer.from(typeof object === 'string' ? object : JSON.stringify(object));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(json.length);
  return Buffer.concat([head, json]);
}

const item = (value) => frame({ v: 1, id: 1, item: value });
const end = (exit = 0, error = undefined) => frame({ v: 1, id: 1, end: true, exit, error });
// For Fake: the same for every request.
const answering = (...frames) => (request, connection) => connection.end(Buffer.concat(frames));

// Calls answer(request, socket) for each request. Requests are kept.
class Fake {
  constructor(answer, socket = path.join(dir, `${++sockets}.sock`)) {
    this.socket = socket;
    this.requests = [];
    this.connections = new Set();
    this.server = net.createServer((connection) => {
      let input = Buffer.alloc(0);
      this.connections.add(connection);
      connection.on('close', () => this.connections.delete(connection));
      connection.on('error', () => {});
      connection.on('data', (chunk) => {
        input = Buffer.concat([input, chunk]);
        while (input.length >= 4 && input.length >= 4 + input.readUInt32BE(0)) {
          const request = JSON.parse(input.subarray(4, 4 + input.readUInt32BE(0)));
          input = input.subarray(4 + input.readUInt32BE(0));
          this.requests.push(request);
          answer(request, connection);
        }
      });
    });
  }

  listen() {
    return new Promise((resolve) => this.server.listen(this.socket, () => resolve(this)));
  }

  close() {
    this.server.close();
    this.connections.forEach((connection) => connection.destroy());
  }

  chatctl(args, options) {
    return run(CHATCTL, ['--socket', this.socket, ...args], options);
  }
}

async function withFake(answer, body) {
  const fake = await new Fake(answer).listen();
  try {
    return await body(fake);
  } finally {
    fake.close();
  }
}

module.exports = { frame, item, end, answering, Fake, withFake };
