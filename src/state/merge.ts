import { fragmentOf, parseFragment } from './fragment.js';
import type { AttributeValue } from './validate.js';

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
