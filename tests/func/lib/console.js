'use strict';
// chatctl chat as tests see it: as a program between pipes, and on a terminal of its own (tmux).

const fs = require('node:fs');
const path = require('node:path');
const { spawn, spawnSync } = require('node:child_process');
const left = require('./left');
const { CHATCTL, ROOT, SANITIZER_REPORT, environment, scratchDir } = require('./chatd');
const { eventually, within } = require('./util');

const PREFIX = (process.env.CHATD_BIN_PREFIX || '').split(' ').filter(Boolean);

// Runs until it ends by itself or is killed; what it writes is kept, line by line.
class Piped {
  constructor(args, { env = {}, stdin = 'pipe' } = {}) {
    const [command, ...rest] = [...PREFIX, CHATCTL, ...args];
    this.child = spawn(command, rest, { env: environment(env), cwd: ROOT, stdio: [stdin, 'pipe', 'pipe'] });
    left.daemon(this.child);
    this.stdout = '';
    this.stderr = '';
    this.child.stdout.setEncoding('utf8').on('data', (text) => (this.stdout += text));
    this.child.stderr.setEncoding('utf8').on('data', (text) => (this.stderr += text));
    if (this.child.stdin) {
      this.child.stdin.on('error', () => {});
    }
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code, signal) => resolve({ code, signal }));
    });
    this.ended.catch(() => {});
  }

  write(text) {
    this.child.stdin.write(text);
  }

  items() {
    return this.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }

  // Waits until so many messages have been written.
  async came(count, timeout = 20000) {
    const what = () => `${this.items().length} of ${count} messages came; ${this.stderr}`;
    await eventually(() => this.items().length >= count, { timeout, what });
    return this.items();
  }

  said(pattern, timeout = 10000) {
    const what = () => `stderr never said ${pattern}: ${this.stderr}`;
    return eventually(() => pattern.test(this.stderr), { timeout, what });
  }

  // Ends, with {code, signal}; and without a report of a sanitizer.
  async end(timeout = 20000) {
    const exit = await within(timeout, this.ended, () => `chatctl does not end: ${this.stderr}`);
    if (SANITIZER_REPORT.test(this.stderr)) {
      throw new Error(this.stderr);
    }
    return exit;
  }

  kill(signal = 'SIGKILL') {
    this.child.kill(signal);
  }
}

let screens = 0;

// A terminal in a tmux server of its own.
class Screen {
  constructor(args, { columns = 60, rows = 16, env = {} } = {}) {
    this.dir = scratchDir();
    this.errors = path.join(this.dir, 'stderr');
    this.exitFile = path.join(this.dir, 'exit');
    this.env = { ...environment({ ...env }), TMUX_TMPDIR: this.dir };
    delete this.env.TMUX;
    const quote = (word) => `'${String(word).replace(/'/g, `'\\''`)}'`;
    const command = [...PREFIX, CHATCTL, ...args].map(quote).join(' ');
    const more = Object.entries(env).map(([name, value]) => `${name}=${quote(value)}`);
    const line =
      `${['env', ...more].join(' ')} ${command} 2>${quote(this.errors)}; ` +
      `echo $? >${quote(this.exitFile)}.new; stty -a >>${quote(this.exitFile)}.new; ` +
      `mv ${quote(this.exitFile)}.new ${quote(this.exitFile)}; sleep 1000`;
    this.name = `t${++screens}`;
    this.tmux('new-session', '-d', '-x', columns, '-y', rows, '-s', this.name, line);
    this.opened = true;
  }

  static available() {
    return spawnSync('tmux', ['-V']).status === 0;
  }

  tmux(...args) {
    const result = spawnSync('tmux', ['-u', '-f', '/dev/null', '-L', 'screen', ...args.map(String)], {
      env: this.env,
      encoding: 'utf8',
    });
    if (result.status !== 0) {
      throw new Error(`tmux ${args.join(' ')}: ${result.stderr}${this.readErrors()}`);
    }
    return result.stdout;
  }

  readErrors() {
    return fs.existsSync(this.errors) ? fs.readFileSync(this.errors, 'utf8') : '';
  }

  // What is to be seen, without blank lines at the end; all: what has scrolled away too.
  lines({ all = false, colours = false } = {}) {
    const options = [...(all ? ['-S', '-'] : []), ...(colours ? ['-e'] : [])];
    return this.tmux('capture-pane', '-p', ...options, '-t', this.name).replace(/\s+$/, '').split('\n');
  }

  cursor() {
    const [x, y] = this.tmux('display-message', '-p', '-t', this.name, '#{cursor_x},#{cursor_y}').trim().split(',');
    return { x: Number(x), y: Number(y) };
  }

  // Text as it is.
  type(text) {
    this.tmux('send-keys', '-t', this.name, '-l', text);
  }

  // Keys by tmux's names.
  keys(...names) {
    this.tmux('send-keys', '-t', this.name, ...names);
  }

  resize(columns, rows) {
    this.tmux('resize-window', '-t', this.name, '-x', columns, '-y', rows);
  }

  // Waits until the text on the screen (lines joined by newlines) matches.
  shows(pattern, options = {}) {
    let seen = '';
    const look = () => pattern.test((seen = this.lines(options).join('\n')));
    const what = () => `never to be seen: ${pattern}\n${seen}\n${this.readErrors()}`;
    return eventually(look, { timeout: 15000, every: 40, what });
  }

  // Waits for the end of chatctl: {code, stty, stderr}.
  async exit() {
    await eventually(() => fs.existsSync(this.exitFile), { what: () => `no end:\n${this.lines().join('\n')}` });
    const [code, ...stty] = fs.readFileSync(this.exitFile, 'utf8').split('\n');
    const stderr = this.readErrors();
    if (SANITIZER_REPORT.test(stderr)) {
      throw new Error(stderr);
    }
    return { code: Number(code), stty: stty.join('\n'), stderr };
  }

  close() {
    if (this.opened) {
      this.opened = false;
      this.tmux('kill-server');
    }
  }
}

module.exports = { Piped, Screen };
