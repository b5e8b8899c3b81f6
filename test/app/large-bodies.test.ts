import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openPassingSite, type PassingSite } from '../helpers/passing-site.js';
import { later } from '../helpers/promises.js';
import { forgetPeak, inMiB, peakResidentBytes, startedBytes } from '../helpers/resident-memory.js';

const MIB = 1024 * 1024;
/** Large enough that a proxy which gathers bodies would be told from one that does not. `BODY_MIB=1024` for a gigabyte. */
const BODY_MIB = Number(process.env.BODY_MIB ?? 384);
/** The proxy takes no body with a length beyond 999,999,999 bytes. */
const UPLOAD_MIB = Math.min(BODY_MIB, 950);
/**
 * Buffers of sockets and libraries, and pieces that the collector has not come to yet: 61 to 135 MiB in runs on either pair,
 * whatever the size of the body. A proxy that gathers would hold all of it.
 */
const MOST_MORE_MIB = Math.min(BODY_MIB, UPLOAD_MIB) / 2;
/** One side takes so much, then nothing for a moment: the other is faster by far. */
const PAUSE_EVERY_MIB = 16;
const PAUSE_MS = 50;
/** Half of what the proxy takes of a body before it refuses it: see {@link within}. */
const MOST_AHEAD_BYTES = 16 * MIB;
const TIMEOUT_MS = 30_000 + BODY_MIB * 200;

/** A body of pieces that are told from one another, and its digest when it has been read. */
function body(mebibytes: number): { stream: Readable; digest: () => string } {
  const hash = createHash('sha1');
  function* pieces(): Generator<Buffer> {
    for (let n = 0; n < mebibytes; n++) {
      const piece = Buffer.alloc(MIB, `piece ${n} `);
      hash.update(piece);
      yield piece;
    }
  }
  return {
    stream: Readable.from(pieces(), { objectMode: false, highWaterMark: MIB }),
    digest: () => hash.digest('hex'),
  };
}

/** Reads slowly, and knows what came. */
class SlowReader {
  readonly #hash = createHash('sha1');
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns the digest of all */
  async read(stream: AsyncIterable<Buffer>): Promise<string> {
    for await (const piece of stream) {
      const before = Math.floor(this.#bytes / MIB / PAUSE_EVERY_MIB);
      this.#hash.update(piece);
      this.#bytes += piece.length;
      if (Math.floor(this.#bytes / MIB / PAUSE_EVERY_MIB) > before) await pause(PAUSE_MS);
    }
    return this.#hash.digest('hex');
  }
}

/** What the proxy held at most while `action` ran, beyond what it held before. */
async function growthMiB({ proxy }: PassingSite, action: () => Promise<void>): Promise<number> {
  const pid = proxy.process.pid as number;
  const before = await startedBytes(proxy);
  forgetPeak(pid);
  await action();
  return inMiB(peakResidentBytes(pid) - before);
}

/**
 * Sends no more than so far ahead of who reads at the other end. What this machine sends itself may come faster than a busy
 * proxy takes it from the kernel, and the newer library does not let go of a socket before it is empty (`docs/decisions.md`,
 * "What differs between the two pairs"). That a sender is kept back is for `test/front/passthrough/passed-flow.test.ts`; here a proxy that
 * gathers what it should pass on gets no more of it.
 */
function within(reader: SlowReader) {
  return async function* (pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let sent = 0;
    for await (const piece of pieces) {
      await expect.poll(() => sent - reader.bytes, { interval: 5 }).toBeLessThanOrEqual(MOST_AHEAD_BYTES);
      sent += piece.length;
      yield piece;
    }
  };
}

const FORMS = ['with a length', 'in chunks'] as const;

test.each(FORMS)('an upload %s is not held in memory', { timeout: TIMEOUT_MS }, async (form) => {
  const reader = new SlowReader();
  const site = await openPassingSite({
    onRequest: async (incoming, response) => {
      response.end(await reader.read(incoming));
    },
  });
  const { stream, digest } = body(UPLOAD_MIB);
  const grown = await growthMiB(site, async () => {
    const headers = form === 'in chunks' ? {} : { 'content-length': UPLOAD_MIB * MIB };
    const outgoing = request({
      host: '127.0.0.1',
      port: site.port,
      path: '/files',
      method: 'POST',
      headers,
      agent: false,
    });
    const answered = later(once(outgoing, 'response'));
    await pipeline(stream, within(reader), outgoing);
    const [answer] = (await answered) as [IncomingMessage];
    expect(Buffer.concat(await answer.toArray()).toString()).toBe(digest());
  });
  expect(reader.bytes).toBe(UPLOAD_MIB * MIB);
  console.info(`an upload of ${UPLOAD_MIB} MiB ${form}: ${grown} MiB more at most`);
  expect(grown).toBeLessThan(MOST_MORE_MIB);
});

test.each(FORMS)('a download %s is not held in memory', { timeout: TIMEOUT_MS }, async (form) => {
  const { stream, digest } = body(BODY_MIB);
  const site = await openPassingSite({
    onRequest: (_incoming, response) => {
      response.writeHead(200, form === 'in chunks' ? {} : { 'content-length': BODY_MIB * MIB });
      void later(pipeline(stream, response));
    },
  });
  const grown = await growthMiB(site, async () => {
    const outgoing = request({ host: '127.0.0.1', port: site.port, path: '/files', agent: false });
    outgoing.end();
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    const reader = new SlowReader();
    expect(await reader.read(answer)).toBe(digest());
    expect(reader.bytes).toBe(BODY_MIB * MIB);
  });
  console.info(`a download of ${BODY_MIB} MiB ${form}: ${grown} MiB more at most`);
  expect(grown).toBeLessThan(MOST_MORE_MIB);
});
