import type { DecodedBatch } from '../core/commit-port.js';

/** A batch whose devices have their answers. */
export interface AnsweredBatch {
  readonly batch: DecodedBatch;
  /** Of its record; undefined where it has none. */
  readonly sequence: number | undefined;
}

/**
 * Tells of what was stored once its devices have their answers: they wait for nothing but the disk. What is answered in one
 * turn of the event loop is told of at its end, in the order of the sequences, so that the answers of all batches of one
 * commit go first, and the next commit is begun; the lanes get the records in that turn too, of the spool
 * (`OwnedSpool.read`). No more waits here than one turn answers.
 */
export class HandOver {
  readonly #take: (answered: AnsweredBatch) => void;
  #answered: AnsweredBatch[] = [];
  #isInOrder = true;
  #lastSequence = -1;
  /** Told at the end of the turn. */
  #awaiting: (() => void)[] = [];
  readonly #endTurn = (): void => this.#handOver();

  /** @param take given each, in order */
  constructor(take: (answered: AnsweredBatch) => void) {
    this.#take = take;
  }

  /** A batch has been answered. */
  add(answered: AnsweredBatch): void {
    if (this.#answered.length === 0) setImmediate(this.#endTurn);
    this.#answered.push(answered);
    const { sequence } = answered;
    if (sequence === undefined) return;
    // Of two that come by different ways the later may be told of first; never in another turn.
    if (sequence < this.#lastSequence) this.#isInOrder = false;
    this.#lastSequence = sequence;
  }

  /** Resolves when all that were added so far have been given on. */
  done(): Promise<void> {
    if (this.#answered.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#awaiting.push(resolve));
  }

  #handOver(): void {
    const answered = this.#answered;
    const awaiting = this.#awaiting;
    this.#answered = [];
    this.#awaiting = [];
    if (!this.#isInOrder) answered.sort((a, b) => (a.sequence ?? -1) - (b.sequence ?? -1));
    this.#isInOrder = true;
    for (const each of answered) this.#take(each);
    // The spool, which was told first, has given this turn's commit to the lanes by now.
    for (const resolve of awaiting) resolve();
  }
}
