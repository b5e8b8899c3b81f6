const FIRST_CAPACITY = 16;
/** A ring larger than this gives memory back when it has become far too large: a burst must not cost until the end. */
const KEPT_CAPACITY = 1024;
const SETTLED = -1;

/**
 * Numbers the frames of one connection from 1 and says how far they are settled without a gap: the `n` of `{"ack":n}`
 * (contract 1.3). Frames may settle in any order. Holds two numbers for each frame from the first that is not settled on,
 * in rings that double when they are full, so that a frame as a rule allocates nothing.
 */
export class CumulativeAck {
  /** Bytes of each frame, or {@link SETTLED}; a power of two long. */
  #bytes: number[] = [];
  /** When each of them arrived. */
  #arrivedAtMs: number[] = [];
  #acknowledged = 0;
  #begun = 0;

  /** How many frames from the first on are all settled. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Frames counted in. */
  get begun(): number {
    return this.#begun;
  }

  /** Counts a frame in; returns its number. */
  begin(bytes: number, arrivedAtMs: number): number {
    if (this.#begun - this.#acknowledged === this.#bytes.length) {
      this.#resize(Math.max(FIRST_CAPACITY, 2 * this.#bytes.length));
    }
    const slot = this.#begun & (this.#bytes.length - 1);
    this.#bytes[slot] = bytes;
    this.#arrivedAtMs[slot] = arrivedAtMs;
    return ++this.#begun;
  }

  /** When a frame that is not settled arrived. */
  arrivedAtMs(frame: number): number {
    return this.#arrivedAtMs[(frame - 1) & (this.#bytes.length - 1)] as number;
  }

  /** Settles a frame; returns its bytes. Each frame is settled once. */
  settle(frame: number): number {
    const ring = this.#bytes;
    const last = ring.length - 1;
    const slot = (frame - 1) & last;
    const bytes = ring[slot] as number;
    ring[slot] = SETTLED;
    let acknowledged = this.#acknowledged;
    while (acknowledged < this.#begun && ring[acknowledged & last] === SETTLED) acknowledged++;
    this.#acknowledged = acknowledged;
    if (ring.length > KEPT_CAPACITY && this.#begun - acknowledged < ring.length / 8) this.#resize(ring.length / 2);
    return bytes;
  }

  #resize(capacity: number): void {
    const [bytes, arrivedAtMs] = [this.#bytes, this.#arrivedAtMs];
    this.#bytes = new Array<number>(capacity).fill(0);
    this.#arrivedAtMs = new Array<number>(capacity).fill(0);
    for (let frame = this.#acknowledged; frame < this.#begun; frame++) {
      this.#bytes[frame & (capacity - 1)] = bytes[frame & (bytes.length - 1)] as number;
      this.#arrivedAtMs[frame & (capacity - 1)] = arrivedAtMs[frame & (bytes.length - 1)] as number;
    }
  }
}
