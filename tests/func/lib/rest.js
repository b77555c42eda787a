'use strict';
// A caller of the REST door, over connections that are kept alive.

const assert = require('node:assert');
const http = require('node:http');
const { userToken } = require('./token');

class Rest {
  // Without a user: nobody. options: of userToken(), such as claims.
  constructor(port, user, options = {}) {
    this.port = typeof port === 'function' ? port : () => port;
    this.user = user;
    this.token = user === undefined ? undefined : userToken(user, options);
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  }

  close() {
    this.agent.destroy();
  }

  // {status, headers, body, bytes}: body is parsed where it is JSON. options: body (an object becomes JSON), headers.
  ask(method, path, { body, headers = {}, token = this.token } = {}) {
    const all = { Host: 'test', ...headers };
    let bytes = body;
    if (token && !('Authorization' in all)) {
      all.Authorization = `Bearer ${token}`;
    }
    if (body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body)) {
      bytes = JSON.stringify(body);
    }
    if (bytes !== undefined) {
      all['Content-Type'] = all['Content-Type'] || 'application/json';
      all['Content-Length'] = Buffer.byteLength(bytes);
    }
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.port(), method, path, headers: all, agent: this.agent };
      const request = http.request(options, (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => resolve(answerOf(response, Buffer.concat(parts))));
      });
      request.on('error', reject);
      request.end(bytes);
    });
  }

  // The body of an answer that must have that status.
  async must(status, method, path, options) {
    const answer = await this.ask(method, path, options);
    assert.strictEqual(answer.status, status, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  // The same of a failure: its status and code must be those; gives the problem.
  async fails(status, code, method, path, options) {
    const answer = await this.ask(method, path, options);
    const what = `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`;
    assert.strictEqual(answer.status, status, what);
    assert.strictEqual(answer.headers['content-type'], 'application/problem+json', what);
    assert.strictEqual(answer.headers['cache-control'], 'no-store', what);
    assert.strictEqual(answer.body.status, status, what);
    assert.strictEqual(answer.body.code, code, what);
    assert.match(answer.body.instance, /^req:[0-9a-f]+-[0-9a-f]+$/);
    return answer.body;
  }

  room(more = {}) {
    return this.must(201, 'POST', '/api/v1/rooms', { body: { name: 'A room', ...more } });
  }

  say(room, content, more = {}) {
    return this.must(201, 'POST', `/api/v1/rooms/${room}/messages`, { body: { content, ...more } });
  }
}

function answerOf(response, bytes) {
  const json = /json/.test(response.headers['content-type'] || '') && !response.headers['content-encoding'];
  const body = json && bytes.length > 0 ? JSON.parse(bytes.toString()) : bytes.toString();
  return { status: response.statusCode, headers: response.headers, body, bytes };
}

module.exports = { Rest };
