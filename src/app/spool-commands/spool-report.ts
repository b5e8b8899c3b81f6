import type { StoredDeadLetter } from '../../core/dead-letter.js';
import type { SpoolStatus } from '../../core/spool-ports.js';
import type { UnreadableParts } from '../../spool/beside/damage-beside.js';

/** A dead letter as plain JSON: what `spool dead-letters --json` prints a line of. */
export interface PlainDeadLetter {
  readonly number: number;
  readonly applicationId: string;
  readonly deviceId: string;
  /** ISO 8601 in UTC. */
  readonly time: string;
  /** The state without its time. */
  readonly state: unknown;
  /** The cloud's status; 0 where it never answered. */
  readonly status: number;
  readonly reason: string;
  readonly refusedAt: string;
}

export function toPlain(letter: StoredDeadLetter): PlainDeadLetter {
  const { device, fragment } = letter;
  return {
    number: letter.number,
    applicationId: device.applicationId,
    deviceId: device.deviceId,
    time: isoTime(letter.timeMs),
    state: JSON.parse(`{${Buffer.from(fragment).toString('utf8')}`),
    status: letter.status,
    reason: letter.reason,
    refusedAt: isoTime(letter.refusedAtMs),
  };
}

/** The figures of `spool status`, for people. */
export function statusTable(status: SpoolStatus, importedStates: number, nowMs = Date.now()): string {
  const { oldestStoredAtMs } = status;
  const oldest = oldestStoredAtMs === undefined ? 'nothing waits' : age(nowMs - oldestStoredAtMs);
  const rows: readonly (readonly [string, string])[] = [
    ['states waiting', status.states.toLocaleString('en-US')],
    ['bytes waiting', status.bytes.toLocaleString('en-US')],
    ['oldest waiting', oldest],
    ...(importedStates > 0 ? ([['states to be imported', importedStates.toLocaleString('en-US')]] as const) : []),
    ['dead letters', status.deadLetters.toLocaleString('en-US')],
    ['bytes of dead letters', status.deadLetterBytes.toLocaleString('en-US')],
    ['unreadable records', status.unreadableRecords.toLocaleString('en-US')],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('');
}

/** Named of what could not be read; the log of the proxy names all. */
const MOST_NAMED = 20;

/** What to tell of what an export had to leave out; nothing to tell when that is empty. */
export function leftOutWords({ setAside, found }: UnreadableParts): string {
  const named = found.slice(0, MOST_NAMED).map(({ item, reason }) => `  ${item}: ${reason}\n`);
  const more = found.length > MOST_NAMED ? `  and ${found.length - MOST_NAMED} more\n` : '';
  const [one, records] = [setAside === 1, found.length === 1 ? '1 record' : `${found.length} records`];
  const leftOut = `stateway: spool export: ${records} could not be read; what was in ${found.length === 1 ? 'it' : 'them'} is not written:\n`;
  const before = `stateway: spool export: ${setAside} unreadable ${one ? 'record was' : 'records were'} set aside by the proxy before; what was in ${one ? 'it' : 'them'} is not written\n`;
  return (found.length > 0 ? leftOut + named.join('') + more : '') + (setAside > 0 ? before : '');
}

/** A line for each dead letter, for people; the first names the columns. */
export function* deadLettersTable(letters: Iterable<StoredDeadLetter>): Iterable<string> {
  let count = 0;
  for (const letter of letters) {
    if (count++ === 0) yield 'number      device                    time                      status  reason\n';
    const { number, device, timeMs, status, reason } = letter;
    const given = status === 0 ? 'none' : String(status);
    yield `${String(number).padEnd(10)}  ${device.deviceId}  ${isoTime(timeMs).padEnd(24)}  ${given.padEnd(6)}  ${oneLine(reason)}\n`;
  }
  if (count === 0) yield 'no dead letters\n';
}

/**
 * The cloud's words are not ours: what could move a terminal's cursor or start a new line is shown as an escape. Quotes are
 * shown as they are, since people copy a reason into a command.
 */
export function oneLine(text: string): string {
  return JSON.stringify(text)
    .slice(1, -1)
    .replaceAll('\\"', '"')
    .replace(/[\u007f-\u009f]/g, '?');
}

/** ISO 8601 in UTC; a time that no date can hold is shown as the number it is. */
export function isoTime(timeMs: number): string {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? String(timeMs) : date.toISOString();
}

const SECONDS_A_MINUTE = 60;
const MINUTES_AN_HOUR = 60;
const HOURS_A_DAY = 24;

/** As `3 d 4 h`, `4 h 5 min`, `5 min 6 s` or `6 s`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const minutes = Math.floor(seconds / SECONDS_A_MINUTE);
  const hours = Math.floor(minutes / MINUTES_AN_HOUR);
  const days = Math.floor(hours / HOURS_A_DAY);
  if (days > 0) return `${days} d ${hours % HOURS_A_DAY} h`;
  if (hours > 0) return `${hours} h ${minutes % MINUTES_AN_HOUR} min`;
  return minutes > 0 ? `${minutes} min ${seconds % SECONDS_A_MINUTE} s` : `${seconds} s`;
}
