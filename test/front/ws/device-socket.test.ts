import { describe, expect, test } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import type { Grant } from '../../../src/core/grant.js';
import {
  APPLICATION,
  DEVICE,
  type FrontHarness,
  type HarnessOptions,
  STATE,
  STATE_PATH,
  startFront,
  TOKEN,
  until,
} from '../../helpers/front-harness.js';
import { encodeFrame, OPCODE, RawWebSocket } from '../../helpers/raw-websocket.js';

const AUTHORIZED = { Authorization: `Bearer ${TOKEN}` };
const MIB = 1024 * 1024;
const EXPIRED = new StatewayError('STATEWAY_TOKEN_EXPIRED', 'the token has expired');

interface OpenSocket extends FrontHarness {
  readonly socket: RawWebSocket;
  readonly grant: Grant;
}

/** A front with one socket open; the token lives for `livesForMs`. */
async function openSocket(options: HarnessOptions & { livesForMs?: number } = {}): Promise<OpenSocket> {
  const harness = await startFront(options);
  const expiresAtMs = harness.clock.wallMs() + (options.livesForMs ?? Number.POSITIVE_INFINITY);
  const grant = harness.authorizer.give(TOKEN, APPLICATION, DEVICE, expiresAtMs);
  return { ...harness, grant, socket: await RawWebSocket.open(harness.port, STATE_PATH, AUTHORIZED) };
}

const textFrames = (...texts: string[]): Buffer => Buffer.concat(texts.map((text) => encodeFrame(OPCODE.text, text)));

describe('acks', () => {
  test('come once a frame is stored, and not before', async () => {
    const { socket, intake } = await openSocket();
    await socket.send(OPCODE.text, STATE);
    const taken = await intake.nextBody();
    await socket.send(OPCODE.ping, 'are you there');
    // The pong is the first to come back: no ack went before it.
    expect((await socket.nextFrame()).opcode).toBe(OPCODE.pong);
    taken.store();
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
  });

  test('cover many frames with one answer', async () => {
    const { socket, intake } = await openSocket();
    await socket.connection.send(textFrames(...Array.from({ length: 100 }, (_, n) => `{"n":${n}}`)));
    const bodies = await intake.nextBodies(100);
    expect(bodies.map((taken) => taken.text)).toEqual(Array.from({ length: 100 }, (_, n) => `{"n":${n}}`));
    for (const taken of bodies) taken.store();
    expect(await socket.nextAnswer()).toEqual({ ack: 100 });
    await socket.send(OPCODE.text, STATE);
    (await intake.nextBody()).store();
    expect(await socket.nextAnswer()).toEqual({ ack: 101 });
  });

  test('never run ahead of a frame that is not settled', async () => {
    const { socket, intake } = await openSocket();
    await socket.connection.send(textFrames('1', '2', '3', '4'));
    const [first, second, third, fourth] = await intake.nextBodies(4);
    third?.store();
    fourth?.store();
    first?.store();
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
    second?.store();
    expect(await socket.nextAnswer()).toEqual({ ack: 4 });
  });

  test('are counted with states and time', async () => {
    const { socket, intake, meters, clock } = await openSocket();
    await socket.send(OPCODE.text, STATE);
    const taken = await intake.nextBody();
    await clock.advance(20);
    taken.store(7);
    await socket.nextAnswer();
    expect(meters.received.websocket).toEqual({ accepted: 7, refused: 0, unavailable: 0 });
    expect({ sum: meters.ackSeconds.sum, count: meters.ackSeconds.count }).toEqual({ sum: 0.02, count: 1 });
  });
});

