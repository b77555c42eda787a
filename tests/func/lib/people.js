'use strict';
// A daemon for a whole test file, and users who connect to it and are cleared away after each test.

const { before, afterEach } = require('node:test');
const left = require('./left');
const { Chatd } = require('./chatd');
const { RawHub, startRealClient } = require('./hub');

let counter = 0;

// A name that no other test uses.
function fresh(prefix) {
  return `${prefix}-${process.pid}-${++counter}`;
}

// Starts a daemon before the file's tests and stops it, judged, behind them. The answer is filled when tests run:
// {chatd, real(user, options), raw(user, options)}.
function house(options) {
  const open = [];
  const all = {
    chatd: new Chatd(options),
    // The real client, started.
    async real(user, more = {}) {
      const connection = await startRealClient(all.chatd.url, { user, ...more });
      open.push(() => connection.stop());
      return connection;
    },
    // The light one.
    async raw(user, more = {}) {
      const hub = await RawHub.open(all.chatd.port, { user, ...more });
      open.push(() => hub.destroy());
      return hub;
    },
    later(clear) {
      open.push(clear);
    },
  };
  before(() => all.chatd.start());
  afterEach(async () => {
    await Promise.allSettled(open.splice(0).map((close) => close()));
  });
  left.finally(() => all.chatd.stop());
  return all;
}

module.exports = { house, fresh };
