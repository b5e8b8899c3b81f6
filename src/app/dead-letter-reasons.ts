import type { StoredDeadLetter } from '../core/dead-letter.js';
import { isoTime, oneLine } from './spool-report.js';

/** Reasons that are told apart: the cloud's words may name a value, and then each is another. */
const MAX_REASONS = 1_000;

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

interface Gathered {
  readonly status: number;
  readonly reason: string;
  letters: number;
  readonly devices: Set<string>;
  firstMs: number;
  lastMs: number;
}

/** Counts dead letters by reason, the most first. */
export function summarizeReasons(letters: Iterable<StoredDeadLetter>): ReasonSummary[] {
  const reasons = new Map<string, Gathered>();
  const rest = gatheredFor(0, 'other reasons');
  for (const { status, reason, device, refusedAtMs } of letters) {
    const key = `${status} ${reason}`;
    let gathered = reasons.get(key);
    if (gathered === undefined && reasons.size < MAX_REASONS) {
      gathered = gatheredFor(status, reason);
      reasons.set(key, gathered);
    }
    gathered ??= rest;
    gathered.letters++;
    gathered.devices.add(device.key);
    gathered.firstMs = Math.min(gathered.firstMs, refusedAtMs);
    gathered.lastMs = Math.max(gathered.lastMs, refusedAtMs);
  }
  const sorted = [...reasons.values()].sort((a, b) => b.letters - a.letters);
  return [...sorted.map(summaryOf), ...(rest.letters > 0 ? [{ ...summaryOf(rest), isRest: true as const }] : [])];
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

function gatheredFor(status: number, reason: string): Gathered {
  const [firstMs, lastMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  return { status, reason, letters: 0, devices: new Set(), firstMs, lastMs };
}

function summaryOf({ status, reason, letters, devices, firstMs, lastMs }: Gathered): ReasonSummary {
  return { letters, devices: devices.size, status, reason, first: isoTime(firstMs), last: isoTime(lastMs) };
}
