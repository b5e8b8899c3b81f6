import type { Lane } from './lane.js';

/** Gone lanes that stand at the start of a line before they are cut off. */
const CUT_OFF_AT = 1_024;

/**
 * Lanes in order. Taking the first costs no more with a hundred thousand behind it: `Array.shift` moves a large array as a whole.
 */
class Line {
  #lanes: Lane[] = [];
  /** Of the first; those before it are gone. */
  #first = 0;

  get length(): number {
    return this.#lanes.length - this.#first;
  }

  push(lane: Lane): void {
    this.#lanes.push(lane);
  }

  shift(): Lane | undefined {
    if (this.length === 0) return undefined;
    const lane = this.#lanes[this.#first++];
    if (this.length === 0) this.clear();
    else if (this.#first >= CUT_OFF_AT && this.#first >= this.length) {
      this.#lanes = this.#lanes.slice(this.#first);
      this.#first = 0;
    }
    return lane;
  }

  /** Takes all of them out. */
  clear(): Lane[] {
    const lanes = this.#lanes.slice(this.#first);
    this.#lanes = [];
    this.#first = 0;
    return lanes;
  }
}

/**
 * The lanes that may be served now. Those of devices that were quiet take turns with those that have just been served and
 * wait again, so that a first state goes out at once (contract 1.5) however many others keep the proxy busy, and neither
 * kind can starve the other.
 */
export class ReadyQueue {
  readonly #quiet = new Line();
  readonly #others = new Line();
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
    const lanes = new Set([...this.#quiet.clear(), ...this.#others.clear()]);
    for (const lane of lanes) lane.isQueued = false;
    return lanes;
  }
}
