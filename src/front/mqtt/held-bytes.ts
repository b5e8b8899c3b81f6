import type { Holding, Share } from '../admission.js';
import type { PacketReader } from './packet-reader.js';

/** What a connection has read and cannot use yet, as it counts under the bounds of the front (contract 1.4, 1.6). */
export class HeldBytes {
  readonly #reader: PacketReader;
  readonly #holding: Holding;
  /** Of what was read, what is kept beside the reader. */
  #kept = 0;
  #counted = 0;

  constructor(reader: PacketReader, holding: Holding) {
    this.#reader = reader;
    this.#holding = holding;
  }

  /** So much is kept beside what the reader holds, from the next {@link HeldBytes.settle} on. */
  keep(bytes: number): void {
    this.#kept = bytes;
  }

  /** Counts what is held now; false, counting as before, where there is no room for it. */
  settle(): boolean {
    const held = this.#reader.heldBytes + this.#kept;
    // As after nearly every chunk.
    if (held === this.#counted) return true;
    if (held < this.#counted) this.#holding.forgetBytes(this.#counted - held);
    else if (!this.#holding.admit(held - this.#counted)) return false;
    this.#counted = held;
    return true;
  }

  /** Counts it under another share from now on; false, counting nothing, where there is no room for it there. */
  moveTo(share: Share, holder: string): boolean {
    const fits = this.#holding.moveTo(share, holder);
    if (!fits) this.#counted = 0;
    return fits;
  }

  release(): void {
    this.#holding.release();
    this.#counted = 0;
  }
}