describe('a frame', () => {
  test('of text is JSON and one of bytes is MessagePack, both as they came', async () => {
    const { socket, intake, grant } = await openSocket();
    await socket.send(OPCODE.text, '{"data":{"ü":"€"}}');
    await socket.send(OPCODE.binary, Uint8Array.of(0x81, 0x00, 0xff));
    const [text, binary] = await intake.nextBodies(2);
    expect(text).toMatchObject({ encoding: 'json', text: '{"data":{"ü":"€"}}', grants: [grant] });
    expect(binary).toMatchObject({ encoding: 'msgpack', bytes: Buffer.of(0x81, 0x00, 0xff), grants: [grant] });
    text?.store();
    binary?.store();
    expect(await socket.nextAnswer()).toEqual({ ack: 2 });
  });

  test('in fragments is one, though a ping comes between them', async () => {
    const { socket, intake } = await openSocket();
    await socket.send(OPCODE.text, '{"da', { fin: false });
    await socket.send(OPCODE.ping, 'between');
    await socket.send(OPCODE.continuation, 'ta":', { fin: false });
    await socket.send(OPCODE.continuation, '{}}');
    const taken = await intake.nextBody();
    expect(taken.text).toBe('{"data":{}}');
    taken.store();
    const pong = await socket.nextFrame();
    expect({ opcode: pong.opcode, payload: pong.payload.toString() }).toEqual({
      opcode: OPCODE.pong,
      payload: 'between',
    });
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
  });

  test('that is refused is named before the ack that covers it, and the socket stays open', async () => {
    const { socket, intake, meters } = await openSocket();
    await socket.connection.send(textFrames('1', 'bad', '3'));
    const [first, bad, third] = await intake.nextBodies(3);
    bad?.refuse(new StatewayError('STATEWAY_INVALID_STATE', 'data.x: must be a number'));
    third?.store();
    expect(await socket.nextAnswer()).toEqual({
      error: { type: 'Validation', message: 'data.x: must be a number' },
      frame: 2,
    });
    first?.store();
    expect(await socket.nextAnswer()).toEqual({ ack: 3 });
    expect(meters.received.websocket).toEqual({ accepted: 2, refused: 1, unavailable: 0 });
    await socket.send(OPCODE.text, STATE);
    (await intake.nextBody()).store();
    expect(await socket.nextAnswer()).toEqual({ ack: 4 });
  });

  test.each([
    ['of text', OPCODE.text],
    ['of bytes', OPCODE.binary],
  ])('%s may have the limit exactly', async (_what, opcode) => {
    const { socket, intake } = await openSocket({ maxBodyBytes: 100_000 });
    await socket.send(opcode, 'x'.repeat(100_000));
    const taken = await intake.nextBody();
    expect(taken.bytes.length).toBe(100_000);
    taken.store();
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
  });

  test.each([1025, 70_000, MIB])(
    'of %i bytes where 1,024 are allowed closes with 1009, and is not taken',
    async (size) => {
      const { socket, intake, front } = await openSocket({ maxBodyBytes: 1024 });
      await socket.send(OPCODE.text, 'x'.repeat(size));
      expect(await socket.nextClose()).toEqual({ code: 1009, reason: 'a frame must not be larger than 1024 bytes' });
      await socket.connection.closed;
      expect(intake.taken).toEqual([]);
      expect(front.underWay().websocket).toBe(0);
    },
  );

  test('that is too large once its fragments are put together closes with 1009', async () => {
    const { socket } = await openSocket({ maxBodyBytes: 1024 });
    await socket.send(OPCODE.binary, 'x'.repeat(1000), { fin: false });
    await socket.send(OPCODE.continuation, 'x'.repeat(25));
    expect((await socket.nextClose()).code).toBe(1009);
  });

  test('far too large ends the connection before it is read whole', async () => {
    const { socket, intake, front } = await openSocket({ maxBodyBytes: 1024 });
    void socket.send(OPCODE.binary, Buffer.alloc(16 * MIB));
    await socket.connection.closed;
    await until(() => front.underWay().websocket === 0);
    expect(intake.taken).toEqual([]);
  });

  test('too large acknowledges first what is settled, and what comes behind it is not taken', async () => {
    const { socket, intake } = await openSocket({ maxBodyBytes: 1024 });
    await socket.send(OPCODE.text, '1');
    const taken = await intake.nextBody();
    taken.store();
    await socket.connection.send(textFrames('x'.repeat(2000), '3'));
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
    expect((await socket.nextClose()).code).toBe(1009);
    await socket.connection.closed;
    expect(intake.taken).toHaveLength(1);
  });
});

