'use strict';
// What a daemon's own OpenAPI document says about it: who judges its answers, and who makes up requests, good ones and
// bad ones.

const Ajv = require('ajv/dist/2020');
const addFormats = require('ajv-formats');
const { RawConnection, requestBytes } = require('./http');

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'BREW'];
const BODYLESS = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);
const COMPONENT = '#/components/schemas/';

// ---- the judge ----

// Members that no schema names are faults too: a copy of the document that says so.
function closed(schema) {
  if (Array.isArray(schema)) {
    return schema.map(closed);
  }
  if (schema === null || typeof schema !== 'object') {
    return schema;
  }
  const copy = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, closed(value)]));
  if (copy.type === 'object' && copy.properties && copy.additionalProperties === undefined) {
    copy.additionalProperties = false;
  }
  return copy;
}

class Judge {
  constructor(document) {
    this.document = document;
    this.ajv = new Ajv({ strict: true, allErrors: true, allowUnionTypes: true });
    addFormats(this.ajv);
    this.ajv.addVocabulary(['components']);
    this.ajv.addFormat('int64', { type: 'number', validate: Number.isSafeInteger });
    this.ajv.addSchema({ $id: 'document', components: { schemas: closed(document.components.schemas) } });
    this.operations = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase(), ...operation })),
    );
  }

  // The operation that a target names, whatever is wrong with it otherwise; null where there is none.
  find(method, target) {
    let path;
    try {
      path = new URL(target, 'http://host').pathname.split('/');
    } catch {
      return null;
    }
    const fits = (template) => {
      const parts = template.split('/');
      return parts.length === path.length && parts.every((part, i) => part === path[i] || (part.startsWith('{') && path[i] !== ''));
    };
    const known = this.operations.filter((operation) => operation.method === method && fits(operation.path));
    return known.find((operation) => !operation.path.endsWith('}')) || known[0] || null;
  }

  resolve(thing) {
    return thing.$ref ? thing.$ref.split('/').slice(1).reduce((at, key) => at[key], this.document) : thing;
  }

  // Complaints about value, or null.
  validate(schema, value) {
    if (!schema.$ref) {
      return null;
    }
    const check = this.ajv.getSchema(`document${schema.$ref}`);
    return check(value) ? null : this.ajv.errorsText(check.errors, { separator: '; ' });
  }

  // What is wrong with an answer, or null. operation: what was asked for, or null where nothing known was.
  complaint(operation, method, answer) {
    const type = (answer.headers['content-type'] || '').split(';')[0];
    if (answer.status >= 500 && ![501, 503, 505].includes(answer.status)) {
      return `a ${answer.status}: ${answer.body}`;
    }
    if (answer.status === 204 || answer.status === 304 || method === 'HEAD') {
      return answer.body.length > 0 ? `a body with ${answer.status}` : null;
    }
    if (answer.status >= 400) {
      return this.problemComplaint(type, answer);
    }
    const documented = operation && operation.responses[answer.status];
    if (!documented) {
      return `${answer.status} is not documented`;
    }
    if (type !== 'application/json') {
      return `the type ${type}`;
    }
    return this.validate(this.resolve(documented).content['application/json'].schema, JSON.parse(answer.body));
  }

  problemComplaint(type, answer) {
    if (type !== 'application/problem+json') {
      return `a ${answer.status} of type ${type}: ${answer.body}`;
    }
    const problem = JSON.parse(answer.body);
    const wrong = this.validate({ $ref: `${COMPONENT}Problem` }, problem);
    if (wrong) {
      return wrong;
    }
    return problem.status === answer.status ? null : `${problem.status} in the body of a ${answer.status}`;
  }
}

// ---- chance ----

// mulberry32: the same numbers for the same seed everywhere.
function chance(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (n) => Math.floor(next() * n);
  return { next, below, one: (list) => list[below(list.length)], often: (p) => next() < p };
}

// ---- the fuzzer ----

