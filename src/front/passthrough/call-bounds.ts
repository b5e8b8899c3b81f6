import { type CallKind, callsOfStrangers } from '../../core/bounds.js';
import { StatewayError } from '../../core/errors.js';

/** Counts the calls under way, so that none of one kind keeps out those of another, nor strangers those with a grant. */
export class CallBounds {
  readonly #max: Readonly<Record<CallKind, number>>;
  readonly #maxOfStrangers: Readonly<Record<CallKind, number>>;
  readonly #open: Record<CallKind, number> = { stream: 0, upload: 0, other: 0 };
  readonly #ofStrangers: Record<CallKind, number> = { stream: 0, upload: 0, other: 0 };

  constructor(max: Readonly<Record<CallKind, number>>) {
    this.#max = max;
    this.#maxOfStrangers = callsOfStrangers(max);
  }

  /**
   * @param isStranger whether its token has no grant here
   * @throws StatewayError STATEWAY_OVERLOADED when there are as many of the kind as may be; then it takes none
   */
  take(kind: CallKind, isStranger: boolean): void {
    const isFull = isStranger && this.#ofStrangers[kind] >= this.#maxOfStrangers[kind];
    if (isFull || this.#open[kind] >= this.#max[kind]) {
      throw new StatewayError(
        'STATEWAY_OVERLOADED',
        'too many calls of this kind are being passed to the cloud; send again shortly',
      );
    }
    this.#open[kind]++;
    if (isStranger) this.#ofStrangers[kind]++;
  }

  /** To be called once for each {@link CallBounds.take}, when the call is over. */
  release(kind: CallKind, isStranger: boolean): void {
    this.#open[kind]--;
    if (isStranger) this.#ofStrangers[kind]--;
  }
}
