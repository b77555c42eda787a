'use strict';
// Plays one case of tests/vectors/server-observed.json against a daemon and compares what comes.

const assert = require('node:assert');
const { RawConnection, requestBytes, negotiate } = require('./http');
const { RawWebSocket, RS } = require('./ws');
const { HANDSHAKE } = require('./hub');
const { userToken, signToken, now } = require('./token');
const { textOf, writesOf } = require('./observed-bytes');
const { listMatches, responseMatches } = require('./observed-match');
const { sleep } = require('./util');

const PROBE = { type: 1, invocationId: 'probe', target: 'NoSuchMethodProbe', arguments: [] };
const NOT_ANSWERED = 'do not answer the Close frame';
const LONGEST_MS = 25000;
const isPing = (event) => event.record !== undefined && JSON.parse(event.record).type === 6;
const isProbeAnswer = (event) => event.record !== undefined && JSON.parse(event.record).invocationId === 'probe';

class Played {
  // number: a room and users of the case's own, so that cases can run beside each other.
  constructor(name, recorded, port, { number, better = {} }) {
    this.recorded = recorded;
    this.port = port;
    this.better = better;
    this.user = `observed-${number}`;
    this.room = `conform-${number}`;
    this.nonce = `nonce-${number}`;
    this.requests = [];
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
    filled = filled.replace(/<id>/g, () => this.id).replace(/NONCE/g, this.nonce).replace('HOST', this.host);
    return filled.length < 2000 ? filled.replace(/conform/g, this.room) : filled;
  }

  get host() {
    return `127.0.0.1:${this.port}`;
  }

  async run() {
    const { steps } = this.recorded;
    const lastGot = Math.max(-1, ...Object.keys(this.better.got || {}).map(Number));
    this.answerClose = !steps.some((step) => step.do === NOT_ANSWERED);
    try {
      for (this.at = 0; this.at < steps.length; this.at++) {
        const step = steps[this.at];
        await this.step(step);
        if (step.got !== undefined && lastGot >= 0 && this.gots > lastGot) {
          return;
        }
      }
    } finally {
      this.socket && this.socket.destroy();
      this.requests.forEach(({ connection }) => connection.destroy());
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

  // Requests that follow each other without a "got" between them go out on one connection, pipelined.
  async request(step) {
    const line = this.fill(step.request);
    const last = this.requests[this.requests.length - 1];
    const connection = last && !last.answered ? last.connection : await RawConnection.connect(this.port);
    const [method, target, version] = line.split(' ');
    if (line.includes('\r\n')) {
      connection.write(line);
    } else {
      const headers = {};
      for (const [name, value] of Object.entries(step.headers || {})) {
        headers[name] = this.fill(value);
      }
      connection.write(
        requestBytes(method, target, {
          host: this.host,
          token: headers.Authorization ? undefined : this.authorization(step),
          headers,
          body: step.body === undefined ? undefined : textOf(this.fill(step.body)),
          version: version ? version.slice(5) : undefined,
        }),
      );
    }
    this.requests.push({ connection, method, answered: false });
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
      this.socket = socket;
      this.clock = Date.now();
    } else {
      this.requests.push({ connection, method, answered: true });
    }
    const next = this.recorded.steps[this.at + 1];
    const compared = next && next.got !== undefined && !Array.isArray(next.got) && next.got.status !== undefined;
    if (!compared) {
      assert.strictEqual(response.status, 101, `the upgrade: ${response.body}`);
    }
  }

  // What is to be sent along with the upgrade request.
  early() {
    const next = this.recorded.steps[this.at + 1];
    if (!next || next.note !== 'before the 101 came') {
      return undefined;
    }
    this.at++;
    const { frame, OPCODE } = require('./ws');
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
    const waited = /^(?:nothing for|wait) ([\d.]+) (s|ms)$/.exec(what);
    if (waited) {
      await sleep(Number(waited[1]) * (waited[2] === 's' ? 1000 : 1));
    } else if (what.endsWith('gives <id>')) {
      this.id = (await negotiate(this.port, this.tokens['<jwt>'])).connectionToken;
    } else if (what === 'handshake json version 1, answered {}') {
      this.socket.sendRecord(HANDSHAKE);
      const answer = await this.socket.next();
      assert.strictEqual(answer.record, '{}', `the handshake: ${JSON.stringify(answer)}`);
      this.clock = Date.now();
    } else if (what === 'JoinRoom conform has been called') {
      this.socket.sendRecord({ type: 1, invocationId: 'join', target: 'JoinRoom', arguments: [this.room] });
      const answer = await this.socket.next({ keep: (event) => event.record.includes('"join"') });
      assert.match(answer.record, /"result"/);
    } else if (what === 'close the TCP connection without a Close frame') {
      this.socket.destroy();
      await sleep(300);
    } else if (what === 'TCP FIN, still reading') {
      this.socket.connection.end();
    } else if (what === 'two upgrades at once; statuses sorted') {
      await this.race();
    } else {
      this.keepBusy(what);
    }
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
    } else {
      const response = await this.response();
      assert.ok(
        responseMatches(wanted, response),
        `wanted ${JSON.stringify(wanted)}\ngot ${response.status} ${JSON.stringify(response.headers)} ${response.body}`,
      );
    }
  }

