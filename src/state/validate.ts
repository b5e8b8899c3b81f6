/**
 * The published schema (`deviceStateOrStates.json`) as code, and the two limits beside it: a string value of at most
 * 64 KiB, and numbers that fit a double (contract 1.5). Equal to the schema by a property test with ajv as the oracle.
 */
import { isId } from '../core/device.js';
import type { StateTime } from './time.js';

export type AttributeValue = number | string | boolean;

/** A state that passed {@link findProblem}. */
export interface DeviceState {
  readonly data: Readonly<Record<string, AttributeValue>>;
  readonly time?: StateTime;
  readonly meta?: unknown;
  readonly flowVersion?: string;
}

/** A state of a gateway frame that passed. */
export interface NamedState extends DeviceState {
  readonly deviceId: string;
}

/** Bytes of UTF-8 in a string value (docs/cloud.md, "States"). */
export const MAX_STRING_BYTES = 65_536;
/** Levels of objects and arrays in `meta`; the schema sets no bound, the stack does at some thousands. */
export const MAX_META_DEPTH = 100;

const NAME_PATTERN = /^[0-9a-zA-Z_-]{1,255}$/;
const MAX_FLOW_VERSION_LENGTH = 255;

/**
 * The states of a body: itself, or what is in the array. `index` for {@link findProblem} is -1 for a state that stands
 * alone.
 * @returns undefined when it is neither an object nor an array
 */
export function statesOf(body: unknown): readonly unknown[] | undefined {
  if (Array.isArray(body)) return body;
  return typeof body === 'object' && body !== null ? [body] : undefined;
}

/** What is wrong with a body that {@link statesOf} cannot read. */
export function bodyProblem(body: unknown): string {
  return `the body must be an object with "data", or an array of such objects, not ${kindOf(body)}`;
}

/**
 * What keeps a decoded value from being a state.
 * @param index its place in the array, for the message; -1 when it stands alone
 * @param namesDevice whether it must have a `deviceId` beside its data (gateway frames, contract 1.3)
 * @returns one sentence naming the part and what is allowed, under 300 characters; undefined when nothing is wrong
 */
export function findProblem(state: unknown, index: number, namesDevice: boolean): string | undefined {
  if (!isObject(state)) return `${beginAboutState(index)}must be an object with "data", not ${kindOf(state)}`;
  for (const property in state) {
    if (!isProperty(property, namesDevice)) {
      return `${beginAboutState(index)}property ${quoteName(property)} is not allowed; a state has data, time, meta and flowVersion`;
    }
    const problem = propertyProblem(property, state[property]);
    if (problem !== undefined) return beginAboutPart(index) + problem;
  }
  if (state.data === undefined)
    return `${beginAboutState(index)}"data" is missing; it holds the attributes and their values`;
  return namesDevice ? findDeviceProblem(state, index) : undefined;
}

/** What is wrong with the `deviceId` of a state in a gateway frame; undefined when it is an id. */
export function findDeviceProblem(state: unknown, index: number): string | undefined {
  if (!isObject(state))
    return `${beginAboutState(index)}must be an object with "deviceId" and "data", not ${kindOf(state)}`;
  const id = state.deviceId;
  if (typeof id === 'string' && isId(id)) return undefined;
  const found =
    id === undefined ? 'it is missing' : `not ${kindOf(id)}${typeof id === 'string' ? ' of another form' : ''}`;
  return `${beginAboutPart(index)}deviceId: must be 24 hexadecimal digits in a frame for many devices; ${found}`;
}

function isProperty(name: string, namesDevice: boolean): boolean {
  if (name === 'data' || name === 'time' || name === 'meta' || name === 'flowVersion') return true;
  return namesDevice && name === 'deviceId';
}

function propertyProblem(property: string, value: unknown): string | undefined {
  switch (property) {
    case 'data':
      return dataProblem(value);
    case 'time':
      return timeProblem(value);
    case 'meta':
      return metaProblem(value, 0);
    case 'flowVersion':
      return flowVersionProblem(value);
    default:
      return undefined;
  }
}

