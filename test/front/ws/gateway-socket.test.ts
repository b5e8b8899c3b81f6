import { setImmediate as turn } from 'node:timers/promises';
import { pack } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import {
  APPLICATION,
  DEVICE,
  type FrontHarness,
  GATEWAY_PATH,
  OTHER_DEVICE,
  startFront,
  TOKEN,
  tellRefusals,
  until,
} from '../../helpers/front-harness.js';
import { encodeFrame, OPCODE, RawWebSocket } from '../../helpers/raw-websocket.js';

const THIRD_DEVICE = '5b0000000000000000000003';
const FOURTH_DEVICE = '5b0000000000000000000004';
const REFUSED = new StatewayError('STATEWAY_TOKEN_REFUSED', 'the cloud refused the token');

interface OpenGateway extends FrontHarness {
  readonly socket: RawWebSocket;
}

/** A front with one gateway connected; `granted` devices are at hand. */
async function openGateway(granted: readonly string[] = [], maxUnansweredBytes?: number): Promise<OpenGateway> {
  const harness = await startFront(maxUnansweredBytes === undefined ? {} : { maxUnansweredBytes });
  for (const deviceId of granted) harness.authorizer.give(TOKEN, APPLICATION, deviceId);
  const socket = await RawWebSocket.open(harness.port, GATEWAY_PATH, { Authorization: `Bearer ${TOKEN}` });
  expect(socket.upgrade.status).toBe(101);
  return { ...harness, socket };
}

const stateOf = (deviceId: string, n = 0) => ({ deviceId, data: { n } });
const frameOf = (...deviceIds: string[]): string => JSON.stringify(deviceIds.map((id, n) => stateOf(id, n)));

describe('a frame whose devices are granted', () => {
  test('goes to the intake at once, with their grants in order of first mention', async () => {
    const { socket, intake, authorizer } = await openGateway([DEVICE, OTHER_DEVICE]);
    const text = frameOf(OTHER_DEVICE, DEVICE, OTHER_DEVICE);
    await socket.send(OPCODE.text, text);
    const taken = await intake.nextBody();
    expect(taken).toMatchObject({ encoding: 'json', text });
    expect(taken.grants.map((grant) => grant.device.deviceId)).toEqual([OTHER_DEVICE, DEVICE]);
    expect(taken.grants.every((grant) => grant.device.applicationId === APPLICATION)).toBe(true);
    expect(authorizer.asked).toEqual([]);
    taken.store(3);
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
  });

  test('may be a single state, and may be MessagePack', async () => {
    const { socket, intake } = await openGateway([DEVICE]);
    await socket.send(OPCODE.text, JSON.stringify(stateOf(DEVICE.toUpperCase())));
    const bytes = pack([stateOf(DEVICE)]);
    await socket.send(OPCODE.binary, bytes);
    const [single, packed] = await intake.nextBodies(2);
    expect(single?.grants.map((grant) => grant.device.deviceId)).toEqual([DEVICE]);
    expect(packed).toMatchObject({ encoding: 'msgpack', bytes: Buffer.from(bytes) });
    single?.store();
    packed?.store();
    expect(await socket.nextAnswer()).toEqual({ ack: 2 });
  });
});

