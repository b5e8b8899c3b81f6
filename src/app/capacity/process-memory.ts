import { readFileSync } from 'node:fs';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import type { MemoryUse } from './memory-watch.js';

const STATM_FILE = '/proc/self/statm';

/** What this process takes; see `MemoryUse`. */
export function memoryUse(): MemoryUse {
  return { residentBytes: residentBytes(), heapBytes: getHeapStatistics().used_heap_size };
}

/** How much V8's heap may grow before it is gone through again, in percent. */
export function setHeapGrowth(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}

/** proc(5): pages in all, resident ones, and of these those of files and shared memory. How long a page is, it need not know. */
function residentBytes(): number {
  try {
    const [, resident, shared] = readFileSync(STATM_FILE, 'latin1').split(' ').map(Number) as [number, number, number];
    return Math.round(process.memoryUsage.rss() * (1 - shared / resident));
  } catch {
    // No such file outside Linux.
    return process.memoryUsage.rss();
  }
}
