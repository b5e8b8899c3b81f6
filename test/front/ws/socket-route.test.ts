import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { WebSocket } from 'undici';
import { describe, expect, onTestFinished, test } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import {
  APPLICATION,
  DEVICE,
  type FrontHarness,
  GATEWAY_PATH,
  STATE,
  STATE_PATH,
  startFront,
  TOKEN,
  until,
} from '../../helpers/front-harness.js';
import { RawConnection } from '../../helpers/raw-connection.js';
import { OPCODE, RawWebSocket, upgradeHead } from '../../helpers/raw-websocket.js';

const AUTHORIZED = { Authorization: `Bearer ${TOKEN}` };

async function frontWithGrant(): Promise<FrontHarness> {
  const harness = await startFront();
  harness.authorizer.give(TOKEN, APPLICATION, DEVICE);
  return harness;
}

describe('an ordinary client', () => {
  test('connects with an Authorization header, sends text and binary, and is offered its sub-protocol', async () => {
    const harness = await frontWithGrant();
    harness.intake.storesAtOnce = true;
    const socket = new WebSocket(`ws://127.0.0.1:${harness.port}${STATE_PATH}`, {
      headers: { authorization: `Bearer ${TOKEN}` },
      protocols: ['states', 'other'],
    });
    onTestFinished(() => socket.close());
    await once(socket, 'open');
    expect(socket.protocol).toBe('states');
    socket.send(STATE);
    expect((await once(socket, 'message'))[0].data).toBe('{"ack":1}');
    socket.send(Uint8Array.of(0x80));
    expect((await once(socket, 'message'))[0].data).toBe('{"ack":2}');
    expect(harness.intake.taken.map(({ encoding, text }) => [encoding, text])).toEqual([
      ['json', STATE],
      ['msgpack', Buffer.of(0x80).toString()],
    ]);
    socket.close(1000);
    expect((await once(socket, 'close'))[0].code).toBe(1000);
  });

  test('that cannot set headers connects with ?token=', async () => {
    const harness = await frontWithGrant();
    harness.intake.storesAtOnce = true;
    const socket = new WebSocket(`ws://127.0.0.1:${harness.port}${STATE_PATH}?_actions=false&token=${TOKEN}`);
    onTestFinished(() => socket.close());
    await once(socket, 'open');
    expect(socket.protocol).toBe('');
    socket.send(STATE);
    expect((await once(socket, 'message'))[0].data).toBe('{"ack":1}');
  });
});

describe('an upgrade', () => {
  test.each<[string, string, Record<string, string>, number, string, RegExp]>([
    ['without a token', STATE_PATH, {}, 401, 'Unauthorized', /token/],
    ['with an empty ?token=', `${STATE_PATH}?token=`, {}, 401, 'Unauthorized', /token/],
    ['whose token has a line break', `${STATE_PATH}?token=a%0A`, {}, 401, 'Unauthorized', /cannot stand in a header/],
    ['of a gateway, the same', `${GATEWAY_PATH}?token=a%0A`, {}, 401, 'Unauthorized', /cannot stand in a header/],
    ['of another scheme', STATE_PATH, { Authorization: 'Basic dTpw' }, 401, 'Unauthorized', /Bearer/],
    ['for no application', `/applications/x/devices/${DEVICE}/state`, AUTHORIZED, 400, 'Validation', /application id/],
    ['for no device', `/applications/${APPLICATION}/devices/x/state`, AUTHORIZED, 400, 'Validation', /device id/],
    ['of a gateway for no application', '/applications/x/state', AUTHORIZED, 400, 'Validation', /application id/],
    ['of a gateway without a token', GATEWAY_PATH, {}, 401, 'Unauthorized', /token/],
    ['elsewhere', '/elsewhere', AUTHORIZED, 404, 'NotFound', /does not serve.*offer the subprotocol mqtt/],
  ])('%s is refused', async (_what, path, headers, status, type, message) => {
    const harness = await frontWithGrant();
    const { upgrade, connection } = await RawWebSocket.open(harness.port, path, headers);
    const body = JSON.parse(upgrade.body);
    expect({ status: upgrade.status, type: body.type }).toEqual({ status, type });
    expect(body.message).toMatch(message);
    expect(upgrade.headers['www-authenticate']).toBe(status === 401 ? 'Bearer' : undefined);
    expect(harness.front.underWay().websocket).toBe(0);
    // The connection is an ordinary one still.
    await connection.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect((await connection.readAnswer()).status).toBe(404);
  });

  test('with a key that is none is no upgrade', async () => {
    const harness = await frontWithGrant();
    for (const path of [STATE_PATH, GATEWAY_PATH]) {
      const { upgrade } = await RawWebSocket.open(harness.port, path, { ...AUTHORIZED, 'Sec-WebSocket-Key': 'short' });
      expect(upgrade.status).toBe(400);
      expect(JSON.parse(upgrade.body)).toMatchObject({
        type: 'Validation',
        message: expect.stringMatching(/Key of 16/),
      });
    }
  });

  test('prefers the header where there is a query token too', async () => {
    const harness = await frontWithGrant();
    const { upgrade } = await RawWebSocket.open(harness.port, `${STATE_PATH}?token=other`, AUTHORIZED);
    expect(upgrade.status).toBe(101);
    expect(harness.authorizer.asked).toEqual([]);
  });

  test('does not agree to compression, which no frame here needs', async () => {
    const harness = await frontWithGrant();
    const { upgrade } = await RawWebSocket.open(harness.port, STATE_PATH, {
      ...AUTHORIZED,
      'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits',
    });
    expect({ status: upgrade.status, extensions: upgrade.headers['sec-websocket-extensions'] }).toEqual({
      status: 101,
      extensions: undefined,
    });
  });
});

