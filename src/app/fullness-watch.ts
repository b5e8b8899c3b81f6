import type { Clock } from '../core/clock.js';

/** Full for less than this is the ebb and flow of a spool at its bound, and no event. */
export const LOOK_EVERY_MS = 1_000;

export interface FullnessWatchParts {
  readonly clock: Clock;
  /** Whether new states are refused for want of room. */
  readonly isFull: () => boolean;
  /** Told when that begins. */
  readonly onFull: () => void;
  /** Told when it is over, after how long. */
  readonly onRoom: (fullMs: number) => void;
}

/** Notices when the spool reaches its bound, and when there is room again. */
export class FullnessWatch {
  readonly #parts: FullnessWatchParts;
  /** Monotonic; undefined while there is room. */
  #fullSinceMs: number | undefined = undefined;
  #cancel: () => void = () => {};

  constructor(parts: FullnessWatchParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#cancel = this.#parts.clock.schedule(LOOK_EVERY_MS, () => {
      this.#look();
      this.start();
    });
  }

  stop(): void {
    this.#cancel();
  }

  #look(): void {
    const { clock, isFull, onFull, onRoom } = this.#parts;
    const nowMs = clock.monotonicMs();
    const sinceMs = this.#fullSinceMs;
    if (isFull() === (sinceMs !== undefined)) return;
    this.#fullSinceMs = sinceMs === undefined ? nowMs : undefined;
    if (sinceMs === undefined) onFull();
    else onRoom(nowMs - sinceMs);
  }
}
