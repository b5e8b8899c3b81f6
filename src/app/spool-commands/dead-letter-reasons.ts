import { LetterGroups, type StoredDeadLetter } from '../../core/dead-letter.js';
import { isoTime, oneLine } from './spool-report.js';

/** Dead letters of one reason. */
export interface ReasonSummary {
  readonly letters: number;
  readonly devices: number;
  /** The cloud's status; 0 where it never answered, or for {@link ReasonSummary.isRest}. */
  readonly status: number;
  readonly reason: string;
  /** When the first and the last were given up; ISO 8601 in UTC. */
  readonly first: string;
  readonly last: string;
  /** All reasons beyond as many as are told apart. */
  readonly isRest?: true;
}

/** Counts dead letters by reason, the most first. */
export function summarizeReasons(letters: Iterable<StoredDeadLetter>): ReasonSummary[] {
  const groups = new LetterGroups();
  for (const letter of letters) groups.add(letter);
  return groups.list().map(({ letters: count, devices, status, reason, firstMs, lastMs, isRest }) => ({
    letters: count,
    devices: devices.size,
    status,
    reason,
    first: isoTime(firstMs),
    last: isoTime(lastMs),
    ...(isRest && { isRest: true as const }),
  }));
}

/** A line for each reason, for people; the first names the columns. */
export function* reasonsTable(reasons: readonly ReasonSummary[]): Iterable<string> {
  if (reasons.length === 0) {
    yield 'no dead letters\n';
    return;
  }
  yield 'letters     devices   status  first given up            last given up             reason\n';
  for (const { letters, devices, status, reason, first, last } of reasons) {
    const answer = status === 0 ? 'none' : String(status);
    const figures = `${String(letters).padEnd(10)}  ${String(devices).padEnd(8)}  ${answer.padEnd(6)}`;
    yield `${figures}  ${first.padEnd(24)}  ${last.padEnd(24)}  ${oneLine(reason)}\n`;
  }
}
