'use strict';
// The checker on histories that were doctored: each fault must be found, and nothing else, and a clean history must
// pass.

const assert = require('node:assert');
const { test } = require('node:test');
const { check, describe, CLASSES } = require('./checker');

const ROOM = 'room';
const EPOCH = '0123456789abcdef';
const NEXT_EPOCH = 'fedcba9876543210';
const idOf = (seq) => `id-${seq}`;
const row = (seq, rest = {}) => ({
  seq,
  content: `m${seq}`,
  clientMessageId: `k${seq}`,
  senderId: 'alice',
  sentAt: 1000 + seq,
  ...rest,
});

// Six messages, which alice sent and bob read over two connections.
class Story {
  constructor() {
    this.at = 0;
    this.table = [1, 2, 3, 4, 5, 6].map((seq) => row(seq));
    this.alice = [this.event('connect', { instance: 0 })];
    this.bob = [this.event('connect', { instance: 0 })];
    this.table.forEach(({ seq }) => this.send(seq));
    this.join(0);
    [1, 2, 3].forEach((seq) => this.hears(seq));
    this.bob.push(this.event('end', {}), this.event('connect', { instance: 1 }));
    this.join(3);
    [4, 5, 6].forEach((seq) => this.hears(seq));
    this.bob.push(this.event('leave', {}));
  }

  event(what, rest) {
    return { what, at: ++this.at, ...rest };
  }

  send(seq) {
    this.alice.push(this.event('send', { no: seq, room: ROOM, content: `m${seq}`, clientId: `k${seq}` }));
    this.alice.push(this.event('ack', { no: seq, room: ROOM, seq, id: idOf(seq), ms: 1 }));
  }

  join(last) {
    this.bob.push(this.event('join', { room: ROOM, last, epoch: EPOCH }));
    const answer = { room: ROOM, last, asked: EPOCH, epoch: EPOCH, recovered: true, gap: null };
    this.bob.push(this.event('joined', answer));
  }

  heard(seq) {
    const { content, sentAt } = row(seq);
    return this.event('receive', { room: ROOM, seq, id: idOf(seq), content, sentAt });
  }

  hears(seq) {
    this.bob.push(this.heard(seq));
  }

  ackOf(seq) {
    return this.alice.find(({ what, no }) => what === 'ack' && no === seq);
  }

  sendOf(seq) {
    return this.alice.find(({ what, no }) => what === 'send' && no === seq);
  }

  bobHeard(seq) {
    return this.bob.findIndex((event) => event.what === 'receive' && event.seq === seq);
  }

  // The answer to alice's send becomes another one.
  answer(seq, what, rest) {
    const { at, no, room } = this.ackOf(seq);
    this.alice[this.alice.indexOf(this.ackOf(seq))] = { what, at, no, room, ms: 1, ...rest };
  }

  forget(seq) {
    this.table = this.table.filter((one) => one.seq !== seq);
  }

  // The later rows move up by one, as if there had never been this one.
  close(seq) {
    this.forget(seq);
    this.bob.splice(this.bobHeard(seq), 1);
  }

  judge(options) {
    const history = this.history || this.table.map((one) => ({ ...one, id: idOf(one.seq) }));
    const head = this.head === undefined ? Math.max(...this.table.map(({ seq }) => seq)) : this.head;
    const clients = [{ name: 'alice', log: this.alice }, { name: 'bob', log: this.bob }];
    return check({ clients, rooms: [{ room: ROOM, head, table: this.table, history }] }, options);
  }
}

function finds(name, classes, doctor) {
  test(name, () => {
    const story = new Story();
    const options = doctor(story);
    const result = story.judge(options);
    assert.deepStrictEqual(result.faulty.sort(), [...classes].sort(), describe(result));
  });
}

test('a clean history is clean, and counted', () => {
  const { counts, faulty } = new Story().judge();
  assert.deepStrictEqual(faulty, []);
  assert.deepStrictEqual(counts, {
    messages: 6,
    acknowledged: 6,
    refused: 0,
    uncertain: 0,
    unsure: 0,
    refusals: {},
    received: 6,
    gaps: 0,
    reconnects: 1,
  });
});

const tried = new Set();
function each(name, classes, doctor) {
  classes.forEach((one) => tried.add(one));
  finds(name, classes, doctor);
}

// ---- the table ----

each('acknowledged, received and gone from the end of the table', ['lost', 'foreign'], (story) => story.forget(6));

each('acknowledged and never stored', ['lost'], (story) => {
  story.close(6);
});

each('a message gone from the middle of the table, though nobody received it', ['lost', 'hole'], (story) => {
  story.close(2);
});

each('a number that was spent and not used', ['hole'], (story) => {
  story.close(3);
  story.alice.splice(story.alice.indexOf(story.sendOf(3)), 2);
});

