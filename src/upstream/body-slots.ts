/** Bytes of a slot: the largest body that most proxies send (`STATEWAY_MAX_BODY_BYTES`). What is larger goes without. */
export const SLOT_BYTES = 262_144;
/** 16 MiB. What is in flight beyond goes without. */
export const MOST_SLOTS = 64;

/** A body in a slot, on its way to the sending thread. */
export interface SlotBody {
  readonly slot: number;
  readonly byteLength: number;
  /** The slot's memory, where the thread does not have it yet. */
  readonly memory: SharedArrayBuffer | undefined;
}

/**
 * Memory for bodies that both threads have, so that it is filled again and again. Memory that is moved to the sending
 * thread with each body is given back by its collector only, some 80 MiB later at full load.
 *
 * A slot is filled again when the cloud has taken what was in it. After any other end, a socket may still have to write
 * from it: then it is left to the collector, and another takes its place.
 */
export class BodySlots {
  readonly #memory: SharedArrayBuffer[] = [];
  readonly #numbers = new Map<ArrayBufferLike, number>();
  readonly #free: number[] = [];
  /** Slots whose memory the thread has. */
  #known = new Set<number>();

  /** Memory for a body, until this is called again; undefined where none fits or none is free. */
  offer(byteLength: number): Buffer | undefined {
    if (byteLength > SLOT_BYTES) return undefined;
    if (this.#free.length === 0) {
      if (this.#memory.length === MOST_SLOTS) return undefined;
      this.#renew(this.#memory.length);
    }
    return Buffer.from(this.#memory[this.#free.at(-1) as number] as SharedArrayBuffer, 0, byteLength);
  }

  /** Takes the slot in which `body` is, to be given back; undefined when it is in none. */
  take(body: Uint8Array): SlotBody | undefined {
    const slot = this.#numbers.get(body.buffer);
    const place = slot === undefined ? -1 : this.#free.lastIndexOf(slot);
    if (slot === undefined || place < 0) return undefined;
    this.#free.splice(place, 1);
    const memory = this.#known.has(slot) ? undefined : this.#memory[slot];
    this.#known.add(slot);
    return { slot, byteLength: body.byteLength, memory };
  }

  /** @param isRead whether nobody reads from it any more */
  giveBack(slot: number, isRead: boolean): void {
    if (isRead) this.#free.push(slot);
    else this.#renew(slot);
  }

  /** To be called when the thread is gone, and with it what it had. */
  forgetThread(): void {
    this.#known = new Set();
  }

  #renew(slot: number): void {
    const before = this.#memory[slot];
    if (before !== undefined) this.#numbers.delete(before);
    const memory = new SharedArrayBuffer(SLOT_BYTES);
    this.#memory[slot] = memory;
    this.#numbers.set(memory, slot);
    this.#known.delete(slot);
    this.#free.push(slot);
  }
}
