import type { Device } from '../../src/core/device.js';
import { RecordView, recordOffsets, writeRecordChunk, writeRecordHeader } from '../../src/state/record-layout.js';

export interface TestState {
  readonly time: number;
  readonly data: Record<string, number | string | boolean>;
  readonly meta?: unknown;
  readonly flowVersion?: string;
}

export interface TestChunk {
  readonly device: Device;
  readonly states: readonly TestState[];
}

/** Builds a journal record by hand, so that stages can be tested without the workers. */
export function buildRecord(chunks: readonly TestChunk[], storedAtMs = 0): Uint8Array {
  const states = chunks.flatMap((chunk) => chunk.states);
  const fragments = states.map(({ time: _, ...rest }) => Buffer.from(JSON.stringify(rest).slice(1)));
  const offsets = recordOffsets(chunks.length, states.length);
  const fragmentBytes = Buffer.concat(fragments);
  const bytes = new Uint8Array(new ArrayBuffer(offsets.fragments + fragmentBytes.byteLength));
  writeRecordHeader(bytes, chunks.length, states.length);
  let firstState = 0;
  chunks.forEach((chunk, number) => {
    writeRecordChunk(bytes, number, chunk.device.idBytes, 0, firstState, chunk.states.length);
    firstState += chunk.states.length;
  });
  bytes.set(fragmentBytes, offsets.fragments);
  const view = new RecordView(bytes);
  let end = 0;
  states.forEach((state, number) => {
    end += (fragments[number] as Buffer).byteLength;
    view.times[number] = state.time;
    view.ends[number] = end;
  });
  view.seal(storedAtMs);
  return bytes;
}

/** Reads a record back into what {@link buildRecord} was given. */
export function readRecord(bytes: Uint8Array): { deviceKey: string; states: TestState[] }[] {
  const view = new RecordView(bytes);
  return Array.from({ length: view.chunkCount }, (_, chunk) => {
    const first = view.chunkFirstState(chunk);
    const states = Array.from({ length: view.chunkStateCount(chunk) }, (_, i) => {
      const text = Buffer.from(bytes.subarray(view.fragmentStart(first + i), view.fragmentEnd(first + i))).toString();
      return { time: view.times[first + i] as number, ...JSON.parse(`{${text}`) } as TestState;
    });
    return { deviceKey: view.chunkDevice(chunk).key, states };
  });
}
