import { beforeEach, describe, expect, it } from 'vitest';
import type { DiskFault } from '../../../src/core/spool-ports.js';
import { MovedFileError } from '../../../src/spool/disk/disk-fault.js';
import {
  DiskHealth,
  FIRST_RETRY_MS,
  LAST_RETRY_MS,
  LOOKED_FOR_MS,
  STEADY_MS,
} from '../../../src/spool/disk/disk-health.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { ScriptedProbe } from './scripted-probe.js';

const IO_ERROR = Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO', errno: -5 });

let clock: FakeClock;
let probe: ScriptedProbe;
let faults: DiskFault[];
let wellAfterMs: number[];
let disk: DiskHealth;

beforeEach(() => {
  clock = new FakeClock();
  probe = new ScriptedProbe();
  faults = [];
  wellAfterMs = [];
  disk = new DiskHealth({
    clock,
    probe,
    onFault: (fault) => faults.push(fault),
    onWell: (faultMs) => wellAfterMs.push(faultMs),
  });
});

const nextTurn = () => new Promise(setImmediate);

describe('before a write', () => {
  it('of LMDB tries the disk, once in an event-loop turn; one to the journal tells of a failure itself', async () => {
    disk.assertTakesNew();
    disk.assertWritable();
    expect(probe.touches).toBe(0);
    disk.assertCommits();
    disk.assertCommits();
    expect(probe.touches).toBe(1);
    await nextTurn();
    disk.assertCommits();
    expect(probe.touches).toBe(2);
  });

  it('refuses what the disk would not take, and all that comes after it', async () => {
    probe.touching = IO_ERROR;
    expect(() => disk.assertCommits()).toThrow(expect.objectContaining({ code: 'STATEWAY_SPOOL_FAILED' }));
    expect(disk.fault).toEqual({ code: 'EIO', words: 'i/o error' });
    probe.touching = undefined;
    await nextTurn();
    expect(() => disk.assertTakesNew()).toThrow(expect.objectContaining({ code: 'STATEWAY_SPOOL_FAILED' }));
    expect(() => disk.assertWritable()).toThrow(expect.objectContaining({ code: 'STATEWAY_SPOOL_FAILED' }));
    expect(() => disk.assertCommits()).toThrow(expect.objectContaining({ code: 'STATEWAY_SPOOL_FAILED' }));
    expect(probe.touches).toBe(1);
  });

  it('says that a disk without room is full', () => {
    disk.report(Object.assign(new Error('No space left on device'), { code: 28 }));
    expect(disk.fault).toEqual({ code: 'ENOSPC', words: 'no space left on device' });
    expect(() => disk.assertTakesNew()).toThrow(expect.objectContaining({ code: 'STATEWAY_SPOOL_FULL' }));
  });
});

describe('after a commit', () => {
  it('looks whether the files are in place, once in an event-loop turn', async () => {
    disk.assertInPlace();
    disk.assertInPlace();
    expect(probe.looks).toBe(1);
    await nextTurn();
    probe.place = new MovedFileError('000001.seg is gone from the data directory');
    expect(() => disk.assertInPlace()).toThrow(expect.objectContaining({ code: 'STATEWAY_SPOOL_FAILED' }));
    expect(faults).toEqual([{ code: 'MOVED', words: '000001.seg is gone from the data directory' }]);
  });

  it('lets what waits be settled where only the names are gone', () => {
    disk.report(new MovedFileError('000001.seg is gone from the data directory'));
    expect(() => disk.assertTakesNew()).toThrow();
    disk.assertWritable();
    // But not when a write has failed then, though the names are still what keeps it closed.
    disk.report(IO_ERROR);
    expect(() => disk.assertWritable()).toThrow();
    expect(faults).toHaveLength(1);
  });
});