describe('an upgrade whose grant is not at hand', () => {
  test('waits for the cloud', async () => {
    const harness = await startFront();
    harness.intake.storesAtOnce = true;
    const opening = RawWebSocket.open(harness.port, STATE_PATH, { ...AUTHORIZED, 'Sec-WebSocket-Protocol': 'p' });
    const question = await harness.authorizer.nextQuestion();
    expect(question).toMatchObject({ token: TOKEN, applicationId: APPLICATION, deviceId: DEVICE });
    expect(harness.front.underWay().websocket).toBe(0);
    const grant = question.grant();
    const socket = await opening;
    expect({ status: socket.upgrade.status, protocol: socket.upgrade.headers['sec-websocket-protocol'] }).toEqual({
      status: 101,
      protocol: 'p',
    });
    await socket.send(OPCODE.text, STATE);
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
    expect(harness.intake.taken[0]?.grants).toEqual([grant]);
  });

  test.each<[StatewayError, number]>([
    [new StatewayError('STATEWAY_TOKEN_REFUSED', 'the cloud refused the token'), 401],
    [new StatewayError('STATEWAY_NOT_GRANTED', 'its scopes do not allow sending'), 403],
    [new StatewayError('STATEWAY_NO_SUCH_DEVICE', 'no such device'), 404],
    [new StatewayError('STATEWAY_CLOUD_UNREACHABLE', 'cannot be asked'), 503],
  ])('is refused as the cloud says: %s', async (error, status) => {
    const harness = await startFront();
    const opening = RawWebSocket.open(harness.port, STATE_PATH, AUTHORIZED);
    (await harness.authorizer.nextQuestion()).refuse(error);
    const { upgrade } = await opening;
    expect({ status: upgrade.status, body: JSON.parse(upgrade.body) }).toEqual({ status, body: error.toBody() });
    expect(upgrade.headers['retry-after']).toBe(status === 503 ? '1' : undefined);
  });

  test('is forgotten when the client goes away meanwhile, granted or not', async () => {
    const harness = await startFront();
    for (const isGranted of [true, false]) {
      const connection = await RawConnection.open(harness.port);
      await connection.send(upgradeHead(STATE_PATH, AUTHORIZED));
      const question = await harness.authorizer.nextQuestion();
      connection.destroy();
      const other = await RawConnection.open(harness.port);
      await other.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await other.readAnswer();
      if (isGranted) question.grant();
      else question.leaveUnproven();
      await turn();
    }
    expect(harness.front.underWay().websocket).toBe(0);
  });

  test('and whose grant ends before it opens is closed with 1008', async () => {
    const harness = await startFront();
    const opening = RawWebSocket.open(harness.port, STATE_PATH, AUTHORIZED);
    const question = await harness.authorizer.nextQuestion();
    question.grant().end(new StatewayError('STATEWAY_TOKEN_REFUSED', 'the cloud refused the token'));
    const socket = await opening;
    expect(await socket.nextClose()).toEqual({ code: 1008, reason: 'the cloud refused the token' });
    await until(() => harness.front.underWay().websocket === 0);
  });
});
