import type { Clock } from '../core/clock.js';
import type { LastState } from '../core/known-device.js';
import type { RecordView } from '../state/record-layout.js';
import type { Lane } from './lane.js';

/** Devices whose last states are kept at one time; of more, the one that was asked for longest ago goes. */
export const MOST_WATCHED = 16;
/** After the last question; a page that shows a device asks every few seconds. */
export const WATCHED_FOR_MS = 60_000;

interface Watched {
  askedMs: number;
  state: LastState | undefined;
}

/**
 * The last state of those devices that somebody looks at. Nobody's values are kept beside what waits until they are asked
 * for, and while none are, a state costs nothing here.
 */
export class LastStates {
  readonly #clock: Clock;
  /** By device key, the one asked for longest ago first. */
  readonly #watched = new Map<string, Watched>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether nobody looks at any device. */
  get isIdle(): boolean {
    return this.#watched.size === 0;
  }

  /**
   * The last state of a device: of those that came since it was first asked for, or that still wait. From now on the next
   * ones are kept.
   * @param lane of the device, if it has one
   */
  ask(deviceKey: string, lane: Lane | undefined): LastState | undefined {
    const known = this.#watched.get(deviceKey);
    this.#watched.delete(deviceKey);
    this.#forgetOld();
    for (const key of this.#watched.keys()) if (this.#watched.size >= MOST_WATCHED) this.#watched.delete(key);
    const state = known?.state ?? lastOf(lane);
    this.#watched.set(deviceKey, { askedMs: this.#clock.monotonicMs(), state });
    return state;
  }

  /** States of a device have come, the last of them that before `endState` of a record. */
  note(deviceKey: string, view: RecordView, endState: number): void {
    this.#forgetOld();
    const watched = this.#watched.get(deviceKey);
    if (watched !== undefined) watched.state = stateAt(view, endState - 1);
  }

  #forgetOld(): void {
    const sinceMs = this.#clock.monotonicMs() - WATCHED_FOR_MS;
    for (const [key, { askedMs }] of this.#watched) {
      if (askedMs > sinceMs) return;
      this.#watched.delete(key);
    }
  }
}

/** What waits in memory; of what has moved to the backlog none is read. */
function lastOf(lane: Lane | undefined): LastState | undefined {
  const chunk = lane?.chunks.at(-1);
  return chunk === undefined ? undefined : stateAt(chunk.view, chunk.endState - 1);
}

/** A copy: the record's memory is used again. */
function stateAt(view: RecordView, state: number): LastState {
  const fragment = view.bytes.slice(view.fragmentStart(state), view.fragmentEnd(state));
  return { timeMs: Math.floor(view.times[state] as number), fragment };
}