each('a head above the last message', ['hole'], (story) => {
  story.head = 7;
});

each('a message stored twice under one client id', ['doubled'], (story) => {
  story.table.push(row(7, { clientMessageId: 'k6', content: 'm6 again' }));
  story.bob.splice(story.bob.length - 1, 0, { ...story.heard(7), content: 'm6 again' });
});

each('a message without client id stored twice by the daemon itself', ['doubled'], (story) => {
  story.table[5].clientMessageId = null;
  story.sendOf(6).clientId = undefined;
  story.table.push(row(7, { clientMessageId: null, content: 'm6' }));
  story.bob.splice(story.bob.length - 1, 0, { ...story.heard(7), content: 'm6' });
});

each('a number stored twice', ['doubled'], (story) => {
  story.table.splice(3, 0, row(3, { content: 'other', clientMessageId: 'other', sentAt: 1003 }));
});

each('a message sent before the one before it', ['backwards'], (story) => {
  story.table[3].sentAt = 1002;
  story.bob[story.bobHeard(4)].sentAt = 1002;
});

each('another history than the table', ['differs'], (story) => {
  story.history = story.table.map((one) => ({ ...one, id: idOf(one.seq) }));
  story.history[4].content = 'm5 otherwise';
});

each('a history that is shorter than the table', ['differs'], (story) => {
  story.table.push(row(7));
  story.history = story.table.slice(0, 6).map((one) => ({ ...one, id: idOf(one.seq) }));
  story.bob.splice(story.bob.length - 1, 0, { ...story.heard(7), id: undefined });
});

// ---- what senders were told ----

each('another number acknowledged than the stored one', ['altered'], (story) => {
  story.ackOf(6).seq = 9;
});

each('another id acknowledged than the stored one', ['altered'], (story) => {
  story.ackOf(4).id = idOf(5);
});

each('a repeat answered with another number', ['altered'], (story) => {
  story.alice.push(story.event('send', { no: 7, room: ROOM, content: 'm2', clientId: 'k2' }));
  story.alice.push(story.event('ack', { no: 7, room: ROOM, seq: 7, id: idOf(7), ms: 1 }));
});

each('stored under another client id than it was sent with', ['altered'], (story) => {
  story.table[1].clientMessageId = 'k2-otherwise';
});

each('refused with the word that nothing was done, and stored', ['undone'], (story) => {
  story.answer(5, 'refuse', { code: 'unavailable' });
});

each('refused with a code that nothing excuses', ['unexpected'], (story) => {
  story.close(6);
  story.answer(6, 'refuse', { code: 'corrupt' });
});

each('no conflict where there must be one', ['lost'], (story) => {
  story.alice.push(story.event('send', { no: 7, room: ROOM, content: 'm2#other', clientId: 'k2', expect: 'conflict' }));
  story.alice.push(story.event('ack', { no: 7, room: ROOM, seq: 2, id: idOf(2), ms: 1 }));
});

each('a send that was never answered', ['silent'], (story) => {
  story.answer(6, 'uncertain', { why: 'silent' });
});

each('acknowledged before another was sent, with a higher number', ['disorder'], (story) => {
  story.sendOf(2).at = 100;
  story.ackOf(2).at = 101;
});

test('calls made one after the other on one connection with their numbers turned round', () => {
  const story = new Story();
  const [second, third] = [story.sendOf(2), story.sendOf(3)];
  // Both under way at once, the third called first.
  story.alice.splice(story.alice.indexOf(third), 1);
  story.alice.splice(story.alice.indexOf(second), 0, third);
  third.at = second.at;
  assert.deepStrictEqual(story.judge().faulty, ['disorder']);
});

// ---- what readers received ----

each('received and never stored', ['foreign'], (story) => {
  story.bob.splice(story.bob.length - 1, 0, { ...story.heard(7) });
  story.bob.at(-2).content = 'never';
});

each('received with another time than it is stored with', ['altered'], (story) => {
  story.bob[story.bobHeard(2)].sentAt = 7;
});

each('received with another text than it is stored with', ['foreign'], (story) => {
  story.bob[story.bobHeard(2)].content = 'm2 otherwise';
});

each('received twice on one connection', ['doubled'], (story) => {
  story.bob.splice(story.bobHeard(2), 0, story.heard(2));
});

each('received again what it came back behind', ['doubled'], (story) => {
  story.bob.splice(story.bobHeard(4), 0, story.heard(3));
});

each('one missing amid what a reader received', ['hole'], (story) => {
  story.bob.splice(story.bobHeard(2), 1);
});

each('one missing behind the number that a reader came back with', ['hole'], (story) => {
  story.bob.splice(story.bobHeard(4), 1);
});

each('the last one never received', ['hole'], (story) => {
  story.bob.splice(story.bobHeard(6), 1);
});

