import type { Grant } from '../core/grant.js';
import type { RecordSink } from '../core/ports.js';

/** A record on stable storage. */
export interface StoredBatch {
  readonly sequence: number;
  readonly record: Uint8Array;
  /** By chunk. */
  readonly grants: readonly Grant[];
}

/**
 * Gives what was stored to the lanes once its devices have their answers: they wait for nothing but the disk. What is
 * answered in one turn of the event loop is handed over at its end, in the order of the answers, so that the answers of
 * all batches of one commit go first, and the next commit is begun. No more waits here than one turn answers.
 */
export class HandOver {
  readonly #sink: Pick<RecordSink, 'handOver'>;
  #answered: { readonly bodies: number; readonly stored: StoredBatch | undefined }[] = [];
  /** Since the start. */
  #bodies = 0;
  /** Who waits until so many bodies were handed over, rising. */
  readonly #awaited: { readonly bodies: number; readonly resolve: () => void }[] = [];
  readonly #endTurn = (): void => this.#handOver();

  constructor(sink: Pick<RecordSink, 'handOver'>) {
    this.#sink = sink;
  }

  /**
   * A batch has been answered.
   * @param stored undefined where nothing of it was kept
   */
  add(bodies: number, stored: StoredBatch | undefined): void {
    if (this.#answered.length === 0) setImmediate(this.#endTurn);
    this.#answered.push({ bodies, stored });
  }

  /** Resolves when so many bodies since the start have been answered, and what was stored of them is with the lanes. */
  reached(bodies: number): Promise<void> {
    if (this.#bodies >= bodies) return Promise.resolve();
    return new Promise((resolve) => this.#awaited.push({ bodies, resolve }));
  }

  #handOver(): void {
    const answered = this.#answered;
    this.#answered = [];
    for (const { bodies, stored } of answered) {
      if (stored !== undefined) this.#sink.handOver(stored.sequence, stored.record, stored.grants);
      this.#bodies += bodies;
    }
    while ((this.#awaited[0]?.bodies ?? Number.POSITIVE_INFINITY) <= this.#bodies) this.#awaited.shift()?.resolve();
  }
}
