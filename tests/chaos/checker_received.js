'use strict';
// The half of the checker that reads what clients received. A connection that came back with a number (join with
// `last`) claims all that follows it, each once, in order; one that did not claims to have no hole from the first
// message that it got. What a connection received before it asked (rooms are restored by themselves) may be followed by
// older numbers, never by one that it has already.

class Stream {
  constructor(report, client, room) {
    Object.assign(this, { report, client, room, got: new Set(), next: null, asked: 0, gaps: [] });
  }

  // The first number from n on that this connection has not got.
  lacking(n) {
    while (this.got.has(n)) {
      n++;
    }
    return n;
  }

  join(last) {
    if (last !== undefined) {
      this.asked = last;
      this.next = this.lacking(last + 1);
    }
  }

  // Numbers started anew: nothing is claimed of what was before.
  startAnew() {
    this.asked = 0;
    this.next = null;
  }

  told(from, to) {
    return this.gaps.some((gap) => gap.from <= from && to <= gap.to);
  }

  receive(seq) {
    const { report, client, room } = this;
    if (this.got.has(seq) || seq <= this.asked) {
      report.say('doubled', `${client} received ${seq} of ${room} again`);
      return;
    }
    this.got.add(seq);
    if (this.next !== null && seq < this.next) {
      report.say('disorder', `${client} received ${seq} of ${room} behind ${this.next - 1}`);
      return;
    }
    if (this.next !== null && seq > this.next && !this.told(this.next, seq - 1)) {
      report.say('hole', `${client} received ${seq} of ${room}, and nothing from ${this.next} to ${seq - 1}`);
    }
    this.next = this.lacking(seq + 1);
  }
}

// The gaps that a connection was told stand in the answer, which may come after the messages.
function gapsOf(log) {
  const gaps = new Map();
  let link = 0;
  for (const event of log) {
    if (event.what === 'connect') {
      link++;
    } else if (event.what === 'joined' && event.gap) {
      const key = `${link} ${event.room}`;
      gaps.set(key, [...(gaps.get(key) || []), event.gap]);
    }
  }
  return gaps;
}

// The place in the log up to which all was told under numbers that were then said to be void: before the last answer
// that names another epoch than the one before it.
function voidUntil(log) {
  let epoch;
  let until = -1;
  log.forEach((event, i) => {
    if (event.what === 'joined' && event.epoch !== epoch) {
      until = epoch === undefined ? until : i;
      epoch = event.epoch;
    }
  });
  return until;
}

function judgeContent(report, client, event, rows) {
  const same = (row) => row.seq === event.seq && row.id === event.id && row.sentAt === event.sentAt;
  if (!rows) {
    report.say('foreign', `${client} received ${event.seq} of ${event.room}: ${event.content}`);
  } else if (!rows.some(same)) {
    const { seq, id, sentAt } = rows[0];
    report.say('altered', `${client} received ${JSON.stringify(event)}, stored is ${JSON.stringify({ seq, id, sentAt })}`);
  }
}

function judgeLog(report, counts, { name, log }, stored) {
  const gaps = gapsOf(log);
  const past = voidUntil(log);
  const tails = new Map(); // room -> the stream of the last connection that claimed it
  let streams = new Map();
  let link = 0;
  const streamOf = (room) => {
    if (!streams.has(room)) {
      const stream = new Stream(report, name, room);
      stream.gaps = gaps.get(`${link} ${room}`) || [];
      streams.set(room, stream);
    }
    return streams.get(room);
  };
  for (const [i, event] of log.entries()) {
    if (event.what === 'connect') {
      link++;
      streams = new Map();
    } else if (event.what === 'out') {
      streams.delete(event.room);
    } else if (event.what === 'join') {
      streamOf(event.room).join(event.last);
    } else if (event.what === 'joined') {
      counts.gaps += event.gap ? 1 : 0;
      if (event.last !== undefined && event.epoch !== event.asked) {
        streamOf(event.room).startAnew();
      } else if (i > past && event.last !== undefined && !event.recovered && !event.gap) {
        report.say('hole', `${name} came back to ${event.room} with ${event.last}, and was told neither it all nor a gap`);
      }
      if (event.last !== undefined) {
        tails.set(event.room, streamOf(event.room));
      }
    } else if (event.what === 'receive') {
      counts.received++;
      if (i > past) {
        judgeContent(report, name, event, stored.get(`${event.room} ${event.content}`));
        streamOf(event.room).receive(event.seq);
      }
    }
  }
  counts.reconnects += Math.max(0, link - 1);
  return tails;
}

// Who reads to the end, and was still connected then, has all there is.
function judgeEnds(report, client, tails, rooms) {
  if (!client.log.some(({ what }) => what === 'leave')) {
    return;
  }
  for (const { room, head } of rooms) {
    const stream = tails.get(room);
    if (stream && stream.next !== null && stream.next <= head && !stream.told(stream.next, head)) {
      report.say('hole', `${client.name} never received ${stream.next} to ${head} of ${room}`);
    }
  }
}

function judgeReceived(report, counts, clients, stored, rooms) {
  Object.assign(counts, { received: 0, gaps: 0, reconnects: 0 });
  for (const client of clients) {
    const tails = judgeLog(report, counts, client, stored);
    judgeEnds(report, client, tails, rooms);
  }
}

module.exports = { judgeReceived, voidUntil };
