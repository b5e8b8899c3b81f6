import { beforeEach, expect, it } from 'vitest';
import { Admission } from '../../src/front/admission.js';
import { RelayedLine } from '../../src/front/mqtt/relayed-line.js';
import type { SocketLine } from '../../src/front/mqtt/socket-line.js';
import { MqttRelay } from '../../src/front/mqtt-relay.js';
import { StrangerSockets } from '../../src/front/stranger-sockets.js';
import { FakeClock } from '../helpers/fake-clock.js';

const ADDRESS = '10.0.0.1';
const BOUND = 100;

let clock: FakeClock;
let admission: Admission;
let relay: MqttRelay;
let socket: SocketLine;
/** What the WebSocket was told to do, and what lies in it unsent. */
let done: string[];
let buffered: number;
/** What the connection at the far end was told. */
let told: string[];
let far: RelayedLine;

beforeEach(() => {
  clock = new FakeClock();
  admission = new Admission(BOUND, BOUND);
  done = [];
  told = [];
  buffered = 0;
  relay = new MqttRelay({ admission, clock }, (peer, address, near) => {
    far = new RelayedLine(peer, address, near, () => ({
      receive: (chunk) => void told.push(Buffer.from(chunk).toString()),
      drained: () => void told.push('drained'),
      closed: () => void told.push('closed'),
    }));
    // As by messages: in order, and later.
    const later = (task: () => void): void => void setImmediate(task);
    return {
      data: (chunk) => later(() => far.receive(chunk)),
      taken: (bytes) => later(() => far.taken(bytes)),
      closed: () => later(() => far.closed()),
    };
  });
  const place = new StrangerSockets({ all: 1, each: 1 }, clock).take(ADDRESS);
  socket = relay.overSocket(ADDRESS, { address: ADDRESS }, place as never);
  socket.open({
    send: (bytes: Uint8Array) => done.push(Buffer.from(bytes).toString()),
    getBufferedAmount: () => buffered,
    end: () => {
      done.push('end');
      socket.closed();
    },
    close: () => {
      done.push('close');
      socket.closed();
    },
  } as never);
});

const turn = () => new Promise((resolve) => setImmediate(resolve));
const receive = (text: string) => socket.receive(Uint8Array.from(Buffer.from(text)).buffer, true);

it('bytes pass both ways, and count in the front until they were read at the far end', async () => {
  receive('hello');
  expect(admission.bytes).toBe(5);
  await turn();
  expect(told).toEqual(['hello']);
  expect(admission.bytes).toBe(0);

  far.write(Buffer.from('answer'));
  expect(done).toEqual(['answer']);
  expect(far.unsentBytes).toBe(6);
  await turn();
  expect([far.unsentBytes, told.at(-1)]).toEqual([0, 'drained']);
});

it('what the other end has not taken is known at the far end until it has', async () => {
  buffered = 6;
  far.write(Buffer.from('answer'));
  await turn();
  expect(far.unsentBytes).toBe(6);
  expect(told).toEqual([]);
  buffered = 0;
  socket.drained();
  await turn();
  expect([far.unsentBytes, told]).toEqual([0, ['drained']]);
});

it('a socket that brings more than there is room for is cut, and what it held given back', async () => {
  receive('x'.repeat(BOUND));
  receive('y');
  expect(done).toEqual(['close']);
  await turn();
  expect(admission.bytes).toBe(0);
  expect(told.at(-1)).toBe('closed');
  far.closed();
  expect(told.filter((word) => word === 'closed')).toHaveLength(1);
});

it('a front that stops waits for the far end to close its lines, and no longer than it may', async () => {
  let isClosed = false;
  const closing = relay.close(1_000).then(() => {
    isClosed = true;
  });
  await clock.advance(500);
  expect(isClosed).toBe(false);
  far.end();
  await clock.advance(10);
  await closing;
  expect(done).toEqual(['end']);

  await relay.close(1_000);
});
