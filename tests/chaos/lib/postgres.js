'use strict';
// PostgreSQL servers of a test's own, to be restarted, stopped, frozen, killed and copied: each a private folder and
// port, run by an unprivileged user, with fsync on. The first folder is made by initdb, all others are copies of it.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFile, execFileSync, spawn } = require('node:child_process');
const { promisify } = require('node:util');
const left = require('../../func/lib/left');
const { steadyPort } = require('../../func/lib/chatd');
const { eventually, within } = require('../../func/lib/util');

const call = promisify(execFile);
const START_MS = 30000;
const STOP_MS = 30000;
const THAW_S = 60;
const SIGNALS = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' };
const OWNER = 'postgres'; // superuser of each server
const ROLE = 'chatd'; // what the daemon connects as: owner of its database, nothing more
const DATABASE = 'chat';

// The newest installed server programs: Debian keeps them out of PATH.
function binDir() {
  const below = (root, form) => (fs.existsSync(root) ? fs.readdirSync(root).filter((name) => form.test(name)) : [])
    .sort((a, b) => b.replace(/\D/g, '') - a.replace(/\D/g, ''))
    .map((name) => path.join(root, name, 'bin'));
  const onPath = (process.env.PATH || '').split(':');
  const dirs = [...below('/usr/lib/postgresql', /^\d+$/), ...below('/usr', /^pgsql-\d+$/), ...onPath];
  return dirs.find((dir) => dir && fs.existsSync(path.join(dir, 'initdb'))) || '/usr/bin';
}

const BIN = binDir();

// Who runs the server: postgres refuses to be root.
function unprivileged() {
  if (process.getuid() !== 0) {
    return {};
  }
  const users = fs.readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':'));
  const [, , uid, gid] = users.find(([name]) => name === 'postgres') || users.find(([name]) => name === 'nobody');
  return { uid: Number(uid), gid: Number(gid) };
}

const WHO = unprivileged();
// Ends what it starts when this process ends, however it does.
const TIED = ['--pdeathsig', 'KILL'];
const ENV = { PATH: process.env.PATH, LANG: 'C.UTF-8', HOME: '/', PGCONNECT_TIMEOUT: '5' };

function own(dir) {
  if (WHO.uid !== undefined) {
    fs.chownSync(dir, WHO.uid, WHO.gid);
  }
}

function folder(name) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), `chatd-${name}-`));
  left.dir(dir);
  own(dir);
  return dir;
}

let template; // folder that initdb made

function madeTemplate() {
  if (!template) {
    template = path.join(folder('template'), 'data');
    const args = ['-D', template, '-U', OWNER, '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'];
    execFileSync(path.join(BIN, 'initdb'), args, { ...WHO, env: ENV, stdio: 'pipe' });
  }
  return template;
}

// A session of psql that keeps its transaction, and what it locks, between two orders.
class Session {
  constructor(port, { user = OWNER, database = DATABASE } = {}) {
    const url = `postgresql://${user}@127.0.0.1:${port}/${database}`;
    const psql = ['psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', url];
    this.child = spawn('setpriv', [...TIED, ...psql], { env: ENV, stdio: 'pipe' });
    left.daemon(this.child);
    this.text = '';
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
    const listen = (chunk) => (this.text += chunk);
    this.child.stdout.setEncoding('utf8').on('data', listen);
    this.child.stderr.setEncoding('utf8').on('data', listen);
    this.child.stdin.on('error', () => {});
  }

  // What it prints.
  async ask(sql) {
    this.text = '';
    const mark = `done-${Math.random()}`;
    this.child.stdin.write(`${sql};\n\\echo ${mark}\n`);
    await Promise.race([
      eventually(() => this.text.includes(`${mark}\n`), { timeout: 30000, every: 2, what: () => `psql: ${this.text}` }),
      this.ended.then(() => Promise.reject(new Error(`psql ended: ${this.text}`))),
    ]);
    return this.text.slice(0, this.text.indexOf(mark)).trim();
  }

  end() {
    this.child.kill('SIGKILL');
    return this.ended;
  }
}

class Cluster {
  constructor({ dir, data, port, settings, env }) {
    Object.assign(this, { dir, data, port, settings, env, child: null, log: '', frozen: [] });
  }

  // Made and started, with the daemon's role and database. settings: of postgresql.conf. env: environment of
  // the server. dir: instead of a new folder.
  static async create({ settings = {}, env = {}, dir = folder('postgres') } = {}) {
    own(dir);
    const data = path.join(dir, 'data');
    await call('cp', ['-a', '--reflink=auto', madeTemplate(), data]);
    const cluster = new Cluster({ dir, data, port: await steadyPort(), settings, env });
    await cluster.start();
    await cluster.sql(`CREATE ROLE ${ROLE} LOGIN`, 'postgres');
    await cluster.sql(`CREATE DATABASE ${DATABASE} OWNER ${ROLE}`, 'postgres');
    return cluster;
  }

