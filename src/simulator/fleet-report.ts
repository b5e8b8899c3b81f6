/**
 * What a fleet leaves behind for the ledger: a file with one line of JSON a device, in the order of the fleet's plan:
 * `{"deviceId":…,"states":[[reading, timeMs or null, acknowledged 0 or 1, sends], …]}`.
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { SentState } from './ledger.js';

/** One device's states. */
export interface DeviceReport {
  readonly deviceId: string;
  readonly states: readonly SentState[];
}

type Row = [reading: number, timeMs: number | null, acknowledged: 0 | 1, sends: number];

/** Writes the report, a device at a time, in the place of any file there. */
export async function writeReport(path: string, devices: Iterable<DeviceReport>): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (const { deviceId, states } of devices) {
      const rows = states.map(
        (state): Row => [state.reading, state.timeMs ?? null, state.acknowledged ? 1 : 0, state.sends],
      );
      await file.write(`${JSON.stringify({ deviceId, states: rows })}\n`);
    }
  } finally {
    await file.close();
  }
}

/** Reads a report back, a device at a time. */
export async function* readReport(path: string): AsyncGenerator<DeviceReport> {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    const { deviceId, states } = JSON.parse(line) as { deviceId: string; states: Row[] };
    yield {
      deviceId,
      states: states.map(([reading, timeMs, acknowledged, sends]) => ({
        reading,
        timeMs: timeMs ?? undefined,
        acknowledged: acknowledged === 1,
        sends,
      })),
    };
  }
}
