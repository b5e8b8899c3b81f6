import type { Lane } from '../lane/lane.js';

/** Lanes at one time that only write down what they are rid of. */
const MOST_SETTLING = 16;

/** What is done for lanes without a request, a few at a time; each lane is busy with it from when it is added. */
export class SettleQueue {
  readonly #onDone: (lane: Lane) => void;
  readonly #waiting: { readonly lane: Lane; readonly run: () => Promise<void> }[] = [];
  #underWay = 0;

  /** @param onDone told when that is over, and its lane no longer busy */
  constructor(onDone: (lane: Lane) => void) {
    this.#onDone = onDone;
  }

  /** Whether none is under way. */
  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  /** @param run never rejects */
  add(lane: Lane, run: () => Promise<void>): void {
    lane.begin();
    this.#waiting.push({ lane, run });
  }

  /** Starts as many as may run. */
  start(): void {
    while (this.#underWay < MOST_SETTLING) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#underWay++;
      void next.run().then(() => {
        this.#underWay--;
        next.lane.free();
        this.#onDone(next.lane);
      });
    }
  }
}

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

/**
 * Lanes by the time at which they are due, soonest first, so that one timer serves all. A binary heap in which each lane
 * knows its slot: moving or removing one costs log n.
 */
export class DueHeap {
  readonly #lanes: Lane[] = [];

  /** The lane that is due first. */
  get first(): Lane | undefined {
    return this.#lanes[0];
  }

  /** Monotonic: when that is; Infinity where there is none. */
  get firstDueAtMs(): number {
    return this.#lanes[0]?.dueAtMs ?? Number.POSITIVE_INFINITY;
  }

  /** Puts a lane in, or moves it, to be due at `dueAtMs`. */
  put(lane: Lane, dueAtMs: number): void {
    if (lane.heapIndex >= 0) {
      if (lane.dueAtMs === dueAtMs) return;
    } else {
      lane.heapIndex = this.#lanes.length;
      this.#lanes.push(lane);
    }
    lane.dueAtMs = dueAtMs;
    this.#sink(this.#rise(lane.heapIndex));
  }

  /** Takes a lane out; one that is not in stays out. */
  remove(lane: Lane): void {
    const slot = lane.heapIndex;
    if (slot < 0) return;
    lane.heapIndex = -1;
    const last = this.#lanes.pop() as Lane;
    if (last === lane) return;
    this.#place(last, slot);
    this.#sink(this.#rise(slot));
  }

  #rise(from: number): number {
    const lane = this.#lanes[from] as Lane;
    let slot = from;
    while (slot > 0) {
      const parent = (slot - 1) >> 1;
      const above = this.#lanes[parent] as Lane;
      if (above.dueAtMs <= lane.dueAtMs) break;
      this.#place(above, slot);
      slot = parent;
    }
    this.#place(lane, slot);
    return slot;
  }

  #sink(from: number): void {
    const lanes = this.#lanes;
    const lane = lanes[from] as Lane;
    let slot = from;
    for (let child = 2 * slot + 1; child < lanes.length; child = 2 * slot + 1) {
      const right = child + 1;
      if (right < lanes.length && (lanes[right] as Lane).dueAtMs < (lanes[child] as Lane).dueAtMs) child = right;
      const below = lanes[child] as Lane;
      if (below.dueAtMs >= lane.dueAtMs) break;
      this.#place(below, slot);
      slot = child;
    }
    this.#place(lane, slot);
  }

  #place(lane: Lane, slot: number): void {
    this.#lanes[slot] = lane;
    lane.heapIndex = slot;
  }
}
