'use strict';
// Judges what clients were told against what is stored. It knows nothing of the daemon: it reads the logs that the
// clients kept (lib/journal.js says what stands in them) and the rows of each room, once as the daemon shows them and
// once as the database holds them.
//
//   check({clients: [{name, log: [event]}], rooms: [{room, head, table: [row], history: [row]}]}, options)
//   row: {seq, id (history only), clientMessageId or null, content, sentAt (ms)}
//
// What somebody was told before he was told of another epoch is not held against the store: that numbers started anew
// is what he was told. Options say how many epochs are excused, and whether what is stored must be there all the same.
//
// Each content is sent as one message only, so it is what messages are told apart by. Gives {counts, faults: {class:
// [sentence]}, faulty}. Options: codes, the refusals that the circumstances excuse; epochs, how many there may be; keeps, what
// was acknowledged before another epoch must be stored too.

const { judgeReceived, voidUntil } = require('./checker_received');

const CLASSES = {
  lost: 'acknowledged, and not stored',
  doubled: 'stored twice, or received twice',
  disorder: 'numbers do not follow the order in which things happened',
  hole: 'a number is missing in the table, or in what a reader that claims continuity received',
  foreign: 'received, and not stored',
  altered: 'acknowledged or received otherwise than it is stored',
  backwards: 'sent_at goes back within a room',
  differs: 'the daemon shows another history than the database holds',
  undone: 'refused with the word that nothing was done, and stored',
  silent: 'a send was never answered',
  unexpected: 'refused with a code that nothing excuses',
  epoch: 'another epoch was told',
};
// «Nothing was done; later again.»
const USUAL_CODES = ['unavailable', 'busy'];

class Report {
  constructor() {
    this.faults = Object.fromEntries(Object.keys(CLASSES).map((name) => [name, []]));
  }

  say(fault, sentence) {
    this.faults[fault].push(sentence);
  }
}

// ---- what is stored ----

function judgeNumbers(report, { room, head, table }) {
  let expected = 1;
  for (const { seq } of table) {
    if (seq < expected) {
      report.say('doubled', `${room}: ${seq} is stored twice`);
    } else {
      if (seq > expected) {
        report.say('hole', `${room}: the table has nothing from ${expected} to ${seq - 1}`);
      }
      expected = seq + 1;
    }
  }
  if (head !== expected - 1) {
    report.say('hole', `${room}: the room's head is ${head}, its last message ${expected - 1}`);
  }
}

function judgeRows(report, { room, table }) {
  const contents = new Set();
  const keys = new Set();
  let last = -Infinity;
  for (const { seq, content, clientMessageId, senderId, sentAt } of table) {
    const key = clientMessageId && `${senderId} ${clientMessageId}`;
    if (contents.has(content) || (key && keys.has(key))) {
      report.say('doubled', `${room}: ${content} is stored twice, the second time as ${seq}`);
    }
    contents.add(content);
    keys.add(key);
    if (sentAt < last) {
      report.say('backwards', `${room}: ${seq} was sent ${last - sentAt} ms before the message before it`);
    }
    last = sentAt;
  }
}

const sameRow = (a, b) =>
  a.seq === b.seq && a.content === b.content && a.clientMessageId === b.clientMessageId && a.sentAt === b.sentAt;

function judgeHistory(report, { room, table, history }) {
  if (table.length !== history.length) {
    report.say('differs', `${room}: ${table.length} messages in the table, ${history.length} in the history`);
  }
  for (let i = 0; i < Math.min(table.length, history.length); i++) {
    if (!sameRow(table[i], history[i])) {
      report.say('differs', `${room}: ${JSON.stringify(table[i])} is shown as ${JSON.stringify(history[i])}`);
      return;
    }
  }
}

// Rows by content (more than one where it was doubled); what the table lacks is not stored, whatever the daemon shows.
function storedBy(rooms) {
  const stored = new Map();
  for (const { room, table, history } of rooms) {
    const ids = new Map(history.map(({ seq, id }) => [seq, id]));
    for (const row of table) {
      const key = `${room} ${row.content}`;
      stored.set(key, [...(stored.get(key) || []), { ...row, id: ids.get(row.seq) }]);
    }
  }
  return stored;
}

// ---- what senders were told ----

// Every content that was sent: {room, content, sends: [{client, link, at, end}], end: the event that answered}.
function sendsOf(clients, keeps) {
  const messages = new Map();
  for (const { name, log } of clients) {
    const open = new Map();
    const past = keeps ? -1 : voidUntil(log);
    let link = 0;
    for (const [i, event] of log.entries()) {
      if (event.what === 'connect') {
        link++;
      } else if (event.what === 'send') {
        const key = `${event.room} ${event.content}`;
        const send = { client: name, link, at: event.at, clientId: event.clientId, expect: event.expect, end: null };
        const message = messages.get(key) || { room: event.room, content: event.content, sends: [] };
        messages.set(key, message);
        message.sends.push(send);
        open.set(event.no, send);
      } else if (event.what === 'ack' || event.what === 'refuse' || event.what === 'uncertain') {
        open.get(event.no).end = i > past ? event : { ...event, void: true };
      }
    }
  }
  return messages;
}