describe('a fault', () => {
  it('is told of once, however often it shows', () => {
    disk.report(IO_ERROR);
    disk.report(IO_ERROR);
    expect(faults).toEqual([{ code: 'EIO', words: 'i/o error' }]);
  });

  it('shows without a write to whoever asks, by a look that is good for a while', async () => {
    await clock.advance(LOOKED_FOR_MS);
    expect([disk.fault, disk.fault]).toEqual([undefined, undefined]);
    expect(probe.looks).toBe(1);
    probe.place = Object.assign(new Error('EROFS: read-only file system, access'), { code: 'EROFS' });
    await clock.advance(LOOKED_FOR_MS - 1);
    expect(disk.fault).toBeUndefined();
    await clock.advance(1);
    expect(disk.fault).toEqual({ code: 'EROFS', words: 'read-only file system' });
    expect(faults).toHaveLength(1);
    expect(LOOKED_FOR_MS).toBeLessThan(1_000);
  });

  it('is over when the disk has proved itself and all have recovered; that is tried less and less often', async () => {
    const recoveries: string[] = [];
    let isReady = false;
    disk.onRecovery(async () => void recoveries.push('first'));
    disk.onRecovery(async () => {
      recoveries.push('second');
      if (!isReady) throw IO_ERROR;
    });
    probe.proof = IO_ERROR;
    disk.report(IO_ERROR);
    for (const [afterMs, proofs] of [
      [FIRST_RETRY_MS - 1, 0],
      [1, 1],
      [2 * FIRST_RETRY_MS - 1, 1],
      [1, 2],
    ] as const) {
      await clock.advance(afterMs);
      expect(probe.proofs).toBe(proofs);
    }
    expect(recoveries).toEqual([]);
    probe.proof = undefined;
    await clock.advance(4 * FIRST_RETRY_MS);
    expect(recoveries).toEqual(['first', 'second']);
    expect(disk.fault).toBeDefined();
    isReady = true;
    await clock.advance(8 * FIRST_RETRY_MS);
    expect(disk.fault).toBeUndefined();
    expect(wellAfterMs).toEqual([15 * FIRST_RETRY_MS]);
    disk.assertTakesNew();
  });

  it('is not over when the files are not in place after all', async () => {
    disk.onRecovery(async () => {
      probe.place = new MovedFileError('another 000001.seg is in the data directory than the one that is open');
    });
    disk.report(IO_ERROR);
    await clock.advance(FIRST_RETRY_MS);
    expect(disk.fault).toEqual({
      code: 'MOVED',
      words: 'another 000001.seg is in the data directory than the one that is open',
    });
    expect(wellAfterMs).toEqual([]);
  });

  it('that comes again at once is tried less often, one that comes later as at first', async () => {
    disk.report(IO_ERROR);
    await clock.advance(FIRST_RETRY_MS);
    disk.report(IO_ERROR);
    await clock.advance(FIRST_RETRY_MS);
    expect(wellAfterMs).toHaveLength(1);
    await clock.advance(FIRST_RETRY_MS);
    expect(wellAfterMs).toHaveLength(2);
    await clock.advance(STEADY_MS);
    disk.report(IO_ERROR);
    await clock.advance(FIRST_RETRY_MS);
    expect(wellAfterMs).toHaveLength(3);
  });

  it('is tried at least so often', async () => {
    probe.proof = IO_ERROR;
    disk.report(IO_ERROR);
    await clock.advance(10 * LAST_RETRY_MS);
    const { proofs } = probe;
    await clock.advance(LAST_RETRY_MS);
    expect(probe.proofs).toBe(proofs + 1);
  });

  it('has a few words, and no figures of LMDB nor anything of the state', () => {
    disk.report(
      new Error(`MDB_PROBLEM: unexpected${'!'.repeat(200)}: Attempting to write page at position 4096\nsecond`),
    );
    expect(faults[0]?.code).toBe('OTHER');
    expect(faults[0]?.words).toMatch(/^MDB_PROBLEM: unexpected!+$/);
    expect(faults[0]?.words.length).toBeLessThanOrEqual(100);
  });
});

it('leaves no timer behind, and no file open', async () => {
  disk.report(IO_ERROR);
  await disk.stop();
  expect(clock.pendingTimers).toBe(0);
  expect(probe.isClosed).toBe(true);
  disk.report(IO_ERROR);
  expect(clock.pendingTimers).toBe(0);
});
