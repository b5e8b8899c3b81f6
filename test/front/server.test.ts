import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { pickUws } from '../../src/front/uws.js';
import {
  APPLICATION,
  createFront,
  DEVICE,
  type FrontHarness,
  GATEWAY_PATH,
  STATE_PATH,
  startFront,
  TOKEN,
  until,
} from '../helpers/front-harness.js';
import { call } from '../helpers/http-client.js';
import { RawConnection } from '../helpers/raw-connection.js';
import { OPCODE, RawWebSocket } from '../helpers/raw-websocket.js';

const AUTHORIZED = { Authorization: `Bearer ${TOKEN}` };
const HEAD = `POST ${STATE_PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKEN}\r\n`;
const REQUEST = `${HEAD}Content-Length: 2\r\n\r\n{}`;

async function frontWithGrant(): Promise<FrontHarness> {
  const harness = await startFront();
  harness.authorizer.give(TOKEN, APPLICATION, DEVICE);
  return harness;
}

/** Moves the clock on, so that a closing front polls, until it has closed. */
async function closeWithin(harness: FrontHarness, withinMs: number): Promise<number> {
  const startedAtMs = harness.clock.monotonicMs();
  let isClosed = false;
  const closing = harness.front.close(withinMs).then(() => {
    isClosed = true;
  });
  while (!isClosed) await harness.clock.advance(10);
  await closing;
  return harness.clock.monotonicMs() - startedAtMs;
}

describe('what the front does not serve', () => {
  test.each([
    ['GET', STATE_PATH],
    ['PUT', STATE_PATH],
    ['DELETE', STATE_PATH],
    ['OPTIONS', STATE_PATH],
    ['POST', '/'],
    ['POST', GATEWAY_PATH],
    ['GET', GATEWAY_PATH],
    ['GET', '/auth/device'],
    ['POST', `/applications//devices/${DEVICE}/state`],
    ['PATCH', `//${'x'.repeat(2000)}`],
  ])('%s %s is answered 404 in the error shape', async (method, path) => {
    const { port } = await startFront();
    const answer = await call(port, path, { method, headers: { authorization: `Bearer ${TOKEN}` } });
    expect({
      status: answer.status,
      contentType: answer.headers['content-type'],
      body: JSON.parse(answer.text),
    }).toEqual({
      status: 404,
      contentType: 'application/json; charset=utf-8',
      body: { type: 'NotFound', message: expect.stringContaining('does not serve this method and path') },
    });
  });

  test('is answered without a body where HEAD asks, so that the next answer is read aright', async () => {
    const { port } = await startFront();
    const connection = await RawConnection.open(port);
    await connection.send(`HEAD ${STATE_PATH} HTTP/1.1\r\nHost: a\r\n\r\n`);
    const head = await connection.readAnswer(true);
    await connection.send('GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n');
    const next = await connection.readAnswer();
    expect([head.status, next.status]).toEqual([404, 404]);
    expect(head.headers['content-type']).toBe(next.headers['content-type']);
  });

  test('may have a body, and the connection goes on', async () => {
    const { port } = await startFront();
    const connection = await RawConnection.open(port);
    await connection.send('PUT /elsewhere HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345');
    expect((await connection.readAnswer()).status).toBe(404);
    await connection.send('GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n');
    expect((await connection.readAnswer()).status).toBe(404);
  });
});

describe('listen', () => {
  test('says which port it got', async () => {
    const { port } = await startFront();
    expect(port).toBeGreaterThan(0);
    expect((await call(port, '/', { method: 'GET' })).status).toBe(404);
  });

  test('fails with host and port where the port is another front’s, and takes nothing from it', async () => {
    const { port } = await startFront();
    const second = createFront({ port });
    await expect(second.front.listen()).rejects.toThrow(`127.0.0.1:${port} (STATEWAY_LISTEN)`);
    await second.front.close(0);
  });

  test('fails where the address is not of this machine', async () => {
    const { front } = createFront({ host: '192.0.2.1' });
    await expect(front.listen()).rejects.toThrow('192.0.2.1:0');
    await front.close(0);
  });
});

test('what is under way are requests without an answer, and sockets', async () => {
  const harness = await frontWithGrant();
  expect(harness.front.underWay()).toEqual({ http: 0, websocket: 0 });
  const connection = await RawConnection.open(harness.port);
  await connection.send(REQUEST);
  const taken = await harness.intake.nextBody();
  const socket = await RawWebSocket.open(harness.port, STATE_PATH, AUTHORIZED);
  expect(harness.front.underWay()).toEqual({ http: 1, websocket: 1 });
  taken.store();
  socket.connection.destroy();
  await until(() => harness.front.underWay().websocket === 0);
  expect(harness.front.underWay().http).toBe(0);
});

test('connections are counted by what they speak, idle ones too where the web server tells of them', async () => {
  const { front, port } = await frontWithGrant();
  const tells = 'filter' in pickUws().uws.App();
  const idle = await RawConnection.open(port);
  const served = await RawConnection.open(port);
  await served.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  await served.readAnswer();
  const socket = await RawWebSocket.open(port, STATE_PATH, AUTHORIZED);
  expect(front.connections()).toMatchObject({ http: tells ? 2 : 0, websocket: 1 });
  socket.connection.destroy();
  await until(() => front.connections().websocket === 0);
  expect(front.connections().http).toBe(tells ? 2 : 0);
  idle.destroy();
  served.destroy();
  await until(() => front.connections().http === 0);
});

