import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { pickUws } from '../../../src/front/uws.js';
import type { TakenCall } from '../../helpers/front-doubles.js';
import { type FrontHarness, startFront, until } from '../../helpers/front-harness.js';
import { later } from '../../helpers/promises.js';

const MIB = 1024 * 1024;
/**
 * What one turn of the loop may bring beyond the threshold. The newer library reads on while there is something, and the
 * sender of these tests is in the same loop: that is what the kernel holds for both sockets.
 */
const MOST_HELD = 65_536 + (pickUws().name.includes('uws-js-unofficial') ? 2 * 524_288 : 48 * MIB);
/** More than the kernel holds, by far: what is not taken must be seen to wait. */
const PIECES = 1_536;
const PIECE = Buffer.from(Array.from({ length: 65_536 }, (_, i) => (i * 31) % 251));

interface Begun extends FrontHarness {
  readonly outgoing: ClientRequest;
  readonly taken: TakenCall;
}

/** Begins a request to a front that passes it on. */
async function begin(method: string, headers: Record<string, string | number>, maxUnansweredBytes = 64 * MIB) {
  const harness = await startFront({ passthrough: 'all', maxUnansweredBytes });
  const outgoing = request({ host: '127.0.0.1', port: harness.port, path: '/a', method, headers, agent: false });
  outgoing.on('error', () => {});
  onTestFinished(() => {
    outgoing.destroy();
  });
  if (method === 'GET') outgoing.end();
  else outgoing.flushHeaders();
  const taken = await harness.calls.nextCall();
  await turn();
  return { ...harness, outgoing, taken } satisfies Begun;
}

/** Writes pieces until the socket takes no more, and says how many; then goes on with the rest. */
function sendPieces(outgoing: ClientRequest, count: number): { readonly sent: () => number; readonly hash: string } {
  const hash = createHash('sha1');
  for (let i = 0; i < count; i++) hash.update(PIECE);
  let sent = 0;
  const go = (): void => {
    while (sent < count) {
      sent++;
      if (!outgoing.write(PIECE)) {
        outgoing.once('drain', go);
        return;
      }
    }
    outgoing.end();
  };
  go();
  return { sent: () => sent, hash: hash.digest('hex') };
}

/** Waits until `figure` has been the same for so long that it will not change by itself. */
async function untilStill(figure: () => number): Promise<number> {
  for (let last = figure(), still = 0; ; ) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    const now = figure();
    still = now === last ? still + 1 : 0;
    last = now;
    if (still === 20) return now;
  }
}

describe('a body that the cloud takes slowly', () => {
  test.each<[string, Record<string, string | number>]>([
    ['sized', { 'content-length': PIECES * PIECE.length }],
    ['in chunks', { 'transfer-encoding': 'chunked' }],
  ])('is not taken from the device faster, and arrives whole: %s', async (_what, headers) => {
    const { outgoing, taken, front } = await begin('PUT', headers);
    const { sent, hash } = sendPieces(outgoing, PIECES);
    const sentBefore = await untilStill(sent);
    // The rest of what has been sent lies in the buffers of the two sockets.
    expect(sentBefore).toBeLessThan(PIECES - 256);
    expect(front.unansweredBytes()).toBeLessThanOrEqual(MOST_HELD);

    const received = createHash('sha1');
    let largest = 0;
    for await (const piece of taken.call.body ?? []) {
      received.update(piece);
      largest = Math.max(largest, front.unansweredBytes());
      await turn();
    }
    expect(received.digest('hex')).toBe(hash);
    expect(largest).toBeLessThanOrEqual(MOST_HELD);
    taken.respond(200, [['content-length', '2']], 'ok');
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    expect(incoming.statusCode).toBe(200);
    incoming.resume();
  });

  test('beyond the bound of all calls is refused with 503 and cut', async () => {
    const { outgoing, taken, front } = await begin(
      'PUT',
      { 'content-length': 32 * MIB, connection: 'keep-alive' },
      32_768,
    );
    const answered = later(once(outgoing, 'response'));
    sendPieces(outgoing, 512);
    const [incoming] = (await answered) as [IncomingMessage];
    expect({ status: incoming.statusCode, connection: incoming.headers.connection }).toEqual({
      status: 503,
      connection: 'close',
    });
    incoming.resume();
    await taken.over;
    expect(taken.call.signal.aborted).toBe(true);
    await until(() => front.unansweredBytes() === 0 && front.underWay().http === 0);
    await expect(
      (async () => {
        for await (const _ of taken.call.body ?? []) expect.fail('nothing is left of it');
      })(),
    ).rejects.toThrow('overloaded');
  });

  test('is dropped where the cloud answers before it is whole, and the device gets the answer', async () => {
    const { outgoing, taken, front } = await begin('PUT', { 'content-length': 32 * MIB });
    const answered = later(once(outgoing, 'response'));
    const { sent } = sendPieces(outgoing, 512);
    await untilStill(sent);
    taken.respond(413, [['content-length', '3']], 'big');
    const [incoming] = (await answered) as [IncomingMessage];
    expect(incoming.statusCode).toBe(413);
    incoming.resume();
    await once(incoming, 'end');
    expect(front.unansweredBytes()).toBe(0);
  });
});

