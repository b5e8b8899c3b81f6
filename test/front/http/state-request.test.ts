import { Agent } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import {
  APPLICATION,
  DEVICE,
  type FrontHarness,
  OTHER_DEVICE,
  STATE,
  STATE_PATH,
  startFront,
  TOKEN,
  until,
} from '../../helpers/front-harness.js';
import { call, type HttpAnswer } from '../../helpers/http-client.js';
import { RawConnection } from '../../helpers/raw-connection.js';

const AUTHORIZED = { authorization: `Bearer ${TOKEN}` };

async function frontWithGrant(): Promise<FrontHarness> {
  const harness = await startFront();
  harness.authorizer.give(TOKEN, APPLICATION, DEVICE);
  return harness;
}

function post(harness: FrontHarness, headers: Record<string, string> = {}, body: string | Uint8Array = STATE) {
  return call(harness.port, STATE_PATH, { headers: { ...AUTHORIZED, ...headers }, body });
}

const bodyOf = (answer: HttpAnswer): { type: string; message: string } => JSON.parse(answer.text);

describe('a state that is accepted', () => {
  test('is answered 200 {"success":true} once it is stored, and not before', async () => {
    const harness = await frontWithGrant();
    const connection = await RawConnection.open(harness.port);
    await connection.send(
      `POST ${STATE_PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: ${STATE.length}\r\n\r\n${STATE}`,
    );
    const taken = await harness.intake.nextBody();
    // Another request's whole way there and back is time enough for a premature answer to show.
    expect((await call(harness.port, '/elsewhere', { method: 'GET' })).status).toBe(404);
    expect(connection.unread).toBe(0);

    taken.store();
    const answer = await connection.readAnswer();
    expect({ status: answer.status, body: answer.body }).toEqual({ status: 200, body: '{"success":true}' });
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(connection.unread).toBe(0);
    expect(harness.intake.taken).toHaveLength(1);
  });

  test('reaches the intake unchanged, under its grant', async () => {
    const harness = await startFront();
    const grant = harness.authorizer.give(TOKEN, APPLICATION, DEVICE);
    harness.intake.storesAtOnce = true;
    await post(harness, {}, '{"data":{"näme":"ü€😀"}}');
    const [taken] = harness.intake.taken;
    expect(taken?.text).toBe('{"data":{"näme":"ü€😀"}}');
    expect(taken?.grants).toEqual([grant]);
    expect(harness.authorizer.asked).toEqual([]);
  });

  test.each([
    ['application/json', 'json'],
    ['application/json; charset=utf-8', 'json'],
    ['APPLICATION/JSON;charset="UTF-8"', 'json'],
    ['application/msgpack', 'msgpack'],
    ['application/x-msgpack; charset=binary', 'msgpack'],
  ])('of Content-Type %j is read as %s', async (contentType, encoding) => {
    const harness = await frontWithGrant();
    harness.intake.storesAtOnce = true;
    const bytes = Uint8Array.of(0x81, 0xa4, 0x64, 0x61, 0x74, 0x61, 0x80);
    expect((await post(harness, { 'content-type': contentType }, bytes)).status).toBe(200);
    expect(harness.intake.taken[0]?.encoding).toBe(encoding);
    expect([...(harness.intake.taken[0]?.bytes ?? [])]).toEqual([...bytes]);
  });

  test('without a Content-Type is read as JSON, and an empty body is left to the intake to refuse', async () => {
    const harness = await frontWithGrant();
    const answering = post(harness, {}, '');
    const taken = await harness.intake.nextBody();
    expect({ encoding: taken.encoding, text: taken.text }).toEqual({ encoding: 'json', text: '' });
    taken.refuse(new StatewayError('STATEWAY_MALFORMED_BODY', 'the body is empty'));
    const answer = await answering;
    expect({ status: answer.status, ...bodyOf(answer) }).toEqual({
      status: 400,
      type: 'Validation',
      message: 'the body is empty',
    });
  });

  test('is found with ids in upper case and with the query string that the official clients add', async () => {
    const harness = await frontWithGrant();
    harness.intake.storesAtOnce = true;
    const path = `/applications/${APPLICATION.toUpperCase()}/devices/${DEVICE.toUpperCase()}/state`;
    const answer = await call(harness.port, `${path}?_actions=false&_links=true&_embedded=true`, {
      headers: AUTHORIZED,
      body: STATE,
    });
    expect(answer.status).toBe(200);
  });

  test('is counted with its states and the time it took', async () => {
    const harness = await frontWithGrant();
    const answering = post(harness);
    const taken = await harness.intake.nextBody();
    await harness.clock.advance(30);
    taken.store(3);
    await answering;
    const { meters } = harness;
    expect(meters.received.http).toEqual({ accepted: 3, refused: 0, unavailable: 0 });
    expect(meters.received.websocket.accepted).toBe(0);
    expect({ sum: meters.ackSeconds.sum, count: meters.ackSeconds.count }).toEqual({ sum: 0.03, count: 1 });
  });

  test('and those after it on one connection are answered in order', async () => {
    const harness = await frontWithGrant();
    harness.intake.storesAtOnce = true;
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        call(harness.port, STATE_PATH, { headers: AUTHORIZED, body: `{"data":{"n":${i}}}`, agent }),
      ),
    );
    expect(answers.map((answer) => answer.status)).toEqual(Array(20).fill(200));
    expect(harness.intake.taken.map((taken) => taken.text)).toEqual(
      Array.from({ length: 20 }, (_, i) => `{"data":{"n":${i}}}`),
    );
  });
});

