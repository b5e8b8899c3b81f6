import { describe, expect, test } from 'vitest';
import { StatewayError } from '../../src/core/errors.js';
import {
  APPLICATION,
  DEVICE,
  type FrontHarness,
  type HarnessOptions,
  STATE_PATH,
  startFront,
  TOKEN,
  until,
} from '../helpers/front-harness.js';
import { encodeFrame, OPCODE, RawWebSocket } from '../helpers/raw-websocket.js';

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
    const refused = await socket.nextAnswer();
    expect(refused).toMatchObject({ error: { type: 'Unavailable' }, frame: 2 });
    first?.store();
    expect(await socket.nextAnswer()).toEqual({ ack: 2 });
    third?.store();
    expect(await socket.nextAnswer()).toEqual({ ack: 3 });
    expect(meters.received.websocket).toEqual({ accepted: 2, refused: 0, unavailable: 1 });
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
    await until(() => front.connections().websocket === 0);
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
  expect(front.connections().websocket).toBe(0);
});

test('a client that does not read its answers is cut off', async () => {
  const { socket, front } = await openSocket({ maxUnansweredBytes: 0 });
  socket.connection.pause();
  const many = textFrames(...Array<string>(10_000).fill('x'));
  while (front.connections().websocket > 0) await socket.connection.send(many);
  expect(front.connections().websocket).toBe(0);
});
