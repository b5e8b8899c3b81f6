/** What a lane has in the backlog: two numbers, no data. */
export class LaneBacklog {
  #states = 0;
  #sinceMs = Number.POSITIVE_INFINITY;

  get isEmpty(): boolean {
    return this.#states <= 0;
  }

  /** Not settled. At most: those of a piece that cannot be read back are counted until the others are gone. */
  get states(): number {
    return this.#states;
  }

  /** Monotonic: none of its states has waited since before. Infinity when it is empty. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** States were added behind what is there. */
  add(states: number, sinceMs: number): void {
    this.#states += states;
    this.#sinceMs = Math.min(this.#sinceMs, sinceMs);
  }

  /** The first states are found to have waited since `sinceMs`. */
  startsAt(sinceMs: number): void {
    if (!this.isEmpty) this.#sinceMs = sinceMs;
  }

  settle(states: number): void {
    if (this.isEmpty) return;
    this.#states -= states;
    if (this.isEmpty) this.clear();
  }

  /** The spool has nothing of the device any more. */
  clear(): void {
    this.#states = 0;
    this.#sinceMs = Number.POSITIVE_INFINITY;
  }
}

/** Of all lanes without: it stays empty, as nothing but what is added changes it. */
export const NO_BACKLOG: Omit<LaneBacklog, 'add'> = new LaneBacklog();
