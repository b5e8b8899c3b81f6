/**
 * The pages of an LMDB data file, as lmdb-js 3.5 writes them (`mdb.c`: MDB_page_header, MDB_meta, MDB_db, MDB_node,
 * MDB_ovpage; little-endian, 64 bits). Only what a check of the file needs.
 */

export const PAGE_HEADER_BYTES = 24;
const DATABASE_BYTES = 48;
const NODE_HEADER_BYTES = 8;
const OVERFLOW_REFERENCE_BYTES = 24;

/** Kinds of page, in the flags of its header. */
export const BRANCH = 0x01;
export const LEAF = 0x02;
export const OVERFLOW = 0x04;
const META = 0x08;

const BIG_DATA = 0x01;
const SUB_DATABASE = 0x02;

const MAGIC = 0xbeefc0de;
const VERSION = 2;
const NO_PAGE = 0xffffffffffff;

/** What is wrong with a data file, in words for an operator. */
export class DamagedPageError extends Error {}

/** The head of a tree: of a named database, of the list of them, or of the free pages. */
export interface TreeHead {
  /** Page size, for the tree of free pages. */
  readonly pad: number;
  readonly flags: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  /** Undefined when the tree is empty. */
  readonly root: number | undefined;
}

/** One of the two pages of which the newer says where everything stands. */
export interface MetaPage {
  readonly free: TreeHead;
  readonly main: TreeHead;
  readonly lastPage: number;
  readonly transaction: number;
}

/** An entry of a leaf: its value stands behind its key, or on overflow pages, or is the head of a tree. */
export interface LeafNode {
  readonly key: Buffer;
  readonly valueBytes: number;
  readonly value: Buffer;
  /** Where it is not in the leaf. */
  readonly overflow: { readonly page: number; readonly pages: number } | undefined;
  readonly isTree: boolean;
}

/** An entry of a branch page. */
export interface BranchNode {
  readonly key: Buffer;
  readonly child: number;
}

/** Reads a meta page; `page` is at least its first 200 bytes. */
export function readMeta(page: Buffer, number: number): MetaPage {
  const at = PAGE_HEADER_BYTES;
  if (page.readUInt32LE(at) !== MAGIC) throw new DamagedPageError('it is not an LMDB file');
  if ((page.readUInt32LE(at + 4) & 0xffff) !== VERSION) throw new DamagedPageError('it is of another version of LMDB');
  if (pageNumber(page) !== number || pageFlags(page) !== META) throw damaged(number, 'it is not a head page');
  const free = readTreeHead(page, at + 24);
  const main = readTreeHead(page, at + 24 + DATABASE_BYTES);
  const behind = at + 24 + 2 * DATABASE_BYTES;
  return { free, main, lastPage: readNumber(page, behind), transaction: readNumber(page, behind + 8) };
}

/** Reads the head of a tree from the value of its entry in the main database. */
export function readTreeHead(bytes: Buffer, at: number): TreeHead {
  const root = readNumber(bytes, at + 40, true);
  return {
    pad: bytes.readUInt32LE(at),
    flags: bytes.readUInt16LE(at + 4),
    depth: bytes.readUInt16LE(at + 6),
    branchPages: readNumber(bytes, at + 8),
    leafPages: readNumber(bytes, at + 16),
    overflowPages: readNumber(bytes, at + 24),
    entries: readNumber(bytes, at + 32),
    root: root === NO_PAGE ? undefined : root,
  };
}

export function pageNumber(page: Buffer): number {
  return readNumber(page, 0);
}

export function pageFlags(page: Buffer): number {
  return page.readUInt16LE(18);
}

/** Pages of a run of overflow pages, in the header of the first. */
export function overflowPages(header: Buffer): number {
  return header.readUInt32LE(20);
}

/** The entries of a branch page. */
export function branchNodes(page: Buffer): BranchNode[] {
  return nodes(page, (at) => {
    const keyBytes = page.readUInt16LE(at + 6);
    const end = at + NODE_HEADER_BYTES + keyBytes;
    const key = page.subarray(at + NODE_HEADER_BYTES, end);
    return { end, node: { key, child: page.readUIntLE(at, 6) } };
  });
}

/** The entries of a leaf page. */
export function leafNodes(page: Buffer): LeafNode[] {
  return nodes(page, (at) => {
    const valueBytes = page.readUInt32LE(at);
    const flags = page.readUInt16LE(at + 4);
    if ((flags & ~(BIG_DATA | SUB_DATABASE)) !== 0) throw damaged(pageNumber(page), 'an entry is of no known kind');
    const isBig = (flags & BIG_DATA) !== 0;
    const isTree = (flags & SUB_DATABASE) !== 0;
    const valueAt = at + NODE_HEADER_BYTES + page.readUInt16LE(at + 6);
    const end = valueAt + (isBig ? OVERFLOW_REFERENCE_BYTES : valueBytes);
    if (end > page.byteLength || (isTree && (isBig || valueBytes !== DATABASE_BYTES))) {
      throw damaged(pageNumber(page), 'an entry is longer than its page');
    }
    const overflow = isBig ? { page: readNumber(page, valueAt), pages: readNumber(page, valueAt + 16) } : undefined;
    const key = page.subarray(at + NODE_HEADER_BYTES, valueAt);
    return { end, node: { key, valueBytes, value: page.subarray(valueAt, end), overflow, isTree } };
  });
}

export function damaged(page: number, what: string): DamagedPageError {
  return new DamagedPageError(`page ${page}: ${what}`);
}

/** Reads the entries of a page in order; they must fill what the header says they do, exactly. */
function nodes<T>(page: Buffer, read: (at: number) => { end: number; node: T }): T[] {
  const lower = page.readUInt16LE(20);
  const upper = page.readUInt16LE(22);
  const room = page.byteLength - PAGE_HEADER_BYTES;
  if (lower % 2 !== 0 || lower > upper || upper > room) throw damaged(pageNumber(page), 'its header is out of bounds');
  const found: T[] = [];
  let usedBytes = 0;
  for (let pointer = 0; pointer < lower; pointer += 2) {
    const at = page.readUInt16LE(PAGE_HEADER_BYTES + pointer) + PAGE_HEADER_BYTES;
    if (at < upper + PAGE_HEADER_BYTES || at + NODE_HEADER_BYTES > page.byteLength) {
      throw damaged(pageNumber(page), 'an entry is out of bounds');
    }
    const { end, node } = read(at);
    if (end > page.byteLength) throw damaged(pageNumber(page), 'an entry is longer than its page');
    usedBytes += (end - at + 1) & ~1;
    found.push(node);
  }
  if (usedBytes !== room - upper) throw damaged(pageNumber(page), 'its entries do not fill the space they take');
  return found;
}

/** A u64; one that cannot be a count or a place in a file is damage. */
function readNumber(bytes: Buffer, at: number, mayBeNone = false): number {
  const low = bytes.readUIntLE(at, 6);
  const high = bytes.readUInt16LE(at + 6);
  if (high === 0) return low;
  if (mayBeNone && high === 0xffff && low === NO_PAGE) return NO_PAGE;
  throw new DamagedPageError('a number is out of bounds');
}
