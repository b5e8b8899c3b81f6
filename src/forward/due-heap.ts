import type { Lane } from './lane.js';

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
    if (lane.heapSlot >= 0) {
      if (lane.dueAtMs === dueAtMs) return;
    } else {
      lane.heapSlot = this.#lanes.length;
      this.#lanes.push(lane);
    }
    lane.dueAtMs = dueAtMs;
    this.#sink(this.#rise(lane.heapSlot));
  }

  /** Takes a lane out; one that is not in stays out. */
  remove(lane: Lane): void {
    const slot = lane.heapSlot;
    if (slot < 0) return;
    lane.heapSlot = -1;
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
    lane.heapSlot = slot;
  }
}
