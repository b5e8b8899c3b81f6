import type { Extent } from './free-space.js';
import { numberKey, numberOfKey } from './keys.js';
import { decodePieceRow } from './piece-row.js';
import type { Rows } from './table.js';
import type { Change } from './transaction.js';

/** What an unreadable item was taken for. */
export type ItemKind = 'record' | 'piece' | 'watermark' | 'dead letter' | 'request';

/** Something that could not be read back. */
export interface UnreadableItem {
  readonly kind: ItemKind;
  /** Its key and value as they stand, and the database they stand in. */
  readonly key: Buffer;
  readonly value: Buffer;
  readonly database: Rows;
  /** In words for a log. */
  readonly reason: string;
  /** Bytes of `pieces.dat` that may belong to it and must not be written to. */
  readonly extents?: readonly Extent[];
}

/** Told of each item as it is set aside: what it is and why it cannot be read, in words for a log. */
export type OnUnreadable = (item: string, reason: string) => void;

/** What a value in the database begins with, in JSON, before a line feed and the bytes as they were. */
interface Label {
  readonly kind: ItemKind;
  readonly key: string;
  readonly reason: string;
  readonly extents: readonly Extent[];
}

const LINE_FEED = 0x0a;

/** Where torn and altered items are put, so that they are in nobody's way and yet there. Nothing takes them out. */
export class UnreadableItems {
  readonly #db: Rows;
  readonly #onUnreadable: OnUnreadable;
  #lastNumber = 0;
  #count = 0;
  /** Where items stand that are to be moved: a second look at one counts nothing. */
  readonly #known = new Set<string>();

  constructor(db: Rows, onUnreadable: OnUnreadable) {
    this.#db = db;
    this.#onUnreadable = onUnreadable;
    for (const key of db.getKeys({})) {
      this.#lastNumber = Math.max(this.#lastNumber, numberOfKey(key) || 0);
      this.#count++;
    }
  }

  /** Items set aside, by this run and those before. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of `pieces.dat` that belong to items set aside. */
  *extents(): Iterable<Extent> {
    for (const { value } of this.#db.getRange({})) {
      try {
        yield* (JSON.parse(value.subarray(0, value.indexOf(LINE_FEED)).toString()) as Label).extents;
      } catch {
        // A label that is itself damaged says nothing; what it stood for is still in its place.
      }
    }
  }

  /** Reports an item and moves it; undefined when that was done before. */
  setAside(item: UnreadableItem): Change | undefined {
    const place = `${item.kind} ${item.key.toString('hex')}`;
    if (this.#known.has(place)) return undefined;
    this.#known.add(place);
    this.#count++;
    const number = ++this.#lastNumber;
    this.#onUnreadable(`${item.kind} ${item.key.toString('hex')}`, item.reason);
    return {
      write: () => [this.#db.put(numberKey(number), labelled(item)), item.database.remove(item.key)],
      committed: () => {},
      // It stays where it is, for the next start to find.
      failed: () => {},
    };
  }
}

function labelled({ kind, key, value, reason, extents }: UnreadableItem): Buffer {
  const row = kind === 'piece' ? decodePieceRow(key, value) : undefined;
  const label: Label = {
    kind,
    key: key.toString('hex'),
    reason,
    extents: extents ?? (row === undefined ? [] : [{ offset: row.offset, byteLength: row.byteLength }]),
  };
  return Buffer.concat([Buffer.from(`${JSON.stringify(label)}\n`), value]);
}
