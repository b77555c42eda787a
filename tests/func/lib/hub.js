'use strict';
// Two hub clients: RawHub speaks JSON on raw frames, light enough for hundreds at once; realClient() is
// @microsoft/signalr's own.

const signalR = require('@microsoft/signalr');
const { RawWebSocket } = require('./ws');
const { negotiate } = require('./http');
const { userToken } = require('./token');
const { within, eventually } = require('./util');

const HANDSHAKE = { protocol: 'json', version: 1 };

class RawHub {
  constructor(socket, { onCall } = {}) {
    this.socket = socket;
    this.calls = new Map();
    this.lastId = 0;
    this.received = []; // invocations of the server: {target, arguments}
    this.onCall = onCall;
    this.closeMessage = null;
    this.ended = this.pump();
  }

  // Connects as the user and shakes hands. negotiated: false skips negotiation.
  static async open(port, { user, token = userToken(user), negotiated = false, onCall, ...options } = {}) {
    const id = negotiated ? `?id=${encodeURIComponent((await negotiate(port, token)).connectionToken)}` : '';
    const socket = await RawWebSocket.open(port, `/chathub${id}`, { token, ...options });
    socket.sendRecord(HANDSHAKE);
    const answer = await socket.next();
    if (answer.record !== '{}') {
      socket.destroy();
      throw new Error(`handshake: ${JSON.stringify(answer)}`);
    }
    return new RawHub(socket, { onCall });
  }

  async pump() {
    for (;;) {
      const event = await this.socket.next({ timeout: 2 ** 31 - 1 }).catch((error) => ({ ended: String(error) }));
      if (event.record !== undefined) {
        this.take(JSON.parse(event.record));
      } else if (event.ended) {
        this.fail(new Error(`the connection ended (${event.ended})`));
        return event.ended;
      }
    }
  }

  take(message) {
    if (message.type === 3) {
      const call = this.calls.get(message.invocationId);
      this.calls.delete(message.invocationId);
      if (call) {
        message.error === undefined ? call.resolve(message.result) : call.reject(new Error(message.error));
      }
    } else if (message.type === 1) {
      this.received.push(message);
      if (this.onCall) {
        this.onCall(message);
      }
    } else if (message.type === 7) {
      this.closeMessage = message;
    }
  }

  fail(error) {
    for (const call of this.calls.values()) {
      call.reject(error);
    }
    this.calls.clear();
    this.dead = error;
  }

  invoke(target, ...args) {
    if (this.dead) {
      return Promise.reject(this.dead);
    }
    const invocationId = String(++this.lastId);
    const done = new Promise((resolve, reject) => this.calls.set(invocationId, { resolve, reject }));
    this.socket.sendRecord({ type: 1, invocationId, target, arguments: args });
    return done;
  }

  messages() {
    return this.received.filter((call) => call.target === 'ReceiveMessage').map((call) => call.arguments[0]);
  }

  // Waits until the server has invoked target with arguments that match, and gives them.
  async heard(target, match = () => true, timeout = 10000) {
    const find = () => this.received.find((call) => call.target === target && match(...call.arguments));
    const call = await eventually(find, {
      timeout,
      what: () => `${target} never came; came: ${JSON.stringify(this.received).slice(0, 2000)}`,
    });
    return call.arguments;
  }

  // An orderly end, waited for.
  async close() {
    this.socket.sendClose(1000);
    await within(10000, this.ended, 'the server does not end the connection');
    this.socket.destroy();
  }

  destroy(options) {
    this.socket.destroy(options);
  }
}

// A HubConnection of the real client, not yet started, with every event it hears in .heard[name]. protocol: json unless
// said; http: further options of withUrl().
function realClient(url, options = {}) {
  const { user, token = () => userToken(user), skipNegotiation = false, transport, http } = options;
  return listening(built(url, { accessTokenFactory: token, skipNegotiation, transport, ...http }, options));
}

function built(url, options, { reconnect, protocol }) {
  const { transport, skipNegotiation, ...rest } = options;
  if (skipNegotiation || transport) {
    rest.transport = transport || signalR.HttpTransportType.WebSockets;
  }
  let builder = new signalR.HubConnectionBuilder().withUrl(url, { ...rest, skipNegotiation });
  builder = builder.configureLogging(signalR.LogLevel.None);
  if (reconnect) {
    builder = builder.withAutomaticReconnect(reconnect);
  }
  return (protocol ? builder.withHubProtocol(protocol) : builder).build();
}

function listening(connection) {
  connection.heard = {};
  const names = ['ReceiveMessage', 'UserJoined', 'UserLeft', 'RoomCreated', 'ServerNotification'];
  for (const name of names) {
    connection.heard[name] = [];
    connection.on(name, (...args) => connection.heard[name].push(args));
  }
  connection.hears = (name, match = () => true, timeout = 10000) =>
    eventually(() => connection.heard[name].find((args) => match(...args)), {
      timeout,
      what: () => `${name} never came; came: ${JSON.stringify(connection.heard[name]).slice(0, 2000)}`,
    });
  return connection;
}

async function startRealClient(url, options) {
  const connection = realClient(url, options);
  await connection.start();
  return connection;
}

// The stable code of an error that the real client or RawHub rejects with.
function codeOf(error) {
  const match = /HubException: (\w+)(?::|$)/.exec(error.message);
  return match ? match[1] : undefined;
}

module.exports = { RawHub, realClient, startRealClient, codeOf, HANDSHAKE, signalR };
