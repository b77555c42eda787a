'use strict';
// All faults that `make chaos` brings about, by name, and those among them that are quick enough for each check.

const { ofDaemon, ofServer } = require('./clock');
const { full } = require('./disk');
const { failover, lagging, silent } = require('./failover');
const { exhausted, idleTimeouts, statementTimeout } = require('./limits');
const { cutOff, silence } = require('./network');
const { locked, raced, removed } = require('./rooms');
const { frozen, restarted, stopped, terminated } = require('./server');

const QUICK = [terminated, cutOff, restarted('fast'), removed, raced];

const ALL = [
  ...QUICK,
  restarted('immediate'),
  stopped,
  frozen,
  silence,
  failover,
  lagging,
  silent,
  full,
  statementTimeout,
  idleTimeouts,
  exhausted,
  locked,
  ofDaemon,
  ofServer,
];

module.exports = { ALL, QUICK };
