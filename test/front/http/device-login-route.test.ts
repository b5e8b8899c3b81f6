import { describe, expect, test } from 'vitest';
import type { CloudAnswer } from '../../../src/core/cloud-port.js';
import { StatewayError } from '../../../src/core/errors.js';
import { startFront, until } from '../../helpers/front-harness.js';
import { call } from '../../helpers/http-client.js';
import { RawConnection } from '../../helpers/raw-connection.js';

const CREDENTIALS = '{"deviceId":"5b0000000000000000000001","key":"k","secret":"s"}';

function answerOf(status: number, contentType: string, body: string): CloudAnswer {
  return { status, contentType, body: Buffer.from(body) };
}

describe('POST /auth/device', () => {
  test('passes body, headers and query on as they came', async () => {
    const { port, login } = await startFront();
    login.answer = async () => answerOf(200, 'application/json', '{}');
    await call(port, '/auth/device?a=1&b=%20', {
      headers: { 'content-type': 'application/json; charset=utf-8', losantdomain: 'a.example' },
      body: CREDENTIALS,
    });
    const [passed] = login.calls;
    expect(passed).toMatchObject({ body: CREDENTIALS, target: '/auth/device?a=1&b=%20' });
    expect(Object.fromEntries(passed?.headers ?? [])).toEqual({
      'content-type': 'application/json; charset=utf-8',
      losantdomain: 'a.example',
      via: '1.1 stateway',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
    });
  });

  test('takes a missing content type for JSON', async () => {
    const { port, login } = await startFront();
    login.answer = async () => answerOf(200, 'application/json', '{}');
    await call(port, '/auth/device', { body: CREDENTIALS });
    expect(login.calls[0]?.target).toBe('/auth/device');
    expect(login.calls[0]?.headers).toContainEqual(['content-type', 'application/json']);
  });

  test.each([
    answerOf(200, 'application/json; charset=utf-8', '{"token":"ünïcode"}'),
    answerOf(401, 'application/json', '{"type":"Unauthorized","message":"no"}'),
    answerOf(429, 'text/plain', 'slowly'),
    answerOf(502, 'text/html', ''),
  ])('hands the cloud’s answer back as it is: $status', async (answer) => {
    const { port, login } = await startFront();
    login.answer = async () => answer;
    const got = await call(port, '/auth/device', { body: CREDENTIALS });
    expect({ status: got.status, contentType: got.headers['content-type'], text: got.text }).toEqual({
      status: answer.status,
      contentType: answer.contentType,
      text: Buffer.from(answer.body).toString(),
    });
  });

  test('puts a body in pieces together', async () => {
    const { port, login } = await startFront();
    login.answer = async () => answerOf(200, 'application/json', '{}');
    const connection = await RawConnection.open(port);
    await connection.send('POST /auth/device HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    await connection.send('3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n');
    expect((await connection.readAnswer()).status).toBe(200);
    expect(login.calls[0]?.body).toBe('abcdefg');
  });

  test('takes 16 KiB, and refuses one byte more with 413 without asking the cloud', async () => {
    const { port, login, front } = await startFront();
    login.answer = async () => answerOf(200, 'application/json', '{}');
    expect((await call(port, '/auth/device', { body: 'x'.repeat(16_384) })).status).toBe(200);

    const connection = await RawConnection.open(port);
    await connection.send(
      `POST /auth/device HTTP/1.1\r\nHost: a\r\nContent-Length: 16385\r\n\r\n${'x'.repeat(16_385)}`,
    );
    const answer = await connection.readAnswer();
    expect(answer.status).toBe(413);
    expect(JSON.parse(answer.body)).toEqual({
      type: 'PayloadTooLarge',
      message: 'the body is larger than 16384 bytes',
    });
    await connection.closed;
    expect(login.calls).toHaveLength(1);
    expect(front.unansweredBytes()).toBe(0);
  });

  test('refuses a compressed body, which the cloud could not read without its header', async () => {
    const { port, login } = await startFront();
    const answer = await call(port, '/auth/device', { headers: { 'content-encoding': 'gzip' }, body: 'x' });
    expect({ status: answer.status, ...JSON.parse(answer.text) }).toMatchObject({
      status: 415,
      type: 'UnsupportedMediaType',
      message: expect.stringContaining('Content-Encoding'),
    });
    expect(login.calls).toEqual([]);
  });

  test('answers 503 with Retry-After when the cloud cannot be reached', async () => {
    const { port, login } = await startFront();
    login.answer = () => Promise.reject(new StatewayError('STATEWAY_CLOUD_UNREACHABLE', 'cannot be reached'));
    const answer = await call(port, '/auth/device', { body: CREDENTIALS });
    expect({ status: answer.status, retryAfter: answer.headers['retry-after'], body: JSON.parse(answer.text) }).toEqual(
      {
        status: 503,
        retryAfter: '1',
        body: { type: 'Unavailable', message: 'cannot be reached' },
      },
    );
  });

  test('answers 503 without a word of the cause when the log-in itself fails', async () => {
    const { port, login } = await startFront();
    login.answer = () => Promise.reject(new Error('something with a secret'));
    const answer = await call(port, '/auth/device', { body: CREDENTIALS });
    expect(answer.status).toBe(503);
    expect(answer.text).not.toContain('secret');
  });

  test('answers 503 when the credentials do not fit under the bound on unanswered bytes', async () => {
    const { port, login } = await startFront({ maxUnansweredBytes: 10 });
    const answer = await call(port, '/auth/device', { body: CREDENTIALS });
    expect({ status: answer.status, retryAfter: answer.headers['retry-after'] }).toEqual({
      status: 503,
      retryAfter: '1',
    });
    expect(login.calls).toEqual([]);
  });

  test('forgets a client that goes away, half way or before its answer', async () => {
    const { port, login, front } = await startFront();
    const halfWay = await RawConnection.open(port);
    await halfWay.send('POST /auth/device HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345');
    await until(() => front.unansweredBytes() === 5);
    halfWay.destroy();
    await until(() => front.underWay().http === 0);
    expect({ unanswered: front.unansweredBytes(), calls: login.calls }).toEqual({ unanswered: 0, calls: [] });

    let answer: (answer: CloudAnswer) => void = () => {};
    login.answer = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const gone = await RawConnection.open(port);
    await gone.send('POST /auth/device HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}');
    await until(() => login.calls.length === 1);
    gone.destroy();
    // By the time this is answered the front knows that the other client is gone.
    expect((await call(port, '/elsewhere', { method: 'GET' })).status).toBe(404);
    answer(answerOf(200, 'application/json', '{}'));
    await until(() => front.underWay().http === 0);
  });
});
