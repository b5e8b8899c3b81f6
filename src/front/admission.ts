/**
 * The bound on what the front holds unanswered: bytes of bodies that are being received, wait for a grant or are on
 * their way to disk (contract 1.6, promise 4). Whoever is admitted must release as many bytes, once.
 */
export class Admission {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes admitted and not released. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes `bytes` under the bound; false, taking nothing, when they do not fit. */
  admit(bytes: number): boolean {
    if (this.#bytes + bytes > this.#maxBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
  }
}
