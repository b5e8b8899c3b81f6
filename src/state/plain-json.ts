/**
 * The short way for the JSON that nearly all devices send: states of `data` and `time`, plain ASCII strings without
 * escapes, numbers without exponents. Their attributes are checked and copied in one pass over the bytes, several times
 * as fast as parsing and writing them again (docs/decisions.md). What it does not know, and all that is wrong, it leaves
 * to the full decoder and its messages; a property test holds both to the same results.
 */
import { singleBodyBytes } from './fragment.js';
import type { StateList } from './state-list.js';
import { absoluteTime } from './time.js';
import { MAX_STRING_BYTES } from './validate.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const MAX_NAME_BYTES = 255;
/** Digits that fit a double whatever they are. */
const MAX_NUMBER_BYTES = 300;

/** The characters of attribute names by the schema's pattern. */
const IS_NAME_BYTE = byteSet('0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-');
/** What may stand in a string as it is: ASCII but controls, the quote and the backslash (RFC 8259, section 7). */
const IS_STRING_BYTE = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x80 && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);

const DATA_NAME = Buffer.from('"data"');
const TIME_NAME = Buffer.from('"time"');
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');

/** Copies the states of plain bodies into a list. */
export class PlainJsonCopier {
  readonly #list: StateList;
  readonly #source: Buffer;
  readonly #maxStateBytes: number;
  /** Where the value just written ends in the list's bytes. */
  #writtenTo = 0;
  /** The time just read; undefined when the state has none. */
  #time: number | string | undefined = undefined;

  /** @param source the bodies of a batch */
  constructor(list: StateList, source: Buffer, maxStateBytes: number) {
    this.#list = list;
    this.#source = source;
    this.#maxStateBytes = maxStateBytes;
  }

  /**
   * Adds the states of the body from `start` to `end` to the list.
   * @returns false when the body is not plain: then the caller takes back what was added
   */
  copyBody(start: number, end: number, arrivalMs: number, slot: number): boolean {
    // A fragment is shorter than the state it is made from.
    this.#list.reserve(end - start);
    const source = this.#source;
    const beyond = source[end];
    // No JSON holds this byte, so nothing reads on into the next body, and no loop below has to watch for the end.
    source[end] = 0;
    const after = this.#copyStates(start, arrivalMs, slot);
    const isWhole = after >= 0 && this.#skipBlanks(after) === end;
    if (beyond !== undefined) source[end] = beyond;
    return isWhole;
  }

