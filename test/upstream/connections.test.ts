import type { Socket } from 'node:net';
import type { Dispatcher } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { Device } from '../../src/core/device.js';
import { CloudConnections, FAILURES_TO_RENEW, MAX_AGE_MS, RENEWED_EVERY_MS } from '../../src/upstream/connections.js';
import { Dialer } from '../../src/upstream/dialer.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { Cleaner, plainClient, startTcp } from './test-servers.js';

const device = new Device('5'.repeat(24), 'a'.repeat(24));
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"success":true}';
const AT_ONCE = 3;
const cleaner = new Cleaner();
afterEach(() => cleaner.run());

it('after a request without an answer no connection is used that was there before', async () => {
  let connected = 0;
  /** Connections up to this one carry nothing any more, as behind a router that was restarted. */
  let deadUpTo = 0;
  const waiting: Socket[] = [];
  const port = await startTcp(cleaner, (socket) => {
    const number = ++connected;
    socket.on('data', () => {
      if (number <= deadUpTo) return;
      // All together, so that each has a connection of its own.
      if (waiting.push(socket) === AT_ONCE) for (const each of waiting.splice(0)) each.write(ANSWER);
    });
  });
  const client = plainClient(cleaner, port, { answerTimeoutMs: 500 });
  const send = () => client.sendStates(device, 't', Buffer.from('[]'));
  const sendAll = () => Promise.all(Array.from({ length: AT_ONCE }, send));
  const allAnswered = Array(AT_ONCE).fill({ kind: 'answer', status: 200 });
  expect(await sendAll()).toMatchObject(allAnswered);

  deadUpTo = Number.POSITIVE_INFINITY;
  expect(await send()).toMatchObject({ kind: 'failure', reason: 'timeout' });
  deadUpTo = connected;
  expect(await sendAll()).toMatchObject(allAnswered);
});

describe('connections that are given up', () => {
  const made: FakeDispatcher[] = [];
  const clock = new FakeClock();
  afterEach(() => made.splice(0));
  const create = () => {
    const dispatcher = new FakeDispatcher();
    made.push(dispatcher);
    return dispatcher as unknown as Dispatcher;
  };
  const connectionsOf = (make = create) => new CloudConnections(make, new Dialer(clock), clock);

  it('are replaced once, however many requests to them fail', () => {
    const connections = connectionsOf();
    const first = connections.forRequest();
    connections.distrust(first);
    connections.distrust(first);
    expect(made).toHaveLength(2);
    expect(connections.forRequest()).toBe(made[1]);
    expect(made[0]).toMatchObject({ isClosed: true, isDestroyed: false });
  });

  it('are ended with the others, unless they have ended by themselves', async () => {
    const connections = connectionsOf();
    connections.distrust();
    connections.distrust();
    await made[0]?.end();
    await connections.close();
    expect(made.map(({ isDestroyed }) => isDestroyed)).toEqual([false, true, true]);
  });

  it('stay where no others can be made', () => {
    const connections = connectionsOf(() => {
      if (made.length > 0) throw new Error('no such file');
      return create();
    });
    const first = connections.forRequest();
    connections.distrust(first);
    expect(connections.forRequest()).toBe(first);
    expect(made[0]).toMatchObject({ isClosed: false });
  });

  it('are those that have come of age, without a request that ends', async () => {
    const connections = connectionsOf();
    await clock.advance(MAX_AGE_MS - 1);
    expect(connections.forRequest()).toBe(made[0]);
    await clock.advance(1);
    expect(connections.forRequest()).toBe(made[1]);
    expect(made[0]).toMatchObject({ isClosed: true, isDestroyed: false });
    await clock.advance(MAX_AGE_MS - 1);
    expect(connections.forRequest()).toBe(made[1]);
  });

  it('are those of which some requests in a row came to nothing, and from then on each time, not too often', async () => {
    const connections = connectionsOf();
    const fail = () => connections.note(connections.forRequest(), false);
    await clock.advance(RENEWED_EVERY_MS);
    for (let n = 1; n < FAILURES_TO_RENEW; n++) fail();
    connections.note(connections.forRequest(), true);
    for (let n = 1; n < FAILURES_TO_RENEW; n++) fail();
    expect(made).toHaveLength(1);
    const first = connections.forRequest();
    fail();
    expect(made).toHaveLength(2);
    // Requests that were under way with the last.
    connections.note(first, false);
    await clock.advance(RENEWED_EVERY_MS - 1);
    fail();
    expect(made).toHaveLength(2);
    await clock.advance(1);
    fail();
    expect(made).toHaveLength(3);
    connections.note(connections.forRequest(), true);
    await clock.advance(RENEWED_EVERY_MS);
    fail();
    expect(made).toHaveLength(3);
  });

  it('are not used again by a request that found its own closed', () => {
    const connections = connectionsOf();
    const first = connections.forRequest();
    expect(connections.insteadOf(first)).toBe(made[1]);
    expect(connections.insteadOf(first)).toBe(made[1]);
  });
});

/** Only what is asked of connections as a whole. */
class FakeDispatcher {
  isClosed = false;
  isDestroyed = false;
  #onEnd = () => {};

  close(): Promise<void> {
    this.isClosed = true;
    return new Promise((resolve) => {
      this.#onEnd = resolve;
    });
  }

  /** The last request has its answer. */
  async end(): Promise<void> {
    this.#onEnd();
  }

  async destroy(): Promise<void> {
    this.isDestroyed = true;
  }
}
