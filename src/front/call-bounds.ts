import { StatewayError } from '../core/errors.js';

/** What a passed call holds on to: a stream lasts for days, an upload as long as its device likes to send, the rest is brief. */
export type CallKind = 'stream' | 'upload' | 'other';

/**
 * Calls of each kind under way at once; each has a connection of its own to the cloud. An idle event stream takes 20
 * to 30 KiB, and every one of 10,000 devices may hold one. With what the two sockets and the two libraries buffer, a call
 * that is held up takes some 200 KiB.
 */
export const MAX_CALLS: Readonly<Record<CallKind, number>> = { stream: 12_288, upload: 1_024, other: 1_024 };

/** Counts the calls under way, so that none of one kind keeps out those of another. */
export class CallBounds {
  readonly #max: Readonly<Record<CallKind, number>>;
  readonly #open: Record<CallKind, number> = { stream: 0, upload: 0, other: 0 };

  constructor(max: Readonly<Record<CallKind, number>>) {
    this.#max = max;
  }

  /** @throws StatewayError STATEWAY_OVERLOADED when there are as many of the kind as may be; then it takes none */
  take(kind: CallKind): void {
    if (this.#open[kind] >= this.#max[kind]) {
      throw new StatewayError(
        'STATEWAY_OVERLOADED',
        'too many calls of this kind are being passed to the cloud; send again shortly',
      );
    }
    this.#open[kind]++;
  }

  /** To be called once for each {@link CallBounds.take}, when the call is over. */
  release(kind: CallKind): void {
    this.#open[kind]--;
  }
}
