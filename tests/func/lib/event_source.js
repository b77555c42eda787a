'use strict';
// An EventSource as browsers have it (HTML Living Standard, section 9.2), on fetch, for clients that take one: with no
// headers of the caller's, a stream is opened by its address alone.

class BrowserEventSource {
  constructor(url) {
    this.url = url;
    this.readyState = 0;
    this.aborter = new AbortController();
    this.run().then(
      () => this.fail(),
      (error) => this.fail(error),
    );
  }

  close() {
    this.readyState = 2;
    this.aborter.abort();
  }

  fail(error) {
    if (this.readyState !== 2) {
      this.close();
      this.onerror && this.onerror({ type: 'error', message: String(error) });
    }
  }

  async run() {
    const headers = { Accept: 'text/event-stream', 'Cache-Control': 'no-store' };
    const response = await fetch(this.url, { headers, signal: this.aborter.signal });
    if (response.status !== 200 || !/^text\/event-stream(;|$)/i.test(response.headers.get('content-type'))) {
      throw new Error(`no event stream: ${response.status}`);
    }
    this.readyState = 1;
    this.onopen && this.onopen({ type: 'open' });
    const decoder = new TextDecoder('utf-8');
    let text = '';
    for await (const part of response.body) {
      text += decoder.decode(part, { stream: true });
      text = this.takeLines(text);
    }
  }

  // Lines end with CR LF, LF or CR; a CR at the very end may have its LF to come.
  takeLines(text) {
    const lines = text.split(/\r\n|\n|\r(?!$)/);
    const rest = lines.pop();
    lines.forEach((line) => this.takeLine(line));
    return rest;
  }

  takeLine(line) {
    if (line === '') {
      this.dispatch();
      return;
    }
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') {
      this.data = this.data === undefined ? value : `${this.data}\n${value}`;
    }
  }

  dispatch() {
    if (this.data !== undefined) {
      const { data } = this;
      this.data = undefined;
      this.onmessage && this.onmessage({ type: 'message', data });
    }
  }
}

module.exports = { BrowserEventSource };
