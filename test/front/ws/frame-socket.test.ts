import { describe, expect, test } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import { TOLD_AFTER_MS } from '../../../src/front/due-answers.js';
import {
  APPLICATION,
  DEVICE,
  type FrontHarness,
  type HarnessOptions,
  STATE_PATH,
  startFront,
  TOKEN,
  until,
} from '../../helpers/front-harness.js';
import { encodeFrame, OPCODE, RawWebSocket } from '../../helpers/raw-websocket.js';

interface OpenSocket extends FrontHarness {
  readonly socket: RawWebSocket;
}

async function openSocket(options: HarnessOptions = {}): Promise<OpenSocket> {
  const harness = await startFront(options);
  harness.authorizer.give(TOKEN, APPLICATION, DEVICE);
  const socket = await RawWebSocket.open(harness.port, STATE_PATH, { Authorization: `Bearer ${TOKEN}` });
  return { ...harness, socket };
}

const textFrames = (...texts: string[]): Buffer => Buffer.concat(texts.map((text) => encodeFrame(OPCODE.text, text)));

describe('the bound on unanswered bytes', () => {
  test('refuses frames beyond it as Unavailable, each by its number, while the socket stays open', async () => {
    const { socket, intake, meters } = await openSocket({ maxUnansweredBytes: 5000 });
    await socket.connection.send(textFrames('a'.repeat(4000), 'b'.repeat(4000), 'c'.repeat(100)));
    const [first, third] = await intake.nextBodies(2);
    expect(third?.text[0]).toBe('c');
    first?.store();
    const refused = await socket.nextAnswer();
    expect(refused).toMatchObject({ error: { type: 'Unavailable' }, frame: 2 });
    expect(await socket.nextAnswer()).toEqual({ ack: 2 });
    third?.store();
    expect(await socket.nextAnswer()).toEqual({ ack: 3 });
    expect(meters.received.websocket).toEqual({ accepted: 2, refused: 0, unavailable: 1 });
  });

  test('tells of refused frames a moment later, all of them together, when nothing is there to be acknowledged', async () => {
    const { socket, clock, meters } = await openSocket({ maxUnansweredBytes: 0 });
    const timers = clock.pendingTimers;
    await socket.connection.send(textFrames('1', '2', '3'));
    await until(() => meters.received.websocket.unavailable === 3);
    expect(clock.pendingTimers).toBe(timers + 1);
    await clock.advance(TOLD_AFTER_MS - 1);
    // The pong is the first that comes.
    await socket.send(OPCODE.ping, '');
    expect((await socket.nextFrame()).opcode).toBe(OPCODE.pong);
    await clock.advance(1);
    for (const frame of [1, 2, 3]) {
      expect(await socket.nextAnswer()).toMatchObject({ error: { type: 'Unavailable' }, frame });
    }
    expect(await socket.nextAnswer()).toEqual({ ack: 3 });
    expect(clock.pendingTimers).toBe(timers);
  });

  test('does not let refused frames that nobody is told of pile up', async () => {
    const { socket } = await openSocket({ maxUnansweredBytes: 0 });
    await socket.connection.send(textFrames(...Array<string>(64).fill('x')));
    for (let frame = 1; frame <= 64; frame++) expect(await socket.nextAnswer()).toMatchObject({ frame });
    expect(await socket.nextAnswer()).toEqual({ ack: 64 });
  });

  test('tells of refused frames before it says goodbye', async () => {
    const { socket, front, meters } = await openSocket({ maxUnansweredBytes: 0 });
    await socket.connection.send(textFrames('1'));
    await until(() => meters.received.websocket.unavailable === 1);
    await front.close(0);
    expect(await socket.nextAnswer()).toMatchObject({ error: { type: 'Unavailable' }, frame: 1 });
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
    expect((await socket.nextClose()).code).toBe(1001);
  });

  test('counts frames without content too, since each takes its place until it is answered', async () => {
    const { socket, intake } = await openSocket({ maxUnansweredBytes: 100_000 });
    await socket.connection.send(textFrames(...Array<string>(2000).fill('')));
    expect(await socket.nextAnswer()).toMatchObject({ error: { type: 'Unavailable' } });
    expect(intake.taken.length).toBeGreaterThan(100);
    expect(intake.taken.length).toBeLessThan(2000);
  });

  test('is free again once a client has gone with frames under way', async () => {
    const { socket, intake, front } = await openSocket();
    await socket.connection.send(textFrames('1', '2', '3'));
    const bodies = await intake.nextBodies(3);
    socket.connection.destroy();
    await until(() => front.underWay().websocket === 0);
    expect(front.unansweredBytes()).toBeGreaterThan(0);
    bodies[2]?.refuse(new StatewayError('STATEWAY_MALFORMED_BODY', 'no'));
    bodies[0]?.store();
    bodies[1]?.store();
    expect(front.unansweredBytes()).toBe(0);
  });
});

test('a client that says goodbye is told goodbye', async () => {
  const { socket, front } = await openSocket();
  await socket.send(OPCODE.close, Buffer.of(0x03, 0xe8));
  expect((await socket.nextClose()).code).toBe(1000);
  await socket.connection.closed;
  expect(front.underWay().websocket).toBe(0);
});

test('a client that does not read its answers is cut off', async () => {
  const { socket, front } = await openSocket({ maxUnansweredBytes: 0 });
  socket.connection.pause();
  const many = textFrames(...Array<string>(10_000).fill('x'));
  while (front.underWay().websocket > 0) await socket.connection.send(many);
  expect(front.underWay().websocket).toBe(0);
});

test('a client that does not read what it is told later is cut off too', async () => {
  const { socket, front, clock, meters } = await openSocket({ maxUnansweredBytes: 0 });
  socket.connection.pause();
  const some = textFrames(...Array<string>(60).fill('x'));
  const isOpen = () => front.underWay().websocket > 0;
  for (let refused = 60; isOpen(); refused += 60) {
    await socket.connection.send(some);
    await until(() => meters.received.websocket.unavailable >= refused || !isOpen());
    await clock.advance(TOLD_AFTER_MS);
  }
  expect(meters.received.websocket.unavailable).toBeGreaterThan(1_000);
});
