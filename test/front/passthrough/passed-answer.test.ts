import type { HttpResponse } from 'uws-current';
import { describe, expect, test } from 'vitest';
import type { AnswerEnd } from '../../../src/front/passthrough/answer-end.js';
import { AnswerToDevice } from '../../../src/front/passthrough/passed-answer.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { getRequest, sendCall } from '../../helpers/passed-calls.js';

describe('the answer', () => {
  test('keeps status, status text and headers, repeated ones in order, but for the date', async () => {
    const { taken, connection } = await sendCall(getRequest('/a'));
    taken.answer.onHead(299, 'Quite So \xe9', [
      ['Set-Cookie', 'a=1'],
      ['X-Case', 'b'],
      ['Date', 'Thu, 01 Jan 1970 00:00:00 GMT'],
      ['Set-Cookie', 'b=2'],
      ['Content-Length', '2'],
      ['X-Latin', 'caf\xe9'],
      ['X-Empty', ''],
    ]);
    taken.answer.onChunk(Buffer.from('ok'));
    taken.answer.onEnd();
    const answer = await connection.readAnswer();
    expect({ status: answer.status, statusText: answer.statusText, body: answer.body }).toEqual({
      status: 299,
      statusText: 'Quite So \xe9',
      body: 'ok',
    });
    expect(answer.lines.slice(0, 5)).toEqual([
      'Set-Cookie: a=1',
      'X-Case: b',
      'Set-Cookie: b=2',
      'X-Latin: caf\xe9',
      'X-Empty: ',
    ]);
    expect(answer.lines.filter((line) => line.startsWith('Date:'))).toHaveLength(1);
    expect(answer.headers.date).not.toContain('1970');
    taken.finish();
  });

  test('with a length has that length, and the connection goes on', async () => {
    const { taken, connection, calls } = await sendCall(getRequest('/a'));
    taken.answer.onHead(200, 'OK', [['content-length', '6']]);
    expect(taken.answer.onChunk(Buffer.from('abc'))).toBeUndefined();
    expect(taken.answer.onChunk(Buffer.from('def'))).toBeUndefined();
    taken.answer.onEnd();
    taken.finish();
    const answer = await connection.readAnswer();
    expect({ length: answer.headers['content-length'], body: answer.body }).toEqual({ length: '6', body: 'abcdef' });
    expect(answer.headers['transfer-encoding']).toBeUndefined();
    expect(answer.headers.connection).toBeUndefined();
    await connection.send(getRequest('/b'));
    (await calls.nextCall()).respond(200, [['content-length', '0']]);
    expect((await connection.readAnswer()).headers['content-length']).toBe('0');
  });

  test('with a length does not end with an empty piece', async () => {
    const { taken, connection } = await sendCall(getRequest('/a', 'Connection: close\r\n'));
    taken.answer.onHead(200, 'OK', [['content-length', '6']]);
    for (const piece of ['', 'abc', '', 'def', '']) taken.answer.onChunk(Buffer.from(piece));
    taken.answer.onEnd();
    taken.finish();
    expect((await connection.readAnswer()).body).toBe('abcdef');
    await connection.closed;
  });

  test('in chunks does not end with an empty piece', async () => {
    const { taken, connection } = await sendCall(getRequest('/a', 'Connection: close\r\n'));
    taken.answer.onHead(200, 'OK', []);
    for (const piece of ['', 'abc', '', 'def', '']) taken.answer.onChunk(Buffer.from(piece));
    taken.answer.onEnd();
    taken.finish();
    await connection.readAnswer();
    expect(await connection.readChunks()).toBe('abcdef');
    await connection.closed;
  });

  test('without a length comes in chunks, each at once', async () => {
    const { taken, connection, calls } = await sendCall(getRequest('/a'));
    taken.answer.onHead(200, 'OK', []);
    taken.answer.onChunk(Buffer.from('one'));
    const { headers } = await connection.readAnswer();
    expect(headers).toMatchObject({ 'transfer-encoding': 'chunked' });
    expect(headers['content-length']).toBeUndefined();
    expect(await connection.readChunk()).toBe('one');
    taken.answer.onChunk(Buffer.from('two'));
    expect(await connection.readChunk()).toBe('two');
    taken.answer.onEnd();
    expect(await connection.readChunk()).toBe('');
    taken.finish();
    await connection.send(getRequest('/b'));
    (await calls.nextCall()).respond(200, []);
    expect((await connection.readAnswer()).status).toBe(200);
  });

  test.each<[string, string, number, [string, string][], string | undefined]>([
    ['to HEAD', 'HEAD', 200, [['content-length', '1000']], '1000'],
    ['to HEAD without a length', 'HEAD', 200, [], undefined],
    ['to HEAD of an error', 'HEAD', 404, [['content-length', '7']], '7'],
    ['204', 'DELETE', 204, [], undefined],
    ['304', 'GET', 304, [['etag', '"x"']], undefined],
    ['304 with a length', 'GET', 304, [['content-length', '1000']], '1000'],
  ])('%s has no body, and the connection goes on', async (_what, method, status, headers, length) => {
    const { taken, connection, calls } = await sendCall(`${method} /a HTTP/1.1\r\nHost: a\r\n\r\n`);
    taken.respond(status, headers);
    const answer = await connection.readAnswer(true);
    expect({ status: answer.status, length: answer.headers['content-length'] }).toEqual({ status, length });
    expect(answer.headers['transfer-encoding']).toBeUndefined();
    await connection.send(getRequest('/b'));
    (await calls.nextCall()).respond(200, [['content-length', '2']], 'ok');
    expect((await connection.readAnswer()).body).toBe('ok');
  });

  test('to a body in chunks is the last on its connection, whatever its form', async () => {
    const request = 'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n';
    for (const headers of [[], [['content-length', '0']], [['content-length', '2']]] as [string, string][][]) {
      const { taken, connection } = await sendCall(request);
      taken.respond(200, headers, headers[0]?.[1] === '0' ? '' : 'ok');
      expect((await connection.readAnswer()).headers.connection).toBe('close');
    }
    const { taken, connection } = await sendCall(request);
    taken.fail('no cloud');
    expect((await connection.readAnswer()).headers.connection).toBe('close');
    await connection.closed;
  });
});

