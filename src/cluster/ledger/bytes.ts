/** Numbers and bytes one behind the other: what the entries of a ledger are written in. */

const FIRST_BYTES = 256;
/** Of a byte of a number: seven bits of it, and whether more follow. */
const MORE = 0x80;
const BITS = 7;
/** A whole number up to 2^53 takes no more. */
const MOST_NUMBER_BYTES = 8;

export class ByteWriter {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;

  /** A whole number from 0 to 2^53, the smaller the shorter. */
  uint(value: number): void {
    this.#reserve(MOST_NUMBER_BYTES);
    let rest = value;
    while (rest >= MORE) {
      this.#bytes[this.#length++] = (rest % MORE) | MORE;
      rest = Math.floor(rest / MORE);
    }
    this.#bytes[this.#length++] = rest;
  }

  /** Any number, 8 bytes. */
  float(value: number): void {
    this.#reserve(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.byteLength);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.byteLength;
  }

  /** UTF-8, with its length before it. */
  text(text: string): void {
    const bytes = Buffer.from(text);
    this.uint(bytes.byteLength);
    this.raw(bytes);
  }

  /** What was written, as a view that the next write may change. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.byteLength) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.byteLength, this.#length + bytes));
    larger.set(this.written);
    this.#bytes = larger;
  }
}

/** Reads what a {@link ByteWriter} wrote. @throws RangeError where there is less than is asked for */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  uint(): number {
    let value = 0;
    for (let shift = 0; shift < BITS * MOST_NUMBER_BYTES; shift += BITS) {
      const byte = this.#bytes.readUInt8(this.#at++);
      value += (byte % MORE) * 2 ** shift;
      if (byte < MORE) return value;
    }
    throw new RangeError('a number has no end');
  }

  float(): number {
    const value = this.#bytes.readDoubleLE(this.#at);
    this.#at += 8;
    return value;
  }

  /** A view. */
  raw(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.byteLength) throw new RangeError(`${length} bytes are not there`);
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  text(): string {
    return this.raw(this.uint()).toString();
  }

  /** Bytes that were not read. */
  get left(): number {
    return this.#bytes.byteLength - this.#at;
  }
}
