/** What `getStats` of lmdb-js 3.5 tells of a tree (`read.js`: getStats; typed as `{}` there). */
export interface TreeStats {
  readonly pageSize: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
  readonly entryCount: number;
}

/** A database, or the root of all, as far as it tells of its tree. */
export interface WithStats {
  getStats(): object;
}

/** How much a database holds, and takes of the disk. */
export interface TreeSize {
  readonly rows: number;
  /** Of whole pages of the data file, with what is free inside of them. */
  readonly bytes: number;
}

/**
 * The size of a database as of the last commit. LMDB keeps these figures in the head of the tree and changes them with it:
 * nothing is gone through for them, and no crash makes them wrong.
 */
export function treeSize(table: WithStats & { resetReadTxn(): void }): TreeSize {
  table.resetReadTxn();
  const stats = table.getStats() as TreeStats;
  return { rows: stats.entryCount, bytes: pagesOf(stats) * stats.pageSize };
}

/** Pages that a tree is made of. */
export function pagesOf(tree: TreeStats): number {
  return tree.treeBranchPageCount + tree.treeLeafPageCount + tree.overflowPages;
}
