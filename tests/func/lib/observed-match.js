'use strict';
// Compares what came with what tests/vectors/server-observed.json recorded. Member order in JSON does not matter, the
// texts do.

const { unshorten, textOf } = require('./observed-bytes');
const { RS } = require('./ws');

const ANY = Symbol('anything');
const MARK = '\u0000placeholder:';
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const ITEMS = '<items>';

class Content {
  constructor(text) {
    this.text = text;
  }
}

// Whole numbers that a double does not hold stay apart from each other, as texts.
function readJson(text, revive) {
  const exact = (token) => (/^-?\d{16,}$/.test(token) ? JSON.stringify(`\u0000number:${token}`) : token);
  return JSON.parse(text.replace(TOKENS, exact), revive);
}

// <result> and <message with content "..."> are no JSON; they ride through JSON.parse as texts of their own.
function parseRecord(text) {
  const json = text
    .replace(/<(result|items)>/g, JSON.stringify(MARK))
    .replace(/<message with content ("(?:[^"\\]|\\.)*")>/g, (_, quoted) => JSON.stringify(MARK + quoted));
  return readJson(json, (_, value) => {
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

const recordMatches = (wanted, actual) =>
  matches(typeof wanted === 'string' ? parseRecord(wanted) : wanted, readJson(actual));

// One entry of a "got" list against one event of the socket.
function eventMatches(wanted, event) {
  if (wanted.ping !== undefined || wanted.record !== undefined) {
    return event.record !== undefined && recordMatches(wanted.ping || wanted.record, event.record);
  }
  if (typeof wanted === 'string' || wanted.type !== undefined || wanted.error !== undefined) {
    return event.record !== undefined && recordMatches(wanted, event.record);
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

// <items> stands for one or more items of a stream.
const speaksOfItems = (wanted) => wanted.some((item) => typeof item === 'string' && item.includes(ITEMS));

const streamOfItem = (record) => {
  const message = record === undefined ? {} : parseRecord(record);
  return message.type === 2 ? message.invocationId : undefined;
};

// Whether a record is a further item of the stream that the one before it belongs to.
function isSameItems(before, record) {
  const stream = streamOfItem(record);
  return stream !== undefined && before !== undefined && streamOfItem(before) === stream;
}

// Whether a list that speaks of the items of that stream means this one too. Where it does so once it means all until the
// stream's end: the next item may come between any two records.
function isFurtherItem(wanted, seen, record) {
  const stream = streamOfItem(record);
  if (stream === undefined) {
    return false;
  }
  const records = seen.map(recordOf);
  const ofStream = (text) => typeof text === 'string' && parseRecord(text).invocationId === stream;
  if (wanted.filter((item) => speaksOfItems([item]) && ofStream(item)).length > 1) {
    return isSameItems(records[records.length - 1], record);
  }
  const mine = records.filter(ofStream);
  return mine.length > 0 && mine.every((earlier) => isSameItems(earlier, record));
}

// The records of which each further item of a stream is left out.
function foldItems(records) {
  return records.reduce((kept, record) => {
    return isSameItems(kept[kept.length - 1], record) ? kept : [...kept, record];
  }, []);
}

const recordOf = (item) => (typeof item === 'string' ? item : item.record);

// Lists of records whose order counts only within each invocation.
function invocationsMatch(wanted, events) {
  const all = [...wanted, ...events].map(recordOf);
  const ids = [...new Set(all.map((record) => parseRecord(record).invocationId))];
  return ids.every((id) => {
    const mine = (list) => foldItems(list.map(recordOf).filter((record) => parseRecord(record).invocationId === id));
    const expected = mine(wanted);
    const actual = mine(events);
    return expected.length === actual.length && expected.every((record, i) => recordMatches(record, actual[i]));
  });
}

function listMatches(wanted, events, { unordered = false, byInvocation = false } = {}) {
  if (byInvocation) {
    return invocationsMatch(wanted, events);
  }
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

const recordsOf = (text) => text.split(RS).slice(0, -1);

// A run of whole records, as a poll brings it.
function bodyMatches(wanted, actual) {
  const text = textOf(wanted);
  if (!text.endsWith(RS)) {
    return text === actual;
  }
  const expected = recordsOf(text);
  const came = wanted.includes(ITEMS) ? foldItems(recordsOf(actual)) : recordsOf(actual);
  const isWhole = actual.endsWith(RS) && expected.length === came.length;
  return isWhole && expected.every((record, i) => recordMatches(record, came[i]));
}

// "data: …␞\r\n\r\n" as it stands in the recording, which sometimes leaves the end away: the records in it.
function dataOf(text) {
  const data = /^data: (.*?)(?:\r\n\r\n)?$/.exec(textOf(text));
  return data === null ? null : data[1].endsWith(RS) ? data[1] : data[1] + RS;
}

// Server-sent events. Where the recording speaks of items, only the records count, not which came together.
function sseMatches(wanted, events) {
  if (speaksOfItems(wanted)) {
    const wantedData = wanted.map(dataOf).join('');
    return events.every(({ text }) => /^data: [^\r\n]*\r\n\r\n$/.test(text)) &&
      bodyMatches(wantedData, events.map(({ text }) => dataOf(text)).join(''));
  }
  return wanted.length === events.length && wanted.every((item, i) => {
    const event = events[i];
    if (item.ended !== undefined) {
      return event.ended === item.ended && !event.cut && timeMatches(item, event.seconds);
    }
    if (event.text === undefined || item.startsWith(':')) {
      return event.text === item;
    }
    return /^data: [^\r\n]*\x1e\r\n\r\n$/.test(event.text) && bodyMatches(dataOf(item), dataOf(event.text));
  });
}

// The parsed body of negotiate. useStatefulReconnect is chatd's own: only what works is offered.
function negotiateMatches(wanted, actual) {
  const expected = JSON.parse(wanted);
  const answer = JSON.parse(actual);
  if (expected.error !== undefined) {
    return matches(expected, answer);
  }
  delete expected.useStatefulReconnect;
  for (const name of ['connectionId', 'connectionToken']) {
    if (expected[name] !== undefined) {
      expected[name] = /^[\w-]{22,}$/;
    }
  }
  const distinct = answer.connectionToken === undefined || answer.connectionToken !== answer.connectionId;
  return matches(expected, answer) && distinct;
}

const NO_CACHE = {
  'cache-control': 'no-cache, no-store',
  pragma: 'no-cache',
  expires: 'Thu, 01 Jan 1970 00:00:00 GMT',
};

function responseMatches(wanted, response) {
  const { headers, body } = response;
  const mediaType = (headers['content-type'] || '').split(';')[0].trim();
  const isNegotiate = wanted['content-type'] === 'application/json' && wanted.body;
  return Object.entries(wanted).every(([name, value]) => {
    switch (name) {
      case 'of':
        return true;
      case 'afterS':
        return timeMatches(wanted, response.seconds);
      case 'status':
        return [].concat(value).includes(response.status);
      case 'content-type':
        return mediaType === value;
      case 'body':
        return isNegotiate ? negotiateMatches(value, body) : bodyMatches(value, body);
      case 'sec-websocket-accept':
        return response.acceptRight;
      case 'no_cache':
        return Object.entries(NO_CACHE).every(([header, text]) => headers[header] === text);
      default:
        return (headers[name] || '').toLowerCase() === String(value).toLowerCase();
    }
  });
}

module.exports = { listMatches, responseMatches, sseMatches, bodyMatches, isFurtherItem, speaksOfItems, recordsOf };
