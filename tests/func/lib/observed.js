'use strict';
// Plays one case of tests/vectors/server-observed.json against a daemon and compares what comes.

const assert = require('node:assert');
const { request } = require('./http');
const { Requests } = require('./observed-requests');
const { RawWebSocket, RS, OPCODE, frame } = require('./ws');
const { userToken, signToken, now } = require('./token');
const { textOf, writesOf } = require('./observed-bytes');
const match = require('./observed-match');
const { sleep } = require('./util');

const PROBE = { type: 1, invocationId: 'probe', target: 'NoSuchMethodProbe', arguments: [] };
const PROBED = 'PROBE ANSWERED';
const NOT_ANSWERED = 'do not answer the Close frame';
const LONGEST_MS = 40000;
const QUIET_MS = 300;
const isPing = (event) => event.record !== undefined && JSON.parse(event.record).type === 6;
const isEventPing = (event) => event.text === `data: {"type":6}${RS}\r\n\r\n`;
const isProbeAnswer = (event) => event.record !== undefined && JSON.parse(event.record).invocationId === 'probe';
const isEnd = (event) => event.ended !== undefined;
const isCompletion = (item) => /"type":3/.test(typeof item === 'string' ? item : item.record);
const inWords = (value) => JSON.stringify(value, (_, v) => (v instanceof RegExp ? String(v) : v));

class Played {
  // number: a room and users of the case's own, so that cases can run beside each other.
  constructor(name, recorded, port, { number, better = {} }) {
    this.recorded = recorded;
    this.port = port;
    this.better = better;
    this.user = `observed-${number}`;
    this.room = `conform-${number}`;
    this.nonce = `nonce-${number}`;
    this.requests = new Requests(port, { pipelined: name.endsWith('pipelined') });
    this.sockets = [];
    this.gots = 0;
    this.httpVersion = name.endsWith('http-1.0') ? '1.0' : undefined;
    this.tokens = {
      '<jwt>': userToken(this.user),
      '<other>': userToken(`${this.user}-other`),
      '<forged>': userToken(this.user, { key: 'some other secret that nobody has told the server' }),
      '<algnone>': signToken({ sub: this.user, exp: now() + 600 }, { algorithm: 'none' }),
      '<expired>': userToken(this.user, { ttl: -600 }),
    };
  }

  // Placeholders of the recording; shortened sizes count the room's recorded name.
  fill(text) {
    let filled = text.replace(/<(jwt|other|forged|algnone|expired)>/g, (name) => this.tokens[name]);
    filled = filled.replace(/<id>/g, () => this.id).replace(/<connectionId>/g, () => this.connectionId);
    filled = filled.replace(/NONCE/g, this.nonce).replace('HOST', this.host);
    if (this.counter !== undefined) {
      filled = filled.replace(/<counter>/g, this.counter);
    }
    return filled.length < 2000 ? filled.replace(/conform/g, this.room) : filled;
  }

  get host() {
    return `127.0.0.1:${this.port}`;
  }

  get socket() {
    return this.sockets[this.sockets.length - 1];
  }

  // The steps, and those that chatd needs before the first of them that sends something.
  steps() {
    const { steps } = this.recorded;
    const at = steps.findIndex((step) => step.send !== undefined);
    return at < 0 ? steps : [...steps.slice(0, at), ...(this.better.first || []), ...steps.slice(at)];
  }

  async run() {
    const steps = this.steps();
    this.list = steps;
    const lastGot = this.better.goOn ? -1 : Math.max(-1, ...Object.keys(this.better.got || {}).map(Number));
    this.answerClose = !steps.some((step) => step.do === NOT_ANSWERED);
    try {
      for (this.at = 0; this.at < steps.length; this.at++) {
        const step = steps[this.at];
        await this.step(step);
        if (step.got !== undefined && lastGot >= 0 && this.gots > lastGot) {
          break;
        }
      }
      this.requests.assertNothingLeft();
    } finally {
      this.sockets.forEach((socket) => socket.destroy());
      this.requests.destroy();
    }
  }

  step(step) {
    if (step.request !== undefined) {
      return this.request(step);
    }
    if (step.websocket !== undefined) {
      return this.upgrade(step);
    }
    if (step.send !== undefined) {
      return this.send(step);
    }
    return step.do !== undefined ? this.act(step.do) : this.got(step.got);
  }

  authorization(step) {
    if (step.auth === undefined) {
      return this.tokens['<jwt>'];
    }
    const bearer = /^Authorization: Bearer (<\w+>)$/.exec(step.auth);
    return bearer ? this.tokens[bearer[1]] : undefined;
  }

