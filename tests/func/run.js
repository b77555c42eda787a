'use strict';
// Runs test files with node's own runner, two at a time, and writes one TAP line per test, alike on every version of
// node from 18 on. run.js FILE|FOLDER...

const fs = require('node:fs');
const path = require('node:path');
const { run } = require('node:test');

const FILE_TIMEOUT_MS = Number(process.env.TEST_FILE_MINUTES || 9) * 60000;
const CONCURRENCY = Number(process.env.TEST_CONCURRENCY || 2);

function testFiles(name) {
  if (!fs.statSync(name).isDirectory()) {
    return [path.resolve(name)];
  }
  return fs
    .readdirSync(name)
    .filter((entry) => entry.endsWith('.test.js'))
    .sort()
    .map((entry) => path.resolve(name, entry));
}

function report(files) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  // A file is a test to the runner too; it counts only where it fails by itself.
  const isFile = (event) => files.includes(path.resolve(event.name));
  const stream = run({ files, concurrency: CONCURRENCY, timeout: FILE_TIMEOUT_MS });
  stream.on('test:pass', (event) => {
    if (isFile(event)) {
      return;
    }
    if (event.skip !== undefined || event.todo !== undefined) {
      counts.skipped++;
      console.log(`# skipped: ${event.name}${typeof event.skip === 'string' ? ` (${event.skip})` : ''}`);
      return;
    }
    counts.passed++;
    console.log(`ok - ${event.name}`);
  });
  stream.on('test:fail', (event) => {
    const error = event.details && event.details.error;
    if (error && error.failureType === 'subtestsFailed') {
      return;
    }
    counts.failed++;
    console.log(`not ok - ${event.name}`);
    const cause = (error && error.cause) || error;
    console.log(`  ${String((cause && cause.stack) || cause).replace(/\n/g, '\n  ')}`);
  });
  stream.on('test:diagnostic', (event) => {
    if (/^observed|^chaos|^vanish|^slow/.test(event.message)) {
      console.log(`# ${event.message}`);
    }
  });
  stream.on('test:stderr', (event) => process.stdout.write(event.message));
  return new Promise((resolve) => {
    stream.on('end', () => resolve(counts));
    stream.resume();
  });
}

async function main() {
  const files = process.argv.slice(2).flatMap(testFiles);
  if (files.length === 0) {
    console.error('usage: run.js FILE|FOLDER...');
    process.exit(2);
  }
  const { passed, failed, skipped } = await report(files);
  console.log(`# ${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}

main();
