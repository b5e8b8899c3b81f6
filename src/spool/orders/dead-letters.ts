import type { DeadLetter, StoredDeadLetter } from '../../core/dead-letter.js';
import { isNoState } from '../../state/unreadable-payload.js';
import { type TreeSize, treeSize } from '../disk/disk-room.js';
import { type Change, changeOf } from '../lmdb/commit-writer.js';
import { decodeDeadLetter, encodeDeadLetter } from '../lmdb/rows.js';
import { numberKey, numberOfKey } from '../lmdb/sealed-row.js';
import type { Rows } from '../lmdb/table.js';
import type { DamagedItem } from '../lmdb/unreadable-items.js';
import type { NumberRange } from './requests.js';

/** The states that the cloud will not have, kept until someone asks for them. */
export class DeadLetters {
  readonly #db: Rows;
  readonly #setAside: (letter: DamagedItem) => boolean;
  #lastNumber: number;
  /** As it was when it could last be read. */
  #size: TreeSize;
  /** Those that are on their way out because they cannot be read. */
  #aside: number[] = [];

  /**
   * @param floor the highest number given out, as far as it is known
   * @param leap numbers to be left out, where it is not
   * @param setAside takes a letter that cannot be read out of the way; false when that was done before
   */
  constructor(db: Rows, floor: number, leap: number, setAside: (letter: DamagedItem) => boolean) {
    this.#db = db;
    this.#setAside = setAside;
    this.#size = treeSize(db);
    this.#lastNumber = floor;
    for (const key of db.getKeys({ reverse: true, limit: 1 })) {
      this.#lastNumber = Math.max(floor, numberOfKey(key) || 0);
    }
    this.#lastNumber += leap;
  }

  /** Reads what LMDB keeps of it, some tenths of a millisecond: not for every batch. */
  get count(): number {
    return this.#readSize().rows - this.#aside.length;
  }

  /** Bytes that they take of the data file, in whole pages; read as {@link DeadLetters.count} is. */
  get bytes(): number {
    return this.#readSize().bytes;
  }

  /** The highest number given out. */
  get lastNumber(): number {
    return this.#lastNumber;
  }

  add(letters: readonly DeadLetter[]): Change {
    const first = this.#lastNumber + 1;
    this.#lastNumber += letters.length;
    return changeOf(() =>
      letters.map((letter, index) => {
        const key = numberKey(first + index);
        return this.#db.put(key, encodeDeadLetter(key, letter));
      }),
    );
  }

  /** Passes over those that there are not. */
  remove(numbers: readonly number[]): Change {
    return changeOf(() => numbers.map((number) => this.#db.remove(numberKey(number))));
  }

  /** Those of the numbers that there is a letter of. */
  present(numbers: readonly number[]): number[] {
    this.#db.resetReadTxn();
    return numbers.filter((number) => this.#db.doesExist(numberKey(number)));
  }

  /** As {@link sendableOf}. */
  sendable(numbers: readonly number[]): { readonly sendable: number[]; readonly noStates: number } {
    return sendableOf(this.#db, numbers);
  }

  /** The numbers of a range that there is a letter of, as of now. */
  *numbers({ from, upTo }: NumberRange): Iterable<number> {
    this.#db.resetReadTxn();
    for (const key of this.#db.getKeys({ start: numberKey(from), end: numberKey(upTo + 1) })) yield numberOfKey(key);
  }

  /** The oldest, of so many bytes together or a letter more, `most` at most. What cannot be read is set aside on the way. */
  oldest(bytes: number, most: number): { readonly numbers: number[]; readonly bytes: number } {
    this.#db.resetReadTxn();
    const numbers: number[] = [];
    let found = 0;
    for (const { key, value } of this.#db.getRange({})) {
      if (found >= bytes || numbers.length === most) break;
      found += value.byteLength;
      if (decodeDeadLetter(key, value) === undefined) this.#forget(damagedItem(key, value));
      else numbers.push(numberOfKey(key));
    }
    return { numbers, bytes: found };
  }

  /** All of a number and above, the oldest first. */
  read(from = 0): Iterable<StoredDeadLetter> {
    return readDeadLetters(this.#db, (letter) => this.#forget(letter), from);
  }

  /** The first letters from a number on, the oldest first, `most` at most. */
  from(number: number, most: number): StoredDeadLetter[] {
    this.#db.resetReadTxn();
    const letters: StoredDeadLetter[] = [];
    for (const letter of this.read(number)) {
      if (letters.push(letter) === most) break;
    }
    return letters;
  }

  /** The latest, the newest first, `most` at most. One that cannot be read is left to {@link DeadLetters.read} to report. */
  latest(most: number): StoredDeadLetter[] {
    const latest: StoredDeadLetter[] = [];
    for (const { key, value } of this.#db.getRange({ reverse: true, limit: most })) {
      const letter = decodeDeadLetter(key, value);
      if (letter !== undefined) latest.push({ ...letter, number: numberOfKey(key) });
    }
    return latest;
  }

  /** One that is set aside is none any more. */
  #forget(letter: DamagedItem): void {
    if (this.#setAside(letter)) this.#aside.push(numberOfKey(letter.key));
  }

  #readSize(): TreeSize {
    try {
      this.#size = treeSize(this.#db);
      this.#aside = this.present(this.#aside);
    } catch {
      // The disk is failing: whoever wants the figures is told those of before.
    }
    return this.#size;
  }
}

/** Dead letters, the oldest first. */
export function* readDeadLetters(
  db: Rows,
  onDamaged: (letter: DamagedItem) => void,
  from = 0,
): Iterable<StoredDeadLetter> {
  for (const { key, value } of db.getRange({ start: numberKey(from) })) {
    const letter = decodeDeadLetter(key, value);
    if (letter === undefined) onDamaged(damagedItem(key, value));
    else yield { ...letter, number: numberOfKey(key) };
  }
}

/** Those of the numbers that there is a letter of that can be sent again, and how many letters stand for no state. */
export function sendableOf(
  db: Rows,
  numbers: readonly number[],
): { readonly sendable: number[]; readonly noStates: number } {
  db.resetReadTxn();
  const sendable: number[] = [];
  let noStates = 0;
  for (const number of numbers) {
    const key = numberKey(number);
    const value = db.get(key);
    if (value === undefined) continue;
    const letter = decodeDeadLetter(key, value);
    if (letter !== undefined && isNoState(letter)) noStates++;
    else sendable.push(number);
  }
  return { sendable, noStates };
}

function damagedItem(key: Buffer, value: Buffer): DamagedItem {
  return { key: Buffer.from(key), value, reason: 'its checksum does not match' };
}
