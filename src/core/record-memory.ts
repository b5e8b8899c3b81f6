import { MAX_SPARE_RECORD_BYTES } from './bounds.js';

/** Records of at least so many bytes are written to buffers that are used again; smaller ones cost the collector little. */
export const REUSED_FROM_BYTES = 64 * 1024;
/** Sizes are rounded up to this, so that a buffer fits the next batch too. */
const STEP_BYTES = 64 * 1024;
/** A buffer that is larger than this many times what is needed is kept for others. */
const MOST_TIMES_TOO_LARGE = 4;

/** Bytes of the buffer for a record of `recordBytes`. */
export function recordBufferBytes(recordBytes: number): number {
  return recordBytes < REUSED_FROM_BYTES ? recordBytes : Math.ceil(recordBytes / STEP_BYTES) * STEP_BYTES;
}

/**
 * The buffers of large records that no lane needs any more, for records to come. Left to the collector they outlive their
 * use by seconds, at 60 MB a second under full load (docs/decisions.md).
 *
 * Whoever gives a buffer back must not look at it again.
 */
export class RecordMemory {
  readonly #spare: ArrayBuffer[] = [];
  #spareBytes = 0;

  /** Bytes of buffers that wait to be used again. */
  get spareBytes(): number {
    return this.#spareBytes;
  }

  /** A buffer of `leastBytes` or somewhat more, the one used last if there are several; undefined when there is none. */
  take(leastBytes: number): ArrayBuffer | undefined {
    for (let index = this.#spare.length - 1; index >= 0; index--) {
      const buffer = this.#spare[index] as ArrayBuffer;
      if (buffer.byteLength < leastBytes || buffer.byteLength > MOST_TIMES_TOO_LARGE * leastBytes) continue;
      this.#spare.splice(index, 1);
      this.#spareBytes -= buffer.byteLength;
      return buffer;
    }
    return undefined;
  }

  /** Takes back a buffer that a record stood in. */
  giveBack(buffer: ArrayBuffer): void {
    if (buffer.byteLength < REUSED_FROM_BYTES) return;
    this.#spare.push(buffer);
    this.#spareBytes += buffer.byteLength;
    // The one that was not asked for the longest goes first.
    while (this.#spareBytes > MAX_SPARE_RECORD_BYTES) this.#spareBytes -= this.#spare.shift()?.byteLength ?? 0;
  }

  /** Takes back a buffer that proved too small: all others are tried before it. */
  giveBackUnused(buffer: ArrayBuffer): void {
    this.#spare.unshift(buffer);
    this.#spareBytes += buffer.byteLength;
  }
}
