'use strict';
// Starts the real daemon for a test, with a state directory of its own and a port that the kernel picks, and judges
// how it ends: exit code 0 after SIGTERM, and no report of a sanitizer.

const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const left = require('./left');
const { ON_POSTGRES, databaseOf, makeDatabase } = require('./database');
const { SECRET } = require('./token');
const { within } = require('./util');

const ROOT = path.resolve(__dirname, '../../..');
const CHATD = path.resolve(ROOT, process.env.CHATD_BIN || 'build/asan/chatd');
const CHATCTL = path.resolve(ROOT, process.env.CHATCTL_BIN || path.join(path.dirname(CHATD), 'chatctl'));
const PREFIX = (process.env.CHATD_BIN_PREFIX || '').split(' ').filter(Boolean);
const SANITIZER_REPORT = /ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|SUMMARY: \w+Sanitizer|: runtime error: /;
const READY = /\bready\b.*?\b127\.0\.0\.1:(\d+)/;
// Settings for tests that come faster than people.
const NO_RATES = { CHATD_LIMITS_USER_RATE: 0, CHATD_LIMITS_ROOM_RATE: 0, CHATD_LIMITS_ADDRESS_CONNECTS: 0 };
const START_MS = 30000;
const STOP_MS = 30000;

function sanitizerOptions() {
  const options = {};
  for (const line of fs.readFileSync(path.join(ROOT, 'tests/sanitizers.sh'), 'utf8').split('\n')) {
    const match = /^(\w+)=(.*)$/.exec(line);
    if (match) {
      options[match[1]] = process.env[match[1]] || match[2];
    }
  }
  return options;
}

// The environment of a daemon or of chatctl: nothing of ours but what lets programs run.
function environment(extra) {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME || '/', LANG: 'C.UTF-8', ...sanitizerOptions() };
  for (const [name, value] of Object.entries(extra)) {
    if (value !== undefined && value !== null) {
      env[name] = String(value);
    }
  }
  return env;
}

function scratchDir() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'chatd-'));
  left.dir(dir);
  return dir;
}

