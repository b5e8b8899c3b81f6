import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Device } from '../../src/core/device.js';
import type { Settlement, Spill } from '../../src/core/spool-ports.js';
import { RecordView } from '../../src/state/record-layout.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { readRecord } from '../helpers/records.js';
import {
  appendAndRead,
  DEVICE_A,
  DEVICE_B,
  drain,
  NOTHING,
  recordOf,
  type SpoolSite,
  type WholeSpool,
} from './contract.js';
import { drainBacklog, firstOfBacklog, WaitingDevice } from './waiting-device.js';

/** What every spool promises of backlogs, to be called at the top of a test file. */
export function describeBacklogContract(name: string, createSite: (clock: FakeClock) => SpoolSite): void {
  describe(`the backlogs of ${name}`, () => {
    let clock: FakeClock;
    let site: SpoolSite;
    let spool: WholeSpool;
    let a: WaitingDevice;
    let b: WaitingDevice;

    beforeEach(async () => {
      clock = new FakeClock();
      site = createSite(clock);
      spool = await site.open();
      await drain(spool);
      a = new WaitingDevice(DEVICE_A);
      b = new WaitingDevice(DEVICE_B);
    });

    afterEach(async () => {
      await spool.close();
      await site.remove();
    });

    async function restart(): Promise<number[]> {
      await spool.close();
      spool = await site.open();
      return (await drain(spool)).map(({ sequence }) => sequence);
    }

    /** Stores a record of so many states of each device, the first at `storedAtMs`. */
    async function store(states: ReadonlyMap<Device, number>, storedAtMs: number, padding = 0): Promise<number> {
      const record = recordOf(states, storedAtMs, padding);
      const sequence = await appendAndRead(spool, record);
      for (const waiting of [a, b]) waiting.add(sequence, record);
      return sequence;
    }

    const spill = (waiting: WaitingDevice, states: number) => spool.spill(waiting.spill(states) as Spill);
    const timesOf = (states: readonly { time: number }[]) => states.map(({ time }) => time);

    it('has none at first, and none for a device that has none', async () => {
      expect(await spool.firstPiece(DEVICE_A)).toBeUndefined();
      expect([...(await spool.open()).backlogs]).toEqual([]);
      await store(new Map([[DEVICE_A, 1]]), 1);
      await spill(a, 1);
      expect(await spool.firstPiece(DEVICE_B)).toBeUndefined();
    });

    it('takes what is spilled out of the journal and gives it back as it was', async () => {
      await store(new Map([[DEVICE_A, 3]]), 10);
      const { piece } = await spillAndKeep(3);
      expect(Buffer.compare((await spool.firstPiece(DEVICE_A))?.record as Uint8Array, piece)).toBe(0);
      expect(await restart()).toEqual([]);
      const read = await spool.firstPiece(DEVICE_A);
      expect(read?.settledStates).toBe(0);
      expect(readRecord(read?.record as Uint8Array)).toEqual(readRecord(piece));
    });

    async function spillAndKeep(states: number): Promise<Spill> {
      const taken = a.spill(states) as Spill;
      await spool.spill(taken);
      return taken;
    }

    it('reads a piece that stays as it is, at the start of its buffer or where a view can be laid over it', async () => {
      await store(new Map([[DEVICE_A, 2]]), 10, 300_000);
      await store(new Map([[DEVICE_B, 2]]), 20, 300_000);
      await spill(a, 2);
      await spill(b, 2);
      const read = (await spool.firstPiece(DEVICE_A))?.record as Uint8Array;
      const before = Buffer.from(read);
      await spool.firstPiece(DEVICE_B);
      await drainBacklog(spool, a, 9);
      expect(Buffer.compare(read, before)).toBe(0);
      expect(timesOf([...new RecordView(read).times].map((time) => ({ time })))).toEqual([10, 11]);
    });

    it('keeps a record for its other devices, and trims it when the last has left', async () => {
      const sequence = await store(
        new Map([
          [DEVICE_A, 2],
          [DEVICE_B, 1],
        ]),
        1,
      );
      await spill(a, 2);
      expect(await restart()).toEqual([sequence]);
      expect(spool.history(DEVICE_A)?.watermark).toEqual({ sequence: sequence + 1, states: 0 });
      expect(spool.status().states).toBe(3);
      await spill(b, 1);
      expect(await restart()).toEqual([]);
      expect(spool.status().states).toBe(3);
    });

    it('trims a record of which one device is settled and the other spilled in one turn', async () => {
      const both = new Map([
        [DEVICE_A, 2],
        [DEVICE_B, 1],
      ]);
      await store(both, 1);
      await Promise.all([spill(a, 2), spool.settle(b.settle(1) as Settlement)]);
      expect(spool.status().states).toBe(2);
      expect(await restart()).toEqual([]);
    });

    it('spills a chunk in part: the rest stays in the journal', async () => {
      const sequence = await store(new Map([[DEVICE_A, 5]]), 100);
      await spill(a, 2);
      expect(await restart()).toEqual([sequence]);
      expect(spool.history(DEVICE_A)?.watermark).toEqual({ sequence, states: 2 });
      expect(timesOf(await firstOfBacklog(spool, DEVICE_A, 9))).toEqual([100, 101]);
      expect(spool.status().states).toBe(5);
      await spool.settle(a.settle(3) as Settlement);
      expect(await restart()).toEqual([]);
      expect(spool.status().states).toBe(2);
    });

    it.each([1, 2, 7, 1_000])('gives states back in order, settled by %i at a time', async (step) => {
      const expected: number[] = [];
      for (let round = 0; round < 12; round++) {
        await store(new Map([[DEVICE_A, 3]]), 100 * round, round % 4 === 0 ? 5_000 : 10);
        expected.push(100 * round, 100 * round + 1, 100 * round + 2);
        if (round % 3 !== 2) await spill(a, 3 + (round % 2));
      }
      while (a.states > 0) await spill(a, 2);
      expect(timesOf(await drainBacklog(spool, a, step))).toEqual(expected);
      expect(spool.status()).toEqual(NOTHING);
      expect([...(await spool.open()).backlogs]).toEqual([]);
    });

    it('knows after a restart how far a piece is settled', async () => {
      await store(new Map([[DEVICE_A, 6]]), 100);
      await spill(a, 6);
      await spool.settle((await a.settleBacklog(spool, 4)) as Settlement);
      await restart();
      expect((await spool.firstPiece(DEVICE_A))?.settledStates).toBe(4);
      expect(spool.status().states).toBe(2);
      expect(timesOf(await drainBacklog(spool, a, 9))).toEqual([104, 105]);
      await restart();
      expect(spool.status()).toEqual(NOTHING);
    });

    it('keeps states that came behind a piece while that was on its way to the cloud', async () => {
      await store(new Map([[DEVICE_A, 2]]), 10);
      await spill(a, 2);
      const onItsWay = (await a.settleBacklog(spool, 2)) as Settlement;
      await store(new Map([[DEVICE_A, 2]]), 20);
      await spill(a, 2);
      await spool.settle(onItsWay);
      expect(timesOf(await drainBacklog(spool, a, 9))).toEqual([20, 21]);
      expect(spool.status()).toEqual(NOTHING);
    });

    it('does all that is asked for a device at once in the order in which it was asked', async () => {
      for (const storedAtMs of [10, 20, 30]) await store(new Map([[DEVICE_A, 2]]), storedAtMs);
      const first = spill(a, 2);
      const second = spill(a, 2);
      const third = spill(a, 2);
      await Promise.all([first, second, third]);
      expect(timesOf(await drainBacklog(spool, a, 3))).toEqual([10, 11, 20, 21, 30, 31]);
    });

    it('settles backlog and journal by one settlement', async () => {
      await store(new Map([[DEVICE_A, 2]]), 10);
      await spill(a, 2);
      await store(new Map([[DEVICE_A, 2]]), 20);
      const backlog = (await a.settleBacklog(spool, 2)) as Settlement;
      const journal = a.settle(1) as Settlement;
      await spool.settle({ ...backlog, ...journal, states: 3 });
      expect(spool.status().states).toBe(1);
      expect(await spool.firstPiece(DEVICE_A)).toBeUndefined();
      expect(await restart()).toHaveLength(1);
      expect(spool.status().states).toBe(1);
    });

    it('says what each device has', async () => {
      await store(new Map([[DEVICE_A, 3]]), 100);
      await store(new Map([[DEVICE_B, 1]]), 200);
      const taken = [await spillAndKeep(3)];
      await spill(b, 1);
      await spool.settle((await a.settleBacklog(spool, 1)) as Settlement);
      const expected = { device: DEVICE_A, pieces: 1, states: 2, oldestStoredAtMs: 100 };
      for (const isRestarted of [false, true]) {
        if (isRestarted) await restart();
        const all = [...(await spool.open()).backlogs];
        expect(all.map(({ device }) => device.key).sort()).toEqual([DEVICE_A.key, DEVICE_B.key]);
        const ofA = all.find(({ device }) => device.key === DEVICE_A.key);
        expect(ofA).toEqual({ ...expected, bytes: taken[0]?.piece.byteLength });
      }
    });

    it('counts bytes, states and the age of the oldest over journal and backlogs', async () => {
      await store(new Map([[DEVICE_A, 2]]), 100);
      await store(new Map([[DEVICE_B, 4]]), 200);
      const { piece } = await spillAndKeep(2);
      const inJournal = recordOf(new Map([[DEVICE_B, 4]]), 200).byteLength;
      const both = { ...NOTHING, bytes: piece.byteLength + inJournal, states: 6, oldestStoredAtMs: 100 };
      expect(spool.status()).toEqual(both);
      await restart();
      expect(spool.status()).toEqual(both);
      await drainBacklog(spool, a, 9);
      expect(spool.status()).toEqual({ ...NOTHING, bytes: inJournal, states: 4, oldestStoredAtMs: 200 });
    });

    it('finds the oldest again when the device that had it has moved on', async () => {
      for (const [device, storedAtMs] of [
        [DEVICE_A, 100],
        [DEVICE_B, 200],
        [DEVICE_A, 300],
      ] as const) {
        await store(new Map([[device, 1]]), storedAtMs, 20_000);
        await spill(device === DEVICE_A ? a : b, 1);
      }
      const oldest: (number | undefined)[] = [spool.status().oldestStoredAtMs];
      for (const waiting of [a, b, a]) {
        await spool.settle((await waiting.settleBacklog(spool, 1)) as Settlement);
        oldest.push(spool.status().oldestStoredAtMs);
      }
      expect(oldest).toEqual([100, 200, 300, undefined]);
    });

    it('leaves the window of a device as it was when it spills', async () => {
      await store(new Map([[DEVICE_A, 2]]), 1);
      await spool.settle(a.settle(1, 17) as Settlement);
      await clock.advance(5_000);
      await spill(a, 1);
      await restart();
      expect(spool.history(DEVICE_A)).toMatchObject({ sends: { count: 17 } });
    });
  });
}
