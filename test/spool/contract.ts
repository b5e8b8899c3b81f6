import { Device } from '../../src/core/device.js';
import type {
  IntakeLog,
  OwnedSpool,
  Partitions,
  Settlement,
  SpoolView,
  StoredRecord,
} from '../../src/core/spool-ports.js';
import { buildRecord } from '../helpers/records.js';

/** All ports of a spool, each of which has its own user. */
export type WholeSpool = IntakeLog & OwnedSpool & Partitions & SpoolView & { close(): Promise<void> };

/** More dead letters than there are. */
export const ALL = 1_000_000;

/** A place where a spool keeps its data. Opened again after a close, it holds what the one before had left. */
export interface SpoolSite {
  open(): WholeSpool | Promise<WholeSpool>;
  /** Asks, as an operator would, for dead letters to be sent again; returns how many that are. */
  requestRequeue(numbers: readonly number[] | 'all'): Promise<number>;
  /** Removes the place; every spool opened in it is closed by then. */
  remove(): void | Promise<void>;
  /** Whether several processes store in it: whoever reads a record does not know by which grants it came. */
  readonly isShared?: true;
}

/** Of the boot that the tests run in. */
export const BOOT_TAG = 0xb007;
export const DEVICE_A = new Device('a'.repeat(24), '1'.repeat(24));
export const DEVICE_B = new Device('a'.repeat(24), '2'.repeat(24));

/** A record with `states` states of each device, stored at `storedAtMs`; `padding` makes it longer. */
export function recordOf(states: ReadonlyMap<Device, number>, storedAtMs: number, padding = 0): Uint8Array {
  const chunks = [...states].map(([device, count]) => ({
    device,
    states: Array.from({ length: count }, (_, i) => ({
      time: storedAtMs + i,
      data: { n: i, text: 'x'.repeat(padding) },
    })),
  }));
  return buildRecord(chunks, storedAtMs);
}

/** Settles all `states` of a device's chunk in record `sequence`. */
export function wholeChunk(device: Device, sequence: number, states: number): Settlement {
  return {
    device,
    watermark: { sequence: sequence + 1, states: 0 },
    finishedSequences: [sequence],
    states,
    sends: { count: 1, windowMs: 15_000, untilMs: 0 },
  };
}

/** The status of a spool that holds nothing. */
export const NOTHING = {
  bytes: 0,
  states: 0,
  deadLetters: 0,
  deadLetterBytes: 0,
  oldestStoredAtMs: undefined,
  unreadableRecords: 0,
};

/** Reads all that the last run left. */
export async function drain(spool: OwnedSpool): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  await spool.open();
  await spool.read(({ sequence, record }) => records.push({ sequence, record })).caughtUp;
  return [...records];
}

/** Stores a record; returns its sequence. */
export function append(log: IntakeLog, record: Uint8Array, latestStampMs = Number.NEGATIVE_INFINITY): Promise<number> {
  return log.append(record, latestStampMs, []);
}

/** In the header of a record: its checksum, and what a spool of several processes marks it with. */
const MARKED = [
  [4, 8],
  [32, 48],
] as const;

/** Whether two records are the same, but for what a spool has marked in the header. */
export function isSameRecord(one: Uint8Array, other: Uint8Array): boolean {
  const [unmarkedOne, unmarkedOther] = [one, other].map((record) => {
    const copy = Buffer.from(record);
    for (const [start, end] of MARKED) copy.fill(0, start, end);
    return copy;
  });
  return unmarkedOne?.equals(unmarkedOther as Buffer) ?? false;
}

/** Stores a record in a spool that is being read; resolves when it was handed over. */
export async function appendAndRead(spool: WholeSpool, record: Uint8Array): Promise<number> {
  const sequence = await append(spool, record);
  while (spool.lastRead < sequence) await new Promise(setImmediate);
  return sequence;
}
