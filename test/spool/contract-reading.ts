import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Grant } from '../../src/core/grant.js';
import type { OwnedSpool, PartitionOwner, ReadRecord } from '../../src/core/spool-ports.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { DEVICE_A, DEVICE_B, isSameRecord, recordOf, type SpoolSite, type WholeSpool, wholeChunk } from './contract.js';

const RECORD = recordOf(new Map([[DEVICE_A, 1]]), 1);

/** What every spool promises of its partitions and of how they are read, to be called at the top of a test file. */
export function describeReadingContract(name: string, createSite: (clock: FakeClock) => SpoolSite): void {
  describe(`the reading of ${name}`, () => {
    let site: SpoolSite;
    let spool: WholeSpool;
    let read: ReadRecord[];

    beforeEach(async () => {
      site = createSite(new FakeClock());
      spool = await site.open();
      read = [];
    });

    afterEach(async () => {
      await spool.close();
      await site.remove();
    });

    /** Reads what is there, and what is stored from then on. */
    async function take(): Promise<ReturnType<OwnedSpool['read']>> {
      await spool.open();
      return spool.read((record) => read.push(record));
    }

    async function store(record = RECORD): Promise<number> {
      return spool.append(record, Number.NEGATIVE_INFINITY, [new Grant('token', DEVICE_A, Number.POSITIVE_INFINITY)]);
    }

    const sequences = () => read.map(({ sequence }) => sequence);

    it('tells its owner what it has, and waits until that is taken over', async () => {
      const owned: OwnedSpool[] = [];
      let isTakenOver = false;
      const owner: PartitionOwner = {
        onOwned: async (partition) => {
          owned.push(partition);
          await partition.open();
          isTakenOver = true;
        },
        onLost: () => {},
      };
      await spool.start(owner);
      expect(isTakenOver).toBe(true);
      expect(owned).toContain(spool.ownedOf(DEVICE_A));
      expect(spool.ownedOf(DEVICE_A)?.mayStartUntilMs).toBeGreaterThan(0);
    });

    it('hands over each record that is stored, in order, with the grants it came by, after whoever waits for it', async () => {
      await take();
      const events: string[] = [];
      const stored = [0, 1, 2].map(() => store().then((sequence) => void events.push(`stored ${sequence}`)));
      await Promise.all(stored);
      // Whoever reads what others store, too, has no part in their answers.
      if (!site.isShared) expect(read).toEqual([]);
      await expect.poll(() => read.length, { timeout: 20_000 }).toBe(3);
      expect(sequences().map((sequence) => `stored ${sequence}`)).toEqual(events);
      if (site.isShared) expect(read[0]?.grants).toBeUndefined();
      else expect(read[0]?.grants).toMatchObject([{ token: 'token' }]);
      expect(isSameRecord(read[0]?.record as Uint8Array, RECORD)).toBe(true);
    });

    it('hands over what the last run left first, without grants, and then goes on', async () => {
      await take();
      const left = [await store(), await store(recordOf(new Map([[DEVICE_B, 2]]), 2))];
      await expect.poll(sequences, { timeout: 20_000 }).toEqual(left);
      await spool.close();
      spool = await site.open();
      read = [];
      const reading = await take();
      await reading.caughtUp;
      expect(sequences()).toEqual(left);
      expect(read.map(({ grants }) => grants)).toEqual([undefined, undefined]);
      const next = await store();
      await expect.poll(sequences, { timeout: 20_000 }).toEqual([...left, next]);
    });

    it('says which was the last that was handed over whole', async () => {
      await spool.open();
      const before: number[] = [];
      spool.read(() => before.push(spool.lastRead));
      expect(spool.lastRead).toBe(0);
      const [first, second] = [await store(), await store()];
      await expect.poll(() => spool.lastRead, { timeout: 20_000 }).toBe(second);
      expect(before).toEqual([0, first]);
    });

    it('hands nothing over while it pauses, and all of it afterwards, in order', async () => {
      const reading = await take();
      const first = await store();
      await expect.poll(sequences, { timeout: 20_000 }).toEqual([first]);
      reading.pause();
      const later = [await store(), await store()];
      await new Promise(setImmediate);
      await new Promise(setImmediate);
      expect(sequences()).toEqual([first]);
      reading.resume();
      await expect.poll(sequences, { timeout: 20_000 }).toEqual([first, ...later]);
    });

    it('hands over nothing that is settled', async () => {
      await take();
      const [first, second] = [await store(), await store()];
      await expect.poll(sequences, { timeout: 20_000 }).toEqual([first, second]);
      await spool.settle(wholeChunk(DEVICE_A, first as number, 1));
      await spool.close();
      spool = await site.open();
      read = [];
      await (await take()).caughtUp;
      expect(sequences()).toEqual([second]);
    });
  });
}
