import type { Device } from '../../core/device.js';
import {
  RECORD_HEADER_BYTES,
  type RecordChunk,
  recordHead,
  recordOffsets,
  recordTable,
} from '../../state/record-layout.js';
import type { Extent } from '../backlog/free-space.js';
import { ENTRY_HEAD_BYTES } from '../segments/block-layout.js';
import { type Change, changeOf } from './commit-writer.js';
import { decodePieceRow, ownerOfDamagedLetter } from './rows.js';
import { deviceOfKey, numberKey, numberOfKey } from './sealed-row.js';
import type { Rows } from './table.js';

/** What an unreadable item was taken for. */
export type ItemKind = 'journal' | 'cut off' | 'record' | 'piece' | 'watermark' | 'dead letter' | 'request';

/** Something in one of the databases that could not be read back. */
export interface DamagedItem {
  /** As they stand. */
  readonly key: Buffer;
  readonly value: Buffer;
  /** In words for a log. */
  readonly reason: string;
  /** Bytes of `pieces.dat` that may belong to it and must not be written to. */
  readonly extents?: readonly Extent[];
}

/** A part of the journal that could not be read back. */
export interface DamagedPart {
  /** Where it stands. */
  readonly name: string;
  readonly bytes: Buffer;
  readonly reason: string;
  /** Whether it is of a write that was cut off, for which nobody was answered. */
  readonly isCutOff: boolean;
}

/**
 * Told of each item as it is set aside: what it is and why it cannot be read, in words for a log.
 * @param owners the devices whose states or rows it held, as far as it still says so: none where that cannot be known;
 * undefined of what is of no device
 */
export type OnUnreadable = (item: string, reason: string, owners?: readonly Device[]) => void;

/** What a value in the database begins with, in JSON, before a line feed and the bytes as they were. */
interface Label {
  readonly kind: ItemKind;
  /** In hex; of a part of the journal, where that stands. */
  readonly key: string;
  readonly reason: string;
  readonly extents: readonly Extent[];
}

export interface UnreadableParts {
  readonly database: Rows;
  readonly onUnreadable?: OnUnreadable | undefined;
  /** Told of what was cut off, which is no damage. */
  readonly onCutOff?: OnUnreadable | undefined;
  readonly commit: (change: Change) => Promise<void>;
}

const LINE_FEED = 0x0a;

/** Where torn and altered items are put, so that they are in nobody's way and yet there. Nothing takes them out. */
export class UnreadableItems {
  readonly #parts: UnreadableParts;
  readonly #db: Rows;
  #lastNumber = 0;
  #count = 0;
  /** What is to be moved, and what was copied and stays where it is: a second look at one counts nothing. */
  readonly #known = new Map<string, Promise<boolean>>();
  /** What nobody waits for but {@link UnreadableItems.moved}. */
  readonly #moving = new Set<Promise<boolean>>();
  #isAllKept = true;

