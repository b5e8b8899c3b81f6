import type { StoredDeadLetter } from '../core/dead-letter.js';
import type { AdminSources } from './admin-sources.js';

/** Read in one turn of the event loop, some tenths of a millisecond: devices wait for it. */
const READ_AT_A_TIME = 128;

/** Dead letters from a number on up to another, both included, the oldest first; a few at a time. */
export async function* readLetters(
  { deadLetters }: Pick<AdminSources, 'deadLetters'>,
  from: number,
  upTo: number,
): AsyncIterable<StoredDeadLetter> {
  for (let next = from; next <= upTo; ) {
    const letters = deadLetters.from(next, READ_AT_A_TIME);
    for (const letter of letters) {
      if (letter.number > upTo) return;
      yield letter;
    }
    const last = letters.at(-1);
    if (last === undefined) return;
    next = last.number + 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The number of the last dead letter; 0 when there is none. */
export function lastLetter(sources: Pick<AdminSources, 'latestDeadLetters'>): number {
  return sources.latestDeadLetters(1)[0]?.number ?? 0;
}
