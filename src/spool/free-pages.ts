import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DATA_FILE } from './data-file.js';
import type { Environment } from './environment.js';
import { pagesOf, type TreeStats } from './tree-size.js';

interface Stats extends TreeStats {
  readonly free: TreeStats;
  readonly root: TreeStats;
  readonly lastPageNumber: number;
}

/** The two pages at the head of a data file. */
const HEAD_PAGES = 2;

/**
 * Bytes of the data file of `directory` that no tree uses: LMDB never gives them back to the disk, it stores the next
 * records there. Those that the last two commits left are counted though LMDB cannot use them yet.
 */
export function freeBytes(directory: string, environment: Environment): number {
  const { root, ...named } = environment;
  if (root === undefined) return 0;
  const whole = root.getStats() as Stats;
  let usedPages = HEAD_PAGES + pagesOf(whole.free) + pagesOf(whole.root);
  for (const database of Object.values(named)) usedPages += pagesOf(database.getStats() as Stats);
  // A commit that failed may have made the file longer than what it says it is.
  const fileBytes = statSync(join(directory, DATA_FILE)).size;
  return Math.max(fileBytes, (whole.lastPageNumber + 1) * whole.pageSize) - usedPages * whole.pageSize;
}
