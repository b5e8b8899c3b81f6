/**
 * The journal record: what a worker makes of one micro-batch, what the disk holds, and what the lanes build request
 * bodies from. Little-endian, offsets from the record's start:
 *
 * ```
 * header    48 bytes
 *             0 u32 magic and version
 *             4 u32 checksum         CRC-32 of all that follows this field, written last
 *             8 f64 storedAtMs       wall-clock milliseconds at which it was sealed
 *            16 u32 chunkCount
 *            20 u32 stateCount
 *            24 u32 fragmentsOffset
 *            28 u32 byteLength       of the whole record
 *            32 16 bytes              whose it is in a log of several writers (`record-writer.ts`); else 0
 * chunks    chunkCount x 32 bytes: one device's states, in order of arrival
 *             0 12 bytes application id, 12 bytes device id
 *            24 u32 firstState
 *            28 u32 stateCount
 * times     stateCount x f64         milliseconds since the epoch, whole; in the fraction the number of a timebase
 *                                    (`src/core/time/timebase.ts`), where they were counted from the proxy's clock
 * ends      stateCount x u32         where each state's fragment ends, from fragmentsOffset; it starts where the one before ends
 * fragments                          JSON of each state without its time and first brace: `"data":{"t":1}}`
 * ```
 *
 * A worker writes a time that the device left out as its arrival plus {@link UNSTAMPED}; the intake replaces it by a
 * stamp, unique for the device and of the same timebase, before the record is sealed. A fraction of 1/1024 is exact for
 * times before the year 2109.
 */

import { crc32 } from 'node:zlib';
import { Device, ID_BYTES } from '../core/device.js';

/** "SWR" and the version of the layout. */
export const RECORD_MAGIC = 0x01525753;
/** Added to the arrival time of a state that brought no time of its own. */
export const UNSTAMPED = 0.5;

export const RECORD_HEADER_BYTES = 48;
export const RECORD_CHUNK_BYTES = 32;
/** Joining checksums takes 2 µs, as long as reading so many bytes. */
const READ_AGAIN_BYTES = 8 * 1024;

const AT_CHECKSUM = 4;
const AT_STORED_AT = 8;
const AT_CHUNK_COUNT = 16;
const AT_STATE_COUNT = 20;
const AT_FRAGMENTS_OFFSET = 24;
const AT_BYTE_LENGTH = 28;
const CHUNK_AT_FIRST_STATE = 24;
const CHUNK_AT_STATE_COUNT = 28;

/** Where the parts of a record of this size stand. */
export function recordOffsets(
  chunkCount: number,
  stateCount: number,
): { times: number; ends: number; fragments: number } {
  const times = RECORD_HEADER_BYTES + chunkCount * RECORD_CHUNK_BYTES;
  const ends = times + stateCount * 8;
  return { times, ends, fragments: ends + stateCount * 4 };
}

/** Of the whole record that begins with this header, as far as that is one. */
export function recordByteLength(header: Uint8Array): number {
  return new DataView(header.buffer, header.byteOffset, header.byteLength).getUint32(AT_BYTE_LENGTH, true);
}

/** What the header of a record says of its parts; of a damaged one it may be anything. */
export function recordHead(bytes: Uint8Array): { chunkCount: number; stateCount: number; fragmentsOffset: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    chunkCount: view.getUint32(AT_CHUNK_COUNT, true),
    stateCount: view.getUint32(AT_STATE_COUNT, true),
    fragmentsOffset: view.getUint32(AT_FRAGMENTS_OFFSET, true),
  };
}

/** A row of the table of chunks. */
export interface RecordChunk {
  readonly device: Device;
  readonly firstState: number;
  readonly stateCount: number;
}

/** The first `chunkCount` rows of the table, as many of them as the bytes have room for. */
export function* recordTable(bytes: Uint8Array, chunkCount: number): Iterable<RecordChunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    const at = RECORD_HEADER_BYTES + chunk * RECORD_CHUNK_BYTES;
    if (at + RECORD_CHUNK_BYTES > bytes.byteLength) return;
    yield {
      device: Device.fromBytes(bytes, at),
      firstState: view.getUint32(at + CHUNK_AT_FIRST_STATE, true),
      stateCount: view.getUint32(at + CHUNK_AT_STATE_COUNT, true),
    };
  }
}