  async response() {
    if (this.upgraded) {
      const response = this.upgraded;
      this.upgraded = undefined;
      return response;
    }
    const request = this.requests.find(({ answered }) => !answered);
    request.answered = true;
    return request.connection.readResponse({ method: request.method });
  }

  async gotList(recorded) {
    // Not JSON yet: placeholders are filled in the text.
    const wanted = recorded.map((item) => (typeof item === 'string' ? this.fill(item) : item));
    const choices = [wanted, ...(this.better.anyOf || [])];
    const seen = await this.collect(wanted, choices.length > 1);
    const fits = choices.some((choice) => {
      const list = choice.filter((item) => item !== 'PROBE ANSWERED');
      return listMatches(list, seen, { unordered: this.better.unordered });
    });
    assert.ok(fits, `wanted ${JSON.stringify(choices, (_, v) => (v instanceof RegExp ? String(v) : v))}\n` +
      `got ${JSON.stringify(seen)}`);
  }

  // The events that a list speaks of. After the last, a call is made: its answer shows that the connection serves, and
  // that nothing more came.
  async collect(wanted, mayEnd) {
    const seen = [];
    const wantsPings = wanted.some((item) => item.ping !== undefined);
    const wantsPongs = wanted.some((item) => item.frame === 'pong');
    const keep = (event) => (wantsPings || !isPing(event)) && (wantsPongs || event.pong === undefined);
    const next = async (timeout) => {
      const event = await this.socket.next({ timeout, keep });
      event.seconds = (Date.now() - this.clock) / 1000;
      return event;
    };
    const last = wanted[wanted.length - 1];
    if (last === undefined) {
      const quiet = await next(this.quietMs || 300).catch(() => null);
      return quiet ? [quiet] : [];
    }
    const probes = last === 'PROBE ANSWERED';
    const count = wanted.length - (probes ? 1 : 0);
    const timeout = probes ? 5000 : LONGEST_MS;
    const isEnd = (event) => event.ended !== undefined;
    while (seen.length < count || last.then || last.closed) {
      seen.push(await next(timeout).catch((error) => assert.fail(`${error.message}; got ${JSON.stringify(seen)}`)));
      if (isEnd(seen[seen.length - 1])) {
        return seen;
      }
    }
    if (!probes) {
      return seen;
    }
    this.socket.sendRecord(PROBE);
    for (;;) {
      const event = await next(timeout).catch((error) => assert.fail(`${error.message}; got ${JSON.stringify(seen)}`));
      if (isProbeAnswer(event)) {
        assert.match(event.record, /'NoSuchMethodProbe' due to an error on the server. HubException: Method does not/);
        return seen;
      }
      seen.push(event);
      if (isEnd(event)) {
        if (!mayEnd) {
          assert.fail(`the connection serves no more; got ${JSON.stringify(seen)}`);
        }
        return seen;
      }
    }
  }
}

function playCase(name, recorded, port, options) {
  return new Played(name, recorded, port, options).run();
}

module.exports = { playCase, RS };
