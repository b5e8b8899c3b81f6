import { timeJson } from './time.js';

/** `{"time":` + 13 digits + `,` before a fragment and the comma after it. */
export const STATE_OVERHEAD_BYTES = 23;
/** Bytes of `{"time":`. */
const STATE_HEAD_BYTES = 8;
const COMMA = 0x2c;
const ZERO = 0x30;
/** From here to below the second number, a whole time in milliseconds has 13 digits: the years 2001 to 2286. */
const FIRST_13_DIGITS = 1e12;
const FIRST_14_DIGITS = 1e13;

/** Writes a state and the comma after it; returns where that ends. */
export function writeState(bytes: Buffer, start: number, time: number, fragment: Uint8Array): number {
  writeHead(bytes, start);
  let at = writeTime(bytes, start + STATE_HEAD_BYTES, time);
  bytes[at++] = COMMA;
  bytes.set(fragment, at);
  at += fragment.length;
  bytes[at] = COMMA;
  return at + 1;
}

/** Writes `{"time":`, byte by byte: half the time of a call that copies as few. */
function writeHead(bytes: Buffer, at: number): void {
  bytes[at] = 0x7b;
  bytes[at + 1] = 0x22;
  bytes[at + 2] = 0x74;
  bytes[at + 3] = 0x69;
  bytes[at + 4] = 0x6d;
  bytes[at + 5] = 0x65;
  bytes[at + 6] = 0x22;
  bytes[at + 7] = 0x3a;
}

/** Bytes of a state and one comma or bracket. */
export function stateBytes(time: number, fragmentBytes: number): number {
  const timeBytes = has13Digits(time) ? 0 : timeJson(time).length - 13;
  return fragmentBytes + STATE_OVERHEAD_BYTES + timeBytes;
}

function has13Digits(time: number): boolean {
  return time >= FIRST_13_DIGITS && time < FIRST_14_DIGITS && Number.isInteger(time);
}

/** Writes a time as JSON; returns where it ends. Thirteen digits are written without a string in between. */
function writeTime(bytes: Buffer, at: number, time: number): number {
  if (!has13Digits(time)) return at + bytes.write(timeJson(time), at, 'latin1');
  let high = Math.floor(time / 1e6);
  let low = time - high * 1e6;
  for (let digit = 12; digit >= 7; digit--) {
    const rest = (low / 10) | 0;
    bytes[at + digit] = ZERO + low - rest * 10;
    low = rest;
  }
  for (let digit = 6; digit >= 0; digit--) {
    const rest = (high / 10) | 0;
    bytes[at + digit] = ZERO + high - rest * 10;
    high = rest;
  }
  return at + 13;
}
