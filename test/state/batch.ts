import { Device } from '../../src/core/device.js';
import { type OutOfWindow, windowAt } from '../../src/core/time/cloud-window.js';
import {
  type BatchRequest,
  type BatchResult,
  ENTRY_BYTES,
  FLAG_EXTENDED,
  FLAG_MSGPACK,
  FLAG_NAMES_DEVICES,
} from '../../src/state/batch-layout.js';
import { processBatch } from '../../src/state/process-batch.js';
import { RecordView } from '../../src/state/record-layout.js';

export const APPLICATION_ID = 'a'.repeat(24);
export const ARRIVAL_MS = Date.UTC(2026, 0, 1, 12);

export interface TestEntry {
  readonly body: string | Uint8Array;
  /** Numbers of the devices, as {@link deviceNumber} makes them; 0 alone unless told. */
  readonly devices?: readonly number[];
  readonly arrivalMs?: number;
  readonly msgpack?: boolean;
  readonly extended?: boolean;
  readonly namesDevices?: boolean;
}

export interface TestOptions {
  readonly slotCount?: number;
  readonly maxStateBytes?: number;
  /** `forward` unless given. */
  readonly outOfWindow?: OutOfWindow;
}

/** A forwarded state as it stands in a record. */
export interface ReadState {
  readonly time: number;
  /** The fragment with its brace. */
  readonly json: string;
}

export function deviceNumber(number: number): Device {
  return new Device(APPLICATION_ID, number.toString(16).padStart(24, '0'));
}

/** Lays out a batch as the intake does; slot numbers are device numbers. */
export function batchOf(entries: readonly TestEntry[], options: TestOptions = {}): BatchRequest {
  const bodies = entries.map(({ body }) => Buffer.from(body as string));
  const lists = entries.map(({ devices }) => devices ?? [0]);
  const table = new DataView(new ArrayBuffer(entries.length * ENTRY_BYTES));
  let bodyOffset = 0;
  let firstSlot = 0;
  entries.forEach((entry, number) => {
    const at = number * ENTRY_BYTES;
    const bodyLength = (bodies[number] as Buffer).length;
    const slotCount = (lists[number] as number[]).length;
    table.setFloat64(at, entry.arrivalMs ?? ARRIVAL_MS, true);
    table.setUint32(at + 8, bodyOffset, true);
    table.setUint32(at + 12, bodyLength, true);
    table.setUint32(at + 16, firstSlot, true);
    table.setUint32(at + 20, slotCount, true);
    const flags = [
      entry.msgpack && FLAG_MSGPACK,
      entry.extended && FLAG_EXTENDED,
      entry.namesDevices && FLAG_NAMES_DEVICES,
    ];
    table.setUint32(
      at + 24,
      flags.reduce<number>((sum, flag) => sum + (flag || 0), 0),
      true,
    );
    bodyOffset += bodyLength;
    firstSlot += slotCount;
  });
  const slotCount = options.slotCount ?? Math.max(0, ...lists.flat()) + 1;
  return {
    entryCount: entries.length,
    entries: table.buffer,
    entrySlots: Uint32Array.from(lists.flat()),
    slotIds: Buffer.concat(Array.from({ length: slotCount }, (_, slot) => deviceNumber(slot).idBytes)),
    bodies: Uint8Array.from(Buffer.concat(bodies)).buffer,
    maxStateBytes: options.maxStateBytes ?? 262_144,
    times: { ...windowAt(ARRIVAL_MS), outOfWindow: options.outOfWindow ?? 'forward' },
  };
}

/** Processes one body for device 0. */
export function processOne(entry: TestEntry, options: TestOptions = {}): BatchResult {
  return processBatch(batchOf([entry], options));
}

/** The states of a record by device number, in the order of its chunks. */
export function statesByDevice(result: BatchResult): Map<number, ReadState[]> {
  const states = new Map<number, ReadState[]>();
  if (result.record === undefined) return states;
  const view = new RecordView(result.record);
  for (let chunk = 0; chunk < view.chunkCount; chunk++) {
    const first = view.chunkFirstState(chunk);
    const numbers = Array.from({ length: view.chunkStateCount(chunk) }, (_, i) => first + i);
    states.set(
      Number.parseInt(view.chunkDevice(chunk).deviceId, 16),
      numbers.map((state) => ({
        time: view.times[state] as number,
        json: `{${Buffer.from(view.bytes.subarray(view.fragmentStart(state), view.fragmentEnd(state))).toString('utf8')}`,
      })),
    );
  }
  return states;
}

/** The states of device 0, each with its JSON parsed. */
export function statesOfOne(result: BatchResult): { time: number; state: unknown }[] {
  return (statesByDevice(result).get(0) ?? []).map(({ time, json }) => ({ time, state: JSON.parse(json) as unknown }));
}
