import type { BacklogSummary, OwnedSpool } from '../core/spool-ports.js';
import type { Clock } from '../core/time/clock.js';

/** How soon `stateway spool requeue` shows in a running proxy. */
export const LOOK_EVERY_MS = 1_000;

export interface RequeueWatchParts {
  readonly spool: Pick<OwnedSpool, 'takeRequeued'>;
  readonly clock: Clock;
  readonly onRequeued: (added: readonly BacklogSummary[]) => void;
  /** Told of a spool that could not be read or written; the next look comes as ever. */
  readonly onError: (error: unknown) => void;
}

/** Asks the spool now and then for dead letters that an operator has put back. */
export class RequeueWatch {
  readonly #parts: RequeueWatchParts;
  #cancel: () => void = () => {};
  #look: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(parts: RequeueWatchParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#cancel = this.#parts.clock.schedule(LOOK_EVERY_MS, () => {
      this.#look = this.#takeRequeued().then(() => {
        if (!this.#isStopped) this.start();
      });
    });
  }

  /** Resolves when a look that is under way is over; what it found has been handed on by then. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel();
    await this.#look;
  }

  async #takeRequeued(): Promise<void> {
    try {
      const added = await this.#parts.spool.takeRequeued();
      if (added.length > 0) this.#parts.onRequeued(added);
    } catch (error) {
      this.#parts.onError(error);
    }
  }
}
