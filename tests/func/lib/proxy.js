'use strict';
// A proxy of the kind that stands between clients and a server: it passes requests on, each on a connection of its own,
// and lets WebSockets or event streams through only where it is told to.

const http = require('node:http');
const net = require('node:net');
const left = require('./left');

class Proxy {
  constructor(port, { webSockets = false, events = false } = {}) {
    Object.assign(this, { target: port, webSockets, events });
    this.refused = { webSockets: 0, events: 0 };
    this.server = http.createServer((request, response) => this.pass(request, response));
    this.server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
    this.server.on('connection', (socket) => left.socket(socket));
  }

  start() {
    return new Promise((resolve) => {
      this.server.listen(0, '127.0.0.1', () => {
        this.port = this.server.address().port;
        this.url = `http://127.0.0.1:${this.port}/chathub`;
        resolve(this);
      });
    });
  }

  pass(request, response) {
    if (/text\/event-stream/.test(request.headers.accept || '') && !this.events) {
      this.refused.events++;
      response.writeHead(403).end();
      return;
    }
    const { method, url, headers } = request;
    const onward = http.request({ host: '127.0.0.1', port: this.target, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  }

  upgrade(request, socket, head) {
    if (!this.webSockets) {
      this.refused.webSockets++;
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      return;
    }
    const onward = net.connect(this.target, '127.0.0.1', () => {
      const lines = [`${request.method} ${request.url} HTTP/1.1`];
      for (let i = 0; i < request.rawHeaders.length; i += 2) {
        lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
      }
      onward.write(`${lines.join('\r\n')}\r\n\r\n`);
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    left.socket(onward);
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  }

  stop() {
    this.server.closeAllConnections && this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}

module.exports = { Proxy };
