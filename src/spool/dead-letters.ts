import type { DeadLetter, StoredDeadLetter } from '../core/dead-letter.js';
import { decodeDeadLetter, encodeDeadLetter } from './dead-letter-row.js';
import { numberKey, numberOfKey } from './keys.js';
import type { Rows } from './table.js';
import type { Change } from './transaction.js';
import type { DamagedItem } from './unreadable-items.js';

/** The states that the cloud will not have, kept until someone asks for them. */
export class DeadLetters {
  readonly #db: Rows;
  readonly #setAside: (letter: DamagedItem) => boolean;
  #lastNumber: number;
  #count: number;

  /**
   * @param floor the highest number given out, as far as it is known
   * @param leap numbers to be left out, where it is not
   * @param setAside takes a letter that cannot be read out of the way; false when that was done before
   */
  constructor(db: Rows, floor: number, leap: number, setAside: (letter: DamagedItem) => boolean) {
    this.#db = db;
    this.#setAside = setAside;
    this.#count = db.getKeysCount();
    this.#lastNumber = floor;
    for (const key of db.getKeys({ reverse: true, limit: 1 })) {
      this.#lastNumber = Math.max(floor, numberOfKey(key) || 0);
    }
    this.#lastNumber += leap;
  }

  get count(): number {
    return this.#count;
  }

  /** The highest number given out. */
  get lastNumber(): number {
    return this.#lastNumber;
  }

  add(letters: readonly DeadLetter[]): Change {
    const first = this.#lastNumber + 1;
    this.#lastNumber += letters.length;
    return {
      write: () =>
        letters.map((letter, index) => {
          const key = numberKey(first + index);
          return this.#db.put(key, encodeDeadLetter(key, letter));
        }),
      committed: () => {
        this.#count += letters.length;
      },
      failed: () => {},
    };
  }

  remove(numbers: readonly number[]): Change {
    return {
      write: () => numbers.map((number) => this.#db.remove(numberKey(number))),
      committed: () => {
        this.#count -= numbers.length;
      },
      failed: () => {},
    };
  }

  /** Those of the numbers that there is a letter of. */
  present(numbers: readonly number[]): number[] {
    this.#db.resetReadTxn();
    return numbers.filter((number) => this.#db.doesExist(numberKey(number)));
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
    if (this.#setAside(letter)) this.#count--;
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
    if (letter === undefined) onDamaged({ key: Buffer.from(key), value, reason: 'its checksum does not match' });
    else yield { ...letter, number: numberOfKey(key) };
  }
}
