import type { AskedFor, StoredDeadLetter } from '../core/dead-letter.js';

/** What can be done with dead letters. */
export type LetterAction = 'requeue' | 'discard';

/** What somebody has asked for, for the log. */
export interface AskedAction {
  readonly action: LetterAction;
  readonly letters: number;
  /** Of the first and the last of them. */
  readonly firstNumber: number;
  readonly lastNumber: number;
  /** Who asked. */
  readonly address: string;
}

/** The dead letters, to be read, and to be asked for as `stateway spool` does it. */
export interface DeadLetterDesk {
  /** The first from a number on, the oldest first, `most` at most. */
  from(number: number, most: number): readonly StoredDeadLetter[];
  /** A line of NDJSON, as `stateway spool export --dead-letters` writes it; with the values of the state. */
  lineOf(letter: StoredDeadLetter): string;
  /**
   * Has letters sent again, or taken away for good: done within seconds, and after a restart as well.
   * @returns how many of the numbers there are; those that are no states are not sent again
   * @throws StatewayError when that cannot be written down
   */
  ask(action: LetterAction, numbers: readonly number[]): Promise<AskedFor>;
  /** Writes to the log what was asked for. */
  note(asked: AskedAction): void;
}