  get url() {
    return `postgresql://${ROLE}@127.0.0.1:${this.port}/${DATABASE}`;
  }

  async start() {
    const all = {
      port: this.port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: 'on',
      max_connections: 60,
      logging_collector: 'off',
      ...this.settings,
    };
    const args = ['-D', this.data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
    this.child = spawn('setpriv', [...TIED, path.join(BIN, 'postgres'), ...args], {
      ...WHO,
      env: { ...ENV, ...this.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    left.daemon(this.child);
    const { child } = this;
    this.ended = new Promise((resolve) => child.once('exit', resolve));
    const listen = (chunk) => (this.log += chunk);
    child.stdout.setEncoding('utf8').on('data', listen);
    child.stderr.setEncoding('utf8').on('data', listen);
    const from = this.log.length;
    await Promise.race([
      eventually(() => /ready to accept (read-only )?connections/.test(this.log.slice(from)), {
        timeout: START_MS,
        every: 5,
        what: () => `postgres does not start:\n${this.log}`,
      }),
      this.ended.then(() => Promise.reject(new Error(`postgres ended:\n${this.log}`))),
    ]);
  }

  // mode: smart, fast or immediate, as of pg_ctl.
  async stop(mode = 'fast') {
    this.child.kill(SIGNALS[mode]);
    await within(STOP_MS, this.ended, () => `postgres does not stop:\n${this.log.slice(-2000)}`);
  }

  async restart(mode) {
    await this.stop(mode);
    await this.start();
  }

  // kill -9 of the postmaster; its children notice.
  async kill() {
    this.child.kill('SIGKILL');
    await this.ended;
    this.removeMemory();
  }

  // A killed postmaster leaves its small segment of System V memory; the pid file's line 7 names it.
  removeMemory() {
    try {
      const line = fs.readFileSync(path.join(this.data, 'postmaster.pid'), 'utf8').split('\n')[6];
      execFileSync('ipcrm', ['-m', line.trim().split(/\s+/)[1]], { stdio: 'ignore' });
    } catch {
      // it has gone by itself
    }
  }

  processes() {
    const { pid } = this.child;
    const children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    return [pid, ...children.map(Number)];
  }

  // SIGSTOP of the whole server; the postmaster first, so that it makes no more children. Should nobody thaw it,
  // because this process has ended, another one does.
  freeze() {
    process.kill(this.child.pid, 'SIGSTOP');
    this.frozen = this.processes();
    this.frozen.forEach((pid) => process.kill(pid, 'SIGSTOP'));
    const thaw = `sleep ${THAW_S}; kill -CONT ${this.frozen.join(' ')}`;
    spawn('sh', ['-c', thaw], { detached: true, stdio: 'ignore' }).unref();
  }

  thaw() {
    for (const pid of this.frozen.splice(0)) {
      try {
        process.kill(pid, 'SIGCONT');
      } catch {
        // it has ended
      }
    }
  }

  async sql(text, database = DATABASE, user = OWNER) {
    const url = `postgresql://${user}@127.0.0.1:${this.port}/${database}`;
    const { stdout } = await call('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', text, url], {
      env: ENV,
      maxBuffer: 1 << 30,
      timeout: 60000,
    });
    return stdout.trim();
  }

  session(options) {
    return new Session(this.port, options);
  }

  // Ends the daemon's sessions; gives how many there were.
  async terminate() {
    const ended = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '${ROLE}'`;
    return Number(await this.sql(ended, 'postgres'));
  }

  // A streaming replica, started.
  async replicate() {
    const dir = folder('replica');
    const data = path.join(dir, 'data');
    const source = `postgresql://${OWNER}@127.0.0.1:${this.port}/?application_name=replica`;
    const args = ['-D', data, '-R', '-X', 'stream', '-c', 'fast', '-d', source];
    await call(path.join(BIN, 'pg_basebackup'), args, { ...WHO, env: ENV });
    const replica = new Cluster({ dir, data, port: await steadyPort(), settings: this.settings, env: this.env });
    await replica.start();
    return replica;
  }

  async promote() {
    await this.sql('SELECT pg_promote()', 'postgres');
  }

  async destroy() {
    if (this.child && this.child.exitCode === null && this.child.signalCode === null) {
      this.thaw();
      await this.stop('immediate');
    }
    fs.rmSync(this.data, { recursive: true, force: true });
    fs.rm(this.dir, { recursive: true, force: true }, () => {}); // it may be where something is mounted
  }
}

module.exports = { Cluster, ROLE, DATABASE, OWNER };
