'use strict';
// What one client did and was told, in its order. All clients of a run share one clock (`at`, ms since the process
// began), so that «before» has a meaning between them. Events, by `what`:
//
//   connect {instance, by}            a new connection, to which all that follows belongs
//   end {why}                         it ended, or was given up
//   join {room, last, epoch}          it asks for all messages behind `last` (undefined: makes no such claim)
//   joined {room, last, asked, epoch, recovered, gap}, unjoined {room, code}
//   send {no, room, content, clientId, expect}     expect: the code that must be the answer
//   ack {no, room, seq, id, ms, begun, instance}   refuse {no, room, code, ms}   uncertain {no, room, why, ms}
//   receive {room, seq, id, content, sentAt}
//   out {room}                        it is no member any more
//   leave                             it ends by its own will, when all is over, and should have everything

const fs = require('node:fs');
const { performance } = require('node:perf_hooks');

const now = () => performance.now();

class Journal {
  constructor(name) {
    this.name = name;
    this.log = [];
  }

  note(what, rest) {
    this.log.push({ what, at: now(), ...rest });
  }

  writeTo(file) {
    fs.writeFileSync(file, this.log.map((event) => JSON.stringify(event)).join('\n') + '\n');
  }
}

module.exports = { Journal, now };
