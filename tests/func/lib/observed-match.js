'use strict';
// Compares what came with what tests/vectors/server-observed.json recorded. Member order in JSON does not matter, the
// texts do.

const { unshorten } = require('./observed-bytes');

const ANY = Symbol('anything');
const MARK = '\u0000placeholder:';

class Content {
  constructor(text) {
    this.text = text;
  }
}

// <result> and <message with content "..."> are no JSON; they ride through JSON.parse as texts of their own.
function parseRecord(text) {
  const json = text
    .replace(/<(result|items)>/g, JSON.stringify(MARK))
    .replace(/<message with content ("(?:[^"\\]|\\.)*")>/g, (_, quoted) => JSON.stringify(MARK + quoted));
  return JSON.parse(json, (_, value) => {
    if (typeof value !== 'string') {
      return value;
    }
    if (value === MARK) {
      return ANY;
    }
    return value.startsWith(MARK) ? new Content(JSON.parse(value.slice(MARK.length))) : unshorten(value);
  });
}

function matches(wanted, actual) {
  if (wanted === ANY) {
    return actual !== undefined;
  }
  if (wanted instanceof Content) {
    return actual !== null && typeof actual === 'object' && actual.content === wanted.text;
  }
  if (wanted instanceof RegExp) {
    return typeof actual === 'string' && wanted.test(actual);
  }
  if (wanted === null || typeof wanted !== 'object') {
    return wanted === actual;
  }
  if (actual === null || typeof actual !== 'object' || Array.isArray(wanted) !== Array.isArray(actual)) {
    return false;
  }
  const names = Object.keys(wanted);
  return names.length === Object.keys(actual).length && names.every((name) => matches(wanted[name], actual[name]));
}

// One entry of a "got" list against one event of the socket.
function eventMatches(wanted, event) {
  if (wanted.ping !== undefined) {
    return event.record !== undefined && matches(JSON.parse(wanted.ping), JSON.parse(event.record));
  }
  if (typeof wanted === 'string' || wanted.type !== undefined || wanted.error !== undefined) {
    const record = typeof wanted === 'string' ? parseRecord(wanted) : wanted;
    return event.record !== undefined && matches(record, JSON.parse(event.record));
  }
  if (wanted.frame === 'pong') {
    return event.pong === unshorten(wanted.payload);
  }
  if (wanted.close !== undefined) {
    return event.close === wanted.close && event.reason === wanted.reason;
  }
  const end = wanted.then || wanted.closed;
  // A reset is the recorded server's haste; an orderly end is as good.
  return event.ended !== undefined && !event.cut && (end !== 'TCP end' || event.ended === 'end');
}

// Early or late: recorded are whole seconds, and other tests use the same processors.
function timeMatches(wanted, seconds) {
  return wanted.afterS === undefined || (seconds > wanted.afterS - 1.6 && seconds < wanted.afterS + 4);
}

function listMatches(wanted, events, { unordered = false } = {}) {
  if (wanted.length !== events.length) {
    return false;
  }
  if (!unordered) {
    return wanted.every((item, i) => eventMatches(item, events[i]) && timeMatches(item, events[i].seconds));
  }
  const left = [...events];
  return wanted.every((item) => {
    const at = left.findIndex((event) => eventMatches(item, event));
    return at >= 0 && left.splice(at, 1).length === 1;
  });
}

// The parsed body of negotiate. availableTransports and useStatefulReconnect are chatd's own: only what works is
// offered.
function negotiateMatches(wanted, actual) {
  const expected = JSON.parse(wanted);
  const answer = JSON.parse(actual);
  if (expected.error !== undefined) {
    return matches(expected, answer);
  }
  delete expected.useStatefulReconnect;
  expected.availableTransports = [{ transport: 'WebSockets', transferFormats: ['Text'] }];
  for (const name of ['connectionId', 'connectionToken']) {
    if (expected[name] !== undefined) {
      expected[name] = /^[\w-]{22,}$/;
    }
  }
  const distinct = answer.connectionToken === undefined || answer.connectionToken !== answer.connectionId;
  return matches(expected, answer) && distinct;
}

function responseMatches(wanted, response) {
  const { headers, body } = response;
  const mediaType = (headers['content-type'] || '').split(';')[0].trim();
  const isNegotiate = wanted['content-type'] === 'application/json' && wanted.body;
  return Object.entries(wanted).every(([name, value]) => {
    switch (name) {
      case 'of':
        return true;
      case 'status':
        return [].concat(value).includes(response.status);
      case 'content-type':
        return mediaType === value;
      case 'body':
        return isNegotiate ? negotiateMatches(value, body) : body === value;
      case 'sec-websocket-accept':
        return response.acceptRight;
      case 'no_cache':
        return /no-cache/.test(headers['cache-control']) && /no-store/.test(headers['cache-control']);
      default:
        return (headers[name] || '').toLowerCase() === String(value).toLowerCase();
    }
  });
}

module.exports = { listMatches, responseMatches };