  request(step) {
    const headers = {};
    for (const [name, value] of Object.entries(step.headers || {})) {
      headers[name] = this.fill(value);
    }
    return this.requests.send(this.fill(step.request), {
      host: this.host,
      token: headers.Authorization ? undefined : this.authorization(step),
      headers,
      body: step.body === undefined ? undefined : this.fill(step.body),
    });
  }

  async upgrade(step) {
    const [method, target] = this.fill(step.websocket).split(' ');
    const early = this.early();
    const { response, socket, connection } = await RawWebSocket.ask(this.port, target, {
      method,
      headers: step.headers,
      token: this.authorization(step),
      version: this.httpVersion,
      answerClose: this.answerClose,
      early,
    });
    this.upgraded = response;
    if (socket) {
      this.sockets.push(socket);
      this.clock = Date.now();
    } else {
      this.requests.all.push({ connection, method, answered: true });
    }
    const next = this.list[this.at + 1];
    const compared = next && next.got !== undefined && !Array.isArray(next.got) && next.got.status !== undefined;
    if (!compared) {
      assert.strictEqual(response.status, 101, `the upgrade: ${response.body}`);
      this.upgraded = undefined;
    }
  }

  // What is to be sent along with the upgrade request.
  early() {
    const next = this.list[this.at + 1];
    if (!next || next.note !== 'before the 101 came') {
      return undefined;
    }
    this.at++;
    return frame(OPCODE.text, textOf(next.data));
  }

  async send(step) {
    if (step.send === 'text') {
      this.socket.send(this.fill(textOf(step.data)));
      this.clock = Date.now();
      return;
    }
    const writes = writesOf(step.send);
    for (const write of writes) {
      this.socket.connection.write(write);
      if (writes.length > 1) {
        await sleep(1);
      }
    }
    if (/Close frame|opcode/.test(step.send)) {
      this.socket.closeSent = true;
    }
    this.clock = Date.now();
  }

  async act(what) {
    for (const [pattern, act] of ACTS) {
      const parts = pattern.exec(what);
      if (parts) {
        await act(this, parts);
        return;
      }
    }
    this.keepBusy(what);
  }

  async negotiate(target) {
    const response = await request(this.port, 'POST', target, { token: this.tokens['<jwt>'] });
    assert.strictEqual(response.status, 200, `negotiate: ${response.body}`);
    const answer = JSON.parse(response.body);
    this.connectionId = answer.connectionId;
    this.id = answer.connectionToken || answer.connectionId;
  }

  async handshake(version) {
    this.socket.sendRecord({ protocol: 'json', version });
    const answer = await this.socket.next();
    assert.strictEqual(answer.record, '{}', `the handshake: ${JSON.stringify(answer)}`);
    this.clock = Date.now();
  }

  // The first poll, which is answered at once, the handshake and the poll that brings its answer.
  async startPolling() {
    const target = `/chathub?id=${this.id}`;
    const poll = () => request(this.port, 'GET', target, { token: this.tokens['<jwt>'] });
    const first = await poll();
    assert.deepStrictEqual([first.status, first.body], [200, ''], 'the first poll');
    const body = `{"protocol":"json","version":1}${RS}`;
    const post = await request(this.port, 'POST', target, { token: this.tokens['<jwt>'], body });
    assert.deepStrictEqual([post.status, post.body], [200, ''], 'the POST of the handshake');
    const second = await poll();
    assert.deepStrictEqual([second.status, second.body], [200, `{}${RS}`], 'the poll for the handshake');
  }

  async joinRoom() {
    this.socket.sendRecord({ type: 1, invocationId: 'join', target: 'JoinRoom', arguments: [this.room] });
    const answer = await this.socket.next({ keep: (event) => event.record.includes('"join"') });
    assert.match(answer.record, /"result"/);
  }

  async race() {
    const ask = () => RawWebSocket.ask(this.port, `/chathub?id=${this.id}`, { token: this.tokens['<jwt>'] });
    const answers = await Promise.all([ask(), ask()]);
    this.statuses = answers.map(({ response }) => response.status).sort();
    answers.forEach(({ connection }) => connection.destroy());
  }

