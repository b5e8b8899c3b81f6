import { isUtf8 } from 'node:buffer';
import { StatewayError } from '../core/errors.js';

/**
 * Levels of maps and arrays a body may have: those that validation allows in `meta`, and those around it. Bounds the
 * recursion of the reader.
 */
export const MAX_MSGPACK_DEPTH = 110;

/**
 * Reads one MessagePack value as the value that `JSON.parse` would give for its JSON form: names exactly as they are,
 * 64-bit integers as the nearest double, the last of two equal keys. What JSON cannot say is refused: binary, extensions
 * (timestamps among them), keys that are not strings, NaN and the infinities.
 *
 * A reader of its own because the libraries' readers are not exact: msgpackr renames `__proto__`, replaces invalid
 * UTF-8, takes extensions for records, dates and sets, and drops a byte order mark at the start of a long string where
 * its native part is missing.
 * @throws StatewayError STATEWAY_MALFORMED_BODY, naming the byte
 */
export function decodeMsgpack(bytes: Uint8Array): unknown {
  return new MsgpackReader(bytes).readWhole();
}

class MsgpackReader {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #position = 0;
  #depth = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  readWhole(): unknown {
    const value = this.#read();
    if (this.#position < this.#bytes.length) throw this.#malformed('more bytes follow the value', this.#position);
    return value;
  }

  #read(): unknown {
    const at = this.#take(1);
    const type = this.#view.getUint8(at);
    if (type < 0x80) return type;
    if (type < 0x90) return this.#map(type & 0x0f, at);
    if (type < 0xa0) return this.#array(type & 0x0f, at);
    if (type < 0xc0) return this.#string(type & 0x1f, at);
    if (type >= 0xe0) return type - 0x100;
    return this.#readWide(type, at);
  }

  /** Types 0xc0 to 0xdf of the MessagePack specification. */
  #readWide(type: number, at: number): unknown {
    switch (type) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xca:
        return this.#finite(this.#view.getFloat32(this.#take(4)), at);
      case 0xcb:
        return this.#finite(this.#view.getFloat64(this.#take(8)), at);
      case 0xcc:
        return this.#view.getUint8(this.#take(1));
      case 0xcd:
        return this.#view.getUint16(this.#take(2));
      case 0xce:
        return this.#view.getUint32(this.#take(4));
      case 0xcf:
        return Number(this.#view.getBigUint64(this.#take(8)));
      case 0xd0:
        return this.#view.getInt8(this.#take(1));
      case 0xd1:
        return this.#view.getInt16(this.#take(2));
      case 0xd2:
        return this.#view.getInt32(this.#take(4));
      case 0xd3:
        return Number(this.#view.getBigInt64(this.#take(8)));
      case 0xdc:
        return this.#array(this.#view.getUint16(this.#take(2)), at);
      case 0xdd:
        return this.#array(this.#view.getUint32(this.#take(4)), at);
      case 0xde:
        return this.#map(this.#view.getUint16(this.#take(2)), at);
      case 0xdf:
        return this.#map(this.#view.getUint32(this.#take(4)), at);
      default:
        return this.#stringOrRefused(type, at);
    }
  }

  #stringOrRefused(type: number, at: number): string {
    switch (type) {
      case 0xd9:
        return this.#string(this.#view.getUint8(this.#take(1)), at);
      case 0xda:
        return this.#string(this.#view.getUint16(this.#take(2)), at);
      case 0xdb:
        return this.#string(this.#view.getUint32(this.#take(4)), at);
      case 0xc1:
        throw this.#malformed('type 0xc1 is never used', at);
      case 0xc4:
      case 0xc5:
      case 0xc6:
        throw this.#malformed('binary data has no JSON form', at);
      default:
        throw this.#malformed('extension types (timestamps among them) have no JSON form', at);
    }
  }

  #map(size: number, at: number): unknown {
    this.#enter(at);
    const object: Record<string, unknown> = {};
    for (let i = 0; i < size; i++) {
      const keyAt = this.#position;
      const key = this.#read();
      if (typeof key !== 'string') throw this.#malformed('a map key must be a string', keyAt);
      const value = this.#read();
      if (key === '__proto__') setOwn(object, key, value);
      else object[key] = value;
    }
    this.#depth--;
    return object;
  }

  #array(length: number, at: number): unknown[] {
    this.#enter(at);
    // Not allocated ahead: the length is a claim until its elements have been read.
    const array: unknown[] = [];
    for (let i = 0; i < length; i++) array.push(this.#read());
    this.#depth--;
    return array;
  }

  #string(length: number, at: number): string {
    const bytes = this.#bytes;
    const start = this.#take(length);
    const end = start + length;
    let plain = start;
    while (plain < end && (bytes[plain] as number) < 0x80) plain++;
    if (plain === end) return bytes.toString('latin1', start, end);
    if (!isUtf8(bytes.subarray(plain, end))) throw this.#malformed('a string is not valid UTF-8', at);
    return bytes.toString('utf8', start, end);
  }

  #finite(value: number, at: number): number {
    if (!Number.isFinite(value)) throw this.#malformed('NaN and the infinities have no JSON form', at);
    return value;
  }

  #enter(at: number): void {
    if (++this.#depth > MAX_MSGPACK_DEPTH) throw this.#malformed(`nests deeper than ${MAX_MSGPACK_DEPTH} levels`, at);
  }

  /** Moves over the next `length` bytes and returns where they start. */
  #take(length: number): number {
    const at = this.#position;
    if (length > this.#bytes.length - at) throw this.#malformed('it ends too early', this.#bytes.length);
    this.#position = at + length;
    return at;
  }

  #malformed(what: string, at: number): StatewayError {
    return new StatewayError('STATEWAY_MALFORMED_BODY', `the body is not valid MessagePack: ${what} (byte ${at})`);
  }
}

/** Plain assignment would set the prototype. */
function setOwn(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}
