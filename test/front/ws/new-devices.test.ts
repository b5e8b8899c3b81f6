import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { MAX_NEW_DEVICES_OF_FRAME, MAX_NEW_DEVICES_OF_SOCKET } from '../../../src/core/bounds.js';
import { StatewayError } from '../../../src/core/errors.js';
import { APPLICATION, type FrontHarness, GATEWAY_PATH, startFront, TOKEN, until } from '../../helpers/front-harness.js';
import { OPCODE, RawWebSocket } from '../../helpers/raw-websocket.js';

type Gateway = FrontHarness & { readonly socket: RawWebSocket };

async function openGateway(): Promise<Gateway> {
  const harness = await startFront();
  const socket = await RawWebSocket.open(harness.port, GATEWAY_PATH, { authorization: `Bearer ${TOKEN}` });
  return { ...harness, socket };
}

const idOf = (n: number) => `5c${n.toString(16).padStart(22, '0')}`;

function sendFrame({ socket }: Gateway, from: number, devices: number): Promise<void> {
  const states = Array.from({ length: devices }, (_, i) => ({ deviceId: idOf(from + i), data: { n: 1 } }));
  return socket.send(OPCODE.text, JSON.stringify(states));
}

const TOO_MANY = { error: { type: 'Unavailable', message: expect.stringMatching(/devices that are not known/) } };

test('a frame beyond the bound is refused, and the first of its devices are asked for, once', async () => {
  const gateway = await openGateway();
  const { socket, authorizer } = gateway;
  for (let frame = 1; frame <= 2; frame++) {
    await sendFrame(gateway, 0, 250);
    expect(await socket.nextAnswer()).toMatchObject({ ...TOO_MANY, frame });
    expect(await socket.nextAnswer()).toEqual({ ack: frame });
  }
  expect(authorizer.asked.map(({ deviceId }) => deviceId)).toEqual(
    Array.from({ length: MAX_NEW_DEVICES_OF_FRAME }, (_, i) => idOf(i)),
  );
});

test('known devices do not count: a large gateway is taken in when the rest are known', async () => {
  const gateway = await openGateway();
  const { intake, authorizer, socket } = gateway;
  for (let i = 0; i < 200; i++) authorizer.give(TOKEN, APPLICATION, idOf(i));
  await sendFrame(gateway, 0, 200 + MAX_NEW_DEVICES_OF_FRAME);
  await until(() => authorizer.asked.length === MAX_NEW_DEVICES_OF_FRAME);
  for (const question of authorizer.asked) question.grant();
  (await intake.nextBody()).store(300);
  expect(await socket.nextAnswer()).toEqual({ ack: 1 });
});

test('a device that may not be sent for is named by the next frame that has it', async () => {
  const gateway = await openGateway();
  const { socket, authorizer } = gateway;
  await sendFrame(gateway, 0, 250);
  await socket.nextAnswer();
  await socket.nextAnswer();
  authorizer.asked[7]?.refuse(new StatewayError('STATEWAY_NO_SUCH_DEVICE', 'no such device'));
  await turn();
  await sendFrame(gateway, 0, 250);
  expect(await socket.nextAnswer()).toMatchObject({
    error: { type: 'Forbidden', message: expect.stringContaining(idOf(7)) },
    frame: 2,
  });
});

test('the frames that wait on one socket name so many together, and there is room again when they are settled', async () => {
  const gateway = await openGateway();
  const { socket, authorizer } = gateway;
  const frames = MAX_NEW_DEVICES_OF_SOCKET / MAX_NEW_DEVICES_OF_FRAME;
  for (let i = 0; i < frames; i++) await sendFrame(gateway, i * 100, 100);
  await sendFrame(gateway, 5_000, 1);
  expect(await socket.nextAnswer()).toMatchObject({ ...TOO_MANY, frame: frames + 1 });
  expect(authorizer.asked).toHaveLength(MAX_NEW_DEVICES_OF_SOCKET);
  // Devices that are waited for already are no new ones.
  const before = gateway.front.unansweredBytes();
  await sendFrame(gateway, 0, 100);
  await until(() => gateway.front.unansweredBytes() > before);
  authorizer.asked[0]?.refuse(new StatewayError('STATEWAY_NOT_GRANTED', 'no'));
  expect(await socket.nextAnswer()).toMatchObject({ error: { type: 'Forbidden' }, frame: 1 });
  await sendFrame(gateway, 5_000, 1);
  await until(() => authorizer.asked.some(({ deviceId }) => deviceId === idOf(5_000)));
});

test('what a void token brings is not even read', async () => {
  const gateway = await openGateway();
  const { socket, authorizer } = gateway;
  authorizer.voidBy = new StatewayError('STATEWAY_TOKEN_REFUSED', 'the cloud refused the token');
  await socket.send(OPCODE.text, 'x'.repeat(200_000));
  expect(await socket.nextAnswer()).toMatchObject({
    error: { type: 'Forbidden', message: expect.stringContaining('the cloud refused the token') },
    frame: 1,
  });
  expect(authorizer.asked).toEqual([]);
});
