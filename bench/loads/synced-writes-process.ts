import { closeSync, constants, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { serveParent } from '../processes/parent-link.js';
import { latencyHistogram, latencyOf, observe } from './latency.js';

/** One write of a page after the other, each on stable storage when it returns (`O_DSYNC`). */
export interface SyncedWrites {
  /** To a file that grows by it, or within one that was filled once, which changes nothing of the file but its bytes. */
  readonly way: 'append' | 'overwrite';
  readonly directory: string;
  readonly seconds: number;
}

export interface SyncedWritesResult {
  readonly writes: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of a write, user and system, microseconds. */
  readonly usPerWrite: number;
}

const PAGE_BYTES = 4096;
const FILLED_PAGES = 1024;

serveParent<SyncedWrites, SyncedWritesResult>({
  async start({ way, directory, seconds }) {
    const file = join(directory, `synced-writes-${way}`);
    fill(file, way === 'overwrite' ? FILLED_PAGES : 0);
    const descriptor = openSync(file, constants.O_WRONLY | constants.O_DSYNC);
    try {
      return write(descriptor, way === 'overwrite' ? FILLED_PAGES : Number.POSITIVE_INFINITY, seconds);
    } finally {
      closeSync(descriptor);
      unlinkSync(file);
    }
  },
});

function fill(file: string, pages: number): void {
  const descriptor = openSync(file, 'w');
  writeSync(descriptor, Buffer.alloc(pages * PAGE_BYTES));
  fsyncSync(descriptor);
  closeSync(descriptor);
}

/** @param pages after which it begins again at the first */
function write(descriptor: number, pages: number, seconds: number): SyncedWritesResult {
  const page = Buffer.alloc(PAGE_BYTES);
  const histogram = latencyHistogram();
  const before = process.cpuUsage();
  const startedAtMs = performance.now();
  const endAtMs = startedAtMs + seconds * 1000;
  let atMs = startedAtMs;
  let writes = 0;
  for (; atMs < endAtMs; writes++) {
    page.writeUInt32LE(writes);
    writeSync(descriptor, page, 0, PAGE_BYTES, (writes % pages) * PAGE_BYTES);
    const endedMs = performance.now();
    observe(histogram, endedMs - atMs);
    atMs = endedMs;
  }
  const { user, system } = process.cpuUsage(before);
  const { p50Ms, p99Ms } = latencyOf(histogram);
  return { writes, seconds: (atMs - startedAtMs) / 1000, p50Ms, p99Ms, usPerWrite: (user + system) / writes };
}