const TEXTS = [
  '', ' ', 'a', 'null', '0', '-1', 'true', '{}', '[]', '\u0000', 'a\u0000b', '\u001b[31m', '\u202e\u2066', '\ufeff', 'é',
  '🙂'.repeat(40), '\ud800', 'ﷺ'.repeat(90), '%s%n%x', "' OR 1=1 --", '<script>', '../../etc/passwd', '{room}', 'x'.repeat(65),
  'x'.repeat(257), 'x'.repeat(2049), 'x'.repeat(70000), 'http://[::1', 'javascript:alert(1)', '2024-01-01T00:00:00Z',
];
const VALUES = [
  null, true, false, 0, -1, 1, 1.5, 1e300, 200, 201, 2 ** 31, 2 ** 53, -(2 ** 63), [], {}, [null], [[]], { a: 1 }, [1, 'a'],
  ...TEXTS,
];
const QUERIES = [
  '', '=', '&', '&&&', '?', '%', '%zz', '%00', '%ff', '+', 'limit', 'limit=', 'limit=0', 'limit=-1', 'limit=999999999', 'limit=NaN',
  'limit=1e3', 'limit=%201', 'limit=1&limit=2', 'limit=9223372036854775808', 'limit=0x10', 'LIMIT=5', 'limit=٣', 'limit=1.0',
  'cursor=', 'cursor=AAAA', 'cursor=%00', 'cursor=null', 'before=0', 'before=1&after=1', 'after=-1', 'type=group', 'type=None',
  'scope=all', 'access_token=abc', 'q=x', `x=${'y'.repeat(3000)}`, 'a[]=1', 'limit[$gt]=1', 'type=Group,Direct',
];
const SEGMENTS = [
  '%7Broom%7D', '%20', '%00', '%ff', '%c3%28', '%2F', '%2e%2e', '..', '.', '', '%', '%zz', 'a%2Fb', "'", '%22', '*', '~', ':', ';a=b', '@', '%0d%0a',
  '00000000-0000-0000-0000-000000000000', 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF', 'x'.repeat(300), 'x'.repeat(7000), 'me', '-1', '%F0%9F%99%82',
];
const HEADERS = [
  ['Accept', 'text/html'], ['Accept', '*/*;q=0'], ['Accept', 'application/json;q=0.001'], ['Accept', ',,,'], ['Accept', 'x'.repeat(4000)],
  ['Accept-Encoding', 'gzip;q=1.0001'], ['Accept-Encoding', 'br, identity;q=0'], ['Content-Type', 'text/plain'],
  ['Content-Type', 'application/json; charset=utf-16'], ['Content-Type', 'application/x+json'], ['Content-Type', 'application/'],
  ['Content-Type', ''], ['Content-Encoding', 'gzip'], ['If-Match', '"1-0"'], ['If-Match', '*'], ['If-Match', 'W/"x"'], ['If-Match', '"'],
  ['If-Match', '"18446744073709551616-0"'], ['If-None-Match', '*'], ['If-None-Match', '"a", W/"b"'], ['Idempotency-Key', ''],
  ['Idempotency-Key', '"quoted"'], ['Idempotency-Key', 'k'.repeat(129)], ['Idempotency-Key', '\xff\xfe'], ['Authorization', 'Basic eDp5'],
  ['Authorization', 'Bearer'], ['Authorization', 'Bearer a.b.c'], ['Authorization', null], ['Origin', 'http://evil.example'],
  ['Origin', 'null'], ['Range', 'bytes=0-1'], ['X-HTTP-Method-Override', 'DELETE'], ['Cookie', 'a=b'], ['X-Request-Id', 'id\x01'],
  ['Transfer-Encoding', 'gzip'], ['Content-Length', '5, 6'], ['Content-Length', '-1'], ['Host', ''], ['TE', 'trailers'],
];
const BODIES = [
  '', ' ', 'null', '1', '"x"', '[]', '{', '}', '{}x', '{"a":1,"a":2}', '{"name":"a","Name":"b"}', "{'a':1}", '{"a":NaN}', '\ufeff{}', '{"a":1e999}',
  '{"content":"\\ud800"}', '{"content":"\\u0000"}', '{"\\u0000":1}', `${'['.repeat(65)}${']'.repeat(65)}`, `${'['.repeat(50000)}`,
  `{"content":${'{"a":'.repeat(63)}1${'}'.repeat(63)}}`, `{"name":"${'x'.repeat(70000)}"}`, '{"content":"a","content":"b"}',
  Buffer.from('7b2261223aff7d', 'hex'), Buffer.from([0, 1, 2, 3]), 'name=a&type=Group', `{"${'k'.repeat(5000)}":1}`, '{"name":18446744073709551616}',
];

class Fuzzer {
  // people: {name: token}, tried in turn; admin: a token. Everything else is learned from the answers.
  constructor(judge, port, { people, admin, seed }) {
    this.judge = judge;
    this.port = port;
    this.tokens = [...Object.values(people), admin];
    this.names = Object.keys(people);
    this.seed = seed;
    this.rooms = [];
    this.messages = [];
    this.cursors = [];
    this.etags = [];
    this.count = 0;
    this.statuses = {};
    this.succeeded = new Set();
    this.complaints = [];
  }

