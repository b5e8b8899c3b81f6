import { timeJson } from '../state/time.js';

/** `{"time":` + 13 digits + `,` before a fragment and the comma after it. */
export const STATE_OVERHEAD_BYTES = 23;
const STATE_HEAD = Buffer.from('{"time":', 'latin1');
const COMMA = 0x2c;
const ZERO = 0x30;
/** From here to below the second number, a whole time in milliseconds has 13 digits: the years 2001 to 2286. */
const FIRST_13_DIGITS = 1e12;
const FIRST_14_DIGITS = 1e13;

/** Writes a state and the comma after it; returns where that ends. */
export function writeState(bytes: Buffer, start: number, time: number, fragment: Uint8Array): number {
  bytes.set(STATE_HEAD, start);
  let at = writeTime(bytes, start + STATE_HEAD.length, time);
  bytes[at++] = COMMA;
  bytes.set(fragment, at);
  at += fragment.length;
  bytes[at] = COMMA;
  return at + 1;
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