  constructor(parts: UnreadableParts) {
    this.#parts = parts;
    this.#db = parts.database;
    for (const key of this.#db.getKeys({})) {
      this.#lastNumber = Math.max(this.#lastNumber, numberOfKey(key) || 0);
    }
    this.#count = countUnreadable(this.#db);
    for (const name of copiedParts(this.#db)) this.#known.set(name, Promise.resolve(true));
  }

  /** Items set aside, by this run and those before. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of `pieces.dat` that belong to items set aside. */
  *extents(): Iterable<Extent> {
    for (const { extents } of labelsOf(this.#db)) yield* extents;
  }

  /** What reports an item of a database and moves it, and says whether that was not done before. */
  from(kind: ItemKind, database: Rows): (item: DamagedItem) => boolean {
    return ({ key, value, reason, extents }) => {
      const label = { kind, key: key.toString('hex'), reason, extents: extents ?? extentsOf(kind, key, value) };
      if (this.#known.has(unreadableName(label))) return false;
      void this.#setAside(label, value, () => [database.remove(key)]);
      return true;
    };
  }

  /**
   * Reports a part of the journal and keeps a copy: it stays where it is until its segment is used again.
   * @returns whether the copy is on stable storage
   */
  copy({ name, bytes, reason, isCutOff }: DamagedPart): Promise<boolean> {
    const label = { kind: isCutOff ? 'cut off' : 'journal', key: name, reason, extents: [] } as const;
    return this.#known.get(unreadableName(label)) ?? this.#setAside(label, bytes, () => []);
  }

  /** Reports something of which there is nothing to keep. */
  tell(item: string, reason: string): void {
    this.#parts.onUnreadable?.(item, reason);
  }

  /** Resolves when all that was set aside is where it belongs, or could not be put there, which it says. */
  async moved(): Promise<boolean> {
    await Promise.all(this.#moving);
    return this.#isAllKept;
  }

  #setAside(label: Label, value: Buffer, remove: () => Promise<unknown>[]): Promise<boolean> {
    if (label.kind === 'cut off') {
      this.#parts.onCutOff?.(unreadableName(label), label.reason);
    } else {
      this.#count++;
      this.#parts.onUnreadable?.(unreadableName(label), label.reason, ownersOf(label, value));
    }
    const key = numberKey(++this.#lastNumber);
    const row = Buffer.concat([Buffer.from(`${JSON.stringify(label)}\n`), value]);
    // What fails stays where it is, for the next start to find.
    const done = this.#parts
      .commit(changeOf(() => [this.#db.put(key, row), ...remove()]))
      .then(() => true)
      .catch(() => false);
    this.#known.set(unreadableName(label), done);
    this.#moving.add(done);
    void done.then((isKept) => {
      this.#isAllKept &&= isKept;
      this.#moving.delete(done);
    });
    return done;
  }
}

/** Items set aside in a database of them; what was cut off was never there to be read. */
export function countUnreadable(database: Rows): number {
  let count = database.getKeysCount();
  for (const { kind } of labelsOf(database)) if (kind === 'cut off') count--;
  return count;
}

/** The names of the parts of the journal that were copied, which stay where they are as well. */
export function copiedParts(database: Rows): Set<string> {
  const parts = [...labelsOf(database)].filter(({ kind }) => kind === 'journal' || kind === 'cut off');
  return new Set(parts.map(unreadableName));
}

function* labelsOf(database: Rows): Iterable<Label> {
  for (const { value } of database.getRange({})) {
    try {
      yield JSON.parse(value.subarray(0, value.indexOf(LINE_FEED)).toString()) as Label;
    } catch {
      // A label that is itself damaged says nothing; what it stood for is still in its place.
    }
  }
}

/** What an item is called in a log. Of a part of the journal it is the same whatever it was taken for. */
export function unreadableName({ kind, key }: Pick<Label, 'kind' | 'key'>): string {
  return `${kind === 'cut off' ? 'journal' : kind} ${key}`;
}

/** Whose an item was, as of {@link OnUnreadable}. */
function ownersOf({ kind, key }: Pick<Label, 'kind' | 'key'>, value: Buffer): readonly Device[] | undefined {
  switch (kind) {
    case 'journal':
      return devicesOfDamaged(value.subarray(ENTRY_HEAD_BYTES));
    case 'record':
      return devicesOfDamaged(value);
    case 'piece':
    case 'watermark':
      return listed(deviceOfKey(Buffer.from(key, 'hex')));
    case 'dead letter':
      return listed(ownerOfDamagedLetter(value));
    case 'cut off':
    case 'request':
      return undefined;
  }
}

function listed(device: Device | undefined): readonly Device[] {
  return device === undefined ? [] : [device];
}

function extentsOf(kind: ItemKind, key: Buffer, value: Buffer): Extent[] {
  const row = kind === 'piece' ? decodePieceRow(key, value) : undefined;
  return row === undefined ? [] : [{ offset: row.offset, byteLength: row.byteLength }];
}

/**
 * Whose states stand in a record that fails its checksum, as far as its head or its table of chunks can be read. Neither has a
 * checksum of its own: a row of the table counts where a neighbour bears it out, as it begins where the row before ends, ends where
 * the next one begins, or has as many states as are between the two. An id that is itself altered is not found out.
 * @param bytes from the record's header on, as many as there are
 * @returns each device once; none where it cannot be told
 */
export function devicesOfDamaged(bytes: Uint8Array): readonly Device[] {
  if (bytes.byteLength < RECORD_HEADER_BYTES) return [];
  const { chunkCount, stateCount, fragmentsOffset } = recordHead(bytes);
  const isHeadWhole = chunkCount > 0 && fragmentsOffset === recordOffsets(chunkCount, stateCount).fragments;
  const rows = isHeadWhole
    ? borneOut([...recordTable(bytes, chunkCount)], stateCount)
    : unbroken(recordTable(bytes, Number.POSITIVE_INFINITY));
  return [...new Map(rows.map(({ device }) => [device.key, device])).values()];
}

/** Of a table that is known to be one, the rows that agree with their neighbours. */
function borneOut(rows: readonly RecordChunk[], stateCount: number): RecordChunk[] {
  return rows.filter((row, at) => {
    const before = at === 0 ? 0 : endOf(rows[at - 1]);
    const behind = rows[at + 1]?.firstState ?? stateCount;
    const fits = row.firstState === before || endOf(row) === behind || before + row.stateCount === behind;
    return row.stateCount > 0 && fits;
  });
}

/** Without a head nothing says where the table ends but that its rows no longer follow one another. */
function unbroken(rows: Iterable<RecordChunk>): RecordChunk[] {
  const read: RecordChunk[] = [];
  for (const row of rows) {
    if (row.stateCount === 0 || row.firstState !== endOf(read.at(-1))) break;
    read.push(row);
  }
  return read;
}

function endOf(row: RecordChunk | undefined): number {
  return row === undefined ? 0 : row.firstState + row.stateCount;
}
