import { beforeEach, expect, it } from 'vitest';
import { StoredThenForwarded } from '../../src/app/stored-then-forwarded.js';

const MIB = 1024 * 1024;

let isDiskFull: boolean;
let spoolBytes: number;
let heldBytes: number;
let isMemoryShort: boolean;
let stored: number;
let taken: unknown[];

const sink: StoredThenForwarded = new StoredThenForwarded(
  {
    get isDiskFull(): boolean {
      return isDiskFull;
    },
    status: () => ({ bytes: spoolBytes }),
    append: () => ({ sequence: ++stored, stored: Promise.resolve() }),
  } as never,
  { heldBytes: () => heldBytes, enqueue: (...record: unknown[]) => taken.push(record) } as never,
  { maxSpoolBytes: 10_240 * MIB, maxHeldBytes: 64 * MIB, isMemoryShort: () => isMemoryShort },
);

beforeEach(() => {
  [isDiskFull, spoolBytes, heldBytes, isMemoryShort, stored, taken] = [false, 10 * MIB, 0, false, 0, []];
});

const RECORD = new Uint8Array(8);

const store = (): Promise<number> => sink.store(RECORD, 0);

it('stores while there is room', async () => {
  await store();
  expect({ stored, shortage: sink.shortage() }).toEqual({ stored: 1, shortage: undefined });
});

it('gives nothing to the lanes before it is told to', async () => {
  const sequence = await store();
  expect(taken).toEqual([]);
  sink.handOver(sequence, RECORD, []);
  expect(taken).toEqual([[1, RECORD, []]]);
});

const fillings = {
  disk: () => {
    isDiskFull = true;
  },
  spool: () => {
    spoolBytes = 10_240 * MIB;
  },
  lanes: () => {
    heldBytes = 64 * MIB;
  },
  process: () => {
    isMemoryShort = true;
  },
};

it.each([
  ['disk', fillings.disk, 'STATEWAY_SPOOL_FULL', 'the disk of the proxy is full'],
  ['spool', fillings.spool, 'STATEWAY_SPOOL_FULL', 'the spool is full'],
  ['memory', fillings.lanes, 'STATEWAY_MEMORY_FULL', 'the memory of the proxy is full'],
  ['memory', fillings.process, 'STATEWAY_MEMORY_FULL', 'the memory of the proxy is full'],
] as const)('says that it is the %s that is full, and of nothing else', async (what, fill, code, words) => {
  fill();
  expect(sink.shortage()).toBe(what);
  const message = `${words}; keep the state and send it again`;
  await expect(store()).rejects.toMatchObject({ code, message, retryAfterSeconds: 10 });
  expect(stored).toBe(0);
});
