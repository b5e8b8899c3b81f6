/**
 * Fragments: the JSON of a state without its time and first brace (`record-layout.ts`), so that a body for the cloud is
 * joined from `{"time":`, a time, a comma and a fragment.
 */
import { timeJson } from './time.js';
import type { AttributeValue, DeviceState } from './validate.js';

const TIME_DIGITS = 13;
/** What stands around a fragment in a body of one state, where the time has 13 digits. */
export const STATE_ENVELOPE_BYTES = '[{"time":'.length + TIME_DIGITS + ',]'.length;

/** Bytes of a body of this one state. `timeMs` may be an unstamped arrival. */
export function singleBodyBytes(fragmentBytes: number, timeMs: number): number {
  const usualTime = timeMs >= 1e12 && timeMs < 1e13;
  return fragmentBytes + STATE_ENVELOPE_BYTES + (usualTime ? 0 : timeJson(Math.floor(timeMs)).length - TIME_DIGITS);
}

/** Writes the fragment of a valid state. Parsed again it gives the same values, -0 and lone surrogates included. */
export function fragmentOf(state: DeviceState): string {
  let json = '"data":{';
  let isFirst = true;
  for (const name in state.data) {
    // A valid name needs no escapes.
    json += `${isFirst ? '"' : ',"'}${name}":${valueJson(state.data[name] as AttributeValue)}`;
    isFirst = false;
  }
  json += '}';
  if (state.meta !== undefined) json += `,"meta":${anyJson(state.meta)}`;
  if (state.flowVersion !== undefined) json += `,"flowVersion":${JSON.stringify(state.flowVersion)}`;
  return `${json}}`;
}

/** Reads a fragment back. */
export function parseFragment(fragment: Uint8Array): DeviceState {
  const json = Buffer.from(fragment.buffer, fragment.byteOffset, fragment.byteLength).toString('utf8');
  return JSON.parse(`{${json}`) as DeviceState;
}

function valueJson(value: AttributeValue): string {
  if (typeof value === 'string') return JSON.stringify(value);
  return Object.is(value, -0) ? '-0' : String(value);
}

/** `JSON.stringify` but for -0, which it writes as 0. Validation bounds the depth. */
function anyJson(value: unknown): string {
  if (Object.is(value, -0)) return '-0';
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(anyJson).join()}]`;
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${anyJson(member)}`);
  return `{${members.join()}}`;
}

/**
 * Joins states of one device into one, as the cloud stores states of equal time: attribute by attribute, the later
 * wins, what it does not name stays; of `meta` and `flowVersion` the last that was given (contract 1.5).
 *
 * For `merge` the states have one time, for `latest` they are those of one window and the result has the latest one's.
 * @param fragments at least one, by time; those of equal time in order of arrival
 * @returns the fragment of the joined state
 */
export function mergeFragments(fragments: readonly Uint8Array[]): Uint8Array {
  if (fragments.length === 1) return fragments[0] as Uint8Array;
  const data: Record<string, AttributeValue> = Object.create(null);
  let meta: unknown;
  let flowVersion: string | undefined;
  for (const fragment of fragments) {
    const state = parseFragment(fragment);
    // Without a prototype there is no setter behind `__proto__`: it is a name as any other.
    Object.assign(data, state.data);
    if (state.meta !== undefined) meta = state.meta;
    if (state.flowVersion !== undefined) flowVersion = state.flowVersion;
  }
  return Buffer.from(fragmentOf({ data, meta, ...(flowVersion === undefined ? {} : { flowVersion }) }), 'utf8');
}
