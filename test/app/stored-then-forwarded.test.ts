import { beforeEach, expect, it } from 'vitest';
import { StoredThenForwarded } from '../../src/app/stored-then-forwarded.js';
import type { DeadLetter } from '../../src/core/dead-letter.js';
import { Device } from '../../src/core/device.js';
import { FollowedDevices } from '../../src/core/followed-devices.js';

const MIB = 1024 * 1024;

let isDiskFull: boolean;
let spoolBytes: number;
let heldBytes: number;
let isMemoryShort: boolean;
let stored: number;
let taken: unknown[];
let kept: DeadLetter[];

const sink: StoredThenForwarded = new StoredThenForwarded(
  {
    get isDiskFull(): boolean {
      return isDiskFull;
    },
    status: () => ({ bytes: spoolBytes }),
    append: () => ({ sequence: ++stored, stored: Promise.resolve() }),
    keepDeadLetters: async (letters: readonly DeadLetter[]) => void kept.push(...letters),
  } as never,
  { heldBytes: () => heldBytes, enqueue: (...record: unknown[]) => taken.push(record) } as never,
  { wallMs: () => 1_234 },
  { maxSpoolBytes: 10_240 * MIB, maxHeldBytes: 64 * MIB, isMemoryShort: () => isMemoryShort },
  new FollowedDevices(),
);

beforeEach(() => {
  [isDiskFull, spoolBytes, heldBytes, isMemoryShort, stored, taken] = [false, 10 * MIB, 0, false, 0, []];
  kept = [];
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

it('sets aside what is no state, with what it was and why, as long as there is room', async () => {
  const device = new Device('5a0000000000000000000001', '5b0000000000000000000001');
  await sink.setAside(device, Buffer.from('21.5 C'), 'it is not JSON');
  expect(kept).toMatchObject([{ device, timeMs: 1_234, refusedAtMs: 1_234, status: 0, reason: 'it is not JSON' }]);
  expect(Buffer.from((kept[0] as DeadLetter).fragment).toString()).toBe('"data":{},"meta":{"payload":"21.5 C"}}');
  isDiskFull = true;
  await expect(sink.setAside(device, Buffer.from('x'), 'it is not JSON')).rejects.toMatchObject({
    code: 'STATEWAY_SPOOL_FULL',
  });
  expect(kept).toHaveLength(1);
});