describe('a cloud that does not answer', () => {
  test('is 502 in the error shape, with the reason, and the connection goes on', async () => {
    const { taken, connection, calls } = await sendCall(getRequest('/a'));
    taken.fail('ECONNREFUSED: connect ECONNREFUSED 127.0.0.1:1');
    const answer = await connection.readAnswer();
    expect({ status: answer.status, body: JSON.parse(answer.body) }).toEqual({
      status: 502,
      body: {
        type: 'BadGateway',
        message: 'the cloud did not answer this call: ECONNREFUSED: connect ECONNREFUSED 127.0.0.1:1',
      },
    });
    await connection.send(getRequest('/b'));
    (await calls.nextCall()).respond(200, [['content-length', '0']]);
    expect((await connection.readAnswer()).status).toBe(200);
  });

  test('is 502 without a body to HEAD', async () => {
    const { taken, connection, calls } = await sendCall('HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n');
    taken.fail('no');
    expect((await connection.readAnswer(true)).status).toBe(502);
    await connection.send(getRequest('/b'));
    (await calls.nextCall()).respond(200, [['content-length', '2']], 'ok');
    expect((await connection.readAnswer()).body).toBe('ok');
  });

  test.each<[string, [string, string][]]>([
    ['a sized answer', [['content-length', '10']]],
    ['one in chunks', []],
  ])('to its end cuts the connection in the middle of %s', async (_what, headers) => {
    const { taken, connection } = await sendCall(getRequest('/a'));
    taken.answer.onHead(200, 'OK', headers);
    taken.answer.onChunk(Buffer.from('12345'));
    taken.fail('gone');
    await connection.closed;
    const { status } = await connection.readAnswer(true);
    expect(status).toBe(200);
    expect((await connection.readBytes(connection.unread)).toString()).not.toContain('0\r\n\r\n');
  });

  test('while the device still sends is 502 at once, and the connection ends behind the body', async () => {
    const { taken, connection, calls } = await sendCall(
      'PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345',
    );
    taken.fail('no');
    const answer = await connection.readAnswer();
    expect({ status: answer.status, connection: answer.headers.connection }).toEqual({
      status: 502,
      connection: 'close',
    });
    await connection.send(`67890${getRequest('/b')}`);
    await connection.closed;
    expect(calls.taken).toHaveLength(1);
  });
});

