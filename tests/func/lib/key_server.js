'use strict';
// An identity provider's key set over HTTP, whose keys and manners a test can change, and which counts who asks.

const crypto = require('node:crypto');
const http = require('node:http');
const https = require('node:https');

// A key pair that signs with the algorithm, and its public half as a member of a set.
function makeKey(algorithm, kid, extra = {}) {
  const { privateKey, publicKey } = algorithm.startsWith('ES')
    ? crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...publicKey.export({ format: 'jwk' }), ...(kid !== undefined && { kid }), ...extra };
  const header = kid === undefined ? {} : { kid };
  return {
    kid,
    jwk,
    pem: publicKey.export({ type: 'spki', format: 'pem' }),
    signing: { algorithm, key: privateKey, header },
    privateJwk: { ...privateKey.export({ format: 'jwk' }), kid },
  };
}

class KeyServer {
  constructor(tls) {
    this.asked = 0;
    this.headers = {};
    this.server = (tls ? https.createServer(tls) : http.createServer()).on('request', (req, res) => {
      this.asked++;
      this.last = req;
      this.handler(req, res);
    });
    this.scheme = tls ? 'https' : 'http';
    this.serve();
  }

  // What is answered from now on: these keys.
  serve(...keys) {
    this.answer(200, JSON.stringify({ keys: keys.map((key) => key.jwk || key) }));
  }

  answer(status, body, headers = { 'Content-Type': 'application/json' }) {
    this.handler = (req, res) => {
      res.writeHead(status, { ...headers, ...this.headers });
      res.end(body);
    };
  }

  async start() {
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.port = this.server.address().port;
    this.url = `${this.scheme}://127.0.0.1:${this.port}/keys`;
    return this;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}

module.exports = { KeyServer, makeKey };
