import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Settlement, StoredRecord } from '../../src/core/spool-ports.js';
import { RecordView } from '../../src/state/record-layout.js';
import { FakeClock } from '../helpers/fake-clock.js';
import {
  append,
  appendAndRead,
  DEVICE_A,
  DEVICE_B,
  drain,
  isSameRecord,
  NOTHING,
  recordOf,
  type SpoolSite,
  type WholeSpool,
  wholeChunk,
} from './contract.js';
import { WaitingDevice } from './waiting-device.js';

/** What every spool promises of its journal, to be called at the top of a test file. */
export function describeJournalContract(name: string, createSite: (clock: FakeClock) => SpoolSite): void {
  describe(`the journal of ${name}`, () => {
    let clock: FakeClock;
    let site: SpoolSite;
    let spool: WholeSpool;

    beforeEach(async () => {
      clock = new FakeClock();
      site = createSite(clock);
      spool = await site.open();
      await drain(spool);
    });

    afterEach(async () => {
      await spool.close();
      await site.remove();
    });

    /** Closes, opens again and reads back what was left. */
    async function restart(): Promise<StoredRecord[]> {
      await spool.close();
      spool = await site.open();
      return await drain(spool);
    }

    async function store(record: Uint8Array): Promise<number> {
      return appendAndRead(spool, record);
    }

    it('is empty at first', async () => {
      expect(spool.status()).toEqual(NOTHING);
      expect(spool.history(DEVICE_A)).toBeUndefined();
      expect(await restart()).toEqual([]);
    });

    it('numbers records in the order of the calls', async () => {
      const record = recordOf(new Map([[DEVICE_A, 1]]), 1);
      const inOneTurn = await Promise.all([append(spool, record), append(spool, record), append(spool, record)]);
      const all = [...inOneTurn, await store(record)];
      expect(all).toEqual([...new Set(all)].sort((a, b) => a - b));
    });

    it('says that records are stored in their order, whether or not their stamps ran ahead', async () => {
      const nowMs = clock.wallMs();
      const record = recordOf(new Map([[DEVICE_A, 1]]), nowMs);
      const told: number[] = [];
      const aheadMs = [0, 5_000, 0, 20_000, 0, 0, 40_000, 0];
      const appended = aheadMs.map((ms) => append(spool, record, nowMs + ms));
      const sequences = await Promise.all(
        appended.map(async (stored) => {
          const sequence = await stored;
          told.push(sequence);
          return sequence;
        }),
      );
      expect(told).toEqual(sequences);
    });

    it('replays what is not settled, in order, each record as it was and for good', async () => {
      // Below and above what one page and one read buffer hold, so that no way of reading is left out.
      const records = [3, 500, 5_000, 200_000, 40, 70_000, 9].map((padding, i) =>
        recordOf(new Map([[DEVICE_A, 1 + i]]), 1_000 + i, padding),
      );
      const sequences: number[] = [];
      for (const record of records) sequences.push(await store(record));
      const replayed = await restart();
      expect(replayed.map(({ sequence }) => sequence)).toEqual(sequences);
      // Compared after the loop: a record that shared memory with the next would be wrong by now.
      replayed.forEach(({ record }, i) => {
        expect(isSameRecord(record, records[i] as Uint8Array)).toBe(true);
      });
    });

    it('replays records that a view can be laid over', async () => {
      for (const padding of [1, 2, 3]) await store(recordOf(new Map([[DEVICE_A, 2]]), 5, padding));
      for (const { record } of await restart()) expect(new RecordView(record).times[1]).toBe(6);
    });

    it('keeps through a close what was not waited for', async () => {
      const stored = append(spool, recordOf(new Map([[DEVICE_A, 1]]), 1));
      const left = await restart();
      const sequence = await stored;
      expect(left.map((stored) => stored.sequence)).toEqual([sequence]);
    });

    it('trims a record when it is settled', async () => {
      const first = await store(recordOf(new Map([[DEVICE_A, 2]]), 1));
      const second = await store(recordOf(new Map([[DEVICE_A, 3]]), 2));
      await spool.settle(wholeChunk(DEVICE_A, first, 2));
      expect((await restart()).map(({ sequence }) => sequence)).toEqual([second]);
    });

    it('keeps a record until every device of it is settled', async () => {
      const record = recordOf(
        new Map([
          [DEVICE_A, 2],
          [DEVICE_B, 1],
        ]),
        1,
      );
      const sequence = await store(record);
      await spool.settle(wholeChunk(DEVICE_A, sequence, 2));
      expect(spool.status()).toMatchObject({ bytes: record.byteLength, states: 1 });
      expect(await restart()).toHaveLength(1);
      expect(spool.status()).toMatchObject({ bytes: record.byteLength, states: 1 });
      await spool.settle(wholeChunk(DEVICE_B, sequence, 1));
      expect(await restart()).toEqual([]);
    });

    it('trims a record whose devices are settled in one turn', async () => {
      const sequence = await store(
        recordOf(
          new Map([
            [DEVICE_A, 2],
            [DEVICE_B, 1],
          ]),
          1,
        ),
      );
      await Promise.all([
        spool.settle(wholeChunk(DEVICE_A, sequence, 2)),
        spool.settle(wholeChunk(DEVICE_B, sequence, 1)),
      ]);
      expect(spool.status()).toMatchObject({ bytes: 0, states: 0, oldestStoredAtMs: undefined });
      expect(await restart()).toEqual([]);
    });

    it('settles a chunk in part: the record stays whole, the watermark says how far', async () => {
      const record = recordOf(new Map([[DEVICE_A, 5]]), 1);
      const sequence = await store(record);
      const waiting = new WaitingDevice(DEVICE_A);
      waiting.add(sequence, record);
      await spool.settle(waiting.settle(2) as Settlement);
      expect(spool.status()).toMatchObject({ bytes: record.byteLength, states: 3 });
      const replayed = await restart();
      expect(replayed.map((stored) => isSameRecord(stored.record, record))).toEqual([true]);
      expect(spool.history(DEVICE_A)?.watermark).toEqual({ sequence, states: 2 });
      expect(spool.status()).toMatchObject({ bytes: record.byteLength, states: 3 });
      await spool.settle(waiting.settle(3) as Settlement);
      expect(spool.status()).toMatchObject({ bytes: 0, states: 0 });
      expect(await restart()).toEqual([]);
    });

    it('settles many records of a device at once', async () => {
      const waiting = new WaitingDevice(DEVICE_A);
      for (const storedAtMs of [1, 2, 3]) {
        const record = recordOf(new Map([[DEVICE_A, 2]]), storedAtMs);
        waiting.add(await store(record), record);
      }
      await spool.settle(waiting.settle(5) as Settlement);
      expect(spool.status()).toMatchObject({ states: 1, oldestStoredAtMs: 3 });
      expect(await restart()).toHaveLength(1);
    });

    it('does not replay a record that the watermarks say is settled, even if it was not trimmed', async () => {
      const sequence = await store(recordOf(new Map([[DEVICE_A, 1]]), 1));
      await spool.settle({ ...wholeChunk(DEVICE_A, sequence, 1), finishedSequences: [] });
      expect(await restart()).toEqual([]);
      expect(spool.status()).toMatchObject({ bytes: 0, states: 0, oldestStoredAtMs: undefined });
    });

    it('remembers a device over a restart: watermark, and the requests that counted', async () => {
      const sequence = await store(recordOf(new Map([[DEVICE_A, 1]]), 1));
      await clock.advance(1_234);
      const sends = { count: 17, windowMs: 15_000, untilMs: clock.monotonicMs() };
      await spool.settle({ ...wholeChunk(DEVICE_A, sequence, 1), sends });
      await clock.advance(60_000);
      await restart();
      const history = { watermark: { sequence: sequence + 1, states: 0 }, sends };
      expect(spool.history(DEVICE_A)).toEqual(history);
      expect(spool.history(DEVICE_B)).toBeUndefined();
    });

    it('counts bytes, states and the age of the oldest as records come and go', async () => {
      const older = recordOf(new Map([[DEVICE_A, 2]]), 100);
      const newer = recordOf(
        new Map([
          [DEVICE_A, 1],
          [DEVICE_B, 4],
        ]),
        200,
      );
      const first = await store(older);
      expect(spool.status()).toMatchObject({ bytes: older.byteLength, states: 2, oldestStoredAtMs: 100 });
      const second = await store(newer);
      const both = { bytes: older.byteLength + newer.byteLength, states: 7, oldestStoredAtMs: 100 };
      expect(spool.status()).toMatchObject(both);
      await restart();
      expect(spool.status()).toMatchObject(both);
      await spool.settle(wholeChunk(DEVICE_B, second, 4));
      expect(spool.status()).toMatchObject({ ...both, states: 3 });
      await spool.settle(wholeChunk(DEVICE_A, first, 2));
      expect(spool.status()).toMatchObject({ bytes: newer.byteLength, states: 1, oldestStoredAtMs: 200 });
      await spool.settle(wholeChunk(DEVICE_A, second, 1));
      expect(spool.status()).toEqual(NOTHING);
    });

    it('never gives a sequence out again, even when nothing of it is left', async () => {
      let highest = 0;
      for (let run = 0; run < 4; run++) {
        const sequence = await store(recordOf(new Map([[DEVICE_A, 1]]), run));
        expect(sequence).toBeGreaterThan(highest);
        highest = sequence;
        await spool.settle(wholeChunk(DEVICE_A, sequence, 1));
        expect(await restart()).toEqual([]);
        await restart();
      }
      // A sequence at or below its watermark would be taken for settled.
      const last = await store(recordOf(new Map([[DEVICE_A, 1]]), 9));
      expect((await restart()).map(({ sequence }) => sequence)).toEqual([last]);
    });

    it('never gives a sequence out again when its device was long silent', async () => {
      const first = await store(recordOf(new Map([[DEVICE_A, 1]]), 1));
      await spool.settle(wholeChunk(DEVICE_A, first, 1));
      for (let day = 0; day < 3; day++) {
        await clock.advance(86_400_000);
        await restart();
      }
      expect(await store(recordOf(new Map([[DEVICE_B, 1]]), 2))).toBeGreaterThan(first);
    });
  });
}