describe('a head that is refused', () => {
  test.each<[string, Record<string, string>, number, string, RegExp]>([
    ['no Authorization', { authorization: '' }, 401, 'Unauthorized', /Authorization header is missing/],
    ['another scheme', { authorization: 'Basic dTpw' }, 401, 'Unauthorized', /"Bearer <token>"/],
    ['a scheme without a token', { authorization: 'Bearer' }, 401, 'Unauthorized', /"Bearer <token>"/],
    ['another content type', { 'content-type': 'text/plain' }, 415, 'UnsupportedMediaType', /Content-Type/],
    ['another charset', { 'content-type': 'application/json; charset=latin1' }, 415, 'UnsupportedMediaType', /UTF-8/],
    ['a compressed body', { 'content-encoding': 'gzip' }, 415, 'UnsupportedMediaType', /Content-Encoding/],
  ])('%s', async (_what, headers, status, type, message) => {
    const harness = await frontWithGrant();
    const answer = await post(harness, headers);
    expect({ status: answer.status, type: bodyOf(answer).type }).toEqual({ status, type });
    expect(bodyOf(answer).message).toMatch(message);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(answer.headers['www-authenticate']).toBe(status === 401 ? 'Bearer' : undefined);
    expect(harness.intake.taken).toEqual([]);
    expect(harness.meters.received.http.refused).toBe(1);
  });

  test.each([
    [`/applications/xyz/devices/${DEVICE}/state`, 'application'],
    [`/applications/${APPLICATION}0/devices/${DEVICE}/state`, 'application'],
    [`/applications/${APPLICATION}/devices/12345/state`, 'device'],
  ])('%s names the %s id', async (path, which) => {
    const harness = await frontWithGrant();
    const answer = await call(harness.port, path, { headers: AUTHORIZED, body: STATE });
    expect({ status: answer.status, ...bodyOf(answer) }).toEqual({
      status: 400,
      type: 'Validation',
      message: `the ${which} id in the path must be 24 hexadecimal digits`,
    });
  });

  test('never repeats the token', async () => {
    const harness = await frontWithGrant();
    const answer = await post(harness, { authorization: 'Token s3cret' });
    expect(answer.text).not.toContain('s3cret');
  });

  test('with its body still on the way is answered at once, and the connection ends behind the body', async () => {
    const harness = await frontWithGrant();
    const connection = await RawConnection.open(harness.port);
    await connection.send(`POST ${STATE_PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345`);
    const refused = await connection.readAnswer();
    expect({ status: refused.status, connection: refused.headers.connection }).toEqual({
      status: 401,
      connection: 'close',
    });
    await connection.send(
      `67890POST ${STATE_PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 2\r\n\r\n{}`,
    );
    await connection.closed;
    expect(connection.unread).toBe(0);
    expect(harness.intake.taken).toEqual([]);
  });
});

