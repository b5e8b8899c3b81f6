import type { StoredDeadLetter } from '../../core/dead-letter.js';
import type { LettersRow } from '../ledger/changes.js';
import type { KeepStream } from '../ledger-log.js';
import { decodeLetter } from './dead-letter-message.js';

/** So many are kept in memory for people. */
const LATEST = 20;

export interface PartitionLettersParts {
  readonly keep: Pick<KeepStream, 'readFrom' | 'remove'>;
  /** Of the dead letters of the partition. */
  readonly subject: string;
  readonly onUnreadable: (sequence: number, reason: string) => void;
}

/**
 * The dead letters of a partition. Any replica adds some, as messages; its owner counts them, and ends them: what it says has
 * ended is none any more, whether its message is gone yet or not.
 */
export class PartitionLetters {
  readonly #parts: PartitionLettersParts;
  #upToSequence = 0;
  #count = 0;
  #bytes = 0;
  /** Up to this they were read. */
  #readUpTo = 0;
  #latest: StoredDeadLetter[] = [];
  readonly #lifted = new Set<number>();
  /** Of them, those of which the ledger says so. */
  readonly #removable = new Set<number>();
  #written: LettersRow | undefined;
  #tail: Promise<void> = Promise.resolve();

  constructor(parts: PartitionLettersParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#count;
  }

  /** Of their messages. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Those that have ended, and whose message may still be there. */
  get lifted(): readonly number[] {
    return [...this.#lifted];
  }

  /** As the ledger has them. */
  restore(row: LettersRow | undefined, lifted: readonly number[]): void {
    for (const number of lifted) this.#lifted.add(number);
    this.ended(lifted);
    if (row === undefined) return;
    this.#upToSequence = row.upToSequence;
    this.#count = row.count;
    this.#bytes = row.bytes;
    this.#readUpTo = row.latestFrom - 1;
    this.#written = row;
  }

  /** Counts those that have come since the last call. */
  refresh(): Promise<void> {
    const read = this.#tail.then(() => this.#read());
    this.#tail = read.catch(() => {});
    return read;
  }

  /** The first from a number on, the oldest first, `most` at most. */
  async from(number: number, most: number): Promise<StoredDeadLetter[]> {
    const letters: StoredDeadLetter[] = [];
    for await (const { letter } of this.sized(number)) if (letters.push(letter) >= most) break;
    return letters;
  }

  /** All from a number on, with the bytes that their messages take. */
  async *sized(fromNumber: number): AsyncIterable<{ readonly letter: StoredDeadLetter; readonly bytes: number }> {
    const { keep, subject } = this.#parts;
    for await (const message of keep.readFrom(subject, fromNumber)) {
      const letter = this.#lifted.has(message.sequence) ? undefined : decodeLetter(message);
      if (letter !== undefined) yield { letter, bytes: message.payload.byteLength };
    }
  }

  /** The newest first. */
  latest(most: number): readonly StoredDeadLetter[] {
    return this.#latest.toReversed().slice(0, most);
  }

  /** Those of the numbers that there is a letter of, with the bytes that their messages take. */
  async present(numbers: readonly number[]): Promise<{ readonly number: number; readonly bytes: number }[]> {
    const found: { number: number; bytes: number }[] = [];
    for (const number of numbers) {
      for await (const { letter, bytes } of this.sized(number)) {
        if (letter.number === number) found.push({ number, bytes });
        break;
      }
    }
    return found;
  }

  /** They end: nobody is shown or given them any more. */
  lift(letters: readonly { readonly number: number; readonly bytes: number }[]): void {
    for (const { number, bytes } of letters) {
      if (this.#lifted.has(number)) continue;
      this.#lifted.add(number);
      this.#count--;
      this.#bytes -= bytes;
      this.#latest = this.#latest.filter((letter) => letter.number !== number);
    }
  }

  /** The ledger says that they have ended: their messages may go. */
  ended(numbers: readonly number[]): void {
    for (const number of numbers) this.#removable.add(number);
  }

  /** Removes the messages of those that have ended. @throws StatewayError when that fails; the next call goes on */
  async tidy(): Promise<void> {
    for (const number of this.#removable) {
      await this.#parts.keep.remove(number);
      this.#removable.delete(number);
      this.#lifted.delete(number);
    }
  }

  row(): LettersRow {
    const latestFrom = this.#latest[0]?.number ?? this.#upToSequence + 1;
    return { upToSequence: this.#upToSequence, count: this.#count, bytes: this.#bytes, latestFrom };
  }

  /** As they are to be written; undefined where they stand so already. */
  changedRow(): LettersRow | undefined {
    const row = this.row();
    const { count, upToSequence } = this.#written ?? { count: 0, upToSequence: 0 };
    if (count === row.count && upToSequence === row.upToSequence) return undefined;
    this.#written = row;
    return row;
  }

  async #read(): Promise<void> {
    const { keep, onUnreadable, subject } = this.#parts;
    for await (const message of keep.readFrom(subject, this.#readUpTo + 1)) {
      const { payload, sequence } = message;
      this.#readUpTo = sequence;
      const letter = decodeLetter(message);
      const isNew = sequence > this.#upToSequence;
      if (isNew) this.#upToSequence = sequence;
      if (this.#lifted.has(sequence)) continue;
      if (letter === undefined) {
        if (isNew) onUnreadable(sequence, 'the dead letter is damaged');
        continue;
      }
      if (isNew) this.#count++;
      if (isNew) this.#bytes += payload.byteLength;
      this.#latest.push(letter);
      if (this.#latest.length > LATEST) this.#latest.shift();
    }
  }
}
