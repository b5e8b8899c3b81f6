import { closeSync, constants, openSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expectingInAll } from '../account.js';
import { latencyHistogram, observe, withinMs } from './latency.js';
import type { LoadResult, Target } from './load-result.js';

/** One write of a page after the other, each on stable storage when it returns (`O_DSYNC`). */
export interface SyncedWrites {
  readonly kind: 'writes';
  /** To a file that grows by it, or within one that was filled once, which changes nothing of the file but its bytes. */
  readonly way: 'append' | 'overwrite';
  readonly directory: string;
}

const PAGE_BYTES = 4096;
const FILLED_PAGES = 1024;

/** Puts the load on the disk. */
export async function runWrites({ way, directory }: SyncedWrites, { seconds }: Target): Promise<LoadResult> {
  const file = join(directory, `synced-writes-${way}`);
  writeFileSync(file, Buffer.alloc(way === 'overwrite' ? FILLED_PAGES * PAGE_BYTES : 0), { flush: true });
  const descriptor = openSync(file, constants.O_WRONLY | constants.O_DSYNC);
  try {
    const figures = write(descriptor, way === 'overwrite' ? FILLED_PAGES : Number.POSITIVE_INFINITY, seconds);
    return { ...expectingInAll(0), refused: 0, unanswered: 0, figures, doubts: [] };
  } finally {
    closeSync(descriptor);
    unlinkSync(file);
  }
}

/** @param pages after which it begins again at the first */
function write(descriptor: number, pages: number, seconds: number): LoadResult['figures'] {
  const page = Buffer.alloc(PAGE_BYTES);
  const latencies = latencyHistogram();
  const before = process.cpuUsage();
  const startedAtMs = performance.now();
  let atMs = startedAtMs;
  let writes = 0;
  for (; atMs < startedAtMs + seconds * 1000; writes++) {
    page.writeUInt32LE(writes);
    writeSync(descriptor, page, 0, PAGE_BYTES, (writes % pages) * PAGE_BYTES);
    const endedMs = performance.now();
    observe(latencies, endedMs - atMs);
    atMs = endedMs;
  }
  const { user, system } = process.cpuUsage(before);
  return {
    'requests a second': (writes * 1000) / (atMs - startedAtMs),
    'p50, closed loop': withinMs(latencies, 50),
    'p99, closed loop': withinMs(latencies, 99),
    'CPU a state': (user + system) / writes,
  };
}
