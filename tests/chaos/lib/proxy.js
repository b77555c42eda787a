'use strict';
// A stretch of network between the daemons and their database that can be made bad: it passes bytes on, cuts a
// connection just when an answer comes (what was asked is done, and nobody hears of it), or swallows all in silence.

const net = require('node:net');
const left = require('../../func/lib/left');

class Proxy {
  constructor(port) {
    Object.assign(this, { to: port, pairs: new Set(), cutNext: () => false, silent: false, cuts: 0 });
  }

  static async open(port) {
    const proxy = new Proxy(port);
    proxy.server = net.createServer((client) => proxy.pass(client));
    await new Promise((resolve, reject) => {
      proxy.server.once('error', reject);
      proxy.server.listen(0, '127.0.0.1', resolve);
    });
    proxy.port = proxy.server.address().port;
    return proxy;
  }

  pass(client) {
    const server = net.connect({ port: this.to, host: '127.0.0.1', noDelay: true });
    const pair = { client, server };
    this.pairs.add(pair);
    client.setNoDelay(true);
    [client, server].forEach((socket) => {
      left.socket(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.silent || this.cut(pair));
    });
    client.on('data', (data) => this.silent || server.write(data));
    server.on('data', (data) => {
      if (this.silent) {
        return;
      }
      if (this.cutNext()) {
        this.cuts++;
        this.cut(pair);
      } else {
        client.write(data);
      }
    });
  }

  // A silent network does not tell that the other side has gone.
  cut(pair) {
    this.pairs.delete(pair);
    pair.client.destroy();
    pair.server.destroy();
  }

  // What was swallowed never comes: these connections are of no use any more, and say nothing.
  silence() {
    this.silent = true;
  }

  // New connections are good again; the old ones hang on until somebody gives them up.
  resume() {
    const old = [...this.pairs];
    for (const { client, server } of old) {
      client.removeAllListeners('data').resume();
      server.removeAllListeners('data').resume();
    }
    this.silent = false;
  }

  close() {
    this.server.close();
    [...this.pairs].forEach((pair) => this.cut(pair));
  }
}

module.exports = { Proxy };
