import type { Extent } from './free-space.js';
import { numberKey, numberOfKey } from './keys.js';
import { decodePieceRow } from './piece-row.js';
import type { Rows } from './table.js';
import { type Change, changeOf } from './transaction.js';

/** What an unreadable item was taken for. */
export type ItemKind = 'journal' | 'record' | 'piece' | 'watermark' | 'dead letter' | 'request';

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

/** Told of each item as it is set aside: what it is and why it cannot be read, in words for a log. */
export type OnUnreadable = (item: string, reason: string) => void;

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
  readonly onUnreadable: OnUnreadable | undefined;
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
  readonly #known = new Set<string>();
  /** What nobody waits for but {@link UnreadableItems.moved}. */
  readonly #moving = new Set<Promise<void>>();

  constructor(parts: UnreadableParts) {
    this.#parts = parts;
    this.#db = parts.database;
    for (const key of this.#db.getKeys({})) {
      this.#lastNumber = Math.max(this.#lastNumber, numberOfKey(key) || 0);
      this.#count++;
    }
    for (const { kind, key } of this.#labels()) if (kind === 'journal') this.#known.add(`${kind} ${key}`);
  }

  /** Items set aside, by this run and those before. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of `pieces.dat` that belong to items set aside. */
  *extents(): Iterable<Extent> {
    for (const { extents } of this.#labels()) yield* extents;
  }

  /** What reports an item of a database and moves it, and says whether that was not done before. */
  from(kind: ItemKind, database: Rows): (item: DamagedItem) => boolean {
    return ({ key, value, reason, extents }) => {
      const label = { kind, key: key.toString('hex'), reason, extents: extents ?? extentsOf(kind, key, value) };
      return this.#setAside(label, value, () => [database.remove(key)]);
    };
  }

  /** Reports a part of the journal and keeps a copy: it stays where it is until its segment is used again. */
  copy({ name, bytes, reason }: { name: string; bytes: Buffer; reason: string }): void {
    this.#setAside({ kind: 'journal', key: name, reason, extents: [] }, bytes, () => []);
  }

  /** Reports something of which there is nothing to keep. */
  tell(item: string, reason: string): void {
    this.#parts.onUnreadable?.(item, reason);
  }

  /** Resolves when all that was set aside is where it belongs, or could not be put there. */
  async moved(): Promise<void> {
    await Promise.all(this.#moving);
  }

  #setAside(label: Label, value: Buffer, remove: () => Promise<unknown>[]): boolean {
    const name = `${label.kind} ${label.key}`;
    if (this.#known.has(name)) return false;
    this.#known.add(name);
    this.#count++;
    this.tell(name, label.reason);
    const key = numberKey(++this.#lastNumber);
    const row = Buffer.concat([Buffer.from(`${JSON.stringify(label)}\n`), value]);
    // What fails stays where it is, for the next start to find.
    const done = this.#parts.commit(changeOf(() => [this.#db.put(key, row), ...remove()])).catch(() => {});
    this.#moving.add(done);
    void done.then(() => this.#moving.delete(done));
    return true;
  }

  *#labels(): Iterable<Label> {
    for (const { value } of this.#db.getRange({})) {
      try {
        yield JSON.parse(value.subarray(0, value.indexOf(LINE_FEED)).toString()) as Label;
      } catch {
        // A label that is itself damaged says nothing; what it stood for is still in its place.
      }
    }
  }
}

function extentsOf(kind: ItemKind, key: Buffer, value: Buffer): Extent[] {
  const row = kind === 'piece' ? decodePieceRow(key, value) : undefined;
  return row === undefined ? [] : [{ offset: row.offset, byteLength: row.byteLength }];
}
