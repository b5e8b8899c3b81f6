import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { APPLICATION, DEVICE, STATE, STATE_PATH, startFront, TOKEN } from '../helpers/front-harness.js';
import { RawConnection } from '../helpers/raw-connection.js';

const CHUNKED = `Transfer-Encoding: chunked\r\n\r\n${STATE.length.toString(16)}\r\n${STATE}\r\n0\r\n\r\n`;
const AUTHORIZATION = `Authorization: Bearer ${TOKEN}\r\n`;

/** Sends a request, reads its answer, and waits for the end of the connection. */
async function lastAnswer(request: string, withoutBody = false) {
  const harness = await startFront({ passthrough: 'all' });
  harness.authorizer.give(TOKEN, APPLICATION, DEVICE);
  harness.intake.storesAtOnce = true;
  harness.login.answer = async () => ({ status: 200, contentType: 'text/plain', body: Buffer.from('ok') });
  const connection = await RawConnection.open(harness.port);
  await connection.send(request);
  const answer = await connection.readAnswer(withoutBody);
  await connection.closed;
  expect(answer.headers.connection).toBe('close');
  expect(connection.unread).toBe(0);
  return { ...harness, answer };
}

describe('the answer to a body in chunks is the last of its connection', () => {
  test.each([
    ['a state that is stored', `POST ${STATE_PATH} HTTP/1.1\r\nHost: a\r\n${AUTHORIZATION}${CHUNKED}`, 200],
    ['a state that is refused by its head', `POST ${STATE_PATH} HTTP/1.1\r\nHost: a\r\n${CHUNKED}`, 401],
    ['a log-in', `POST /auth/device HTTP/1.1\r\nHost: a\r\n${CHUNKED}`, 200],
    ['a log-in that is refused', `POST /auth/device HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n${CHUNKED}`, 415],
  ])('%s', async (_what, request, status) => {
    expect((await lastAnswer(request)).answer.status).toBe(status);
  });
});

describe('what cannot be read for certain ends its connection', () => {
  const TWICE = 'Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}';

  test.each([
    ['a state', `POST ${STATE_PATH} HTTP/1.1\r\nHost: a\r\n${AUTHORIZATION}${TWICE}`],
    ['a log-in', `POST /auth/device HTTP/1.1\r\nHost: a\r\n${TWICE}`],
    ['a call that would be passed on', `PUT /a HTTP/1.1\r\nHost: a\r\n${TWICE}`],
    [
      'an upgrade',
      `GET ${STATE_PATH} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${AUTHORIZATION}${TWICE}`,
    ],
  ])('%s', async (_what, request) => {
    const { answer, calls, intake, login } = await lastAnswer(request);
    expect({ status: answer.status, body: JSON.parse(answer.body) }).toEqual({
      status: 400,
      body: { type: 'Validation', message: 'the header content-length may come only once' },
    });
    expect([calls.taken, intake.taken, login.calls]).toEqual([[], [], []]);
  });

  test('HEAD, without a body', async () => {
    const { answer } = await lastAnswer(`HEAD /a HTTP/1.1\r\nHost: a\r\n${AUTHORIZATION}${AUTHORIZATION}\r\n`, true);
    expect(answer.status).toBe(400);
  });

  test('and nobody is answered who has gone', async () => {
    const harness = await startFront({ passthrough: 'all' });
    const connection = await RawConnection.open(harness.port);
    await connection.send('PUT /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n');
    connection.destroy();
    await turn();
    const other = await RawConnection.open(harness.port);
    await other.send('CONNECT /a HTTP/1.1\r\nHost: a\r\n\r\n');
    expect((await other.readAnswer()).status).toBe(405);
  });
});
