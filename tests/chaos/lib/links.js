'use strict';
// A connection to an instance, of the light client or of @microsoft/signalr, behind one face:
// {invoke(target, ...args), ended: a promise, destroy()}. hear(message) is called for each ReceiveMessage.

const { RawHub, signalR, codeOf } = require('../../func/lib/hub');
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

async function openReal(port, token, hear) {
  const connection = new signalR.HubConnectionBuilder()
    .withUrl(`http://127.0.0.1:${port}/chathub`, { accessTokenFactory: () => token })
    .configureLogging(signalR.LogLevel.None)
    .build();
  connection.on('ReceiveMessage', hear);
  const ended = new Promise((resolve) => connection.onclose((error) => resolve(error ? error.message : 'closed')));
  try {
    await within(OPEN_MS, connection.start(), 'no connection');
  } catch (error) {
    connection.stop().catch(() => {});
    throw error;
  }
  return {
    invoke: (target, ...args) => connection.invoke(target, ...args),
    ended,
    destroy() {
      connection.stop().catch(() => {});
    },
  };
}

// by: light or real.
function openLink(port, user, hear, by = 'light') {
  const token = userToken(user, { ttl: TOKEN_SECONDS });
  return by === 'light' ? openLight(port, token, hear) : openReal(port, token, hear);
}

// The code that the hub refused a call with; undefined where the connection, not the hub, is why it failed.
function refusalOf(error) {
  const hub = /An unexpected error occurred invoking/.test(error.message);
  return codeOf(error) || (hub ? 'internal' : undefined);
}

module.exports = { openLink, refusalOf };