/** A record to be read, stamped and sealed. The bytes must start at a multiple of 8 in their buffer. */
export class RecordView {
  readonly bytes: Uint8Array;
  readonly chunkCount: number;
  readonly stateCount: number;
  readonly fragmentsOffset: number;
  /** May be written to until the record is sealed. */
  readonly times: Float64Array;
  readonly ends: Uint32Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.chunkCount = this.#view.getUint32(AT_CHUNK_COUNT, true);
    this.stateCount = this.#view.getUint32(AT_STATE_COUNT, true);
    this.fragmentsOffset = this.#view.getUint32(AT_FRAGMENTS_OFFSET, true);
    const offsets = recordOffsets(this.chunkCount, this.stateCount);
    this.times = new Float64Array(bytes.buffer, bytes.byteOffset + offsets.times, this.stateCount);
    this.ends = new Uint32Array(bytes.buffer, bytes.byteOffset + offsets.ends, this.stateCount);
  }

  get storedAtMs(): number {
    return this.#view.getFloat64(AT_STORED_AT, true);
  }

  /** As it was sealed: tells two records apart. */
  get checksum(): number {
    return this.#view.getUint32(AT_CHECKSUM, true);
  }

  /**
   * CRC-32 of all bytes, once the record is sealed: by its own checksum, which covers what is behind it. Undefined where
   * reading them takes no longer than that.
   */
  get wholeChecksum(): number | undefined {
    if (this.bytes.length < READ_AGAIN_BYTES) return undefined;
    const head = crc32(this.bytes.subarray(0, AT_STORED_AT));
    return joinedChecksum(head, this.checksum, this.bytes.length - AT_STORED_AT);
  }

  chunkDevice(chunk: number): Device {
    return Device.fromBytes(this.bytes, this.#chunkOffset(chunk));
  }

  chunkFirstState(chunk: number): number {
    return this.#view.getUint32(this.#chunkOffset(chunk) + CHUNK_AT_FIRST_STATE, true);
  }

  chunkStateCount(chunk: number): number {
    return this.#view.getUint32(this.#chunkOffset(chunk) + CHUNK_AT_STATE_COUNT, true);
  }

  /** Where a state's fragment starts in {@link RecordView.bytes}. */
  fragmentStart(state: number): number {
    return this.fragmentsOffset + (state === 0 ? 0 : (this.ends[state - 1] as number));
  }

  /** Where a state's fragment ends in {@link RecordView.bytes}. */
  fragmentEnd(state: number): number {
    return this.fragmentsOffset + (this.ends[state] as number);
  }

  /** A state's fragment, as a view. */
  fragmentAt(state: number): Uint8Array {
    const start = this.fragmentStart(state);
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + start, this.fragmentEnd(state) - start);
  }

  /** Writes when the record is stored, and the checksum over everything: the last thing done to a record. */
  seal(storedAtMs: number): void {
    this.#view.setFloat64(AT_STORED_AT, storedAtMs, true);
    this.#view.setUint32(AT_CHECKSUM, this.#checksum(), true);
  }

  #chunkOffset(chunk: number): number {
    return RECORD_HEADER_BYTES + chunk * RECORD_CHUNK_BYTES;
  }

  #checksum(): number {
    return crc32(this.bytes.subarray(AT_STORED_AT));
  }

  /**
   * Opens a record read from disk.
   * @returns what is wrong with it instead, in words for a log, when it is torn, altered or of another version
   */
  static open(bytes: Uint8Array): RecordView | string {
    if (bytes.byteLength < RECORD_HEADER_BYTES) return `${bytes.byteLength} bytes are too few for a record`;
    const aligned = bytes.byteOffset % 8 === 0 ? bytes : Uint8Array.from(bytes);
    const view = new DataView(aligned.buffer, aligned.byteOffset, aligned.byteLength);
    const magic = view.getUint32(0, true);
    if (magic !== RECORD_MAGIC) return `record version 0x${magic.toString(16)} is not 0x${RECORD_MAGIC.toString(16)}`;
    const byteLength = view.getUint32(AT_BYTE_LENGTH, true);
    if (byteLength !== aligned.byteLength) return `record of ${byteLength} bytes has ${aligned.byteLength}`;
    if (crc32(aligned.subarray(AT_STORED_AT)) !== view.getUint32(AT_CHECKSUM, true)) return 'checksum does not match';
    return new RecordView(aligned);
  }
}

