import type { SpoolStatus } from '../core/spool-ports.js';
import type { Backlog } from './backlog/backlog.js';
import type { Journal } from './journal/journal.js';
import type { DeadLetters } from './orders/dead-letters.js';

/** What a spool holds. Each batch asks for the bytes: what takes longer is looked up when it is asked for. */
export function statusOf(
  journal: Pick<Journal, 'bytes' | 'states' | 'oldestStoredAtMs'>,
  backlog: Pick<Backlog, 'bytes' | 'states' | 'oldestStoredAtMs'>,
  letters: Pick<DeadLetters, 'count' | 'bytes'>,
  unreadableRecords: number,
): SpoolStatus {
  return {
    bytes: journal.bytes + backlog.bytes,
    states: journal.states + backlog.states,
    get deadLetters(): number {
      return letters.count;
    },
    get deadLetterBytes(): number {
      return letters.bytes;
    },
    get oldestStoredAtMs(): number | undefined {
      const both = [journal.oldestStoredAtMs, backlog.oldestStoredAtMs].filter((ms) => ms !== undefined);
      return both.length === 0 ? undefined : Math.min(...both);
    },
    unreadableRecords,
  };
}