// A free port below those that the kernel gives to clients: one that a daemon comes back to after a kill must not be
// taken by a client meanwhile, not even by the one that tries to connect to it (TCP can connect a port to itself).
async function steadyPort() {
  for (;;) {
    const port = 20000 + Math.floor(Math.random() * 12000);
    const server = net.createServer();
    const free = await new Promise((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (free) {
      await new Promise((resolve) => server.close(resolve));
      return port;
    }
  }
}

// Runs a program to its end: {code, signal, stdout, stderr}.
function run(program, args, { env = {}, input = '', timeout = 60000, cwd = ROOT } = {}) {
  return new Promise((resolve, reject) => {
    const [command, ...rest] = [...PREFIX, program, ...args];
    const child = spawn(command, rest, { env: environment(env), cwd, stdio: 'pipe' });
    const out = [], err = [];
    const timer = setTimeout(() => child.kill('SIGKILL'), timeout);
    child.stdout.on('data', (chunk) => out.push(chunk));
    child.stderr.on('data', (chunk) => err.push(chunk));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const result = { code, signal, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
      if (SANITIZER_REPORT.test(result.stderr)) {
        reject(new Error(`${path.basename(program)}: a sanitizer reported:\n${result.stderr}`));
      } else {
        resolve(result);
      }
    });
  });
}

class Chatd {
  // settings: environment variables over the defaults below. dir: a state directory to go on with. port: 0 picks one.
  // wrap: a command line that the daemon's is appended to. program: another build of the daemon.
  constructor({ settings = {}, dir, port = 0, args = [], wrap = [], program = CHATD } = {}) {
    this.ownsDir = dir === undefined;
    this.dir = dir === undefined ? scratchDir() : dir;
    this.wantedPort = port;
    this.args = args;
    this.wrap = wrap;
    this.program = program;
    this.socket = path.join(this.dir, 'control.sock');
    this.database = ON_POSTGRES && !('CHATD_DATABASE_URL' in settings) ? databaseOf(this.dir) : null;
    this.env = {
      CHATD_SERVER_LISTEN: `127.0.0.1:${port}`,
      CHATD_SERVER_STATE_DIR: this.dir,
      CHATD_SERVER_WORKERS: 2,
      CHATD_SERVER_DRAIN_SPREAD: '0s',
      CHATD_CONTROL_SOCKET: this.socket,
      CHATD_AUTH_JWT_SECRET: SECRET,
      CHATD_HUB_CREATE_ROOMS: true,
      CHATD_LOG_FORMAT: 'text',
      CHATD_METRICS_LISTEN: '',
      ...(this.database && { CHATD_DATABASE_URL: this.database.url, CHATD_DATABASE_AUTO_MIGRATE: true }),
      ...settings,
    };
    this.log = '';
    this.child = null;
    this.exit = null;
  }

  // What must be there before it starts.
  prepare() {
    if (this.database) {
      makeDatabase(this.database);
    }
  }

  // Starts it; the promise is kept when the ready line has come, broken when the daemon ends before.
  start() {
    const [command, ...rest] = [...this.wrap, ...PREFIX, this.program, ...this.args];
    this.prepare();
    this.startedAt = Date.now();
    this.child = spawn(command, rest, { env: environment(this.env), cwd: this.dir, stdio: ['ignore', 'pipe', 'pipe'] });
    this.pid = this.child.pid;
    this.exit = null;
    left.daemon(this.child);
    let runLog = '';
    this.ended = new Promise((resolve) => {
      this.child.on('error', (error) => resolve({ code: null, signal: null, error }));
      this.child.on('close', (code, signal) => resolve({ code, signal }));
    }).then((exit) => (this.exit = exit));
    return new Promise((resolve, reject) => {
      const fail = (what) => reject(new Error(`chatd ${what}; its log:\n${runLog}`));
      const timer = setTimeout(() => fail(`is not ready after ${START_MS} ms`), START_MS);
      const listen = (chunk) => {
        this.log += chunk;
        if (this.port && this.readyAt >= this.startedAt) {
          return;
        }
        runLog += chunk;
        const match = READY.exec(runLog);
        if (match) {
          clearTimeout(timer);
          this.readyAt = Date.now();
          this.port = Number(match[1]);
          this.host = `127.0.0.1:${this.port}`;
          this.url = `http://${this.host}/chathub`;
          resolve(this);
        }
      };
      this.child.stderr.setEncoding('utf8').on('data', listen);
      this.child.stdout.setEncoding('utf8').on('data', listen);
      this.ended.then((exit) => {
        clearTimeout(timer);
        fail(`ended with ${exit.error || exit.signal || exit.code}`);
      });
    });
  }

  // Resolves with {code, signal} when it has ended.
  end(timeout = STOP_MS) {
    return within(timeout, this.ended, 'chatd does not end');
  }

  assertNoReport() {
    const at = this.log.search(SANITIZER_REPORT);
    assert.strictEqual(at, -1, `a sanitizer reported:\n${this.log.slice(Math.max(0, at - 200), at + 6000)}`);
  }

  // SIGTERM, and everything that is promised of it.
  async stop({ keepDir = false } = {}) {
    if (this.exit === null) {
      this.child.kill('SIGTERM');
    }
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
    const exit = await this.end(2 * STOP_MS);
    clearTimeout(timer);
    this.assertNoReport();
    assert.deepStrictEqual(exit, { code: 0, signal: null }, `the end of chatd; its log:\n${this.log.slice(-4000)}`);
    if (this.ownsDir && !keepDir) {
      fs.rmSync(this.dir, { recursive: true, force: true });
    }
  }

  // kill -9, as a crash would be; the directory stays.
  async kill() {
    this.child.kill('SIGKILL');
    await this.end();
    this.assertNoReport();
  }

  // Starts again on the same port and directory.
  restart() {
    this.env.CHATD_SERVER_LISTEN = `127.0.0.1:${this.port}`;
    return this.start();
  }

  // Resolves when the log has a line that matches.
  async logged(pattern, timeout = 5000) {
    const until = Date.now() + timeout;
    while (!pattern.test(this.log)) {
      if (Date.now() > until) {
        throw new Error(`the log never said ${pattern}:\n${this.log.slice(-4000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  // A value of its GET /metrics, whatever its labels are; CHATD_METRICS_LISTEN must be set.
  async metric(name) {
    const [, address] = /metrics=(\S+)/.exec(this.log);
    const text = await (await fetch(`http://${address}/metrics`)).text();
    const rows = [...text.matchAll(new RegExp(`^chatd_${name}(?:\\{[^}]*\\})? (\\d+)$`, 'gm'))];
    assert.notStrictEqual(rows.length, 0, `no metric ${name}`);
    return rows.reduce((sum, [, value]) => sum + Number(value), 0);
  }

  chatctl(args, options = {}) {
    return run(CHATCTL, ['--socket', this.socket, ...args], options);
  }

  // chatctl that must succeed; its stdout without the last newline.
  async ctl(...args) {
    const result = await this.chatctl(args);
    assert.strictEqual(result.code, 0, `chatctl ${args.join(' ')}: ${result.stderr}`);
    return result.stdout.replace(/\n$/, '');
  }
}

async function startChatd(options) {
  return new Chatd(options).start();
}

module.exports = { Chatd, startChatd, steadyPort, run, environment, scratchDir, CHATD, CHATCTL, ROOT, NO_RATES, SANITIZER_REPORT };
