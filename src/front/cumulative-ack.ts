/** Settled frames are forgotten in blocks of this many, so that forgetting costs nothing per frame. */
const COMPACT_AFTER = 1024;
const SETTLED = -1;

/**
 * Numbers the frames of one connection from 1 and says how far they are settled without a gap: the `n` of `{"ack":n}`
 * (DESIGN 1.3). Frames may settle in any order. Holds two numbers a frame that is under way.
 */
export class CumulativeAck {
  /** Bytes of each frame not forgotten yet, or {@link SETTLED}. */
  #bytes: number[] = [];
  /** When each of them arrived. */
  #arrivedAtMs: number[] = [];
  /** Frames forgotten before the first of `#bytes`. */
  #base = 0;
  /** Index in `#bytes` of the first frame that is not settled. */
  #head = 0;
  /** How many frames from the first on are all settled. */
  get acknowledged(): number {
    return this.#base + this.#head;
  }

  /** Frames counted in. */
  get begun(): number {
    return this.#base + this.#bytes.length;
  }

  /** Counts a frame in; returns its number. */
  begin(bytes: number, arrivedAtMs: number): number {
    this.#bytes.push(bytes);
    this.#arrivedAtMs.push(arrivedAtMs);
    return this.begun;
  }

  /** When a frame that is not settled arrived. */
  arrivedAtMs(frame: number): number {
    return this.#arrivedAtMs[frame - this.#base - 1] as number;
  }

  /** Settles a frame; returns its bytes. Each frame is settled once. */
  settle(frame: number): number {
    const index = frame - this.#base - 1;
    const bytes = this.#bytes[index] as number;
    this.#bytes[index] = SETTLED;
    while (this.#bytes[this.#head] === SETTLED) this.#head++;
    if (this.#head >= COMPACT_AFTER) this.#compact();
    return bytes;
  }

  #compact(): void {
    this.#bytes = this.#bytes.slice(this.#head);
    this.#arrivedAtMs = this.#arrivedAtMs.slice(this.#head);
    this.#base += this.#head;
    this.#head = 0;
  }
}
