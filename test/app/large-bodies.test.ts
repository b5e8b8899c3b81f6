import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openPassingSite, type PassingSite } from '../helpers/passing-site.js';
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
const MS_PER_MIB = 4;
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

/** Reads slowly; the digest of what came. */
async function readSlowly(stream: AsyncIterable<Buffer>): Promise<{ bytes: number; digest: string }> {
  const hash = createHash('sha1');
  let bytes = 0;
  for await (const piece of stream) {
    const before = Math.floor(bytes / MIB / PAUSE_EVERY_MIB);
    hash.update(piece);
    bytes += piece.length;
    if (Math.floor(bytes / MIB / PAUSE_EVERY_MIB) > before) await pause(PAUSE_MS);
  }
  return { bytes, digest: hash.digest('hex') };
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
 * No faster than 2 Gbit/s. What this machine sends itself comes faster than the proxy takes it from the kernel, and the
 * newer library does not let go of a socket before it is empty (`docs/decisions.md`, "What differs between the two pairs").
 */
async function* atTheSpeedOfALine(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    yield piece;
    await pause(MS_PER_MIB * (piece.length / MIB));
  }
}

const FORMS = ['with a length', 'in chunks'] as const;

test.each(FORMS)('an upload %s is not held in memory', { timeout: TIMEOUT_MS }, async (form) => {
  let came: Promise<{ bytes: number; digest: string }> | undefined;
  const site = await openPassingSite({
    onRequest: (incoming, response) => {
      came = readSlowly(incoming);
      void came.then(({ bytes }) => response.end(String(bytes)));
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
    const answered = once(outgoing, 'response');
    await pipeline(stream, atTheSpeedOfALine, outgoing);
    const [answer] = (await answered) as [IncomingMessage];
    expect(Buffer.concat(await answer.toArray()).toString()).toBe(String(UPLOAD_MIB * MIB));
  });
  expect((await came)?.digest).toBe(digest());
  console.info(`an upload of ${UPLOAD_MIB} MiB ${form}: ${grown} MiB more at most`);
  expect(grown).toBeLessThan(MOST_MORE_MIB);
});

test.each(FORMS)('a download %s is not held in memory', { timeout: TIMEOUT_MS }, async (form) => {
  const { stream, digest } = body(BODY_MIB);
  const site = await openPassingSite({
    onRequest: (_incoming, response) => {
      response.writeHead(200, form === 'in chunks' ? {} : { 'content-length': BODY_MIB * MIB });
      pipeline(stream, response).catch(() => {});
    },
  });
  const grown = await growthMiB(site, async () => {
    const outgoing = request({ host: '127.0.0.1', port: site.port, path: '/files', agent: false });
    outgoing.end();
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    const received = await readSlowly(answer);
    expect(received).toEqual({ bytes: BODY_MIB * MIB, digest: digest() });
  });
  console.info(`a download of ${BODY_MIB} MiB ${form}: ${grown} MiB more at most`);
  expect(grown).toBeLessThan(MOST_MORE_MIB);
});
