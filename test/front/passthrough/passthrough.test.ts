import { describe, expect, test } from 'vitest';
import type { PassedCall } from '../../../src/core/passed-call.js';
import type { TakenCall } from '../../helpers/front-doubles.js';
import {
  APPLICATION,
  DEVICE,
  GATEWAY_PATH,
  STATE_PATH,
  startFront,
  TOKEN,
  until,
} from '../../helpers/front-harness.js';
import { call } from '../../helpers/http-client.js';
import { getRequest, openFront, sendCall } from '../../helpers/passed-calls.js';
import { RawConnection } from '../../helpers/raw-connection.js';

async function textOf(body: PassedCall['body']): Promise<string> {
  let text = '';
  for await (const piece of body ?? []) text += Buffer.from(piece).toString();
  return text;
}

describe('a call that the proxy does not serve itself', () => {
  test.each([
    ['GET', STATE_PATH],
    ['PUT', STATE_PATH],
    ['OPTIONS', STATE_PATH],
    ['TRACE', '/trace'],
    ['DELETE', `/applications/${APPLICATION}/devices/${DEVICE}`],
    ['PATCH', '/me?summaryExclude=a&summaryExclude=b'],
    ['PUT', `/${STATE_PATH}/`],
    ['GET', STATE_PATH.toUpperCase()],
    ['POST', GATEWAY_PATH],
    ['GET', '/auth/device'],
    ['POST', `/applications//devices/${DEVICE}/state`],
    ['POST', `/applications/${APPLICATION}/devices/${DEVICE}/%63ommand/`],
    ['GET', '//'],
  ])('%s %s goes to the cloud, and its answer back', async (method, path) => {
    const harness = await startFront({ passthrough: 'all' });
    const answering = call(harness.port, path, { method, headers: { authorization: `Bearer ${TOKEN}`, 'x-a': 'b' } });
    const taken = await harness.calls.nextCall();
    expect({ method: taken.call.method, target: taken.call.target }).toEqual({ method, target: path });
    expect(taken.call.headers.slice(0, 2)).toEqual([
      ['authorization', `Bearer ${TOKEN}`],
      ['x-a', 'b'],
    ]);
    expect(taken.header('x-forwarded-for')).toBe('127.0.0.1');
    expect(harness.front.underWay().http).toBe(1);
    taken.respond(207, [['x-cloud', 'yes']], 'answer');
    const answer = await answering;
    expect({ status: answer.status, cloud: answer.headers['x-cloud'], text: answer.text }).toEqual({
      status: 207,
      cloud: 'yes',
      text: 'answer',
    });
    await until(() => harness.front.underWay().http === 0);
    expect(harness.authorizer.asked).toEqual([]);
    expect(harness.meters.received.http).toEqual({ accepted: 0, refused: 0, unavailable: 0 });
  });

  test('takes its body along: sized, in chunks, or none', async () => {
    const sized = await sendCall('PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello');
    expect(await textOf(sized.taken.call.body)).toBe('hello');
    expect(sized.taken.header('content-length')).toBe('5');
    const chunked = await sendCall(
      'PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n',
    );
    expect(await textOf(chunked.taken.call.body)).toBe('hello');
    expect(chunked.taken.header('content-length')).toBeUndefined();
    for (const headers of ['', 'Content-Length: 0\r\n']) {
      const none = await sendCall(`POST /a HTTP/1.1\r\nHost: a\r\n${headers}\r\n`);
      expect(none.taken.call.body).toBeUndefined();
      expect(none.taken.header('content-length')).toBe(headers === '' ? undefined : '0');
    }
  });

  test('reads its body as it comes, and ends it when the device does', async () => {
    const { taken, connection } = await sendCall('PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345');
    const pieces = (taken.call.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    const next = async () => Buffer.from((await pieces.next()).value ?? '').toString();
    expect(await next()).toBe('12345');
    await connection.send('67');
    expect(await next()).toBe('67');
    await connection.send('890');
    expect(await next()).toBe('890');
    expect((await pieces.next()).done).toBe(true);
    taken.respond(200, [['content-length', '2']], 'ok');
    expect((await connection.readAnswer()).body).toBe('ok');
  });
});

describe('a device that goes away', () => {
  test.each([
    ['before the answer', () => {}],
    ['in the middle of it', (taken: TakenCall) => taken.answer.onHead(200, 'OK', [['content-length', '10']])],
  ])('%s ends the call', async (_when, begin) => {
    const { taken, connection, front } = await sendCall(getRequest('/a'));
    begin(taken);
    connection.destroy();
    await taken.over;
    expect(taken.call.signal.aborted).toBe(true);
    await until(() => front.underWay().http === 0);
    // What the cloud still says then is said to nobody.
    taken.answer.onHead(200, 'OK', []);
    expect(taken.answer.onChunk(Buffer.from('late'))).toBeUndefined();
    taken.answer.onEnd();
    taken.answer.onFailure('late');
  });

  test('in the middle of its body ends that too', async () => {
    const { taken, connection, front } = await sendCall(
      'PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345',
    );
    const reading = textOf(taken.call.body);
    connection.destroy();
    await expect(reading).rejects.toThrow('the device is gone');
    await until(() => front.underWay().http === 0);
    expect(front.unansweredBytes()).toBe(0);
  });
});

describe('STATEWAY_PASSTHROUGH', () => {
  test.each(['/auth', '/auth/', '/auth/user', '/auth/user/github', '/auth/solutionUser', '/auth?email=a%40b.example'])(
    'auth passes %s',
    async (path) => {
      const { taken } = await sendCall(getRequest(path), { passthrough: 'auth' });
      expect(taken.call.target).toBe(path);
    },
  );

  test.each([
    '/',
    '/me',
    '/authx',
    '/Auth',
    '/auth/../me',
    '/auth/%2e%2e/me',
    '/auth/..%2fme',
    '/auth//me',
    '/auth/./user',
    '/auth\\..\\me',
    '/auth/user;/../../me',
    STATE_PATH,
  ])('auth does not pass %s', async (path) => {
    const { connection, calls } = await openFront({ passthrough: 'auth' });
    await connection.send(getRequest(path));
    const answer = await connection.readAnswer();
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.body)).toEqual({
      type: 'NotFound',
      message: expect.stringContaining('only those to /auth to the cloud (STATEWAY_PASSTHROUGH=auth)'),
    });
    expect(calls.taken).toEqual([]);
  });

  test.each(['/', '/auth', '/auth/user', STATE_PATH])('none passes nothing: %s', async (path) => {
    const { connection, calls } = await openFront({ passthrough: 'none' });
    await connection.send(getRequest(path));
    const answer = await connection.readAnswer();
    expect(answer.status).toBe(404);
    expect(answer.body).toContain('no other calls to the cloud (STATEWAY_PASSTHROUGH=none)');
    expect(calls.taken).toEqual([]);
  });
});