function judgeAcknowledged(report, message, ends) {
  const { rows, sends } = message;
  const [row] = rows;
  const held = ends.filter((end) => !end.void);
  for (const { seq, id } of held) {
    if (!row) {
      report.say('lost', `${message.room}: ${message.content} was acknowledged as ${seq}`);
    } else if (!rows.some((one) => one.seq === seq && one.id === id)) {
      report.say('altered', `${message.content} was acknowledged as ${seq} ${id}, it is ${row.seq} ${row.id}`);
    }
  }
  if (new Set(held.map(({ seq }) => seq)).size > 1) {
    report.say('altered', `${message.content} was acknowledged as ${held.map(({ seq }) => seq)}`);
  }
  const { clientId } = sends[0];
  if (row && (row.clientMessageId || null) !== (clientId || null)) {
    report.say('altered', `${message.content} has client id ${row.clientMessageId}, not ${clientId}`);
  }
}

function judgeMessage(report, counts, codes, message) {
  const [row] = message.rows;
  const ends = message.sends.map(({ end }) => end);
  const acks = ends.filter((end) => end && end.what === 'ack');
  const refusals = ends.filter((end) => end && end.what === 'refuse');
  const uncertain = ends.filter((end) => !end || end.what === 'uncertain');
  judgeAcknowledged(report, message, acks);
  counts.acknowledged += acks.length > 0 ? 1 : 0;
  counts.refused += acks.length === 0 && uncertain.length === 0 && !message.sends[0].expect ? 1 : 0;
  counts.uncertain += acks.length === 0 && uncertain.length > 0 ? 1 : 0;
  if (row && refusals.length === ends.length) {
    report.say('undone', `${message.content} was refused as ${refusals[0].code}, it is ${row.seq}`);
  }
  for (const { end, expect } of message.sends) {
    if (end && end.what === 'refuse') {
      counts.refusals[end.code] = (counts.refusals[end.code] || 0) + 1;
      if (end.code !== expect && !codes.includes(end.code)) {
        report.say('unexpected', `${message.content}: ${end.code}`);
      }
    }
  }
  for (const end of uncertain) {
    counts.unsure++;
    if (end && end.why === 'silent') {
      report.say('silent', `${message.content} was not answered in ${Math.round(end.ms)} ms`);
    }
  }
}

// Of two messages of a room, what was acknowledged before the other was first sent has the lower number.
function judgeTimes(report, messages) {
  const rooms = new Map();
  for (const message of messages) {
    const acks = message.sends.map(({ end }) => end).filter((end) => end && end.what === 'ack' && !end.void);
    if (acks.length > 0) {
      const list = rooms.get(message.room) || [];
      rooms.set(message.room, list);
      const began = Math.min(...message.sends.map(({ at }) => at));
      list.push({ seq: acks[0].seq, began, ended: Math.min(...acks.map(({ at }) => at)), content: message.content });
    }
  }
  for (const list of rooms.values()) {
    list.sort((a, b) => a.seq - b.seq);
    let latest = { began: -Infinity };
    for (const one of list) {
      if (latest.began > one.ended) {
        const [first, second] = [one, latest].map(({ content, seq }) => `${content} (${seq})`);
        report.say('disorder', `${first} was acknowledged before ${second} was sent`);
      }
      latest = one.began > latest.began ? one : latest;
    }
  }
}

// Calls of one connection to one room that were all answered at once keep the order in which they were made.
function judgeCalls(report, messages) {
  const last = new Map();
  for (const { room, content, sends } of messages) {
    const { client, link, end } = sends[0];
    if (end && end.what === 'ack' && !end.void && sends.length === 1) {
      const line = `${client} ${link} ${room}`;
      if (end.seq <= (last.get(line) || 0)) {
        report.say('disorder', `${content} (${end.seq}) was called after what is ${last.get(line)}`);
      }
      last.set(line, end.seq);
    }
  }
}

// ---- all of it ----

function judgeEpochs(report, clients, allowed) {
  const epochs = new Set();
  for (const { log } of clients) {
    for (const event of log) {
      if (event.what === 'joined') {
        epochs.add(event.epoch);
      }
    }
  }
  if (epochs.size > allowed) {
    report.say('epoch', `${[...epochs].join(', ')} were told`);
  }
}

function check({ clients, rooms }, { codes = [], epochs = 1, keeps = false } = {}) {
  const report = new Report();
  const counts = { messages: 0, acknowledged: 0, refused: 0, uncertain: 0, unsure: 0, refusals: {} };
  for (const room of rooms) {
    judgeNumbers(report, room);
    judgeRows(report, room);
    judgeHistory(report, room);
    counts.messages += room.table.length;
  }
  const stored = storedBy(rooms);
  const messages = sendsOf(clients, keeps);
  for (const [key, message] of messages) {
    message.rows = stored.get(key) || [];
    judgeMessage(report, counts, [...USUAL_CODES, ...codes], message);
  }
  const kept = [...messages.values()].filter(({ rows }) => rows.length > 0);
  judgeTimes(report, kept);
  judgeCalls(report, kept);
  judgeReceived(report, counts, clients, stored, rooms);
  judgeEpochs(report, clients, epochs);
  const faulty = Object.keys(CLASSES).filter((name) => report.faults[name].length > 0);
  return { counts, faults: report.faults, faulty };
}

// The faults as lines for people, a few of each class.
function describe({ faults, faulty }, most = 5) {
  return faulty
    .map((name) => {
      const list = faults[name];
      const more = list.length > most ? `\n    and ${list.length - most} more` : '';
      return `${name} (${CLASSES[name]}): ${list.length}\n    ${list.slice(0, most).join('\n    ')}${more}`;
    })
    .join('\n  ');
}

module.exports = { check, describe, CLASSES };