describe('an answer that the device takes slowly', () => {
  /** Writes pieces as fast as they are taken; tells how many were. */
  function answerWith(taken: TakenCall, count: number): { readonly taken: () => number; readonly hash: Hash } {
    const hash = createHash('sha1');
    let sent = 0;
    const go = async (): Promise<void> => {
      while (sent < count) {
        sent++;
        hash.update(PIECE);
        await taken.answer.onChunk(Buffer.from(PIECE));
        // As between two reads of the cloud's socket.
        await turn();
      }
      taken.answer.onEnd();
      taken.finish();
    };
    void go();
    return { taken: () => sent, hash };
  }

  test.each<[string, [string, string][]]>([
    ['sized', [['content-length', String(32 * MIB)]]],
    ['in chunks', []],
  ])('is not taken from the cloud faster, and arrives whole: %s', async (_what, headers) => {
    const { outgoing, taken, clock } = await begin('GET', {});
    taken.answer.onHead(200, 'OK', headers);
    const answer = answerWith(taken, 512);
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    const takenBefore = await untilStill(answer.taken);
    expect(takenBefore).toBeLessThan(400);
    // A device may take its time, so long as it takes something.
    const received = createHash('sha1');
    let pieces = 0;
    for await (const piece of incoming) {
      received.update(piece);
      if (++pieces % 64 === 0) await clock.advance(8_000);
    }
    expect(answer.taken()).toBe(512);
    expect(received.digest('hex')).toBe(answer.hash.digest('hex'));
  });

  test.each<[string, [string, string][]]>([
    ['sized', [['content-length', String(32 * MIB)]]],
    ['in chunks', []],
  ])('is cut when it takes nothing for a minute, and the call with it: %s', async (_what, headers) => {
    const { outgoing, taken, clock, front } = await begin('GET', {});
    taken.answer.onHead(200, 'OK', headers);
    const answer = answerWith(taken, 512);
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    await untilStill(answer.taken);
    await clock.advance(56_000);
    expect(taken.call.signal.aborted).toBe(false);
    await clock.advance(4_000);
    expect(taken.call.signal.aborted).toBe(true);
    incoming.resume();
    await once(incoming, 'error');
    await until(() => front.underWay().http === 0);
    expect(clock.pendingTimers).toBe(1);
  });

  test('leaves nothing behind when the device goes away', async () => {
    const { outgoing, taken, clock, front } = await begin('GET', {});
    taken.answer.onHead(200, 'OK', []);
    const answer = answerWith(taken, 512);
    await once(outgoing, 'response');
    await untilStill(answer.taken);
    outgoing.destroy();
    await taken.over;
    await until(() => front.underWay().http === 0);
    // The front's own once-a-second look at its sockets.
    expect(clock.pendingTimers).toBe(1);
  });
});
