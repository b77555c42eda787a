'use strict';
// What tests leave behind when they fail: daemons and sockets, which go behind the file's last test, so that nothing
// keeps its process from ending, and folders, which go with the process.

const fs = require('node:fs');
const { after } = require('node:test');

const daemons = new Set(); // child processes
const sockets = new Set();
const dirs = new Set();
const duties = []; // what is to be done, and judged, before the rest is cleared away

function keep(set, handle) {
  set.add(handle);
  handle.once('close', () => set.delete(handle));
}

function clear() {
  daemons.forEach((child) => child.kill('SIGKILL'));
  sockets.forEach((socket) => socket.destroy());
}

process.on('exit', () => {
  clear();
  dirs.forEach((dir) => fs.rmSync(dir, { recursive: true, force: true }));
});
after(async () => {
  try {
    for (const duty of duties) {
      await duty();
    }
  } finally {
    clear();
  }
});

module.exports = {
  daemon: (child) => keep(daemons, child),
  socket: (socket) => keep(sockets, socket),
  dir: (dir) => dirs.add(dir),
  finally: (duty) => duties.push(duty),
};
