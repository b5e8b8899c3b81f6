import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../helpers/fake-clock.js';
import { later } from '../helpers/promises.js';
import { callOf, cleaner, cloud, passed, RecordedAnswer, streamTo } from './passed-calls.js';
import { Cleaner, startTcp } from './test-servers.js';

afterEach(() => cleaner.run());

describe('a call that fails', () => {
  it('for want of a cloud tells why, and no head', async () => {
    const dead = new Cleaner();
    const gone = await startTcp(dead, () => {});
    await dead.run();
    const answer = await passed(streamTo(`http://127.0.0.1:${gone}`));
    expect(answer.told).toEqual(['failure']);
    expect(answer.reason).toMatch(/^ECONNREFUSED/);
  });

  it.each<[string, (socket: Socket) => void, string[]]>([
    ['before the head', (socket) => socket.destroy(), ['failure']],
    ['with something else', (socket) => socket.end('220 smtp ready\r\n'), ['failure']],
    [
      'in a sized body',
      (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345'),
      ['head', 'chunk', 'failure'],
    ],
    [
      'in chunks',
      (socket) => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n'),
      ['head', 'chunk', 'failure'],
    ],
    [
      'with an upgrade',
      (socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
      ['failure'],
    ],
  ])('%s says so', async (_when, end, told) => {
    const port = await startTcp(cleaner, (socket) => socket.once('data', () => end(socket)));
    expect((await passed(streamTo(`http://127.0.0.1:${port}`))).told).toEqual(told);
  });

  it.each([
    ['before its answer', false],
    ['in the middle of it', true],
  ])('as the device is gone %s ends the request to the cloud', async (_when, begins) => {
    let closed: Promise<unknown> | undefined;
    const stream = await cloud((request, response) => {
      closed = later(once(request.socket, 'close'));
      if (begins) response.write('begun');
      else response.flushHeaders();
    });
    const abort = new AbortController();
    const answer = new RecordedAnswer();
    const passing = stream.pass(callOf({ signal: abort.signal }), answer);
    await answer.until(() => answer.told.includes(begins ? 'chunk' : 'head'));
    abort.abort();
    await Promise.all([passing, closed]);
    expect(answer.told.at(-1)).toBe('failure');
  });

  it('before it has a connection is never sent', async () => {
    const targets: (string | undefined)[] = [];
    const waiting: ServerResponse[] = [];
    const stream = await cloud(
      (request, response) => {
        targets.push(request.url);
        waiting.push(response);
      },
      { connections: 1 },
    );
    const first = stream.pass(callOf({ target: '/first' }), new RecordedAnswer());
    while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const abort = new AbortController();
    const answer = new RecordedAnswer();
    const second = stream.pass(callOf({ target: '/second', signal: abort.signal }), answer);
    abort.abort();
    expect(answer.told).toEqual(['failure']);
    waiting[0]?.end();
    await Promise.all([first, second]);
    expect(targets).toEqual(['/first']);
  });

  it('as the stream is closed', async () => {
    const stream = await cloud(() => {});
    const answer = new RecordedAnswer();
    const passing = stream.pass(callOf(), answer);
    await stream.close();
    await passing;
    expect(answer.told).toEqual(['failure']);
    expect((await passed(stream)).told).toEqual(['failure']);
  });
});

describe('a call without progress for a minute', () => {
  /** Passes a call to a server that begins to answer as told, and says nothing more. */
  async function stuck(begin: (response: ServerResponse) => void, untilTold: string | undefined) {
    const clock = new FakeClock();
    let arrived = (): void => {};
    const request = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const responses: ServerResponse[] = [];
    const stream = await cloud(
      (_request, response) => {
        responses.push(response);
        begin(response);
        arrived();
      },
      { clock },
    );
    const answer = new RecordedAnswer();
    const passing = stream.pass(callOf(), answer);
    await request;
    if (untilTold !== undefined) await answer.until(() => answer.told.includes(untilTold));
    return { clock, answer, passing, response: responses[0] as ServerResponse };
  }

  it('is given up: no head', async () => {
    const { clock, answer, passing } = await stuck(() => {}, undefined);
    await clock.advance(59_999);
    expect(answer.told).toEqual([]);
    await clock.advance(1);
    await passing;
    expect(answer).toMatchObject({ told: ['failure'], reason: 'no progress within 60000 ms' });
    expect(clock.pendingTimers).toBe(0);
  });

  it('is given up: no more of its body; each piece starts the time anew', async () => {
    const { clock, answer, passing, response } = await stuck((answering) => answering.write('one'), 'chunk');
    await clock.advance(59_999);
    response.write('two');
    await answer.until(() => answer.bytes === 6);
    await clock.advance(59_999);
    expect(answer.told).toEqual(['head', 'chunk']);
    await clock.advance(1);
    await passing;
    expect(answer.told).toEqual(['head', 'chunk', 'failure']);
  });

  it('is not given up where what takes its time is the device', async () => {
    const clock = new FakeClock();
    const stream = await cloud((_request, response) => response.end('all of it'), { clock });
    const answer = new RecordedAnswer();
    let letGo = (): void => {};
    answer.hold = () =>
      new Promise((resolve) => {
        letGo = resolve;
      });
    const passing = stream.pass(callOf(), answer);
    await answer.until(() => answer.bytes > 0);
    await clock.advance(600_000);
    letGo();
    await passing;
    expect(answer.told).toEqual(['head', 'chunk', 'end']);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each(['text/event-stream', 'Text/Event-Stream;charset=utf-8'])(
    'is not given up where it is an event stream: %s',
    async (type) => {
      const { clock, answer, passing, response } = await stuck((answering) => {
        answering.writeHead(200, { 'content-type': type }).flushHeaders();
      }, 'head');
      expect(clock.pendingTimers).toBe(0);
      await clock.advance(86_400_000);
      response.end('data: 1\n\n');
      await passing;
      expect(answer.told).toEqual(['head', 'chunk', 'end']);
    },
  );

  it('counts what the cloud takes of the body', async () => {
    const clock = new FakeClock();
    const stream = await cloud((request, response) => request.resume().on('end', () => response.end('ok')), { clock });
    const body = (async function* () {
      for (let i = 0; i < 4; i++) {
        await clock.advance(40_000);
        yield Buffer.from('piece');
      }
    })();
    expect((await passed(stream, { method: 'PUT', body })).told).toEqual(['head', 'chunk', 'end']);
  });
});