describe('a frame that names a device without a grant', () => {
  test('waits while each unknown device is asked for, then goes on whole', async () => {
    const { socket, intake, authorizer } = await openGateway([DEVICE]);
    const text = frameOf(DEVICE, OTHER_DEVICE, THIRD_DEVICE);
    await socket.send(OPCODE.text, text);
    const other = await authorizer.nextQuestion();
    const third = await authorizer.nextQuestion();
    expect([other, third]).toMatchObject([
      { token: TOKEN, applicationId: APPLICATION, deviceId: OTHER_DEVICE },
      { token: TOKEN, applicationId: APPLICATION, deviceId: THIRD_DEVICE },
    ]);
    third.grant();
    await turn();
    expect(intake.taken).toEqual([]);
    other.grant();
    const taken = await intake.nextBody();
    expect(taken.text).toBe(text);
    expect(taken.grants.map((grant) => grant.device.deviceId)).toEqual([DEVICE, OTHER_DEVICE, THIRD_DEVICE]);
    taken.store(3);
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
  });

  test.each([
    new StatewayError('STATEWAY_TOKEN_REFUSED', 'the cloud refused the token'),
    new StatewayError('STATEWAY_NOT_GRANTED', 'the token does not allow it'),
    new StatewayError('STATEWAY_NO_SUCH_DEVICE', 'no such device'),
  ])('is Forbidden, names the device, and the socket stays open: %s', async (error) => {
    const { socket, intake, authorizer } = await openGateway([DEVICE]);
    await socket.send(OPCODE.text, frameOf(DEVICE, OTHER_DEVICE));
    (await authorizer.nextQuestion()).refuse(error);
    expect(await socket.nextAnswer()).toEqual({
      error: { type: 'Forbidden', message: `device ${OTHER_DEVICE} is not granted: ${error.message}` },
      frame: 1,
    });
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
    expect(intake.taken).toEqual([]);
    await socket.send(OPCODE.text, frameOf(DEVICE));
    (await intake.nextBody()).store();
    expect(await socket.nextAnswer()).toEqual({ ack: 2 });
  });

  test('is Unavailable while the cloud cannot be asked, so that the gateway sends it again', async () => {
    const { socket, authorizer, meters } = await openGateway();
    await socket.send(OPCODE.text, frameOf(DEVICE));
    (await authorizer.nextQuestion()).refuse(new StatewayError('STATEWAY_CLOUD_UNREACHABLE', 'cannot be asked'));
    expect(await socket.nextAnswer()).toMatchObject({ error: { type: 'Unavailable' }, frame: 1 });
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
    expect(meters.received.websocket).toEqual({ accepted: 0, refused: 0, unavailable: 1 });
  });

  test('and another refused at the same time is refused once', async () => {
    const { socket, authorizer } = await openGateway();
    await socket.send(OPCODE.text, frameOf(DEVICE, OTHER_DEVICE));
    const refusal = new StatewayError('STATEWAY_NOT_GRANTED', 'no');
    const questions = [await authorizer.nextQuestion(), await authorizer.nextQuestion()];
    for (const question of questions) question.refuse(refusal);
    expect(await socket.nextAnswer()).toMatchObject({ error: { type: 'Forbidden' }, frame: 1 });
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
  });

  test('holds back those behind it, so that order is kept, and they follow without being asked for', async () => {
    const { socket, intake, authorizer } = await openGateway([DEVICE]);
    const frames = [frameOf(OTHER_DEVICE, DEVICE), frameOf(DEVICE), frameOf(DEVICE, DEVICE)];
    await socket.connection.send(Buffer.concat(frames.map((text) => encodeFrame(OPCODE.text, text))));
    const question = await authorizer.nextQuestion();
    await turn();
    expect(intake.taken).toEqual([]);
    question.grant();
    const bodies = await intake.nextBodies(3);
    expect(bodies.map((taken) => taken.text)).toEqual(frames);
    for (const taken of bodies) taken.store();
    expect(await socket.nextAnswer()).toEqual({ ack: 3 });
    expect(authorizer.asked).toHaveLength(1);
    // The way is free again: at once, and not through the waiting line.
    await socket.send(OPCODE.text, frames[1] as string);
    (await intake.nextBody()).store();
    expect(await socket.nextAnswer()).toEqual({ ack: 4 });
  });

  test('holds back those behind it that share a device with it, and lets all others pass', async () => {
    const { socket, intake, authorizer } = await openGateway([DEVICE]);
    await socket.send(OPCODE.text, frameOf(OTHER_DEVICE));
    await socket.send(OPCODE.text, frameOf(OTHER_DEVICE, THIRD_DEVICE));
    await socket.send(OPCODE.text, frameOf(THIRD_DEVICE, DEVICE));
    await socket.send(OPCODE.text, frameOf(FOURTH_DEVICE));
    const first = await authorizer.nextQuestion();
    const fourth = await authorizer.nextQuestion();
    expect([first, fourth].map((question) => question.deviceId)).toEqual([OTHER_DEVICE, FOURTH_DEVICE]);
    fourth.grant();
    expect((await intake.nextBody()).text).toBe(frameOf(FOURTH_DEVICE));
    // What is granted, but stands behind a device that waits, keeps its place.
    await socket.send(OPCODE.text, frameOf(DEVICE));
    await socket.send(OPCODE.ping, '');
    expect((await socket.nextFrame()).opcode).toBe(OPCODE.pong);
    expect(intake.taken).toHaveLength(1);
    authorizer.give(TOKEN, APPLICATION, OTHER_DEVICE);
    first.grant();
    (await authorizer.nextQuestion()).grant();
    (await authorizer.nextQuestion()).grant();
    const bodies = await intake.nextBodies(4);
    expect(bodies.map((taken) => taken.text)).toEqual([
      frameOf(OTHER_DEVICE),
      frameOf(OTHER_DEVICE, THIRD_DEVICE),
      frameOf(THIRD_DEVICE, DEVICE),
      frameOf(DEVICE),
    ]);
    // The ways are free again: at once, and not through any line.
    await socket.send(OPCODE.text, frameOf(DEVICE, OTHER_DEVICE));
    expect((await intake.nextBody()).text).toBe(frameOf(DEVICE, OTHER_DEVICE));
    expect(authorizer.asked).toHaveLength(4);
  });

  test('that is refused lets those behind it pass', async () => {
    const { socket, intake, authorizer } = await openGateway([DEVICE]);
    await socket.send(OPCODE.text, frameOf(DEVICE, OTHER_DEVICE));
    await socket.send(OPCODE.text, frameOf(DEVICE));
    (await authorizer.nextQuestion()).refuse(REFUSED);
    expect(await socket.nextAnswer()).toMatchObject({ error: { type: 'Forbidden' }, frame: 1 });
    (await intake.nextBody()).store();
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
    expect(await socket.nextAnswer()).toEqual({ ack: 2 });
  });

  test('counts under the bound while it waits', async () => {
    const gateway = await openGateway([], 5000);
    const large = JSON.stringify({ ...stateOf(DEVICE), meta: 'x'.repeat(3000) });
    await gateway.socket.send(OPCODE.text, large);
    const question = await gateway.authorizer.nextQuestion();
    expect(gateway.front.unansweredBytes()).toBeGreaterThanOrEqual(large.length);
    await gateway.socket.send(OPCODE.text, large);
    await tellRefusals(gateway, 1);
    expect(await gateway.socket.nextAnswer()).toMatchObject({ error: { type: 'Unavailable' }, frame: 2 });
    question.refuse(REFUSED);
    expect(await gateway.socket.nextAnswer()).toMatchObject({ error: { type: 'Forbidden' }, frame: 1 });
    expect(await gateway.socket.nextAnswer()).toEqual({ ack: 2 });
  });

  test('of a gateway that goes away is given up, with all those behind it', async () => {
    const { socket, intake, authorizer, front } = await openGateway([DEVICE]);
    await socket.send(OPCODE.text, frameOf(OTHER_DEVICE));
    await socket.send(OPCODE.text, frameOf(OTHER_DEVICE, THIRD_DEVICE));
    await socket.send(OPCODE.text, frameOf(THIRD_DEVICE, DEVICE));
    const question = await authorizer.nextQuestion();
    socket.connection.end();
    await until(() => front.underWay().websocket === 0);
    question.grant();
    await until(() => front.unansweredBytes() === 0);
    expect(intake.taken).toEqual([]);
    expect(authorizer.asked).toHaveLength(1);
  });
});