  // What goes on while the next "got" is waited for.
  keepBusy(what) {
    const socket = this.socket;
    const every = (ms, write) => {
      const timer = setInterval(() => (socket.closed ? clearInterval(timer) : write()), ms);
      setTimeout(() => clearInterval(timer), 9000);
    };
    if (what === 'every 1.5 s another 5 bytes of one record') {
      every(1500, () => socket.send('{"typ'));
    } else if (what === 'a WebSocket ping frame every second') {
      every(1000, () => writesOf('ping frame with payload "abc"').forEach((bytes) => socket.connection.write(bytes)));
    } else if (what === 'a call without id every 1.5 s, for 9 s') {
      every(1500, () => socket.sendRecord({ type: 1, target: 'NoSuchMethod', arguments: [] }));
      this.quietMs = 9000;
    } else {
      assert.ok(['listen', NOT_ANSWERED].includes(what), `nobody knows how to do: ${what}`);
    }
  }

  async got(recorded) {
    const better = (this.better.got || {})[this.gots++];
    const wanted = better === undefined ? recorded : better;
    if (Array.isArray(wanted) && typeof wanted[0] === 'number') {
      assert.deepStrictEqual(this.statuses, wanted);
    } else if (Array.isArray(wanted)) {
      await this.gotList(wanted);
    } else if (wanted.none !== undefined) {
      await this.requests.none(Number(/^no answer within ([\d.]+) s$/.exec(wanted.none)[1]));
    } else if (wanted.events !== undefined) {
      await this.gotEvents(wanted.events);
    } else {
      await this.gotResponse(wanted);
    }
  }

  async gotResponse(wanted) {
    const response = this.upgraded || (await this.requests.response({ of: wanted.of, wait: wanted.afterS }));
    this.upgraded = undefined;
    await this.pollOn(wanted, response);
    assert.ok(
      match.responseMatches(wanted, response),
      `wanted ${inWords(wanted)}\n` +
        `got ${response.status} ${JSON.stringify(response.headers)} ${response.body} (${response.seconds} s)`,
    );
  }

  // Items of a stream may come in several polls.
  async pollOn(wanted, response) {
    const body = wanted.body || '';
    if (!body.includes('<items>')) {
      return;
    }
    const isOver = () => match.recordsOf(response.body).some(isCompletion);
    while (!match.bodyMatches(body, response.body) && !isOver()) {
      const next = await request(this.port, 'GET', `/chathub?id=${this.id}`, { token: this.tokens['<jwt>'] });
      assert.strictEqual(next.status, 200);
      response.body += next.body;
    }
  }

  // Server-sent events; behind the last nothing comes for a moment.
  async gotEvents(recorded) {
    const wanted = recorded.map((item) => (typeof item === 'string' ? this.fill(item) : item));
    const { stream } = this.requests;
    const wantsPings = wanted.some((item) => typeof item === 'string' && item.includes('{"type":6}'));
    const keep = (event) => wantsPings || !isEventPing(event);
    const seen = [];
    const next = async (timeout) => {
      const event = await stream.next({ timeout, keep });
      event.seconds = (Date.now() - stream.sentAt) / 1000;
      seen.push(event);
    };
    const items = match.speaksOfItems(wanted);
    const isDone = () => (items ? seen.some(({ text }) => isCompletion(text || '')) : seen.length >= wanted.length);
    while (!isDone() && !seen.some(isEnd)) {
      await next(LONGEST_MS).catch((error) => assert.fail(`${error.message}; got ${inWords(seen)}`));
    }
    if (!seen.some(isEnd)) {
      await next(wantsPings ? 1 : QUIET_MS).catch(() => {});
    }
    assert.ok(match.sseMatches(wanted, seen), `wanted ${inWords(wanted)}\ngot ${inWords(seen)}`);
  }

  async gotList(recorded) {
    // Not JSON yet: placeholders are filled in the text.
    let wanted = recorded.map((item) => (typeof item === 'string' ? this.fill(item) : item));
    const choices = [wanted, ...(this.better.anyOf || [])];
    const seen = await this.collect(wanted, choices.length > 1);
    this.learnCounter(wanted, seen);
    const fits = choices.some((choice) => {
      const list = choice.filter((item) => item !== PROBED && item.stalled === undefined);
      const filled = list.map((item) => (typeof item === 'string' ? this.fill(item) : item));
      return match.listMatches(filled, seen, this.better);
    });
    assert.ok(fits, `wanted ${inWords(choices)}\ngot ${inWords(seen)}`);
  }

  // The number that the server gave to its invocation, for the answer to it.
  learnCounter(wanted, seen) {
    if (wanted.some((item) => typeof item === 'string' && item.includes('s<counter>'))) {
      const ids = seen.map(({ record }) => /"invocationId":"s(\d+)"/.exec(record || ''));
      const found = ids.find((id) => id !== null);
      assert.ok(found, `no invocation of the server: ${inWords(seen)}`);
      this.counter = found[1];
    }
  }