describe('what is refused', () => {
  test.each([
    'Upgrade: websocket\r\nConnection: Upgrade\r\n',
    'Upgrade: WebSocket\r\nConnection: Upgrade\r\n',
    'Upgrade: h2c, websocket/13\r\nConnection: Upgrade\r\n',
  ])('a WebSocket elsewhere: %j', async (headers) => {
    const { connection, calls } = await openFront();
    await connection.send(getRequest('/elsewhere', headers));
    const answer = await connection.readAnswer();
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.body)).toMatchObject({ type: 'NotFound', message: expect.stringContaining('WebSockets') });
    expect(calls.taken).toEqual([]);
  });

  test('but an offer of another protocol is passed over', async () => {
    const { taken } = await sendCall(
      getRequest('/a', 'Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: x\r\n'),
    );
    expect(taken.call.headers.map(([name]) => name)).toEqual(['via', 'x-forwarded-for', 'x-forwarded-proto']);
  });

  test('CONNECT', async () => {
    const { connection, calls } = await openFront();
    await connection.send('CONNECT /a HTTP/1.1\r\nHost: a\r\n\r\n');
    expect((await connection.readAnswer()).status).toBe(405);
    expect(calls.taken).toEqual([]);
  });

  test('a body beyond 999,999,999 bytes', async () => {
    const { connection, calls } = await openFront();
    await connection.send('PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n');
    await connection.closed;
    expect(calls.taken).toEqual([]);
  });

  test('calls beyond the bound, with 503, until one is over', async () => {
    const { connection, calls, taken, port } = await sendCall(getRequest('/a'), { maxPassedCalls: { other: 1 } });
    const other = await RawConnection.open(port);
    await other.send(getRequest('/b'));
    const refused = await other.readAnswer();
    expect({ status: refused.status, retry: refused.headers['retry-after'] }).toEqual({ status: 503, retry: '1' });
    taken.respond(200, [['content-length', '0']]);
    await connection.readAnswer();
    await other.send(getRequest('/b'));
    (await calls.nextCall()).respond(200, [['content-length', '0']]);
    expect((await other.readAnswer()).status).toBe(200);
  });

  test('only calls of the same kind: streams, uploads and the rest do not keep each other out', async () => {
    const maxPassedCalls = { stream: 1, upload: 1, other: 1 };
    const { calls, port } = await sendCall(getRequest('/a'), { maxPassedCalls });
    const upload = 'PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345';
    const kinds = [getRequest('/a/commandStream'), upload];
    for (const request of kinds) {
      await (await RawConnection.open(port)).send(request);
      await calls.nextCall();
    }
    expect(calls.taken.map(({ call }) => call.isStream)).toEqual([false, true, false]);
    // An EventSource would take an answer as final.
    const stream = await RawConnection.open(port);
    await stream.send(kinds[0] as string);
    await stream.closed;
    expect(stream.unread).toBe(0);
    for (const request of [upload, getRequest('/b')]) {
      const other = await RawConnection.open(port);
      await other.send(request);
      expect((await other.readAnswer()).status).toBe(503);
    }
    expect(calls.taken).toHaveLength(3);
  });

  test('calls while the proxy is being stopped', async () => {
    const { connection, calls, front, clock, taken, port } = await sendCall(getRequest('/a'));
    const other = await RawConnection.open(port);
    await other.send(getRequest('/warm'));
    (await calls.nextCall()).respond(200, [['content-length', '0']]);
    await other.readAnswer();
    const closing = front.close(1000);
    await other.send(getRequest('/b'));
    expect((await other.readAnswer()).status).toBe(503);
    taken.respond(200, [['content-length', '2']], 'ok');
    expect((await connection.readAnswer()).body).toBe('ok');
    await clock.advance(20);
    await closing;
    expect(calls.taken).toHaveLength(2);
  });
});
