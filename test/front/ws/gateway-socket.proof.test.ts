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
} from '../../helpers/front-harness.js';
import { OPCODE, RawWebSocket } from '../../helpers/raw-websocket.js';
import type { Proof, ScriptedAuthorizer } from '../../helpers/scripted-authorizer.js';

const AUTHORIZED = { authorization: `Bearer ${TOKEN}` };
const NOT_GRANTED = new StatewayError('STATEWAY_NOT_GRANTED', 'its scopes do not allow sending');
/** What the cloud may say to the state itself. */
const FINAL = [
  new StatewayError('STATEWAY_TOKEN_REFUSED', 'the cloud refused the token'),
  new StatewayError('STATEWAY_NOT_GRANTED', 'the token may not send for this device'),
  new StatewayError('STATEWAY_NO_SUCH_DEVICE', 'no such device'),
];
const PASSING = [
  new StatewayError('STATEWAY_INVALID_STATE', 'data.a: no'),
  new StatewayError('STATEWAY_CLOUD_THROTTLED', 'too many requests'),
  new StatewayError('STATEWAY_CLOUD_UNREACHABLE', 'the cloud cannot be asked'),
];

/** Answers the question with neither yes nor no, as of a token that may send but not read. */
async function leaveUnproven(authorizer: ScriptedAuthorizer): Promise<void> {
  (await authorizer.nextQuestion()).leaveUnproven();
}

describe('a frame of a gateway whose token may or may not send', () => {
  const stateOf = (deviceId: string) => ({ deviceId, data: { n: 1 }, time: 5 });

  async function sent(frame: string | Uint8Array): Promise<FrontHarness & { socket: RawWebSocket }> {
    const harness = await startFront();
    const socket = await RawWebSocket.open(harness.port, GATEWAY_PATH, AUTHORIZED);
    await socket.send(typeof frame === 'string' ? OPCODE.text : OPCODE.binary, frame);
    return { ...harness, socket };
  }

  test.each<[string, string | Uint8Array, string]>([
    ['one state', JSON.stringify(stateOf(DEVICE)), '{"data":{"n":1},"time":5}'],
    [
      'many',
      JSON.stringify([stateOf(DEVICE), stateOf(DEVICE.toUpperCase())]),
      '[{"data":{"n":1},"time":5},{"data":{"n":1},"time":5}]',
    ],
    ['MessagePack', pack([stateOf(DEVICE)]), '[{"data":{"n":1},"time":5}]'],
  ])('is settled by its states, as the device would have sent them: %s', async (_what, frame, body) => {
    const { socket, authorizer, intake } = await sent(frame);
    await leaveUnproven(authorizer);
    const proof = await authorizer.nextProof();
    expect({ key: proof.device.key, encoding: proof.encoding, text: proof.text }).toEqual({
      key: APPLICATION + DEVICE,
      encoding: 'json',
      text: body,
    });
    proof.succeed(1);
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
    expect(intake.taken).toEqual([]);
  });

  test('is stored whole where another has been granted the triple meanwhile', async () => {
    const text = JSON.stringify(stateOf(DEVICE));
    const { authorizer, intake } = await sent(text);
    await leaveUnproven(authorizer);
    const grant = (await authorizer.nextProof()).grant();
    const taken = await intake.nextBody();
    expect({ text: taken.text, grants: taken.grants }).toEqual({ text, grants: [grant] });
  });

  test.each(FINAL)('is Forbidden where the cloud says no, and the socket stays open: %s', async (error) => {
    const { socket, authorizer } = await sent(JSON.stringify(stateOf(DEVICE)));
    await leaveUnproven(authorizer);
    (await authorizer.nextProof()).refuse(error);
    const message = `device ${DEVICE} is not granted: ${error.message}`;
    expect(await socket.nextAnswer()).toEqual({ error: { type: 'Forbidden', message }, frame: 1 });
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
    await socket.send(OPCODE.ping, '');
    expect((await socket.nextFrame()).opcode).toBe(OPCODE.pong);
  });

  test.each(PASSING)('is answered as it is with what is not for good: %s', async (error) => {
    const { socket, authorizer } = await sent(JSON.stringify(stateOf(DEVICE)));
    await leaveUnproven(authorizer);
    (await authorizer.nextProof()).refuse(error);
    expect(await socket.nextAnswer()).toEqual({ error: error.toBody(), frame: 1 });
  });

  test('for several devices is settled by the states of each that needs it; the rest is stored', async () => {
    const frame = [stateOf(DEVICE), stateOf(OTHER_DEVICE), { ...stateOf(DEVICE.toUpperCase()), time: 6 }];
    const { socket, authorizer, intake, meters } = await sent(JSON.stringify(frame));
    await leaveUnproven(authorizer);
    const grant = (await authorizer.nextQuestion()).grant();
    const proof = await authorizer.nextProof();
    expect(proof.text).toBe('[{"data":{"n":1},"time":5},{"data":{"n":1},"time":6}]');
    expect(intake.taken).toEqual([]);
    proof.succeed(2);
    const taken = await intake.nextBody();
    expect({ text: taken.text, grants: taken.grants }).toEqual({
      text: JSON.stringify([stateOf(OTHER_DEVICE)]),
      grants: [grant],
    });
    taken.store();
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
    expect(meters.received.websocket.accepted).toBe(3);
  });

  test('for several devices asks for all of them before a state leaves, and stops at the first no', async () => {
    const { socket, authorizer, intake } = await sent(JSON.stringify([DEVICE, OTHER_DEVICE, APPLICATION].map(stateOf)));
    const questions = [
      await authorizer.nextQuestion(),
      await authorizer.nextQuestion(),
      await authorizer.nextQuestion(),
    ];
    questions[0]?.leaveUnproven();
    questions[1]?.leaveUnproven();
    await turn();
    expect(authorizer.proofs).toEqual([]);
    questions[2]?.leaveUnproven();
    (await authorizer.nextProof()).succeed();
    (await authorizer.nextProof()).refuse(FINAL[1]);
    expect(await socket.nextAnswer()).toEqual({
      error: {
        type: 'Forbidden',
        message: expect.stringMatching(`^device ${OTHER_DEVICE} is not granted: .*states of 1$`),
      },
      frame: 1,
    });
    expect(authorizer.proofs).toHaveLength(2);
    expect(intake.taken).toEqual([]);
  });

  test('for several devices is refused whole for a state that is none, before one leaves', async () => {
    const { socket, authorizer } = await sent(JSON.stringify([stateOf(DEVICE), { deviceId: OTHER_DEVICE, data: 5 }]));
    await leaveUnproven(authorizer);
    await leaveUnproven(authorizer);
    expect(await socket.nextAnswer()).toMatchObject({ error: { type: 'Validation' }, frame: 1 });
    expect(authorizer.proofs).toEqual([]);
  });

  test.each<[string, string, StatewayError]>([
    ['a token that may not send', JSON.stringify(stateOf(DEVICE)), NOT_GRANTED],
    ['a token that is refused', JSON.stringify(stateOf(DEVICE)), FINAL[0] as StatewayError],
    ['a device that is not there', JSON.stringify(stateOf(DEVICE)), FINAL[2] as StatewayError],
  ])('with %s is Forbidden without a proof', async (_what, frame, error) => {
    const { socket, authorizer } = await sent(frame);
    (await authorizer.nextQuestion()).refuse(error);
    expect(await socket.nextAnswer()).toMatchObject({ error: { type: 'Forbidden' }, frame: 1 });
    expect(authorizer.proofs satisfies Proof[]).toEqual([]);
  });
});