  // Takes events of the socket; items of a stream count once where the list speaks of items.
  listener(wanted) {
    const wantsPings = wanted.some((item) => item.ping !== undefined);
    const wantsPongs = wanted.some((item) => item.frame === 'pong');
    const folds = match.speaksOfItems(wanted);
    const keep = (event) => (wantsPings || !isPing(event)) && (wantsPongs || event.pong === undefined);
    const seen = [];
    const take = (event) => {
      if (!folds || !match.isFurtherItem(wanted, seen, event.record)) {
        seen.push(event);
      }
    };
    const next = async (timeout) => {
      const event = await this.socket.next({ timeout, keep });
      event.seconds = (Date.now() - this.clock) / 1000;
      return event;
    };
    const must = (timeout) =>
      next(timeout).catch((error) => assert.fail(`${error.message}; got ${inWords(seen)}`));
    return { seen, take, next, must };
  }

  // The events that a list speaks of.
  async collect(wanted, mayEnd) {
    const listener = this.listener(wanted);
    const { seen, take, next, must } = listener;
    if (this.until !== undefined) {
      await this.collectUntil(listener);
      return seen;
    }
    const probes = wanted.includes(PROBED);
    const stalled = wanted.find((item) => item.stalled !== undefined);
    const list = wanted.filter((item) => item !== PROBED && item.stalled === undefined);
    const last = wanted[wanted.length - 1] || {};
    if (wanted.length === 0) {
      const quiet = await next(this.quietMs || QUIET_MS).catch(() => null);
      return quiet ? [quiet] : [];
    }
    const completions = list.filter((item) => typeof item === 'string' && isCompletion(item)).length;
    const isDone = () =>
      this.better.byInvocation && !probes
        ? seen.filter(({ record }) => isCompletion(record || '')).length >= completions
        : seen.length >= list.length && !last.then && !last.closed;
    while (!isDone()) {
      take(await must(probes ? 5000 : LONGEST_MS));
      if (isEnd(seen[seen.length - 1])) {
        return seen;
      }
    }
    if (stalled) {
      const more = await next(Number(/([\d.]+) s$/.exec(stalled.stalled)[1]) * 1000).catch(() => null);
      assert.strictEqual(more, null, 'more came');
    }
    if (probes) {
      await this.probe(listener, mayEnd);
    }
    return seen;
  }

  // A call: its answer shows that the connection serves, and that nothing more came.
  async probe({ seen, take, must }, mayEnd) {
    this.socket.sendRecord(PROBE);
    for (;;) {
      const event = await must(5000);
      if (isProbeAnswer(event)) {
        assert.match(event.record, /'NoSuchMethodProbe' due to an error on the server. HubException: Method does not/);
        return;
      }
      take(event);
      if (isEnd(event)) {
        assert.ok(mayEnd, `the connection serves no more; got ${inWords(seen)}`);
        return;
      }
    }
  }

  // What comes within a time.
  async collectUntil({ take, next }) {
    const { until } = this;
    this.until = undefined;
    for (;;) {
      const event = await next(until - Date.now()).catch(() => null);
      if (event === null) {
        return;
      }
      take(event);
      if (isEnd(event)) {
        return;
      }
    }
  }
}

// What the recording calls "do".
const ACTS = [
  [/^(?:nothing for|silence for|listen for|wait) ([\d.]+) (s|ms)$/, (_, [, count, unit]) =>
    sleep(Number(count) * (unit === 's' ? 1000 : 1))],
  [/^the first ([\d.]+) s, then the rest$/, (played, [, count]) => {
    played.until = played.clock + Number(count) * 1000;
  }],
  [/^POST (\S+) gives <id>$/, (played, [, target]) => played.negotiate(target)],
  [/^handshake json version (\d), answered \{\}$/, (played, [, version]) => played.handshake(Number(version))],
  [/^GET \?id=<id>: 200, empty; POST handshake; GET gives \{\}␞$/, (played) => played.startPolling()],
  [/^JoinRoom conform has been called$/, (played) => played.joinRoom()],
  [/^close the TCP connection without a Close frame$/, (played) => {
    played.socket.destroy();
    return sleep(300);
  }],
  [/^close the TCP connection of the GET$/, (played) => played.requests.closeStream()],
  [/^TCP FIN, still reading$/, (played) => played.socket.connection.end()],
  [/^two upgrades at once; statuses sorted$/, (played) => played.race()],
];

function playCase(name, recorded, port, options) {
  return new Played(name, recorded, port, options).run();
}

module.exports = { playCase };
