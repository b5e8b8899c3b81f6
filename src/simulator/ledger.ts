/** The reckoning of a run: what the devices were promised against what the cloud holds. */
import type { HeldState } from './cloud-holdings.js';

/** One state of one device, as the device saw it. */
export interface SentState {
  /** Number of the state within its device, also its attribute `reading`. */
  readonly reading: number;
  /** The time it carried, milliseconds; undefined when it carried none. */
  readonly timeMs: number | undefined;
  /** Whether an answer promised that it is safe. */
  readonly acknowledged: boolean;
  /** Times it was sent, leaving out those that an answer refused: it may have come to the proxy this often. */
  readonly sends: number;
}

/** What became of the states of one device, or of many. */
export interface Reckoning {
  /** States sent, each counted once. */
  sent: number;
  /** Of those, promised to be safe. */
  acknowledged: number;
  /** Of those sent, held by the cloud as they were sent. */
  arrived: number;
  /** Acknowledged, but not held, or held with other values or under another time. */
  lost: number;
  /** Deliveries to the cloud beyond those that the device itself asked for by sending again. */
  duplicates: number;
  /** Records in the cloud that no device sent. */
  unexpected: number;
}

/** A reckoning of nothing, to add to. */
export function emptyReckoning(): Reckoning {
  return { sent: 0, acknowledged: 0, arrived: 0, lost: 0, duplicates: 0, unexpected: 0 };
}

/**
 * Compares one device's states with the cloud's records of that device and adds the result to `total`.
 * @param dataOf the attributes that were sent as a reading
 */
export function reckonDevice(
  total: Reckoning,
  sent: readonly SentState[],
  held: readonly HeldState[],
  dataOf: (reading: number) => object,
): void {
  const recordsByReading = groupByReading(held);
  for (const state of sent) {
    const records = recordsByReading.get(state.reading) ?? [];
    recordsByReading.delete(state.reading);
    const isHeld = records.some((record) => isRecordOf(record, state, dataOf(state.reading)));
    const deliveries = records.reduce((sum, record) => sum + record.deliveries, 0);
    total.sent++;
    if (state.acknowledged) total.acknowledged++;
    if (isHeld) total.arrived++;
    else if (state.acknowledged) total.lost++;
    total.duplicates += Math.max(0, deliveries - state.sends);
  }
  for (const records of recordsByReading.values()) total.unexpected += records.length;
}

function groupByReading(held: readonly HeldState[]): Map<unknown, HeldState[]> {
  const groups = new Map<unknown, HeldState[]>();
  for (const record of held) {
    const { reading } = record.data;
    const group = groups.get(reading);
    if (group === undefined) groups.set(reading, [record]);
    else group.push(record);
  }
  return groups;
}

function isRecordOf(record: HeldState, state: SentState, data: object): boolean {
  if (state.timeMs !== undefined && record.timeMs !== state.timeMs) return false;
  const expected = Object.entries(data);
  return (
    Object.keys(record.data).length === expected.length &&
    expected.every(([name, value]) => record.data[name] === value)
  );
}