  // A value that the schema allows.
  good(random, name, schema) {
    const hints = {
      alias: () => `fuzz-${random.below(1e9).toString(36)}`,
      avatarUrl: () => 'https://example.org/a.png',
      participants: () => this.names.filter(() => random.often(0.3)),
      userId: () => random.one(this.names),
      arguments: () => [1, 'two', { three: [null] }],
      url: () => 'https://example.org/file',
      method: () => 'Notice',
      encrypted: () => random.often(0.05),
      archived: () => random.often(0.05),
      cursor: () => (this.cursors.length ? random.one(this.cursors) : 'AAAA'),
    };
    const full = schema.anyOf ? schema.anyOf[0] : schema;
    const type = Array.isArray(full.type) ? random.one(full.type) : full.type;
    if (full.$ref) {
      return this.goodObject(random, this.judge.resolve(full));
    }
    if (type === 'null') {
      return null;
    }
    if (hints[name]) {
      return hints[name]();
    }
    if (full.enum) {
      return random.one(full.enum.filter((choice) => choice !== null));
    }
    if (type === 'integer') {
      const least = full.minimum || 0;
      return random.one([least, Math.min(full.maximum || 1000, least + random.below(100)), Math.min(full.maximum || 1000, 200)]);
    }
    return type === 'boolean' ? random.often(0.2) : `text ${random.below(1e6)} 🙂`;
  }

  goodObject(random, schema) {
    const out = {};
    for (const [name, property] of Object.entries(schema.properties || {})) {
      if ((schema.required || []).includes(name) || random.often(0.4)) {
        out[name] = this.good(random, name, property);
      }
    }
    return out;
  }

  // What a schema cannot say: which members go together.
  sensible(random, operation, body) {
    const mends = {
      room_create: () => {
        body.name = body.name || 'a room';
        body.participants = body.type === 'Direct' ? [random.one(this.names)] : body.participants;
      },
      room_update: () => {
        body.name = body.name || 'another name';
        delete body.visibility;
      },
      user_update: () => (body.displayName = body.displayName || 'a name'),
      post_message: () => {
        body.content = body.content || 'text';
        body.type = body.attachment ? random.one(['Image', 'File']) : 'Text';
      },
      member_add: () => delete body.role,
    };
    (mends[operation.operationId] || (() => {}))();
    return body;
  }

  segment(random, name, chosen) {
    const known = {
      room: () => chosen.room || 'nowhere',
      message: () => chosen.id || '00000000-0000-8000-8000-000000000000',
      user: () => random.one(this.names),
      connection: () => 'AAAAAAAAAAAAAAAAAAAAAA',
    };
    return known[name]();
  }

  // What takes things away comes less often, so that something is left.
  operation(random) {
    const operation = random.one(this.judge.operations);
    return operation.method === 'DELETE' && random.often(0.8) ? this.operation(random) : operation;
  }

  // Something that is there, mostly with the token of the one who made it.
  choose(random, operation) {
    const list = operation.path.includes('{message}') || random.often(0.3) ? this.messages : this.rooms;
    const chosen = list.length > 0 ? random.one(list) : {};
    const admin = operation.path.startsWith('/api/v1/admin/') && random.often(0.8) && this.tokens[this.tokens.length - 1];
    return { ...chosen, token: admin || (random.often(0.8) ? chosen.token : undefined) };
  }

  // A request as the document wants it: {operation, method, path, query, headers, body}.
  request(random) {
    const operation = this.operation(random);
    const chosen = this.choose(random, operation);
    const query = [];
    const headers = { Authorization: `Bearer ${chosen.token || random.one(this.tokens)}` };
    for (const parameter of operation.parameters.map((one) => this.judge.resolve(one))) {
      const value = () => this.good(random, parameter.name, parameter.schema);
      if (parameter.in === 'query' && random.often(0.3)) {
        query.push(`${parameter.name}=${encodeURIComponent(value())}`);
      } else if (parameter.in === 'header' && random.often(0.1)) {
        headers[parameter.name] = parameter.name === 'If-Match' ? random.one(['*', ...this.etags]) : `key-${random.below(1e6)}`;
      }
    }
    const path = operation.path.replace(/\{(\w+)\}/g, (_, name) => this.segment(random, name, chosen));
    let body;
    if (operation.requestBody) {
      headers['Content-Type'] = 'application/json';
      const object = this.goodObject(random, operation.requestBody.content['application/json'].schema);
      delete object[headers['Idempotency-Key'] && 'clientMessageId'];
      body = JSON.stringify(this.sensible(random, operation, object));
    }
    return { operation, method: operation.method, path, query: query.join('&'), headers, body };
  }

