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
  until,
} from '../../helpers/front-harness.js';
import { OPCODE, RawWebSocket } from '../../helpers/raw-websocket.js';

const REFUSED = new StatewayError('STATEWAY_TOKEN_REFUSED', 'the cloud refused the token');

interface OpenGateway extends FrontHarness {
  readonly socket: RawWebSocket;
}

/** A front with one gateway connected. */
async function openGateway(): Promise<OpenGateway> {
  const harness = await startFront();
  const socket = await RawWebSocket.open(harness.port, GATEWAY_PATH, { Authorization: `Bearer ${TOKEN}` });
  return { ...harness, socket };
}

const frameOf = (deviceId: string): string => JSON.stringify([{ deviceId, data: { n: 0 } }]);

describe('the end', () => {
  test('of its token closes the socket with 1008, whichever device the cloud said so for', async () => {
    const { socket, intake, authorizer, front } = await openGateway();
    const grant = authorizer.give(TOKEN, APPLICATION, DEVICE);
    await socket.send(OPCODE.text, frameOf(DEVICE));
    (await intake.nextBody()).store();
    grant.end(REFUSED);
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
    expect(await socket.nextClose()).toEqual({ code: 1008, reason: REFUSED.message });
    await until(() => front.underWay().websocket === 0);
  });

  test('of the grant for one device leaves it open, and the next one in use is watched', async () => {
    const { socket, intake, authorizer } = await openGateway();
    const first = authorizer.give(TOKEN, APPLICATION, DEVICE);
    const second = authorizer.give(TOKEN, APPLICATION, OTHER_DEVICE);
    await socket.send(OPCODE.text, frameOf(DEVICE));
    (await intake.nextBody()).store();
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
    first.end(new StatewayError('STATEWAY_NOT_GRANTED', 'not this device'));
    await socket.send(OPCODE.text, frameOf(OTHER_DEVICE));
    (await intake.nextBody()).store();
    expect(await socket.nextAnswer()).toEqual({ ack: 2 });
    second.end(REFUSED);
    expect((await socket.nextClose()).code).toBe(1008);
  });

  test('of the life of its token, as the cloud says when it is asked, closes the socket within a second', async () => {
    const { socket, intake, authorizer, clock, front } = await openGateway();
    authorizer.give(TOKEN, APPLICATION, DEVICE, clock.wallMs() + 5_000);
    await socket.send(OPCODE.text, frameOf(DEVICE));
    (await intake.nextBody()).store();
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
    await clock.advance(4_000);
    expect(front.underWay().websocket).toBe(1);
    authorizer.withdraw();
    await clock.advance(1_000);
    (await authorizer.nextQuestion()).refuse(new StatewayError('STATEWAY_TOKEN_EXPIRED', 'the token has expired'));
    expect(await socket.nextClose()).toEqual({ code: 1008, reason: 'the token has expired' });
  });

  test('of its life by a clock that is wrong is none', async () => {
    const { socket, intake, authorizer, clock } = await openGateway();
    authorizer.give(TOKEN, APPLICATION, DEVICE, clock.wallMs() + 5_000);
    await socket.send(OPCODE.text, frameOf(DEVICE));
    (await intake.nextBody()).store();
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
    authorizer.withdraw();
    await clock.advance(5_000);
    const grant = (await authorizer.nextQuestion()).grant();
    await clock.advance(5_000);
    expect(authorizer.asked).toHaveLength(1);
    grant.end(REFUSED);
    expect(await socket.nextClose()).toEqual({ code: 1008, reason: REFUSED.message });
  });
});
