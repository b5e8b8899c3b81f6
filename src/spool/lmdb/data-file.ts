import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import {
  BRANCH,
  branchNodes,
  DamagedPageError,
  damaged,
  LEAF,
  type LeafNode,
  leafNodes,
  type MetaPage,
  OVERFLOW,
  overflowPages,
  PAGE_HEADER_BYTES,
  pageFlags,
  pageNumber,
  readMeta,
  readTreeHead,
  type TreeHead,
} from './lmdb-pages.js';

/** The one file that LMDB keeps everything in. */
export const DATA_FILE = 'data.mdb';
const SMALLEST_PAGE_BYTES = 4096;
const META_PAGES = 2;
/** MDB_INTEGERKEY: the keys of the tree of free pages are numbers in the machine's own order of bytes. */
const INTEGER_KEYS = 0x08;

/** What is to be done with a directory whose data file is damaged, for the operator. */
export function damageRemedy(directory: string): string {
  return (
    `Move ${directory} away as it is and start anew, so that devices are served again; how to get at what is in it, ` +
    'see "The data directory is damaged" in docs/runbook.md'
  );
}

/**
 * Checks that the data file of `directory`, if there is one, is LMDB's and whole: LMDB trusts its pages, and a flipped
 * bit or a cut-off end would let it die of a segmentation fault or write over what is stored. Values are not looked at:
 * they have their own checksums. Nobody may write to the file meanwhile.
 * @returns the names of the databases in it
 * @throws Error saying what is wrong
 */