describe('an event stream', () => {
  const EVENTS: [string, string] = ['content-type', 'text/event-stream; charset=utf-8'];

  test('comes event by event', async () => {
    const { taken, connection, clock } = await sendCall(getRequest('/stream'));
    taken.answer.onHead(200, 'OK', [EVENTS]);
    taken.answer.onChunk(Buffer.from('data: 1\n\n'));
    expect((await connection.readAnswer()).headers['content-type']).toBe(EVENTS[1]);
    expect(await connection.readChunk()).toBe('data: 1\n\n');
    await clock.advance(120_000);
    taken.answer.onChunk(Buffer.from('data: 2\n\n'));
    expect(await connection.readChunk()).toBe('data: 2\n\n');
  });

  test('that is quiet shows its head by a comment', async () => {
    const { taken, connection, clock } = await sendCall(getRequest('/stream'));
    taken.answer.onHead(200, 'OK', [EVENTS]);
    await clock.advance(100);
    expect((await connection.readAnswer()).status).toBe(200);
    expect(await connection.readChunk()).toBe(':\n');
    taken.answer.onChunk(Buffer.from('data: 1\n\n'));
    expect(await connection.readChunk()).toBe('data: 1\n\n');
    await clock.advance(1000);
    taken.answer.onEnd();
    expect(await connection.readChunk()).toBe('');
  });

  test.each<[string, [string, string][]]>([
    ['is compressed', [EVENTS, ['content-encoding', 'gzip']]],
    ['is none', [['content-type', 'text/event-streams']]],
    ['has a length', [EVENTS, ['content-length', '5']]],
  ])('gets no comment where it %s', async (_what, headers) => {
    const { taken, clock, connection } = await sendCall(getRequest('/stream'));
    taken.answer.onHead(200, 'OK', headers);
    await clock.advance(1000);
    taken.answer.onChunk(Buffer.from('12345'));
    taken.answer.onEnd();
    const answer = await connection.readAnswer();
    expect(answer.body || (await connection.readChunk())).toBe('12345');
  });

  test('is cut when the proxy is being stopped, which need not wait for it', async () => {
    const { taken, connection, front, clock } = await sendCall(getRequest('/stream'));
    taken.answer.onHead(200, 'OK', [EVENTS]);
    taken.answer.onChunk(Buffer.from('data: 1\n\n'));
    const closing = front.close(1000);
    await connection.closed;
    await taken.over;
    await clock.advance(10);
    await closing;
    expect(clock.monotonicMs()).toBeLessThan(1000);
  });
});

/** Writes down what of a chunked answer is written in one cork. */
class CorkedChunks {
  readonly corks: Buffer[][] = [];
  #pieces: Buffer[] = [];

  cork(write: () => void): this {
    this.#pieces = [];
    write();
    if (this.#pieces.length > 0) this.corks.push(this.#pieces);
    return this;
  }

  write(piece: Uint8Array): boolean {
    this.#pieces.push(Buffer.from(piece));
    return true;
  }

  writeStatus(): void {}
  writeHeader(): void {}
  onWritable(): void {}
}

test('a chunk of any size is written in pieces that uWebSockets.js gathers whole, one a cork', () => {
  const GATHERED_BYTES = 16 * 1_024;
  // A mark, a transfer coding and the head of a chunk.
  const HEAD_BYTES = 256;
  const res = new CorkedChunks();
  const answer = new AnswerToDevice({
    res: res as unknown as HttpResponse,
    clock: new FakeClock(),
    isHead: false,
    end: { closes: false, holds: false, begin() {} } as unknown as AnswerEnd,
    cutsOnFailure: false,
    onCode() {},
  });
  answer.onHead(200, 'OK', []);
  const chunk = Buffer.from(Array.from({ length: 3 * 65_536 + 1 }, (_, i) => i % 251));
  expect(answer.onChunk(chunk)).toBeUndefined();
  expect(Buffer.concat(res.corks.flat()).equals(chunk)).toBe(true);
  for (const pieces of res.corks) {
    expect(pieces).toHaveLength(1);
    expect(pieces[0]?.length).toBeLessThanOrEqual(GATHERED_BYTES - HEAD_BYTES);
  }
});
