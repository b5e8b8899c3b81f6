import type { Socket } from 'node:net';
import type { Dispatcher } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { Device } from '../../src/core/device.js';
import { CloudConnections } from '../../src/upstream/connections.js';
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
  afterEach(() => made.splice(0));
  const create = () => {
    const dispatcher = new FakeDispatcher();
    made.push(dispatcher);
    return dispatcher as unknown as Dispatcher;
  };

  it('are replaced once, however many requests to them fail', () => {
    const connections = new CloudConnections(create);
    const first = connections.current;
    connections.distrust(first);
    connections.distrust(first);
    expect(made).toHaveLength(2);
    expect(connections.current).toBe(made[1]);
    expect(made[0]).toMatchObject({ isClosed: true, isDestroyed: false });
  });

  it('are ended with the others, unless they have ended by themselves', async () => {
    const connections = new CloudConnections(create);
    connections.distrust(connections.current);
    connections.distrust(connections.current);
    await made[0]?.end();
    await connections.close();
    expect(made.map(({ isDestroyed }) => isDestroyed)).toEqual([false, true, true]);
  });

  it('stay where no others can be made', () => {
    const connections = new CloudConnections(() => {
      if (made.length > 0) throw new Error('no such file');
      return create();
    });
    const first = connections.current;
    connections.distrust(first);
    expect(connections.current).toBe(first);
    expect(made[0]).toMatchObject({ isClosed: false });
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
