import { type Change, type CommitWriter, changeOf } from '../lmdb/commit-writer.js';
import type { Rows } from '../lmdb/table.js';
import type { DeadLetters } from './dead-letters.js';
import { type RequestRow, readRequests } from './requests.js';

/** In one transaction, so that nobody waits for long behind it. */
const MAX_REQUESTS = 1_000;
const MAX_LETTERS = 1_000;
/** At one call, after which others have their turn; the next call goes on. */
const MAX_TRANSACTIONS = 20;

export interface DiscardsParts {
  /** As `requests.ts` has them. */
  readonly requests: Rows;
  readonly letters: DeadLetters;
  readonly writer: CommitWriter;
  /** What raises the number below which no dead letter is given a number again. */
  readonly raiseFloor: () => Change;
  /** Takes one that cannot be read out of the way. */
  readonly setRequestAside: (row: RequestRow) => void;
  /** Told how many are gone. */
  readonly onDiscarded: (letters: number) => void;
}

/** Takes in what `stateway spool discard` asked for: dead letters that are to go for good. */
export class Discards {
  readonly #parts: DiscardsParts;
  #isUnderWay = false;

  constructor(parts: DiscardsParts) {
    this.#parts = parts;
  }

  /** @throws StatewayError when nothing could be written; what was asked for stands */
  async take(): Promise<void> {
    const { requests, onDiscarded } = this.#parts;
    if (this.#isUnderWay) return;
    this.#isUnderWay = true;
    let discarded = 0;
    try {
      for (let transaction = 0; transaction < MAX_TRANSACTIONS; transaction++) {
        // Another process writes them: a snapshot from earlier in this turn may be older.
        requests.resetReadTxn();
        if (requests.getKeysCount({ limit: 1 }) === 0) break;
        discarded += await this.#discardSome();
      }
    } finally {
      this.#isUnderWay = false;
      if (discarded > 0) onDiscarded(discarded);
    }
  }

  async #discardSome(): Promise<number> {
    const { requests, letters, writer, raiseFloor, setRequestAside } = this.#parts;
    const numbers = new Set<number>();
    const done: Buffer[] = [];
    for (const row of readRequests(requests, MAX_REQUESTS)) {
      if (row.wanted === undefined) {
        setRequestAside(row);
        continue;
      }
      for (const number of letters.numbers(row.wanted)) {
        if (numbers.size === MAX_LETTERS) break;
        numbers.add(number);
      }
      if (numbers.size === MAX_LETTERS) break;
      done.push(row.key);
    }
    const removal = changeOf(() => done.map((key) => requests.remove(key)));
    await writer.commit([letters.remove([...numbers]), raiseFloor(), removal], true);
    return numbers.size;
  }
}
