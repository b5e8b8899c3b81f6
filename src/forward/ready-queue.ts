import type { Lane } from './lane.js';

/**
 * The lanes that may be served now. Those of devices that were quiet take turns with those that have just been served and
 * wait again, so that a first state goes out at once (contract 1.5) however many others keep the proxy busy, and neither
 * kind can starve the other.
 */
export class ReadyQueue {
  readonly #quiet: Lane[] = [];
  readonly #others: Lane[] = [];
  #isQuietsTurn = true;

  get length(): number {
    return this.#quiet.length + this.#others.length;
  }

  /** @param wasQuiet whether nothing was sent for its device for some time */
  push(lane: Lane, wasQuiet: boolean): void {
    lane.isQueued = true;
    (wasQuiet ? this.#quiet : this.#others).push(lane);
  }

  /** The next lane, of each kind the one that came first. */
  shift(): Lane | undefined {
    const first = this.#isQuietsTurn ? this.#quiet : this.#others;
    const second = this.#isQuietsTurn ? this.#others : this.#quiet;
    this.#isQuietsTurn = !this.#isQuietsTurn;
    const lane = first.shift() ?? second.shift();
    if (lane !== undefined) lane.isQueued = false;
    return lane;
  }

  /** Takes all of them out. */
  clear(): Set<Lane> {
    const lanes = new Set([...this.#quiet.splice(0), ...this.#others.splice(0)]);
    for (const lane of lanes) lane.isQueued = false;
    return lanes;
  }
}
