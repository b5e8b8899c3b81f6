/** What was found in one body that the proxy forwarded. */
export interface Scan {
  readonly states: number;
  /** Of those, with a time that is not later than the one before: sent again, or out of order. */
  readonly repeated: number;
  /** The latest time so far, milliseconds since the epoch. */
  readonly lastTimeMs: number;
}

export interface ScanRules {
  /**
   * Unless all states that a device sends are equally long. Where they are, the next one is looked for where it must be,
   * which costs a fraction of a search, so that the count does not take the processor from what is measured.
   */
  readonly hasAllLengths?: true;
}

const MARKER = Buffer.from('{"time":', 'latin1');
const OPEN_BRACKET = 0x5b;
const COMMA = 0x2c;
const ZERO = 0x30;
const NINE = 0x39;

/**
 * Counts the states of a forwarded body without parsing it: the proxy writes each as `{"time":` and digits. Inside a
 * JSON string the marker cannot stand, as its quotes would be escaped.
 * @param lastTimeMs the latest time the device has sent before
 */
export function scanStates(body: Buffer, lastTimeMs: number, rules: ScanRules): Scan {
  let states = 0;
  let repeated = 0;
  let last = lastTimeMs;
  let previous = -1;
  let start = nextMarker(body, 0);
  while (start >= 0) {
    const timeMs = numberAt(body, start + MARKER.length);
    states++;
    if (timeMs > last) last = timeMs;
    else repeated++;
    const guess = !rules.hasAllLengths && previous >= 0 ? start + start - previous : body.length;
    previous = start;
    start = isMarkerAt(body, guess) ? guess : nextMarker(body, start + MARKER.length);
  }
  return { states, repeated, lastTimeMs: last };
}

function nextMarker(body: Buffer, from: number): number {
  let start = body.indexOf(MARKER, from);
  // In `meta` it may stand too, after a colon.
  while (start >= 0 && !isElement(body, start)) start = body.indexOf(MARKER, start + 1);
  return start;
}

function isElement(body: Buffer, start: number): boolean {
  const before = body[start - 1];
  return start === 0 || before === OPEN_BRACKET || before === COMMA;
}

function isMarkerAt(body: Buffer, start: number): boolean {
  if (start + MARKER.length > body.length || !isElement(body, start)) return false;
  for (let i = 0; i < MARKER.length; i++) if (body[start + i] !== MARKER[i]) return false;
  return true;
}

function numberAt(body: Buffer, from: number): number {
  let value = 0;
  for (let i = from; i < body.length; i++) {
    const byte = body[i] as number;
    if (byte < ZERO || byte > NINE) break;
    value = value * 10 + byte - ZERO;
  }
  return value;
}
