/**
 * Gathers a body that comes in pieces. Grows by doubling, so that it takes at most twice the body's bytes: a list of
 * pieces would take some 500 bytes for each, and a client may send pieces of one byte.
 */
export class BodyBuffer {
  #memory = Buffer.alloc(0);
  #length = 0;

  /** Copies a piece behind those before it. */
  append(piece: ArrayBuffer): void {
    const needed = this.#length + piece.byteLength;
    if (needed > this.#memory.length) {
      const grown = Buffer.allocUnsafeSlow(this.#length === 0 ? needed : Math.max(needed, 2 * this.#memory.length));
      grown.set(this.bytes);
      this.#memory = grown;
    }
    this.#memory.set(new Uint8Array(piece), this.#length);
    this.#length = needed;
  }

  get length(): number {
    return this.#length;
  }

  /** What was gathered so far; good until the next piece. */
  get bytes(): Uint8Array {
    return this.#memory.subarray(0, this.#length);
  }
}