function dataProblem(data: unknown): string | undefined {
  if (!isObject(data)) return `data: must be an object of attributes, not ${kindOf(data)}`;
  for (const name in data) {
    const value = data[name];
    if (!NAME_PATTERN.test(name)) {
      return `data[${quoteName(name)}]: a name must be 1 to 255 of the characters 0-9, a-z, A-Z, _ and -`;
    }
    if (typeof value === 'boolean') continue;
    if (typeof value === 'number') {
      if (!Number.isFinite(value)) return `data.${cutName(name)}: the number does not fit a 64-bit float`;
      continue;
    }
    if (typeof value !== 'string') {
      return `data.${cutName(name)}: a value must be a number, a string or a boolean, not ${kindOf(value)}`;
    }
    if (isLongerThan(value, MAX_STRING_BYTES)) {
      return `data.${cutName(name)}: a string value must be at most ${MAX_STRING_BYTES} bytes of UTF-8`;
    }
  }
  return undefined;
}

function timeProblem(time: unknown): string | undefined {
  if (typeof time === 'string') return undefined;
  if (typeof time === 'number') {
    return Number.isFinite(time) ? undefined : 'time: the number does not fit a 64-bit float';
  }
  if (isObject(time) && typeof time.$date === 'string' && Object.keys(time).length === 1) return undefined;
  return `time: must be a string, a number or {"$date": string}, not ${isObject(time) ? 'another object' : kindOf(time)}`;
}

function metaProblem(value: unknown, depth: number): string | undefined {
  if (typeof value === 'number' && !Number.isFinite(value))
    return 'meta: holds a number that does not fit a 64-bit float';
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth === MAX_META_DEPTH) return `meta: may nest at most ${MAX_META_DEPTH} levels deep`;
  for (const part of Array.isArray(value) ? value : Object.values(value)) {
    const problem = metaProblem(part, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function flowVersionProblem(value: unknown): string | undefined {
  if (typeof value === 'string') {
    if (value.length >= 1 && value.length <= MAX_FLOW_VERSION_LENGTH) return undefined;
    // JSON Schema counts characters, of which one beyond U+FFFF takes two units (draft-07 validation, 6.3.1).
    if (
      value.length <= 2 * MAX_FLOW_VERSION_LENGTH &&
      value.length > 0 &&
      [...value].length <= MAX_FLOW_VERSION_LENGTH
    ) {
      return undefined;
    }
    return `flowVersion: must be 1 to ${MAX_FLOW_VERSION_LENGTH} characters long`;
  }
  return `flowVersion: must be a string, not ${kindOf(value)}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Counts bytes only where the length leaves a doubt: one unit of UTF-16 takes at most three. */
function isLongerThan(text: string, maxBytes: number): boolean {
  return text.length * 3 > maxBytes && Buffer.byteLength(text, 'utf8') > maxBytes;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** How a message begins that is about a state as a whole. */
export function beginAboutState(index: number): string {
  return index < 0 ? '' : `[${index}]: `;
}

/** How a message begins that goes on with a part of a state. */
export function beginAboutPart(index: number): string {
  return index < 0 ? '' : `[${index}].`;
}

const SHOWN_NAME_LENGTH = 80;
const SHOWN_HOSTILE_LENGTH = 16;
const NOT_PLAIN = /[^\x20-\x7e]|["\\]/g;

function cutName(name: string): string {
  return name.length <= SHOWN_NAME_LENGTH ? name : `${name.slice(0, SHOWN_NAME_LENGTH)}...`;
}

/** A name of any content: quoted, all but plain ASCII escaped, cut so that even escaped it stays short. */
function quoteName(name: string): string {
  const shown = name.slice(0, SHOWN_HOSTILE_LENGTH).replace(NOT_PLAIN, escapeUnit);
  return `"${shown}${name.length > SHOWN_HOSTILE_LENGTH ? '...' : ''}"`;
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
