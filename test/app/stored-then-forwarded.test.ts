import { beforeEach, expect, it } from 'vitest';
import { StoredThenForwarded } from '../../src/app/stored-then-forwarded.js';
import type { DeadLetter } from '../../src/core/dead-letter.js';
import { Device } from '../../src/core/device.js';
import type { SpoolShortage } from '../../src/core/spool-ports.js';

const MIB = 1024 * 1024;

let full: SpoolShortage | undefined;
let heldBytes: number;
let isMemoryShort: boolean;
let stored: number;
let appended: unknown[];
let kept: DeadLetter[];

const sink: StoredThenForwarded = new StoredThenForwarded(
  {
    get isFull(): SpoolShortage | undefined {
      return full;
    },
    append: async (...record: unknown[]) => {
      appended = record;
      return ++stored;
    },
    keepDeadLetters: async (letters: readonly DeadLetter[]) => void kept.push(...letters),
  } as never,
  { heldBytes: () => heldBytes },
  { wallMs: () => 1_234 },
  { maxHeldBytes: 64 * MIB, isMemoryShort: () => isMemoryShort },
);

beforeEach(() => {
  [full, heldBytes, isMemoryShort, stored, appended] = [undefined, 0, false, 0, []];
  kept = [];
});

const RECORD = new Uint8Array(8);

const store = (): Promise<number> => sink.store(RECORD, 7, []);

it('stores while there is room', async () => {
  await store();
  expect({ stored, shortage: sink.shortage() }).toEqual({ stored: 1, shortage: undefined });
});

it('hands on what goes with a record: its latest stamp, and the grants behind its chunks', async () => {
  expect(await store()).toBe(1);
  expect(appended).toEqual([RECORD, 7, []]);
});

const fillings = {
  disk: () => {
    full = 'disk';
  },
  spool: () => {
    full = 'spool';
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
  full = 'disk';
  await expect(sink.setAside(device, Buffer.from('x'), 'it is not JSON')).rejects.toMatchObject({
    code: 'STATEWAY_SPOOL_FULL',
  });
  expect(kept).toHaveLength(1);
});