/** Writes the header of a fresh record whose other parts are filled in by the caller. */
export function writeRecordHeader(bytes: Uint8Array, chunkCount: number, stateCount: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(0, RECORD_MAGIC, true);
  view.setUint32(AT_CHUNK_COUNT, chunkCount, true);
  view.setUint32(AT_STATE_COUNT, stateCount, true);
  view.setUint32(AT_FRAGMENTS_OFFSET, recordOffsets(chunkCount, stateCount).fragments, true);
  view.setUint32(AT_BYTE_LENGTH, bytes.byteLength, true);
}

/**
 * Writes one row of the chunk table, byte by byte: a view over each row costs more than the row, and a batch of a hundred
 * devices has a hundred of them.
 * @param ids holds the 24 bytes of a {@link Device} from `idsAt` on
 */
export function writeRecordChunk(
  bytes: Uint8Array,
  chunk: number,
  ids: Uint8Array,
  idsAt: number,
  firstState: number,
  stateCount: number,
): void {
  const offset = RECORD_HEADER_BYTES + chunk * RECORD_CHUNK_BYTES;
  for (let i = 0; i < 2 * ID_BYTES; i++) bytes[offset + i] = ids[idsAt + i] as number;
  writeUint32(bytes, offset + CHUNK_AT_FIRST_STATE, firstState);
  writeUint32(bytes, offset + CHUNK_AT_STATE_COUNT, stateCount);
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/**
 * The CRC-32 of bytes that stand behind one another, from the CRC-32 of each part. Reading 64 KB takes `crc32` some 20 µs,
 * joining takes 2 µs whatever the length: see zlib's `crc32_combine`, whose arithmetic this is. A CRC is a remainder of
 * polynomials over GF(2), written with the lowest power in the highest bit, so that zeros behind the first part multiply
 * its remainder by a power of x.
 */

/** The polynomial of CRC-32 (ISO 3309), with x^32 left out. */
const POLYNOMIAL = 0xedb88320;
const ONE = 1 << 31;
const X = 1 << 30;
/** A byte is x^8, and the third entry of {@link POWERS}. */
const POWER_OF_A_BYTE = 3;
/** x^(2^n); the powers of two repeat after 31. */
const POWERS = powersOfX();

/** The CRC-32 of two parts, `first` and then `second`, which has `secondBytes` bytes. */
export function joinedChecksum(first: number, second: number, secondBytes: number): number {
  let factor = ONE;
  let power = POWER_OF_A_BYTE;
  for (let left = secondBytes; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) factor = product(POWERS[power & 31] as number, factor);
    power++;
  }
  return (product(factor, first) ^ second) >>> 0;
}

/** Of two polynomials, reduced. */
function product(a: number, b: number): number {
  let sum = 0;
  let multiple = b;
  for (let rest = a; rest !== 0; rest <<= 1) {
    if (rest < 0) sum ^= multiple;
    multiple = (multiple & 1) === 0 ? multiple >>> 1 : (multiple >>> 1) ^ POLYNOMIAL;
  }
  return sum;
}

function powersOfX(): Int32Array {
  const powers = new Int32Array(32);
  powers[0] = X;
  for (let n = 1; n < powers.length; n++) powers[n] = product(powers[n - 1] as number, powers[n - 1] as number);
  return powers;
}
