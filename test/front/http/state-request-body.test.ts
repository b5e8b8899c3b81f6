import { describe, expect, test } from 'vitest';
import {
  APPLICATION,
  DEVICE,
  type FrontHarness,
  type HarnessOptions,
  STATE_PATH,
  startFront,
  TOKEN,
  until,
} from '../../helpers/front-harness.js';
import { call } from '../../helpers/http-client.js';
import { RawConnection } from '../../helpers/raw-connection.js';

const HEAD = `POST ${STATE_PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKEN}\r\n`;
const CHUNKED = 'Transfer-Encoding: chunked\r\n\r\n';

async function frontWithGrant(options: HarnessOptions = {}): Promise<FrontHarness> {
  const harness = await startFront(options);
  harness.authorizer.give(TOKEN, APPLICATION, DEVICE);
  return harness;
}

const sized = (length: number): string => `${HEAD}Content-Length: ${length}\r\n\r\n`;
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const LAST_CHUNK = '0\r\n\r\n';

/** A reading of 1,000 distinct stretches, so that a chunk in the wrong place shows. */
const LONG_BODY = Array.from({ length: 1000 }, (_, i) => `<${i}>`).join('');

describe('the size of a body', () => {
  test('may be the limit exactly, with a Content-Length and in chunks', async () => {
    const harness = await frontWithGrant({ maxBodyBytes: 1024 });
    harness.intake.storesAtOnce = true;
    const body = 'x'.repeat(1024);
    const connection = await RawConnection.open(harness.port);
    await connection.send(sized(1024) + body);
    expect((await connection.readAnswer()).status).toBe(200);
    await connection.send(HEAD + CHUNKED + chunk(body.slice(0, 1000)) + chunk(body.slice(1000)) + LAST_CHUNK);
    expect((await connection.readAnswer()).status).toBe(200);
    expect(harness.intake.taken.map((taken) => taken.bytes.length)).toEqual([1024, 1024]);
  });

  test('of one byte more is refused by its Content-Length, before any of it comes, and the connection ends', async () => {
    const harness = await frontWithGrant({ maxBodyBytes: 1024 });
    const connection = await RawConnection.open(harness.port);
    await connection.send(sized(1025));
    const answer = await connection.readAnswer();
    expect({ status: answer.status, connection: answer.headers.connection }).toEqual({
      status: 413,
      connection: 'close',
    });
    expect(JSON.parse(answer.body)).toEqual({
      type: 'PayloadTooLarge',
      message: 'the body is larger than 1024 bytes',
    });
    await harness.clock.advance(11_000);
    await connection.closed;
  });

  test('of one byte more is refused in chunks as soon as it comes, and the connection ends', async () => {
    const harness = await frontWithGrant({ maxBodyBytes: 1024 });
    const connection = await RawConnection.open(harness.port);
    await connection.send(HEAD + CHUNKED + chunk('x'.repeat(1024)));
    await until(() => harness.front.unansweredBytes() === 1024);
    await connection.send(chunk('x'));
    const answer = await connection.readAnswer();
    expect({ status: answer.status, connection: answer.headers.connection }).toEqual({
      status: 413,
      connection: 'close',
    });
    await harness.clock.advance(11_000);
    await connection.closed;
    expect(harness.intake.taken).toEqual([]);
    expect(harness.front.unansweredBytes()).toBe(0);
  });

  test('far beyond the limit is not read to its end', async () => {
    const harness = await frontWithGrant({ maxBodyBytes: 1024 });
    const connection = await RawConnection.open(harness.port);
    await connection.send(sized(100_000_000) + 'x'.repeat(100_000));
    expect((await connection.readAnswer()).status).toBe(413);
    await harness.clock.advance(11_000);
    await connection.closed;
  });
});

describe('a body in pieces', () => {
  test('of TCP is put together', async () => {
    const harness = await frontWithGrant();
    const connection = await RawConnection.open(harness.port);
    await connection.send(sized(LONG_BODY.length));
    for (let i = 0; i < LONG_BODY.length; i += 97) {
      await connection.send(LONG_BODY.slice(i, i + 97));
      await until(() => harness.front.unansweredBytes() >= Math.min(i + 97, LONG_BODY.length));
    }
    const taken = await harness.intake.nextBody();
    expect(taken.text).toBe(LONG_BODY);
    taken.store();
    expect((await connection.readAnswer()).status).toBe(200);
  });

  test('of HTTP is put together, by the byte', async () => {
    const harness = await frontWithGrant();
    const connection = await RawConnection.open(harness.port);
    await connection.send(HEAD + CHUNKED + [...LONG_BODY].map(chunk).join('') + LAST_CHUNK);
    const taken = await harness.intake.nextBody();
    expect(taken.text).toBe(LONG_BODY);
    taken.store();
    expect((await connection.readAnswer()).status).toBe(200);
  });

  test('of no HTTP chunk at all is empty', async () => {
    const harness = await frontWithGrant();
    harness.intake.storesAtOnce = true;
    const connection = await RawConnection.open(harness.port);
    await connection.send(HEAD + CHUNKED + LAST_CHUNK);
    expect((await connection.readAnswer()).status).toBe(200);
    expect(harness.intake.taken[0]?.bytes.length).toBe(0);
  });

  test('is asked for where the client waits to be (Expect: 100-continue)', async () => {
    const harness = await frontWithGrant();
    harness.intake.storesAtOnce = true;
    const connection = await RawConnection.open(harness.port);
    await connection.send(`${HEAD}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`);
    expect((await connection.readAnswer()).status).toBe(100);
    await connection.send('{}');
    expect((await connection.readAnswer()).status).toBe(200);
  });
});