  #copyStates(position: number, arrivalMs: number, slot: number): number {
    const at = this.#skipBlanks(position);
    return this.#source[at] === OPEN_BRACKET
      ? this.#copyArray(at + 1, arrivalMs, slot)
      : this.#copyState(at, arrivalMs, slot);
  }

  #copyArray(position: number, arrivalMs: number, slot: number): number {
    const source = this.#source;
    let at = this.#skipBlanks(position);
    if (source[at] === CLOSE_BRACKET) return at + 1;
    for (;;) {
      at = this.#copyState(at, arrivalMs, slot);
      if (at < 0) return -1;
      at = this.#skipBlanks(at);
      const next = source[at];
      if (next === CLOSE_BRACKET) return at + 1;
      if (next !== COMMA) return -1;
      at = this.#skipBlanks(at + 1);
    }
  }

  /** Copies the state that starts at `position`; returns the position after it, -1 when it is not plain. */
  #copyState(position: number, arrivalMs: number, slot: number): number {
    const source = this.#source;
    if (source[position] !== OPEN_BRACE) return -1;
    const list = this.#list;
    this.#time = undefined;
    let hasData = false;
    let at = position;
    do {
      at = this.#skipBlanks(at + 1);
      if (!hasData && this.#matches(DATA_NAME, at)) {
        at = this.#copyAttributes(this.#afterColon(at + DATA_NAME.length));
        hasData = true;
      } else if (this.#time === undefined && this.#matches(TIME_NAME, at)) {
        at = this.#readTime(this.#afterColon(at + TIME_NAME.length));
      } else {
        return -1;
      }
      if (at < 0) return -1;
      at = this.#skipBlanks(at);
    } while (source[at] === COMMA);
    if (source[at] !== CLOSE_BRACE || !hasData) return -1;
    const timeMs = absoluteTime(this.#time, arrivalMs);
    list.bytes[this.#writtenTo] = CLOSE_BRACE;
    const end = this.#writtenTo + 1;
    if (singleBodyBytes(end - list.byteLength, timeMs) > this.#maxStateBytes) return -1;
    list.add(end, timeMs, slot);
    return at + 1;
  }

  /** Writes `"data":{...}` from the object that starts at `position`; returns the position after it or -1. */
  #copyAttributes(position: number): number {
    const source = this.#source;
    if (source[position] !== OPEN_BRACE) return -1;
    const target = this.#list.bytes;
    let to = this.#list.byteLength;
    for (let i = 0; i < DATA_NAME.length; i++) target[to++] = DATA_NAME[i] as number;
    target[to++] = COLON;
    target[to++] = OPEN_BRACE;
    let at = this.#skipBlanks(position + 1);
    if (source[at] !== CLOSE_BRACE) {
      for (;;) {
        if (source[at] !== QUOTE) return -1;
        const nameAt = at + 1;
        do target[to++] = source[at++] as number;
        while (IS_NAME_BYTE[source[at] as number] === 1);
        if (source[at] !== QUOTE || at === nameAt || at - nameAt > MAX_NAME_BYTES) return -1;
        target[to++] = QUOTE;
        target[to++] = COLON;
        at = this.#afterColon(at + 1);
        if (at < 0) return -1;
        const valueEnd = this.#valueEnd(at);
        if (valueEnd < 0) return -1;
        while (at < valueEnd) target[to++] = source[at++] as number;
        at = this.#skipBlanks(at);
        if (source[at] !== COMMA) break;
        target[to++] = COMMA;
        at = this.#skipBlanks(at + 1);
      }
      if (source[at] !== CLOSE_BRACE) return -1;
    }
    target[to++] = CLOSE_BRACE;
    this.#writtenTo = to;
    return at + 1;
  }

  #valueEnd(position: number): number {
    const source = this.#source;
    const first = source[position] as number;
    if (first === QUOTE) return this.#stringEnd(position);
    if (first === TRUE[0]) return this.#matches(TRUE, position) ? position + TRUE.length : -1;
    if (first === FALSE[0]) return this.#matches(FALSE, position) ? position + FALSE.length : -1;
    return this.#numberEnd(position);
  }

  #stringEnd(position: number): number {
    const source = this.#source;
    let at = position + 1;
    while (IS_STRING_BYTE[source[at] as number] === 1) at++;
    return source[at] === QUOTE && at - position - 1 <= MAX_STRING_BYTES ? at + 1 : -1;
  }

  /** A number without exponent (RFC 8259, section 6); what follows one with an exponent is no comma and no brace. */
  #numberEnd(position: number): number {
    const source = this.#source;
    let at = source[position] === MINUS ? position + 1 : position;
    const wholeAt = at;
    while (isDigit(source[at])) at++;
    if (at === wholeAt || (source[wholeAt] === 0x30 && at - wholeAt > 1)) return -1;
    if (source[at] === POINT) {
      const fractionAt = ++at;
      while (isDigit(source[at])) at++;
      if (at === fractionAt) return -1;
    }
    return at - position <= MAX_NUMBER_BYTES ? at : -1;
  }

  #readTime(position: number): number {
    const source = this.#source;
    if (position < 0) return -1;
    if (source[position] === QUOTE) {
      const end = this.#stringEnd(position);
      if (end >= 0) this.#time = source.toString('latin1', position + 1, end - 1);
      return end;
    }
    const end = this.#numberEnd(position);
    if (end >= 0) this.#time = this.#numberAt(position, end);
    return end;
  }

  /** Sums up whole numbers by digits: one too long to be exact is beyond all dates in any case. */
  #numberAt(start: number, end: number): number {
    const source = this.#source;
    let value = 0;
    for (let at = start; at < end; at++) {
      const byte = source[at] as number;
      if (!isDigit(byte)) return Number(source.toString('latin1', start, end));
      value = value * 10 + (byte - 0x30);
    }
    return value;
  }

  #matches(word: Uint8Array, position: number): boolean {
    const source = this.#source;
    for (let i = 0; i < word.length; i++) if (source[position + i] !== word[i]) return false;
    return true;
  }

  #afterColon(position: number): number {
    const at = this.#skipBlanks(position);
    return this.#source[at] === COLON ? this.#skipBlanks(at + 1) : -1;
  }

  #skipBlanks(position: number): number {
    const source = this.#source;
    let at = position;
    while (isBlank(source[at])) at++;
    return at;
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** RFC 8259, section 2. */
function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function byteSet(characters: string): Uint8Array {
  const set = new Uint8Array(256);
  for (const byte of Buffer.from(characters)) set[byte] = 1;
  return set;
}
