import type { Clock } from '../../core/time/clock.js';

/** Full for less than this is the ebb and flow of a spool at its bound, and no event. */
export const LOOK_EVERY_MS = 1_000;

export interface FullnessWatchParts {
  readonly clock: Clock;
  /** Of what there is no room left, so that something is refused; undefined while there is. */
  readonly shortage: () => string | undefined;
  /** Told when that begins. */
  readonly onFull: (what: string) => void;
  /** Told when it is over, after how long. */
  readonly onRoom: (what: string, fullMs: number) => void;
}

/** Notices when something reaches its bound, and when there is room again. */
export class FullnessWatch {
  readonly #parts: FullnessWatchParts;
  /** What is full; undefined while there is room. */
  #what: string | undefined = undefined;
  /** Monotonic. */
  #sinceMs = 0;
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
    const { clock, shortage, onFull, onRoom } = this.#parts;
    const before = this.#what;
    const what = shortage();
    if (what === before) return;
    const nowMs = clock.monotonicMs();
    if (before !== undefined) onRoom(before, nowMs - this.#sinceMs);
    this.#what = what;
    this.#sinceMs = nowMs;
    if (what !== undefined) onFull(what);
  }
}
