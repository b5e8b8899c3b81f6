import type { Timebases } from '../core/timebase.js';
import { DAMAGED, openJson, readSealedJson } from './sealed-json.js';
import type { MetaRows } from './table.js';

/** Its name in `meta`. */
export const TIMEBASES_KEY = 'timebases';
const NONE: Timebases = { bases: [], heard: undefined };

/**
 * What is known of the clocks that times were counted with; nothing where that cannot be read.
 * @param logged what stands in the journal, where that is newer
 */
export function readTimebases(meta: MetaRows, logged: Buffer | undefined): Timebases & { readonly isDamaged: boolean } {
  const value = logged === undefined ? readSealedJson(meta, TIMEBASES_KEY) : openJson(JSON.parse(logged.toString()));
  if (value === DAMAGED) return { ...NONE, isDamaged: true };
  return { ...(value === undefined ? NONE : (value as Timebases)), isDamaged: false };
}
