import { describe, expect, it, onTestFinished } from 'vitest';
import { LmdbSpool } from '../../src/spool/lmdb-spool.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { append, BOOT_TAG, DEVICE_A, recordOf, wholeChunk } from './contract.js';
import { leaveRecords } from './lmdb-site.js';
import { withRawLmdb } from './raw-lmdb.js';

const HOUR_MS = 3_600_000;

async function openSpool(directory: string, clock: FakeClock): Promise<LmdbSpool> {
  const spool = await LmdbSpool.open({ directory, clock, bootTag: BOOT_TAG });
  onTestFinished(() => spool.close());
  return spool;
}

describe('what a device has sent', () => {
  const sends = { count: 3, windowMs: 15_000, untilMs: 4_000 };

  /** Leaves a device that has sent, in a boot that the spool was opened in at 1,000 ms. */
  async function leaveSends(directory: string): Promise<void> {
    const clock = new FakeClock(undefined, 1_000);
    const spool = await LmdbSpool.open({ directory, clock, bootTag: BOOT_TAG });
    const sequence = await append(spool, recordOf(new Map([[DEVICE_A, 1]]), 1));
    await spool.settle({ ...wholeChunk(DEVICE_A, sequence, 1), sends });
    await spool.close();
  }

  it.each([0, 10 * 365 * 86_400_000, -20 * 365 * 86_400_000])(
    'counts in the same boot by the monotonic clock, though the wall clock jumps by %i ms',
    async (jumpMs) => {
      const directory = temporaryDirectory();
      await leaveSends(directory);
      const clock = new FakeClock(Date.UTC(2026, 0, 1) + jumpMs, 6_000);
      const spool = await openSpool(directory, clock);
      expect(spool.history(DEVICE_A)?.sends).toEqual(sends);
    },
  );

  it('counts in another boot as if sent when the spool was first opened in it', async () => {
    const directory = temporaryDirectory();
    await leaveSends(directory);
    for (const openedMs of [2_500, 9_000]) {
      const spool = await LmdbSpool.open({
        directory,
        clock: new FakeClock(undefined, openedMs),
        bootTag: BOOT_TAG + 1,
      });
      expect(spool.history(DEVICE_A)?.sends).toEqual({ ...sends, untilMs: 2_500 });
      await spool.close();
    }
  });

  it('is of no concern any more an hour after another boot began', async () => {
    const directory = temporaryDirectory();
    await leaveSends(directory);
    const first = await LmdbSpool.open({ directory, clock: new FakeClock(undefined, 0), bootTag: BOOT_TAG + 1 });
    await first.close();
    const spool = await LmdbSpool.open({
      directory,
      clock: new FakeClock(undefined, HOUR_MS + 1),
      bootTag: BOOT_TAG + 1,
    });
    expect(spool.history(DEVICE_A)).toBeUndefined();
    await spool.close();
    expect(await withRawLmdb(directory, ({ watermarks }) => watermarks.getCount())).toBe(0);
  });
});

describe('timebases', () => {
  const base = { number: 1, bootTag: BOOT_TAG, offsetMs: 5, fromMs: 1, untilMs: 1, correctionMs: 3 };
  const timebases = { bases: [base], heard: { bootTag: BOOT_TAG, offsetMs: 7, wallMs: 8 } };

  it('are written with the next record, and not before', async () => {
    const directory = temporaryDirectory();
    const clock = new FakeClock();
    const first = await LmdbSpool.open({ directory, clock, bootTag: BOOT_TAG });
    first.timebaseStore.noteTimebases(timebases);
    await first.close();
    const second = await LmdbSpool.open({ directory, clock, bootTag: BOOT_TAG });
    expect(second.timebaseStore).toMatchObject({ timebases: { bases: [], heard: undefined }, isEmpty: true });
    second.timebaseStore.noteTimebases(timebases);
    await append(second, recordOf(new Map([[DEVICE_A, 1]]), 1));
    await second.close();
    const third = await openSpool(directory, clock);
    expect(third.timebaseStore).toMatchObject({ timebases, isEmpty: false, isDamaged: false });
  });

  it('are on disk when they are saved', async () => {
    const directory = temporaryDirectory();
    const first = await LmdbSpool.open({ directory, clock: new FakeClock(), bootTag: BOOT_TAG });
    await first.timebaseStore.saveTimebases(timebases);
    await first.close();
    const second = await openSpool(directory, new FakeClock());
    expect(second.timebaseStore.timebases).toEqual(timebases);
  });

  it('that cannot be read are told, and their numbers are not used again', async () => {
    const directory = temporaryDirectory();
    await leaveRecords(directory, [DEVICE_A]);
    await withRawLmdb(directory, ({ meta }) => meta.put('timebases', { json: '{}', checksum: 1 }));
    const told: string[] = [];
    const spool = await LmdbSpool.open({
      directory,
      clock: new FakeClock(),
      bootTag: BOOT_TAG,
      onUnreadable: (item) => told.push(item),
    });
    onTestFinished(() => spool.close());
    expect(told).toEqual(['timebases']);
    expect(spool.timebaseStore).toMatchObject({ isDamaged: true, isEmpty: false });
  });
});