describe('close', () => {
  test('accepts no connection any more', async () => {
    const harness = await frontWithGrant();
    await closeWithin(harness, 1000);
    const socket = connect(harness.port, '127.0.0.1');
    onTestFinished(() => {
      socket.destroy();
    });
    const [error] = await once(socket, 'error').catch((thrown) => [thrown]);
    expect((error as NodeJS.ErrnoException).code).toBe('ECONNREFUSED');
  });

  test('ends at once where nothing is open, and leaves no timer', async () => {
    const harness = await frontWithGrant();
    await harness.front.close(1000);
    expect(harness.clock.monotonicMs()).toBe(0);
    expect(harness.clock.pendingTimers).toBe(0);
  });

  test('answers what was accepted, refuses what comes then, and ends as soon as all is answered', async () => {
    const harness = await frontWithGrant();
    const accepted = await RawConnection.open(harness.port);
    await accepted.send(REQUEST);
    const late = await RawConnection.open(harness.port);
    const taken = await harness.intake.nextBody();

    const closing = closeWithin(harness, 1000);
    await late.send(REQUEST);
    const refused = await late.readAnswer();
    expect({ status: refused.status, retryAfter: refused.headers['retry-after'] }).toEqual({
      status: 503,
      retryAfter: '1',
    });
    await late.send(
      `GET ${STATE_PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKEN}\r\nConnection: Upgrade\r\n`,
    );
    await late.send(
      'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    expect((await late.readAnswer()).status).toBe(503);
    await late.send('POST /auth/device HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}');
    expect((await late.readAnswer()).status).toBe(503);

    taken.store();
    const tookMs = await closing;
    expect((await accepted.readAnswer()).status).toBe(200);
    expect(tookMs).toBeLessThan(1000);
    expect(harness.intake.taken).toHaveLength(1);
    expect(harness.login.calls).toEqual([]);
    await Promise.all([accepted.closed, late.closed]);
  });

  test('acknowledges the frames that were accepted, takes no more, and closes sockets with 1001', async () => {
    const harness = await frontWithGrant();
    const socket = await RawWebSocket.open(harness.port, STATE_PATH, AUTHORIZED);
    await socket.send(OPCODE.text, '{"n":1}');
    const taken = await harness.intake.nextBody();
    const closing = closeWithin(harness, 1000);
    await socket.send(OPCODE.text, '{"n":2}');
    await call(harness.port, '/', { method: 'GET' }).catch(() => undefined);
    taken.store();
    await closing;
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
    expect(await socket.nextClose()).toEqual({ code: 1001, reason: 'the proxy is being stopped' });
    await socket.connection.closed;
    expect(harness.intake.taken).toHaveLength(1);
  });

  test('ends within its bound where an answer does not come, and nothing leaks when it comes after all', async () => {
    const harness = await frontWithGrant();
    const connection = await RawConnection.open(harness.port);
    await connection.send(REQUEST);
    const ofRequest = await harness.intake.nextBody();
    const socket = await RawWebSocket.open(harness.port, STATE_PATH, AUTHORIZED);
    await socket.send(OPCODE.text, '{}');
    const ofFrame = await harness.intake.nextBody();
    const incomplete = await RawConnection.open(harness.port);
    await incomplete.send(`${HEAD}Content-Length: 10\r\n\r\n123`);
    await until(() => harness.front.underWay().http === 2);

    expect(await closeWithin(harness, 500)).toBeLessThan(520);
    await Promise.all([connection.closed, incomplete.closed]);
    expect((await socket.nextClose()).code).toBe(1001);
    ofRequest.store();
    ofFrame.store();
    expect(harness.front.unansweredBytes()).toBe(0);
    expect(harness.clock.pendingTimers).toBe(0);
  });

  test('hands nothing to the intake once it has ended, whatever the cloud answers then', async () => {
    const harness = await startFront();
    const connection = await RawConnection.open(harness.port);
    await connection.send(REQUEST);
    const ofRequest = await harness.authorizer.nextQuestion();
    const gateway = await RawWebSocket.open(harness.port, GATEWAY_PATH, AUTHORIZED);
    await gateway.send(OPCODE.text, `{"deviceId":"${DEVICE}","data":{}}`);
    const ofFrame = await harness.authorizer.nextQuestion();
    const upgrading = await RawConnection.open(harness.port);
    await upgrading.send(`GET ${STATE_PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer b\r\nUpgrade: websocket\r\n`);
    await upgrading.send(
      'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    const ofUpgrade = await harness.authorizer.nextQuestion();
    await closeWithin(harness, 100);
    for (const question of [ofRequest, ofFrame, ofUpgrade]) question.grant();
    await Promise.all([ofRequest.answer, ofFrame.answer, ofUpgrade.answer]);
    await until(() => harness.front.unansweredBytes() === 0);
    expect(harness.intake.taken).toEqual([]);
  });
});
