'use strict';
// client_probe, a program on lib/client: calls in, events out (tests/func/probe/client_probe.c).

const assert = require('node:assert');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { CHATD, ROOT, SANITIZER_REPORT, environment } = require('./chatd');
const { userToken } = require('./token');
const { eventually, within } = require('./util');

const PROBE = path.resolve(ROOT, process.env.CLIENT_PROBE_BIN || path.join(path.dirname(CHATD), 'probe/client_probe'));
const PREFIX = (process.env.CHATD_BIN_PREFIX || '').split(' ').filter(Boolean);

class Probe {
  // transport and encoding: by lib/client's names; without them its own choice.
  constructor(url, { user, token = userToken(user), skip = false, transport, encoding } = {}) {
    const options = [
      ...(skip ? ['--skip'] : []),
      ...(transport ? [`--transport=${transport}`] : []),
      ...(encoding ? [`--encoding=${encoding}`] : []),
    ];
    const [command, ...args] = [...PREFIX, PROBE, ...options, url];
    this.child = spawn(command, args, { env: environment({ CLIENT_PROBE_TOKEN: token }), stdio: 'pipe' });
    this.events = [];
    this.errors = '';
    this.calls = 0;
    let rest = '';
    this.child.stdout.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      this.events.push(...lines.map((line) => JSON.parse(line)));
    });
    this.child.stderr.setEncoding('utf8').on('data', (text) => (this.errors += text));
    this.child.stdin.on('error', () => {});
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code) => resolve(code));
    });
    this.ended.catch(() => {});
  }

  find(name, match = () => true) {
    return this.events.find((event) => event.event === name && match(event));
  }

  // Resolves with the first event of that name that matches.
  event(name, match) {
    const what = () => `${name} never came; came: ${JSON.stringify(this.events).slice(0, 2000)} ${this.errors}`;
    return eventually(() => this.find(name, match), { what });
  }

  opened() {
    return this.event('open');
  }

  // Resolves with the answer of the call: {result}, or {error, text} where it failed.
  call(...line) {
    const call = ++this.calls;
    this.child.stdin.write(`${JSON.stringify(line)}\n`);
    return this.event('done', (event) => event.call === call);
  }

  invocation(target, match = () => true) {
    return this.event('invocation', (event) => event.target === target && match(...event.arguments));
  }

  // It ended by itself, and without a fault of its own.
  async over() {
    const code = await within(10000, this.ended, 'client_probe does not end');
    assert.doesNotMatch(this.errors, SANITIZER_REPORT);
    assert.strictEqual(code, 0, this.errors);
    assert.strictEqual(this.events.filter(({ event }) => event === 'close').length <= 1, true);
  }

  // Waits for the end of the connection, which is the program's.
  async closed() {
    const close = await this.event('close');
    await this.over();
    assert.strictEqual(this.events[this.events.length - 1], close, 'nothing comes behind the end');
    return close;
  }

  async goodbye() {
    this.child.stdin.end();
    await this.over();
  }

  kill() {
    this.child.kill('SIGKILL');
  }
}

module.exports = { Probe };