export function checkDataFile(directory: string): string[] {
  let descriptor: number;
  try {
    descriptor = openSync(join(directory, DATA_FILE), 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  try {
    if (fstatSync(descriptor).size === 0) return [];
    return new DataFileCheck(descriptor).run();
  } catch (error) {
    if (!(error instanceof DamagedPageError)) throw error;
    const words = `${DATA_FILE} is damaged and was left as it is: ${error.message}. ${damageRemedy(directory)}`;
    throw new Error(words, { cause: error });
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Runs through the rows of an environment of one table without a name, in order of their keys, page by page as
 * {@link checkDataFile} does: what LMDB reads stays in the memory of the process, as it reads through a map. Nobody may
 * write to the file meanwhile.
 * @param visit `value` is good until it returns
 * @throws Error when the file cannot be read
 */
export function readRows(directory: string, visit: (key: Buffer, value: Buffer) => void): void {
  const descriptor = openSync(join(directory, DATA_FILE), 'r');
  try {
    new DataFileCheck(descriptor).readRows(visit);
  } finally {
    closeSync(descriptor);
  }
}

class DataFileCheck {
  readonly #descriptor: number;
  readonly #fileBytes: number;
  #pageBytes = SMALLEST_PAGE_BYTES;
  /** Of one leaf at a time: there are some fifty thousand in a file of 200 MiB. */
  #leaf = Buffer.allocUnsafe(SMALLEST_PAGE_BYTES);
  #lastPage = 0;
  /** A bit for each page that is in use. */
  #used = new Uint8Array(0);

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    this.#fileBytes = fstatSync(descriptor).size;
  }

  run(): string[] {
    const meta = this.#begin();
    const trees = new Map<string, TreeHead>();
    this.#walkTree(meta.main, ({ key, value, isTree }) => {
      // lmdb-js ends names with a zero.
      if (isTree) trees.set(key.toString().replace('\0', ''), readTreeHead(value, 0));
    });
    for (const tree of trees.values()) this.#walkTree(tree, () => {});
    this.#checkFreePages(meta.free);
    return [...trees.keys()];
  }

  readRows(visit: (key: Buffer, value: Buffer) => void): void {
    this.#walkTree(this.#begin().main, ({ key, value, valueBytes, overflow }) => {
      visit(key, overflow === undefined ? value : this.#readOverflow(overflow.page, valueBytes));
    });
  }

  #begin(): MetaPage {
    const meta = this.#newestMeta();
    this.#lastPage = meta.lastPage;
    // A file may end before its last page, but not by more than what it never used: a number far beyond is damage.
    this.#used = new Uint8Array(Math.ceil((Math.min(meta.lastPage, this.#fileBytes / this.#pageBytes) + 1) / 8));
    for (let page = 0; page < META_PAGES; page++) this.#use(page, 1);
    return meta;
  }

  #newestMeta(): MetaPage {
    const first = readMeta(this.#readPage(0), 0);
    const pageBytes = first.free.pad;
    const isPageSize = pageBytes >= SMALLEST_PAGE_BYTES && pageBytes <= 65_536 && (pageBytes & (pageBytes - 1)) === 0;
    if (!isPageSize) throw damaged(0, `its pages cannot have ${pageBytes} bytes`);
    this.#pageBytes = pageBytes;
    this.#leaf = Buffer.allocUnsafe(pageBytes);
    const second = readMeta(this.#readPage(1), 1);
    const [newer, older] = first.transaction > second.transaction ? [first, second] : [second, first];
    // Each transaction writes one of the two by turns: an even one the first, an odd one the second.
    const isPair =
      newer.transaction === 0 ||
      (newer.transaction - older.transaction === 1 && newer.transaction % 2 === (newer === second ? 1 : 0));
    if (!isPair) throw damaged(newer === first ? 0 : 1, 'the two head pages do not go together');
    if (second.free.pad !== pageBytes) throw damaged(1, 'the two head pages differ in the size of a page');
    if (newer.free.flags !== INTEGER_KEYS || newer.main.flags !== 0) throw damaged(0, 'a tree is of no known kind');
    return newer;
  }

  /** Walks a tree, counting what its head says it has. */
  #walkTree(head: TreeHead, onEntry: (node: LeafNode) => void): void {
    const counts = { branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 };
    const compare = (head.flags & INTEGER_KEYS) === 0 ? Buffer.compare : compareIntegers;
    const walk = (page: number, level: number, low: Buffer | undefined, high: Buffer | undefined): void => {
      this.#use(page, 1);
      const isLeaf = level === head.depth;
      const bytes = isLeaf ? this.#readInto(this.#leaf, page * this.#pageBytes) : this.#readPage(page);
      if (pageNumber(bytes) !== page || pageFlags(bytes) !== (isLeaf ? LEAF : BRANCH)) {
        throw damaged(page, 'another kind of page stands in its place');
      }
      if (!isLeaf) {
        counts.branchPages++;
        const nodes = branchNodes(bytes);
        if (nodes.length < 2) throw damaged(page, 'a branch has fewer than two ways to go');
        nodes.forEach(({ key, child }, index) => {
          // The first key of a branch is not looked at.
          walk(child, level + 1, index === 0 ? low : key, nodes[index + 1]?.key ?? high);
        });
        return;
      }
      counts.leafPages++;
      let before: Buffer | undefined;
      for (const node of leafNodes(bytes)) {
        const isInOrder = before === undefined || compare(before, node.key) < 0;
        const isInBounds = !(low && compare(node.key, low) < 0) && !(high && compare(node.key, high) >= 0);
        if (!isInOrder || !isInBounds) throw damaged(page, 'its entries are out of order');
        before = node.key;
        counts.entries++;
        if (node.overflow !== undefined) counts.overflowPages += this.#useOverflow(page, node);
        onEntry(node);
      }
    };
    if (head.root !== undefined) walk(head.root, 1, undefined, undefined);
    for (const [name, count] of Object.entries(counts)) {
      const expected = head[name as keyof typeof counts];
      if (count !== expected) throw damaged(head.root ?? 0, `its tree has ${count} ${name} and not ${expected}`);
    }
  }

  #useOverflow(leaf: number, { overflow, valueBytes }: LeafNode): number {
    const { page, pages } = overflow as { page: number; pages: number };
    if (pages !== Math.ceil((PAGE_HEADER_BYTES + valueBytes) / this.#pageBytes)) {
      throw damaged(leaf, 'a long value has not the pages it needs');
    }
    this.#use(page, pages);
    const header = this.#read(page * this.#pageBytes, PAGE_HEADER_BYTES);
    const isItself = pageNumber(header) === page && pageFlags(header) === OVERFLOW && overflowPages(header) === pages;
    if (!isItself) throw damaged(page, 'another kind of page stands in its place');
    return pages;
  }

  /** No page that is listed as free may be in use: LMDB would write over it. */
  #checkFreePages(head: TreeHead): void {
    this.#walkTree(head, ({ value, valueBytes, overflow }) => {
      const list = overflow === undefined ? value : this.#readOverflow(overflow.page, valueBytes);
      this.#checkFreeList(list);
    });
  }

  /** A list: how many numbers follow, then pages, each run of several preceded by its length below zero; 0: nothing. */
  #checkFreeList(list: Buffer): void {
    const count = list.byteLength < 8 ? -1 : Number(list.readBigInt64LE(0));
    if (count < 0 || (count + 1) * 8 > list.byteLength) throw damaged(0, 'a list of free pages is too short');
    for (let index = 1; index <= count; index++) {
      let page = Number(list.readBigInt64LE(index * 8));
      if (page === 0) continue;
      let pages = 1;
      if (page < 0) {
        if (index === count) throw damaged(0, 'a list of free pages is too short');
        pages = -page;
        page = Number(list.readBigInt64LE(++index * 8));
      }
      this.#assertFree(page, pages);
    }
  }

  #assertFree(page: number, pages: number): void {
    if (page < META_PAGES || page + pages - 1 > this.#lastPage) throw damaged(page, 'a free page is out of bounds');
    const end = Math.min(page + pages, this.#used.length * 8);
    for (let each = page; each < end; each++) {
      if (this.#isUsed(each)) throw damaged(each, 'it is in use and listed as free');
    }
  }

  #use(page: number, pages: number): void {
    if (page + pages - 1 > this.#lastPage) throw damaged(page, 'it is out of bounds');
    if ((page + pages) * this.#pageBytes > this.#fileBytes) throw damaged(page, 'the file ends before it');
    for (let each = page; each < page + pages; each++) {
      if (this.#isUsed(each)) throw damaged(each, 'it is in use twice');
      this.#used[each >> 3] = (this.#used[each >> 3] as number) | (1 << (each & 7));
    }
  }

  #isUsed(page: number): boolean {
    return ((this.#used[page >> 3] as number) & (1 << (page & 7))) !== 0;
  }

  #readOverflow(page: number, byteLength: number): Buffer {
    return this.#read(page * this.#pageBytes + PAGE_HEADER_BYTES, byteLength);
  }

  #readPage(page: number): Buffer {
    return this.#read(page * this.#pageBytes, this.#pageBytes);
  }

  #read(offset: number, byteLength: number): Buffer {
    return this.#readInto(Buffer.allocUnsafe(byteLength), offset);
  }

  #readInto(bytes: Buffer, offset: number): Buffer {
    const byteLength = bytes.byteLength;
    if (readSync(this.#descriptor, bytes, 0, byteLength, offset) !== byteLength) {
      throw new DamagedPageError(`it has only ${this.#fileBytes} bytes`);
    }
    return bytes;
  }
}

function compareIntegers(a: Buffer, b: Buffer): number {
  if (a.byteLength !== 8 || b.byteLength !== 8) throw new DamagedPageError('a key is not a number');
  const difference = a.readBigUInt64LE(0) - b.readBigUInt64LE(0);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
