import type { Meters } from './meters.js';

/** What {@link Meters} have counted in some time, as it passes between threads: the same tree, without what is zero. */
export interface MeterCounts {
  readonly [name: string]: number | MeterCounts | Float64Array | ReadonlyMap<string, number>;
}

/** Takes what was counted out of meters, which begin anew. */
export function takeCounts(meters: Meters): MeterCounts {
  return takeFrom(meters as unknown as Record<string, unknown>);
}

/** Adds what other meters have counted. */
export function addCounts(meters: Meters, counts: MeterCounts): void {
  addTo(meters as unknown as Record<string, unknown>, counts);
}

function takeFrom(node: Record<string, unknown>): MeterCounts {
  const taken: Record<string, MeterCounts[string]> = {};
  for (const [name, value] of Object.entries(node)) {
    const counted = takeValue(value);
    if (counted === undefined) continue;
    taken[name] = counted;
    if (typeof value === 'number') node[name] = 0;
  }
  return taken;
}

/** Undefined for nothing. */
function takeValue(value: unknown): MeterCounts[string] | undefined {
  if (typeof value === 'number') return value === 0 ? undefined : value;
  if (value instanceof Float64Array) {
    if (value.every((count) => count === 0)) return undefined;
    const counts = value.slice();
    value.fill(0);
    return counts;
  }
  if (value instanceof Map) {
    const counts = new Map<string, number>();
    for (const [key, count] of value as Map<string, number>) {
      if (count === 0) continue;
      counts.set(key, count);
      value.set(key, 0);
    }
    return counts.size === 0 ? undefined : counts;
  }
  // The bounds of a distribution stay what they are.
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const counts = takeFrom(value as Record<string, unknown>);
  return Object.keys(counts).length === 0 ? undefined : counts;
}

function addTo(node: Record<string, unknown>, counts: MeterCounts): void {
  for (const [name, counted] of Object.entries(counts)) {
    const value = node[name];
    if (typeof counted === 'number') {
      node[name] = (value as number) + counted;
    } else if (counted instanceof Float64Array) {
      const sums = value as Float64Array;
      for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (counted[i] as number);
    } else if (counted instanceof Map) {
      const sums = value as Map<string, number>;
      for (const [key, count] of counted) sums.set(key, (sums.get(key) ?? 0) + count);
    } else {
      addTo(value as Record<string, unknown>, counted as MeterCounts);
    }
  }
}
