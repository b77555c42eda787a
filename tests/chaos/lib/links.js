'use strict';
// A connection to an instance, of a light client or of @microsoft/signalr, over any transport, behind one face:
// {invoke(target, ...args), ended: a promise, destroy()}. hear(message) is called for each ReceiveMessage.

const { RawHub, realClient, codeOf } = require('../../func/lib/hub');
const { Line, PING } = require('../../func/lib/lines');
const { COMBINATIONS, optionsOf, plain } = require('../../func/lib/combinations');
const { userToken } = require('../../func/lib/token');
const { within } = require('../../func/lib/util');

const OPEN_MS = 10000;
const PING_MS = 10000;
// Clocks are moved under these tokens.
const TOKEN_SECONDS = 7 * 86400;

async function openLight(port, token, hear) {
  const onCall = ({ target, arguments: args }) => target === 'ReceiveMessage' && hear(args[0]);
  const opening = RawHub.open(port, { token, onCall });
  const hub = await within(OPEN_MS, opening, 'no connection').catch((error) => {
    opening.then((late) => late.destroy(), () => {});
    throw error;
  });
  hub.received = { push() {} }; // they are the journal's
  const ping = setInterval(() => hub.socket.sendRecord({ type: 6 }), PING_MS);
  hub.ended.then(() => clearInterval(ping));
  return {
    invoke: (target, ...args) => hub.invoke(target, ...args),
    ended: hub.ended,
    destroy() {
      clearInterval(ping);
      hub.destroy();
    },
  };
}

// Whoever calls is told by the id of his call; several may be under way.
function demux(line, hear) {
  const calls = new Map();
  let last = 0;
  const ended = new Promise((resolve) => {
    line.onEvent = ({ message, ended: why }) => {
      if (why) {
        calls.forEach(({ reject }) => reject(new Error(`the connection ended (${why})`)));
        resolve(why);
      } else if (message.type === 3 && calls.has(message.invocationId)) {
        const { resolve: answer, reject } = calls.get(message.invocationId);
        calls.delete(message.invocationId);
        message.error ? reject(new Error(message.error)) : answer(plain(message.result));
      } else if (message.target === 'ReceiveMessage') {
        hear(plain(message.arguments[0]));
      }
    };
  });
  const invoke = (target, ...args) =>
    new Promise((resolve, reject) => {
      const id = String(++last);
      calls.set(id, { resolve, reject });
      line.send(line.call(id, target, ...args)).catch(reject);
    });
  return { invoke, ended };
}

async function openLine(port, token, hear, over) {
  const opening = Line.open(port, { token, ...over });
  const line = await within(OPEN_MS, opening, 'no connection').catch((error) => {
    opening.then((late) => late.destroy(), () => {});
    throw error;
  });
  const { invoke, ended } = demux(line, hear);
  line.events.splice(0).forEach((event) => line.onEvent(event));
  const ping = setInterval(() => line.send(PING).catch(() => {}), PING_MS);
  ended.then(() => clearInterval(ping));
  return {
    invoke,
    ended,
    destroy() {
      clearInterval(ping);
      line.destroy();
    },
  };
}

async function openReal(port, token, hear, over) {
  const connection = realClient(`http://127.0.0.1:${port}/chathub`, { token: () => token, ...optionsOf(over) });
  connection.off('ReceiveMessage');
  connection.on('ReceiveMessage', (message) => hear(plain(message)));
  const ended = new Promise((resolve) => connection.onclose((error) => resolve(error ? error.message : 'closed')));
  try {
    await within(OPEN_MS, connection.start(), 'no connection');
  } catch (error) {
    connection.stop().catch(() => {});
    throw error;
  }
  return {
    invoke: async (target, ...args) => plain(await connection.invoke(target, ...args)),
    ended,
    destroy() {
      connection.stop().catch(() => {});
    },
  };
}

// by: light or real. over: one of COMBINATIONS.
function openLink(port, user, hear, by = 'light', over = COMBINATIONS[0]) {
  const token = userToken(user, { ttl: TOKEN_SECONDS });
  if (by === 'real') {
    return openReal(port, token, hear, over);
  }
  return over === COMBINATIONS[0] ? openLight(port, token, hear) : openLine(port, token, hear, over);
}

// The code that the hub refused a call with; undefined where the connection, not the hub, is why it failed.
function refusalOf(error) {
  const hub = /An unexpected error occurred invoking/.test(error.message);
  return codeOf(error) || (hub ? 'internal' : undefined);
}

module.exports = { openLink, refusalOf };
