import type { Change } from '../lmdb/commit-writer.js';
import type { DeadLetters } from './dead-letters.js';

/** Dropped in one transaction, so that nobody waits for long behind it, however far they are beyond the bound. */
const MAX_LETTERS = 1_000;
const MAX_BYTES = 4 * 1024 * 1024;
/** In whole pages a row takes up to twice its length: by no more is too much dropped at once. */
const MAX_BYTES_A_BYTE = 2;

/** Letters that were dropped together. */
export interface DroppedLetters {
  readonly letters: number;
  /** Of their rows. */
  readonly bytes: number;
  /** The highest of their numbers. */
  readonly upTo: number;
}

export interface DeadLetterBoundParts {
  readonly letters: Pick<DeadLetters, 'bytes' | 'oldest' | 'remove'>;
  /** Of the data file (`STATEWAY_MAX_DEAD_LETTER_BYTES`). */
  readonly maxBytes: number;
  readonly commit: (changes: readonly Change[]) => Promise<void>;
  /** What raises the number below which no dead letter is given a number again. */
  readonly raiseFloor: () => Change;
  readonly onDropped: (dropped: DroppedLetters) => void;
}

/**
 * Keeps the dead letters to a number of bytes: beyond it the oldest go, for good. Each transaction drops some, and the next
 * follows when it is on disk; a crash in between leaves the rest to the next run.
 */
export class DeadLetterBound {
  readonly #parts: DeadLetterBoundParts;
  #dropped = 0;
  #isDropping = false;
  #isStopped = false;
  #work: Promise<void> = Promise.resolve();

  constructor(parts: DeadLetterBoundParts) {
    this.#parts = parts;
  }

  /** Letters that this run has dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  /** To be called when letters came, and now and then: drops until the rest has room. */
  keep(): void {
    if (this.#isDropping || this.#isStopped) return;
    this.#isDropping = true;
    this.#work = this.#drop();
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#work;
  }

  async #drop(): Promise<void> {
    const { letters, maxBytes } = this.#parts;
    try {
      for (let excess = letters.bytes - maxBytes; excess > 0 && !this.#isStopped; excess = letters.bytes - maxBytes) {
        if (!(await this.#dropOldest(Math.min(excess / MAX_BYTES_A_BYTE, MAX_BYTES)))) break;
      }
    } catch {
      // The disk takes nothing at the moment: the next call tries again.
    } finally {
      this.#isDropping = false;
    }
  }

  /** Returns whether there were any that can be read. */
  async #dropOldest(wantedBytes: number): Promise<boolean> {
    const { letters, commit, raiseFloor, onDropped } = this.#parts;
    const { numbers, bytes } = letters.oldest(wantedBytes, MAX_LETTERS);
    const upTo = numbers.at(-1);
    if (upTo === undefined) return false;
    await commit([letters.remove(numbers), raiseFloor()]);
    this.#dropped += numbers.length;
    onDropped({ letters: numbers.length, bytes, upTo });
    return true;
  }
}
