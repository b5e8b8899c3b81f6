import { Command } from 'commander';
import type { TroubledDevice } from '../../admin/status-page/status-shape.js';
import { askForReport } from '../../spool/beside/proxy-report.js';
import type { WaitingOfDevice } from '../../spool/beside/waiting-devices.js';
import { type DataDirOptions, withDataDir, withSpool } from './spool-access.js';
import { printLines } from './spool-export.js';
import { addFilters, type Filters, filtered } from './spool-filters.js';
import { age, isoTime, oneLine } from './spool-report.js';

type DevicesOptions = DataDirOptions & Filters & { readonly json?: true };

/** What the running proxy tells of devices in trouble (`AdminSources.devices`); a hundred at most are named. */
export interface ProxyReport {
  readonly troubled: Readonly<Record<string, number>>;
  readonly listed: readonly Pick<TroubledDevice, 'applicationId' | 'deviceId' | 'trouble' | 'reason' | 'since'>[];
}

/** A device for which something waits, in plain JSON: what `spool devices --json` prints a line of. */
export interface PlainWaiting {
  readonly applicationId: string;
  readonly deviceId: string;
  readonly states: number;
  readonly bytes: number;
  /** ISO 8601 in UTC. */
  readonly oldestStoredAt: string;
  /** Null for none that is known; absent when no proxy runs that could know. */
  readonly trouble?: string | null;
  readonly reason?: string;
  readonly since?: string;
}

/** `stateway spool devices`: for which devices something waits, and what the running proxy knows of them. */
export function devicesCommand(): Command {
  const command = withDataDir(
    new Command('devices').description('which devices have states waiting, the oldest first'),
  );
  return addFilters(command, 'whose oldest state was stored', ['limit'])
    .option('--json', 'print a line of JSON for each')
    .addHelpText(
      'after',
      `
Examples:
  $ stateway spool devices --limit 20
  $ stateway spool devices --until 24h --json

What is the matter with a device only a running proxy knows; of all in trouble it names a hundred.
`,
    )
    .action((options: DevicesOptions) =>
      withSpool(options, async (spool, dataDir) => {
        const report = asReport(await askForReport(dataDir));
        const waiting = filtered(await spool.devices(), options, ({ oldestStoredAtMs }) => oldestStoredAtMs);
        const devices = withTroubles(waiting, report);
        return printLines(options.json ? jsonLines(devices) : devicesTable(devices, report !== undefined, Date.now()));
      }),
    );
}

/** A proxy of another version may say something else. */
function asReport(told: unknown): ProxyReport | undefined {
  const { troubled, listed } = (told ?? {}) as Partial<ProxyReport>;
  return Array.isArray(listed) && typeof troubled === 'object' ? { troubled, listed } : undefined;
}

/** Each device that waits with its trouble, if the proxy tells of it. */
export function* withTroubles(
  waiting: Iterable<WaitingOfDevice>,
  report: ProxyReport | undefined,
): Iterable<PlainWaiting> {
  const troubles = new Map(report?.listed.map((device) => [device.applicationId + device.deviceId, device]));
  for (const { device, states, bytes, oldestStoredAtMs } of waiting) {
    const { applicationId, deviceId } = device;
    const plain = { applicationId, deviceId, states, bytes, oldestStoredAt: isoTime(oldestStoredAtMs) };
    const found = troubles.get(device.key);
    if (report === undefined) yield plain;
    else if (found === undefined) yield { ...plain, trouble: null };
    else yield { ...plain, trouble: found.trouble, reason: found.reason, since: found.since };
  }
}

/** A line for each device, for people; the first names the columns. */
export function* devicesTable(devices: Iterable<PlainWaiting>, isServed: boolean, nowMs: number): Iterable<string> {
  let count = 0;
  for (const { deviceId, states, bytes, oldestStoredAt, trouble, reason, since } of devices) {
    if (count++ === 0) yield 'device                    states      bytes         oldest        trouble\n';
    const figures = `${String(states).padEnd(10)}  ${String(bytes).padEnd(12)}`;
    const oldest = age(nowMs - Date.parse(oldestStoredAt)).padEnd(12);
    yield `${deviceId}  ${figures}  ${oldest}  ${troubleWords(trouble, reason, since)}\n`;
  }
  if (count === 0) yield 'nothing waits\n';
  else if (!isServed) yield 'no proxy runs on this data directory: what is the matter with a device is not known\n';
}

function troubleWords(trouble: string | null | undefined, reason = '', since = ''): string {
  if (trouble === undefined) return '?';
  return trouble === null ? '-' : `${oneLine(trouble)} since ${oneLine(since)}: ${oneLine(reason)}`;
}

function* jsonLines(devices: Iterable<PlainWaiting>): Iterable<string> {
  for (const device of devices) yield `${JSON.stringify(device)}\n`;
}
