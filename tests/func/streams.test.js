'use strict';
// The real client and the methods of the test hub (tests/own): streams both ways, cancellation, and questions of the
// server to the client, over every transport with every encoding.

const assert = require('node:assert');
const path = require('node:path');
const { test } = require('node:test');
const { CHATD, NO_RATES } = require('./lib/chatd');
const { house, fresh } = require('./lib/people');
const { signalR } = require('./lib/hub');
const { COMBINATIONS, optionsOf } = require('./lib/combinations');
const { eventually, sleep, within } = require('./lib/util');

const CHATD_OWN = path.join(path.dirname(CHATD), 'chatd-own');
const here = house({ program: CHATD_OWN, settings: { ...NO_RATES, CHATD_SERVER_WORKERS: 4 } });
const connect = (combination) => here.real(fresh('user'), optionsOf(combination));
const reason = (promise) => promise.then(() => assert.fail('it was not refused'), (error) => error.message);
const UNEXPECTED = (method) => `An unexpected error occurred invoking '${method}' on the server.`;

// {items, subscription, end()}: what came of a stream so far, and the promise of its end.
function listen(stream) {
  const items = [];
  let subscription;
  const end = new Promise((complete, error) => {
    subscription = stream.subscribe({ next: (item) => items.push(item), complete, error });
  });
  end.catch(() => {});
  return { items, subscription, end: () => within(20000, end, 'the stream does not end') };
}

const range = (count) => Array.from({ length: count }, (_, i) => i + 1);

for (const combination of COMBINATIONS) {
  test(`${combination.name}: streams of the server`, async () => {
    const client = await connect(combination);
    const two = [listen(client.stream('Count', 50, 1)), listen(client.stream('Count', 500, 0))];
    await Promise.all(two.map(({ end }) => end()));
    assert.deepStrictEqual(two[0].items, range(50));
    assert.deepStrictEqual(two[1].items, range(500));
    const words = listen(client.stream('StreamAIResponse', 'room', 'one two three'));
    await words.end();
    assert.deepStrictEqual(words.items, ['one', 'two', 'three']);
    const failing = listen(client.stream('FailingHubStream'));
    assert.strictEqual(
      await reason(failing.end()),
      'An error occurred on the server while streaming results. HubException: hub text',
    );
    assert.deepStrictEqual(failing.items, [1]);
    assert.match(await reason(client.invoke('Count', 1, 1)), /streaming 'Count' method with a non-streaming invocation/);
  });

  test(`${combination.name}: a stream that never pauses is cancelled`, async () => {
    const client = await connect(combination);
    const flood = listen(client.stream('Flood', 1e9, 1000));
    const slow = listen(client.stream('Count', 1e9, 20));
    await eventually(() => flood.items.length > 100 && slow.items.length > 2, { timeout: 20000 });
    flood.subscription.dispose();
    slow.subscription.dispose();
    assert.strictEqual(await within(20000, client.invoke('Echo', 'still here')), 'still here');
    const count = flood.items.length;
    await sleep(100);
    assert.strictEqual(flood.items.length, count);
  });

  test(`${combination.name}: uploads`, async () => {
    const client = await connect(combination);
    const [first, second] = [new signalR.Subject(), new signalR.Subject()];
    const sum = client.invoke('SumBoth', first, 10, second);
    range(100).forEach((n) => first.next(n));
    first.complete();
    [1, 2].forEach((n) => second.next(n));
    second.complete();
    assert.strictEqual(await within(20000, sum), 5080);
    const broken = new signalR.Subject();
    const failed = reason(client.invoke('Sum', broken));
    broken.error(new Error('no more'));
    assert.match(await within(20000, failed), /^An unexpected error occurred invoking 'Sum' on the server. HubException: .*no more$/);
    const bad = new signalR.Subject();
    const text = client.invoke('SumText', bad);
    bad.next('no number');
    assert.strictEqual(await within(20000, text), 'HubException: Failed to bind Stream message.');
    const there = new signalR.Subject();
    const back = listen(client.stream('EchoStream', there));
    const items = ['a', 1, null, true, [1, 'b'], { x: { y: 'z' } }];
    items.forEach((item) => there.next(item));
    there.complete();
    await back.end();
    assert.deepStrictEqual(back.items, items);
  });

  // More than there are places for: the server stops reading, and goes on.
  test(`${combination.name}: an upload that is read slowly`, async () => {
    const client = await connect(combination);
    const numbers = new signalR.Subject();
    const sum = client.invoke('SumSlowly', numbers, 2);
    range(200).forEach((n) => numbers.next(n));
    numbers.complete();
    assert.strictEqual(await within(20000, sum), 20100);
  });

  test(`${combination.name}: questions to the client`, async () => {
    const client = await connect(combination);
    assert.strictEqual(
      await reason(client.invoke('AskBack')),
      `${UNEXPECTED('AskBack')} HubException: Client didn't provide a result.`,
    );
    client.on('Ask', async (argument) => {
      await sleep(argument === undefined ? 20 : 0);
      return argument === undefined ? 'blue' : { asked: argument };
    });
    assert.deepStrictEqual(await Promise.all([client.invoke('AskBack'), client.invoke('AskBack')]), ['blue', 'blue']);
    assert.deepStrictEqual(await client.invoke('AskAny', [1, 'x']), { asked: [1, 'x'] });
    client.off('Ask');
    client.on('Ask', () => {
      throw new Error('no idea');
    });
    assert.strictEqual(await reason(client.invoke('AskBack')), `${UNEXPECTED('AskBack')} HubException: Error: no idea`);
    client.off('Ask');
    client.on('Ask', () => new Promise(() => {}));
    client.invoke('AskBack').catch(() => {});
    assert.strictEqual(await client.invoke('Echo', 'meanwhile'), 'meanwhile');
    assert.match(await reason(client.invoke('AskWithin', 50)), /The client did not answer in time\.$/);
  });
}