describe('a grant that is not at hand', () => {
  test('is asked for once while the body waits, and the body goes on when it comes', async () => {
    const harness = await startFront();
    const answering = post(harness);
    const question = await harness.authorizer.nextQuestion();
    expect(question).toMatchObject({ token: TOKEN, applicationId: APPLICATION, deviceId: DEVICE });
    await turn();
    expect(harness.intake.taken).toEqual([]);
    const grant = question.grant();
    const taken = await harness.intake.nextBody();
    expect({ grants: taken.grants, text: taken.text }).toEqual({ grants: [grant], text: STATE });
    taken.store();
    expect((await answering).status).toBe(200);
    expect(harness.authorizer.asked).toHaveLength(1);
  });

  test('and comes before the body is whole: the body goes on when it is', async () => {
    const harness = await startFront();
    const connection = await RawConnection.open(harness.port);
    await connection.send(
      `POST ${STATE_PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 10\r\n\r\n01234`,
    );
    const question = await harness.authorizer.nextQuestion();
    await until(() => harness.front.unansweredBytes() === 5);
    question.grant();
    await turn();
    expect(harness.intake.taken).toEqual([]);
    await connection.send('56789');
    const taken = await harness.intake.nextBody();
    expect(taken.text).toBe('0123456789');
    taken.store();
    expect((await connection.readAnswer()).status).toBe(200);
  });

  test.each<[StatewayError, number, string]>([
    [new StatewayError('STATEWAY_TOKEN_REFUSED', 'the cloud refused the token'), 401, 'Unauthorized'],
    [new StatewayError('STATEWAY_NOT_GRANTED', 'its scopes do not allow sending'), 403, 'Forbidden'],
    [new StatewayError('STATEWAY_NO_SUCH_DEVICE', 'no such device'), 404, 'NotFound'],
    [new StatewayError('STATEWAY_CLOUD_UNREACHABLE', 'cannot be asked', { retryAfterSeconds: 4 }), 503, 'Unavailable'],
  ])('and is refused: %s', async (error, status, type) => {
    const harness = await startFront();
    const answering = post(harness);
    (await harness.authorizer.nextQuestion()).refuse(error);
    const answer = await answering;
    expect({ status: answer.status, ...bodyOf(answer) }).toEqual({ status, type, message: error.message });
    expect(answer.headers['retry-after']).toBe(status === 503 ? '4' : undefined);
    expect(answer.headers['www-authenticate']).toBe(status === 401 ? 'Bearer' : undefined);
    expect(harness.intake.taken).toEqual([]);
    const { refused, unavailable } = harness.meters.received.http;
    expect({ refused, unavailable }).toEqual({
      refused: status === 503 ? 0 : 1,
      unavailable: status === 503 ? 1 : 0,
    });
  });

  test('and the question itself fails: 503, so that the device comes back', async () => {
    const harness = await startFront();
    const answering = post(harness);
    (await harness.authorizer.nextQuestion()).refuse(new Error('something broke inside'));
    const answer = await answering;
    expect(answer.status).toBe(503);
    expect(answer.text).not.toContain('broke');
  });

  test('of one device is of no use for another', async () => {
    const harness = await frontWithGrant();
    const path = `/applications/${APPLICATION}/devices/${OTHER_DEVICE}/state`;
    const answering = call(harness.port, path, { headers: AUTHORIZED, body: STATE });
    const question = await harness.authorizer.nextQuestion();
    expect(question.deviceId).toBe(OTHER_DEVICE);
    question.leaveUnproven();
    (await harness.authorizer.nextProof()).refuse(new StatewayError('STATEWAY_NOT_GRANTED', 'no'));
    expect((await answering).status).toBe(403);
    expect(harness.intake.taken).toEqual([]);
  });
});

test.each<[StatewayError, number, string | undefined]>([
  [new StatewayError('STATEWAY_INVALID_STATE', '[1].data.a: no'), 400, undefined],
  [new StatewayError('STATEWAY_STATE_TOO_LARGE', 'a state of 300000 bytes'), 413, undefined],
  [new StatewayError('STATEWAY_SPOOL_FULL', 'full', { retryAfterSeconds: 30 }), 503, '30'],
])(
  'what the intake refuses is answered as it says, and the connection goes on: %s',
  async (error, status, retryAfter) => {
    const harness = await frontWithGrant();
    const answering = post(harness);
    (await harness.intake.nextBody()).refuse(error);
    const answer = await answering;
    expect({ status: answer.status, ...bodyOf(answer) }).toEqual({ status, ...error.toBody() });
    expect(answer.headers['retry-after']).toBe(retryAfter);
  },
);