describe('the end of a grant', () => {
  test('closes its socket with 1008 and the reason', async () => {
    const { socket, grant, front } = await openSocket();
    grant.end(new StatewayError('STATEWAY_TOKEN_REFUSED', 'the cloud refused the token'));
    expect(await socket.nextClose()).toEqual({ code: 1008, reason: 'the cloud refused the token' });
    await until(() => front.underWay().websocket === 0);
  });

  test('with a reason too long for a close frame, in more than one byte a character, is cut to fit', async () => {
    const { socket, grant } = await openSocket();
    grant.end(new StatewayError('STATEWAY_TOKEN_REFUSED', 'ü'.repeat(200)));
    const { code, reason } = await socket.nextClose();
    expect(code).toBe(1008);
    expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123);
    expect(reason).toMatch(/^ü+$/);
  });

  test('with frames on their way to disk: those are kept, nothing more is taken, nothing leaks', async () => {
    const { socket, grant, intake, front, meters } = await openSocket();
    await socket.connection.send(textFrames('1', '2'));
    const [first, second] = await intake.nextBodies(2);
    first?.store();
    grant.end(new StatewayError('STATEWAY_TOKEN_REFUSED', 'no'));
    second?.store();
    await socket.send(OPCODE.text, '3');
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
    expect((await socket.nextClose()).code).toBe(1008);
    await socket.connection.closed;
    expect({ taken: intake.taken.length, accepted: meters.received.websocket.accepted }).toEqual({
      taken: 2,
      accepted: 2,
    });
    expect(front.unansweredBytes()).toBe(0);
  });

  test('by the expiry of its token, as the cloud says when it is asked, closes the socket within a second', async () => {
    const { socket, authorizer, clock, front } = await openSocket({ livesForMs: 5000 });
    await clock.advance(4000);
    expect(front.underWay().websocket).toBe(1);
    authorizer.withdraw();
    await clock.advance(1000);
    (await authorizer.nextQuestion()).refuse(EXPIRED);
    expect(await socket.nextClose()).toEqual({ code: 1008, reason: EXPIRED.message });
    expect(front.underWay().websocket).toBe(0);
  });

  test('by expiry lets frames wait until the cloud has been asked, and go with the socket', async () => {
    const { socket, authorizer, clock, intake, front } = await openSocket({ livesForMs: 5000 });
    clock.jumpWall(5000);
    authorizer.withdraw();
    await socket.connection.send(textFrames('1', '2'));
    const question = await authorizer.nextQuestion();
    expect(front.unansweredBytes()).toBeGreaterThan(0);
    question.refuse(EXPIRED);
    expect((await socket.nextClose()).code).toBe(1008);
    await socket.connection.closed;
    expect(intake.taken).toEqual([]);
    expect(authorizer.asked).toHaveLength(1);
    expect(front.unansweredBytes()).toBe(0);
  });

  test('by a clock that is wrong is none: the cloud says yes, and the frames go on in order', async () => {
    const { socket, authorizer, clock, intake } = await openSocket({ livesForMs: 5000 });
    clock.jumpWall(10 * 365 * 86_400_000);
    authorizer.withdraw();
    await socket.connection.send(textFrames('1', '2'));
    const grant = (await authorizer.nextQuestion()).grant();
    const bodies = await intake.nextBodies(2);
    expect(bodies.map(({ text, grants }) => ({ text, grants }))).toEqual([
      { text: '1', grants: [grant] },
      { text: '2', grants: [grant] },
    ]);
    for (const body of bodies) body.store();
    expect(await socket.nextAnswer()).toEqual({ ack: 2 });
    grant.end(EXPIRED);
    expect((await socket.nextClose()).code).toBe(1008);
  });

  test('by a clock that may be wrong, while the cloud has no time for questions, refuses the frames alone', async () => {
    const { socket, authorizer, clock, front } = await openSocket({ livesForMs: 5000 });
    clock.jumpWall(5000);
    authorizer.withdraw();
    await socket.send(OPCODE.text, '1');
    const busy = new StatewayError('STATEWAY_OVERLOADED', 'too many unknown tokens are being checked');
    (await authorizer.nextQuestion()).refuse(busy);
    expect(await socket.nextAnswer()).toEqual({ error: busy.toBody(), frame: 1 });
    expect(front.underWay().websocket).toBe(1);
  });

  test('is listened for while the socket is open, and no longer', async () => {
    const harness = await startFront();
    const grant = harness.authorizer.give(TOKEN, APPLICATION, DEVICE);
    let listeners = 0;
    const onEnd = grant.onEnd.bind(grant);
    grant.onEnd = (listener) => {
      const stop = onEnd(listener);
      listeners++;
      return () => {
        listeners--;
        stop();
      };
    };
    const socket = await RawWebSocket.open(harness.port, STATE_PATH, AUTHORIZED);
    expect(listeners).toBe(1);
    socket.connection.destroy();
    await until(() => harness.front.underWay().websocket === 0);
    expect(listeners).toBe(0);
  });
});