describe('a frame that cannot be read', () => {
  test.each<[string, number, string | Uint8Array, RegExp]>([
    ['without a deviceId', OPCODE.text, `[${JSON.stringify(stateOf(DEVICE))},{"data":{}}]`, /\[1\].*deviceId/],
    ['with a deviceId of another form', OPCODE.text, '{"deviceId":"x","data":{}}', /deviceId/],
    ['with a deviceId that is no string', OPCODE.text, '[{"deviceId":1,"data":{}}]', /\[0\].*deviceId/],
    ['with something else in the array', OPCODE.text, `[${JSON.stringify(stateOf(DEVICE))},7]`, /\[1\]/],
    ['of no object', OPCODE.text, '"hello"', /body|object/],
    ['of nothing', OPCODE.text, '', /empty/],
    ['of half an object', OPCODE.text, '{"deviceId":', /JSON/],
    ['of cut-off MessagePack', OPCODE.binary, Uint8Array.of(0x81, 0xa4, 0x64), /MessagePack/],
  ])('%s is Validation, and the socket stays open', async (_what, opcode, frame, message) => {
    const { socket, intake } = await openGateway([DEVICE]);
    await socket.send(opcode, frame);
    expect(await socket.nextAnswer()).toEqual({
      error: { type: 'Validation', message: expect.stringMatching(message) },
      frame: 1,
    });
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
    expect(intake.taken).toEqual([]);
    await socket.send(OPCODE.text, frameOf(DEVICE));
    (await intake.nextBody()).store();
    expect(await socket.nextAnswer()).toEqual({ ack: 2 });
  });

  test('is answered by its number though others wait before it', async () => {
    const { socket, authorizer, intake } = await openGateway();
    await socket.send(OPCODE.text, frameOf(DEVICE));
    const question = await authorizer.nextQuestion();
    await socket.send(OPCODE.text, 'no');
    expect(await socket.nextAnswer()).toMatchObject({ error: { type: 'Validation' }, frame: 2 });
    question.grant();
    (await intake.nextBody()).store();
    expect(await socket.nextAnswer()).toEqual({ ack: 2 });
  });
});

test('an empty array is acknowledged, there being nothing to store', async () => {
  const { socket, intake, meters } = await openGateway();
  await socket.send(OPCODE.text, '[]');
  expect(await socket.nextAnswer()).toEqual({ ack: 1 });
  expect(intake.taken).toEqual([]);
  expect(meters.received.websocket.accepted).toBe(0);
});

test('a frame that is refused is known by the gateway that its token names', async () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = `${part({ alg: 'HS256' })}.${part({ sub: FOURTH_DEVICE, subtype: 'device' })}.x`;
  const { authorizer, port, refusals } = await startFront({});
  authorizer.give(token, APPLICATION, DEVICE);
  const socket = await RawWebSocket.open(port, GATEWAY_PATH, { Authorization: `Bearer ${token}` });
  await socket.send(OPCODE.binary, Buffer.from([0xc1]));
  await until(() => refusals.recent().length === 1);
  expect(refusals.recent()[0]).toMatchObject({ applicationId: APPLICATION, deviceId: FOURTH_DEVICE });
});
