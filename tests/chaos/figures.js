'use strict';
// Prints the table of the figures that chaos runs left behind: figures.js FILE

const fs = require('node:fs');
const { tableOf } = require('./lib/figures');

const [, , file] = process.argv;
if (!file) {
  console.error('usage: figures.js FILE');
  process.exit(2);
}
const lines = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
if (lines.length > 0) {
  console.log(tableOf(lines.map((line) => JSON.parse(line))).replace(/^/gm, '# '));
}