describe('a client that goes away', () => {
  test('before its body is whole leaves nothing behind', async () => {
    const harness = await frontWithGrant();
    const connection = await RawConnection.open(harness.port);
    await connection.send(`${sized(10)}01234`);
    await until(() => harness.front.unansweredBytes() === 5);
    connection.destroy();
    await until(() => harness.front.underWay().http === 0);
    expect(harness.front.unansweredBytes()).toBe(0);
    expect(harness.intake.taken).toEqual([]);
  });

  test('while its grant is asked for leaves nothing behind, and the grant may still come', async () => {
    const harness = await startFront();
    const connection = await RawConnection.open(harness.port);
    await connection.send(`${sized(2)}{}`);
    const question = await harness.authorizer.nextQuestion();
    await until(() => harness.front.unansweredBytes() === 2);
    connection.destroy();
    await until(() => harness.front.underWay().http === 0);
    question.grant();
    await question.answer;
    expect({ unanswered: harness.front.unansweredBytes(), taken: harness.intake.taken }).toEqual({
      unanswered: 0,
      taken: [],
    });
  });

  test('after its body was accepted has it kept, and counted', async () => {
    const harness = await frontWithGrant();
    const connection = await RawConnection.open(harness.port);
    await connection.send(`${sized(2)}{}`);
    const taken = await harness.intake.nextBody();
    connection.destroy();
    // The front learns of it between this request and its answer.
    await call(harness.port, '/elsewhere', { method: 'GET' });
    expect(harness.front.unansweredBytes()).toBe(2);
    taken.store();
    expect(harness.front.unansweredBytes()).toBe(0);
    expect(harness.front.underWay().http).toBe(0);
    expect(harness.meters.received.http.accepted).toBe(1);
  });
});

describe('the bound on unanswered bytes', () => {
  test('refuses what goes beyond it with 503 and Retry-After, and answers those before', async () => {
    const harness = await frontWithGrant({ maxUnansweredBytes: 100 });
    const first = await RawConnection.open(harness.port);
    await first.send(sized(60) + 'a'.repeat(60));
    const taken = await harness.intake.nextBody();

    const second = await RawConnection.open(harness.port);
    await second.send(sized(41) + 'b'.repeat(41));
    const refused = await second.readAnswer();
    expect({ status: refused.status, retryAfter: refused.headers['retry-after'] }).toEqual({
      status: 503,
      retryAfter: '1',
    });
    expect(JSON.parse(refused.body).type).toBe('Unavailable');
    await second.send(sized(40) + 'c'.repeat(40));
    (await harness.intake.nextBody()).store();
    expect((await second.readAnswer()).status).toBe(200);

    taken.store();
    expect((await first.readAnswer()).status).toBe(200);
    expect(harness.meters.received.http).toEqual({ accepted: 2, refused: 0, unavailable: 1 });
  });

  test('counts a body that is only half there, and gives back all of one that is refused half way', async () => {
    const harness = await frontWithGrant({ maxUnansweredBytes: 100 });
    const connection = await RawConnection.open(harness.port);
    await connection.send(sized(150) + 'a'.repeat(80));
    await until(() => harness.front.unansweredBytes() === 80);
    await connection.send('a'.repeat(70));
    expect((await connection.readAnswer()).status).toBe(503);
    expect(harness.front.unansweredBytes()).toBe(0);
  });
});

describe('requests that follow one another without waiting', () => {
  test('are answered in order where the answers are at hand', async () => {
    const harness = await frontWithGrant();
    const connection = await RawConnection.open(harness.port);
    const refused = (path: string): string => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}`;
    await connection.send(refused('/elsewhere') + refused(STATE_PATH) + refused('/applications/x/devices/y/state'));
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await connection.readAnswer()).status);
    expect(statuses).toEqual([404, 401, 400]);
  });

  // uWebSockets.js ends a connection that brings a request while the one before is being served. What was accepted is
  // kept but not acknowledged, so a client sends it again, as after any lost connection.
  test('lose the connection while one is being stored; nothing is answered wrongly, and nothing leaks', async () => {
    const harness = await frontWithGrant();
    const connection = await RawConnection.open(harness.port);
    await connection.send(`${sized(2)}{}${sized(2)}[]`);
    await connection.closed;
    expect(connection.unread).toBe(0);
    const [taken] = harness.intake.taken;
    expect(taken?.text).toBe('{}');
    taken?.store();
    expect(harness.front.unansweredBytes()).toBe(0);
  });
});