  // One thing that is not as it should be.
  spoil(random, request) {
    const spoilers = [
      () => (request.method = random.one(METHODS)),
      () => (request.query = random.one(QUERIES)),
      () => (request.query += `&${random.one(QUERIES)}`),
      () => {
        const parts = request.path.split('/');
        parts[1 + random.below(parts.length - 1)] = random.one(SEGMENTS);
        request.path = parts.join('/');
      },
      () => (request.path += random.one(['/', '//', '/x', '/..', '%2F', '?', '#'])),
      () => {
        const [name, value] = random.one(HEADERS);
        request.headers[name] = value;
      },
      () => (request.body = random.one(BODIES)),
      () => this.spoilMember(random, request),
      () => this.spoilMember(random, request),
      () => this.spoilMember(random, request),
    ];
    random.one(spoilers)();
  }

  spoilMember(random, request) {
    let object;
    try {
      object = JSON.parse(request.body);
      object = object !== null && typeof object === 'object' ? object : {};
    } catch {
      object = {};
    }
    const names = [...Object.keys(object), 'content', 'name', 'role', 'unknown', '__proto__'];
    object[random.one(names)] = random.one(VALUES);
    request.body = JSON.stringify(object);
  }

  learn(request, answer) {
    if (answer.headers.etag && this.etags.length < 50) {
      this.etags.push(answer.headers.etag);
    }
    if (answer.status >= 300) {
      return;
    }
    this.succeeded.add(request.operation.operationId);
    if (!answer.body) {
      const gone = request.path.split('/')[4];
      this.rooms = this.rooms.filter(({ room }) => room !== gone);
      this.messages = this.messages.filter(({ room }) => room !== gone);
      return;
    }
    const body = JSON.parse(answer.body);
    const token = request.headers.Authorization.slice('Bearer '.length);
    if (request.operation.operationId === 'room_create' && this.rooms.length < 60) {
      this.rooms.push({ room: body.id, token });
    }
    if (request.operation.operationId === 'post_message' && this.messages.length < 200) {
      this.messages.push({ room: request.path.split('/')[4], id: body.id, token });
    }
    if (body.nextCursor && this.cursors.length < 50) {
      this.cursors.push(body.nextCursor);
    }
  }

  bytes(request) {
    const { method, path, query, headers, body } = request;
    const all = { ...headers };
    if (body === undefined && !BODYLESS.has(method)) {
      all['Content-Length'] = 0;
    } else if (body !== undefined && !('Content-Length' in all) && !('Transfer-Encoding' in all)) {
      all['Content-Length'] = Buffer.byteLength(body);
    }
    const target = Buffer.from(query ? `${path}?${query}` : path).toString('latin1');
    const head = requestBytes(method === 'POST' ? 'post' : method, target, { headers: all }).toString('latin1');
    return Buffer.concat([Buffer.from(head.replace(/^post/, 'POST'), 'latin1'), Buffer.from(body || '')]);
  }

  // Sends the request with that number, on a connection that it may close.
  async step(line, number) {
    const random = chance(this.seed * 1000003 + number);
    const request = this.request(random);
    const spoiled = random.often(0.55);
    if (spoiled) {
      for (let left = 1 + random.below(2); left > 0; left--) {
        this.spoil(random, request);
      }
    }
    line.connection = line.connection && !line.connection.ended ? line.connection : await RawConnection.connect(this.port);
    line.connection.write(this.bytes(request));
    const answer = await line.connection.readResponse({ method: request.method });
    if (answer.headers.connection === 'close') {
      line.connection.destroy();
      line.connection = null;
    }
    this.count++;
    this.statuses[answer.status] = (this.statuses[answer.status] || 0) + 1;
    const named = spoiled ? this.judge.find(request.method, request.path) : request.operation;
    const complaint = this.judge.complaint(named, request.method, answer);
    const surprise = !spoiled && !request.operation.responses[answer.status] ? `${answer.status} is not documented` : null;
    if (complaint || surprise) {
      const shown = { ...request, operation: request.operation.operationId, body: String(request.body).slice(0, 300) };
      delete shown.headers.Authorization;
      this.complaints.push(`${number}: ${JSON.stringify(shown)}: ${complaint || surprise}`);
    } else if (!spoiled) {
      this.learn(request, answer);
    }
  }

  // Sends that many, over some connections at once.
  async run(count, connections = 4) {
    let next = 0;
    const work = async () => {
      const line = { connection: null };
      while (next < count && this.complaints.length < 20) {
        await this.step(line, next++);
      }
      if (line.connection) {
        line.connection.destroy();
      }
    };
    await Promise.all(Array.from({ length: connections }, work));
  }
}

module.exports = { Judge, Fuzzer };