each('two received in the wrong order', ['disorder', 'hole'], (story) => {
  story.bob.splice(story.bobHeard(4), 2, story.heard(5), story.heard(4));
});

each('neither all nor a gap told at a return', ['hole'], (story) => {
  story.bob.filter(({ what }) => what === 'joined').at(-1).recovered = false;
});

each('a hole in what one receives that makes no claim', ['hole'], (story) => {
  story.alice.push(...[3, 5, 6].map((seq) => story.heard(seq)));
});

each('another epoch', ['epoch'], (story) => {
  story.bob.filter(({ what }) => what === 'joined').at(-1).epoch = NEXT_EPOCH;
});

// ---- what must not be found ----

finds('sent and uncertain, and stored', [], (story) => story.answer(6, 'uncertain', { why: 'uncertain' }));

finds('sent and uncertain, and not stored', [], (story) => {
  story.close(6);
  story.answer(6, 'uncertain', { why: 'lost' });
});

finds('sent, and the log ends', [], (story) => {
  story.alice.splice(story.alice.indexOf(story.ackOf(6)), 1);
});

finds('refused, sent again and stored', [], (story) => {
  story.answer(6, 'refuse', { code: 'unavailable' });
  story.alice.push(story.event('send', { no: 7, room: ROOM, content: 'm6', clientId: 'k6' }));
  story.alice.push(story.event('ack', { no: 7, room: ROOM, seq: 6, id: idOf(6), ms: 1 }));
});

finds('a code that the circumstances excuse', [], (story) => {
  story.close(6);
  story.answer(6, 'refuse', { code: 'storage_full' });
  return { codes: ['storage_full'] };
});

finds('a conflict where there must be one', [], (story) => {
  story.alice.push(story.event('send', { no: 7, room: ROOM, content: 'm2#other', clientId: 'k2', expect: 'conflict' }));
  story.alice.push(story.event('refuse', { no: 7, room: ROOM, code: 'conflict', ms: 1 }));
});

finds('a gap that was told', [], (story) => {
  story.bob.splice(story.bobHeard(4), 1);
  const joined = story.bob.filter(({ what }) => what === 'joined').at(-1);
  Object.assign(joined, { recovered: false, gap: { from: 4, to: 4 } });
});

finds('newer ones before a late return, then the older ones, without those', [], (story) => {
  const from = story.bob.findLastIndex(({ what }) => what === 'connect');
  const [connect, join, joined] = story.bob.slice(from, from + 3);
  story.bob.splice(from, Infinity, connect, story.heard(5), join, story.heard(4), joined, story.heard(6));
  story.bob.push(story.event('leave', {}));
});

finds('one that left and came back makes no claim between', [], (story) => {
  story.alice.push(story.heard(2), story.event('out', { room: ROOM }), story.heard(5));
});

finds('one that is cut off has no end to claim', [], (story) => {
  story.bob.splice(story.bobHeard(6), 2);
});

// A database that lacks the last two messages took over, and another one has the number of the fifth.
function fallBack(story) {
  story.forget(5);
  story.forget(6);
  story.table.push(row(5, { content: 'n5', clientMessageId: 'n5' }));
  const [connect, leave] = [story.event('connect', { instance: 1 }), story.bob.pop()];
  story.bob.push(connect, story.event('join', { room: ROOM, last: 6, epoch: EPOCH }));
  const told = { room: ROOM, last: 6, asked: EPOCH, epoch: NEXT_EPOCH, recovered: false, gap: null };
  story.bob.push(story.event('joined', told), leave);
}

finds('what was lost with an epoch, told to all', [], (story) => {
  fallBack(story);
  story.alice.splice(1, 0, story.event('joined', { room: ROOM, epoch: EPOCH, recovered: true, gap: null }));
  story.alice.push(story.event('joined', { room: ROOM, epoch: NEXT_EPOCH, recovered: true, gap: null }));
  return { epochs: 2 };
});

finds('what was lost with an epoch, though nothing may be', ['lost'], (story) => {
  fallBack(story);
  story.alice.splice(1, 0, story.event('joined', { room: ROOM, epoch: EPOCH, recovered: true, gap: null }));
  story.alice.push(story.event('joined', { room: ROOM, epoch: NEXT_EPOCH, recovered: true, gap: null }));
  return { epochs: 2, keeps: true };
});

finds('what was lost with an epoch, and not told to its sender', ['lost'], (story) => {
  fallBack(story);
  return { epochs: 2 };
});

finds('what was lost with an epoch, and not told to its reader', ['lost', 'foreign', 'hole'], (story) => {
  fallBack(story);
  story.bob.find(({ epoch }) => epoch === NEXT_EPOCH).epoch = EPOCH;
  return { epochs: 2 };
});

// ---- all of it ----

test('every class of fault has a history here', () => {
  assert.deepStrictEqual([...tried].sort(), Object.keys(CLASSES).sort());
});
