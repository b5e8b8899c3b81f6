import { type Command, InvalidArgumentError } from 'commander';
import { duration } from '../../config/kinds.js';
import type { StoredDeadLetter } from '../../core/dead-letter.js';
import { type Device, isId } from '../../core/device.js';
import { oneLine } from './spool-report.js';

/** What the flags of {@link addFilters} leave in a command's options; a field is absent where its flag was not given. */
export interface Filters {
  readonly device?: readonly string[];
  /** Milliseconds since the epoch; from then on. */
  readonly since?: number;
  /** Before then. */
  readonly until?: number;
  readonly reason?: string;
  readonly limit?: number;
}

const DAY_MS = 86_400_000;
const AGE = duration(0, 36_500 * DAY_MS);
const ALLOWED_TIME =
  'Allowed is a time, as in 2026-11-30T08:15:00Z or 2026-11-30 (UTC where it names no zone), or an age, as in 90min, 12h or 7d.';
const ISO_TIME = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:\d{2})?)?$/i;

/**
 * Adds flags that narrow down what a command is about.
 * @param times what `--since` and `--until` go by, in words
 * @param names those of the others that make sense for it
 */
export function addFilters(command: Command, times: string, names: readonly ('reason' | 'limit')[]): Command {
  command
    .option('--device <id>', 'only of this device; may be given several times', parseDevice)
    .option('--since <time>', `only ${times} at this time (2026-11-30T08:15Z) or later; or an age (12h, 7d)`, parseTime)
    .option('--until <time>', `only ${times} before this time, or longer ago than an age`, parseTime);
  if (names.includes('reason')) {
    command.option(
      '--reason <text>',
      'only with this in the reason, in any case; or with this answer (400)',
      parseText,
    );
  }
  if (names.includes('limit')) command.option('--limit <number>', 'no more than so many, the oldest first', parseLimit);
  return command;
}

/** Whether any filter was given that takes something out. */
export function isFiltered({ device, since, until, reason, limit }: Filters): boolean {
  return [device, since, until, reason, limit].some((given) => given !== undefined);
}

/** What of `items` goes through, in order. @param timeOf what `--since` and `--until` go by */
export function* filtered<T extends { readonly device: Device }>(
  items: Iterable<T>,
  filters: Filters,
  timeOf: (item: T) => number,
): Iterable<T> {
  const {
    since = Number.NEGATIVE_INFINITY,
    until = Number.POSITIVE_INFINITY,
    limit = Number.POSITIVE_INFINITY,
  } = filters;
  const devices = filters.device && new Set(filters.device);
  let left = limit;
  for (const item of items) {
    if (devices?.has(item.device.deviceId) === false) continue;
    const timeMs = timeOf(item);
    if (timeMs < since || timeMs >= until) continue;
    yield item;
    if (--left === 0) return;
  }
}

/** The dead letters that go through; by when they were given up. */
export function filteredLetters(letters: Iterable<StoredDeadLetter>, filters: Filters): Iterable<StoredDeadLetter> {
  return filtered(withReason(letters, filters.reason), filters, ({ refusedAtMs }) => refusedAtMs);
}

function* withReason(letters: Iterable<StoredDeadLetter>, reason: string | undefined): Iterable<StoredDeadLetter> {
  const wanted = reason?.toLowerCase();
  for (const letter of letters) {
    if (wanted === undefined || isFor(letter, wanted)) yield letter;
  }
}

function isFor({ reason, status }: StoredDeadLetter, wanted: string): boolean {
  // As it is, or as it was shown.
  const texts = [reason, oneLine(reason)];
  return String(status) === wanted || texts.some((text) => text.toLowerCase().includes(wanted));
}

/** A time of the command line. @returns milliseconds since the epoch @throws InvalidArgumentError */
export function parseTime(text: string, _previous?: unknown, nowMs = Date.now()): number {
  const ageMs = /^\d+$/.test(text) ? undefined : AGE.parse(text);
  if (ageMs !== undefined) return nowMs - ageMs;
  const [, day, time = '00:00', zone = 'Z'] = ISO_TIME.exec(text) ?? [];
  const timeMs = Date.parse(`${day}T${time}${zone}`);
  // A day that a month has not is taken for one of the next.
  if (Number.isNaN(timeMs) || new Date(Date.parse(`${day}T00:00Z`)).toISOString().slice(0, 10) !== day) {
    throw new InvalidArgumentError(ALLOWED_TIME);
  }
  return timeMs;
}

function parseDevice(text: string, previous: readonly string[] = []): readonly string[] {
  if (!isId(text)) throw new InvalidArgumentError('Allowed is the id of a device: 24 hexadecimal digits.');
  return [...previous, text.toLowerCase()];
}

function parseText(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('Allowed is some text.');
  return text;
}

function parseLimit(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('Allowed is a whole number from 1 on.');
  return Number(text);
}
