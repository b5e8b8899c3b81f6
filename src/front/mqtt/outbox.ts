import type { DueAcks } from '../due-answers.js';
import type { Line } from './line.js';
import { PUBACK_BYTES, writePuback } from './packet-writer.js';

/** An array of up to 64 bytes needs no memory outside of the heap; a CONNACK is four, and sixteen PUBACKs are as many. */
const FIRST_BYTES = 64;
/** Shared: most connections have nothing to send most of the time. */
const NOTHING = new Uint8Array(0);

/** What goes down to a device: gathered while something runs, and written at once when it is done (contract 1.9.5). */
export class Outbox {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #dueAcks: DueAcks;
  readonly #line: Pick<Line, 'unsentBytes'>;
  #bytes: Uint8Array = NOTHING;
  #used = 0;
  #isQueued = false;

  /** @param write takes the memory of what it is given */
  constructor(write: (bytes: Uint8Array) => void, dueAcks: DueAcks, line: Pick<Line, 'unsentBytes'>) {
    this.#write = write;
    this.#dueAcks = dueAcks;
    this.#line = line;
  }

  /** What the other end has not taken, what waits for the end of the turn included. */
  get unsentBytes(): number {
    return this.#used + this.#line.unsentBytes;
  }

  add(packet: Uint8Array): void {
    this.#reserve(packet.length);
    this.#bytes.set(packet, this.#used);
    this.#used += packet.length;
  }

  addPuback(packetId: number): void {
    this.#reserve(PUBACK_BYTES);
    writePuback(this.#bytes, this.#used, packetId);
    this.#used += PUBACK_BYTES;
  }

  /** See {@link DueAcks}; may be called before that too. */
  sendAck(): void {
    this.#isQueued = false;
    if (this.#used === 0) return;
    const bytes = this.#bytes.subarray(0, this.#used);
    this.#bytes = NOTHING;
    this.#used = 0;
    this.#write(bytes);
  }

  #reserve(bytes: number): void {
    if (!this.#isQueued) {
      this.#isQueued = true;
      this.#dueAcks.add(this);
    }
    const needed = this.#used + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(FIRST_BYTES, needed, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = larger;
  }
}
