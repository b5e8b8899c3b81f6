import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { LogSite } from './log-site.js';

const IO_ERROR = Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' });

let directory: string;
let site: LogSite;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  directory = temporaryDirectory();
  site = await LogSite.open(directory);
  site.disk.isFree = false;
  onTestFinished(() => site.kill());
});

afterEach(() => {
  vi.useRealTimers();
});

/** Lets everything run that needs no disk. */
function turn(): Promise<void> {
  return new Promise(setImmediate);
}

/** What became of promises, in the order in which it did. */
function outcomes(promises: Record<string, Promise<void>>): string[] {
  const told: string[] = [];
  for (const [name, promise] of Object.entries(promises)) {
    promise.then(
      () => told.push(name),
      (error: Error) => told.push(`${name}: ${error.message}`),
    );
  }
  return told;
}

/** What a log that is opened after a kill gives back. */
async function sequencesAfterKill(): Promise<number[]> {
  await site.kill();
  site = await LogSite.open(directory, site.durable);
  return site.waiting().map(({ sequence }) => sequence);
}

describe('blocks', () => {
  it('gather what comes while one is written, and tell of it in order', async () => {
    const told = outcomes({ first: site.append(1, 'one') });
    await turn();
    const later = outcomes({
      second: site.append(2, 'two'),
      row: site.note(1, 'a', 'b'),
      third: site.append(3, 'three'),
    });
    await turn();
    expect(told).toEqual([]);
    site.disk.finish();
    // The next one is on its way before the promise of this one is told.
    expect(site.disk.held).toBeDefined();
    await turn();
    expect([told, later]).toEqual([['first'], []]);
    site.disk.finish();
    await turn();
    expect(later).toEqual(['second', 'row', 'third']);
    expect(site.log.durablePosition).toBe(2);
  });

  it('go on where a write was cut short', async () => {
    const told = outcomes({ record: site.append(1, 'x'.repeat(9_000)) });
    await turn();
    for (const bytes of [1, 511, 4096]) site.disk.finish(bytes);
    await turn();
    expect(told).toEqual([]);
    site.disk.finish();
    await turn();
    expect(told).toEqual(['record']);
    expect(await sequencesAfterKill()).toEqual([1]);
  });

  it('are timed, from the beginning of the write to its end, but for those that failed', async () => {
    const { commitSeconds } = site.log;
    void site.append(1, 'one');
    await turn();
    await site.clock.advance(40);
    site.disk.finish(4);
    await site.clock.advance(2);
    site.disk.finish();
    expect(commitSeconds).toMatchObject({ count: 1, sum: 0.042 });
    const told = outcomes({ record: site.append(2, 'two') });
    await turn();
    await site.clock.advance(30_000);
    site.disk.fail(IO_ERROR);
    await turn();
    expect(told).toEqual([`record: ${IO_ERROR.message}`]);
    expect(commitSeconds.count).toBe(1);
  });

  it('fail when the file system takes nothing and says nothing', async () => {
    const told = outcomes({ record: site.append(1, 'one') });
    await turn();
    site.disk.finish(0);
    await turn();
    expect(told).toEqual(['record: the file system wrote nothing']);
    expect(site.failures).toHaveLength(1);
  });

  it('of rows alone wait for a record, and for no longer than a millisecond', async () => {
    const told = outcomes({ row: site.note(1, 'a', 'b') });
    await turn();
    expect(site.disk.held).toBeUndefined();
    void site.append(1, 'one');
    await turn();
    site.disk.finish();
    await turn();
    expect(told).toEqual(['row']);
    expect(site.log.durablePosition).toBe(1);
    outcomes({ row: site.note(1, 'a', 'c') });
    vi.advanceTimersByTime(1);
    expect(site.disk.held).toBeDefined();
  });

  it('are of what fits into a segment', async () => {
    const records = Array.from({ length: 40 }, (_, index) => site.append(index + 1, 'x'.repeat(3_000)));
    const told = outcomes(Object.fromEntries(records.map((record, index) => [String(index + 1), record])));
    site.disk.isFree = true;
    await turn();
    await Promise.all(records);
    expect(told).toEqual(records.map((_, index) => String(index + 1)));
    expect(site.log.durablePosition).toBeGreaterThan(3);
  });
});

describe('a write that fails', () => {
  it('is told first to the judge; then all in the block and all that waits is refused, and what comes until it is over', async () => {
    const told = outcomes({ first: site.append(1, 'one') });
    await turn();
    const later = outcomes({ second: site.append(2, 'two'), row: site.note(1, 'a', 'b') });
    site.disk.fail(IO_ERROR);
    expect(site.failures).toEqual([IO_ERROR]);
    expect(told).toEqual([]);
    const after = outcomes({ third: site.append(3, 'three') });
    await turn();
    const message = IO_ERROR.message;
    expect([told, later, after]).toEqual([
      [`first: ${message}`],
      [`second: ${message}`, `row: ${message}`],
      [`third: ${message}`],
    ]);
    expect(site.disk.held).toBeUndefined();
  });

  it('is followed by a block in another segment, and what it left on disk never counts', async () => {
    outcomes({ first: site.append(1, 'one') });
    await turn();
    site.disk.finish();
    await turn();
    const before = site.log.currentFile?.name;
    outcomes({ second: site.append(2, 'two') });
    await turn();
    site.disk.fail(IO_ERROR, () => true);
    const recovered = site.log.recover();
    await expect.poll(() => site.disk.held).toBeDefined();
    expect(site.log.currentFile?.name).not.toBe(before);
    site.disk.finish();
    await recovered;
    const third = site.append(3, 'three');
    // The last spare is not for records: another one may have to be made first.
    await expect.poll(() => site.disk.held).toBeDefined();
    site.disk.finish();
    await third;
    expect(await sequencesAfterKill()).toEqual([1, 3]);
    // Nor when the block that says so is gone: the manifest says it.
    site.disk.isFree = true;
    const settledThird = site.settle(3);
    vi.advanceTimersByTime(1);
    await settledThird;
    for (let sequence = 4; sequence < 40; sequence++) {
      await site.append(sequence, 'x'.repeat(5_000));
      const settled = site.settle(sequence);
      vi.advanceTimersByTime(1);
      await settled;
    }
    site.checkpoint();
    expect(await sequencesAfterKill()).toEqual([1]);
    expect(site.damaged).toEqual([]);
  });

  it('stays refused when the proof of recovery fails too', async () => {
    outcomes({ first: site.append(1, 'one') });
    await turn();
    site.disk.fail(IO_ERROR, () => true);
    const first = site.log.recover();
    await expect.poll(() => site.disk.held).toBeDefined();
    site.disk.fail(IO_ERROR, () => true);
    await expect(first).rejects.toThrow('EIO');
    await expect(site.append(2, 'two')).rejects.toThrow('EIO');
    const second = site.log.recover();
    await expect.poll(() => site.disk.held).toBeDefined();
    site.disk.finish();
    await second;
    expect(await sequencesAfterKill()).toEqual([]);
  });

  it('elsewhere is got over by the log with a block in the same segment', async () => {
    site.disk.isFree = true;
    await site.append(1, 'one');
    const name = site.log.currentFile?.name;
    await site.log.recover();
    await site.append(2, 'two');
    expect(site.log.currentFile?.name).toBe(name);
    expect(site.log.durablePosition).toBe(3);
  });
});

describe('a recovery', () => {
  it('holds back what comes meanwhile, and lets it go whether there was a segment or not', async () => {
    site.disk.isFree = true;
    site.roomBytes = -1;
    let sequence = 1;
    while (site.log.takes(3_000)) await site.append(sequence++, 'x'.repeat(3_000));
    const recovered = site.log.recover();
    const noted = site.note(1, 'a', 'b');
    await recovered;
    vi.advanceTimersByTime(1);
    await noted;
    await site.log.recover();
    expect(site.failures).toEqual([]);
  });

  it('is refused by a disk that gives no segment, and succeeds when it does', async () => {
    site.isServed = false;
    site.roomBytes = -1;
    for (const attempt of [() => site.append(1, 'one'), () => site.log.recover()]) {
      const told = outcomes({ attempt: attempt() });
      await expect.poll(() => site.disk.held).toBeDefined();
      site.disk.fail(IO_ERROR);
      await expect.poll(() => told).toEqual([`attempt: ${IO_ERROR.message}`]);
    }
    await expect(site.log.recover()).rejects.toThrow('EIO');
    site.roomBytes = Number.POSITIVE_INFINITY;
    site.disk.isFree = true;
    await site.log.recover();
    site.isServed = true;
    site.checkpoint();
    await site.append(2, 'two');
    expect(await sequencesAfterKill()).toEqual([2]);
  });
});

describe('a block that does not count after all', () => {
  it('is refused, is no failure, and never comes back', async () => {
    site.disk.isFree = true;
    site.confirm = () => {
      throw new Error('the file is gone from the data directory');
    };
    await expect(site.append(1, 'one')).rejects.toThrow('gone');
    expect(site.failures).toEqual([]);
    // Settlements go on, and are not asked about.
    const noted = site.note(1, 'a', 'b');
    vi.advanceTimersByTime(1);
    await noted;
    site.confirm = () => {};
    await site.append(2, 'two');
    expect(await sequencesAfterKill()).toEqual([2]);
  });

  it('takes the voids in it with it: the next one says them again', async () => {
    site.disk.isFree = true;
    let refusals = 2;
    site.confirm = () => {
      if (refusals-- > 0) throw new Error('gone');
    };
    await expect(site.append(1, 'one')).rejects.toThrow('gone');
    await expect(site.append(2, 'two')).rejects.toThrow('gone');
    await site.append(3, 'three');
    expect(await sequencesAfterKill()).toEqual([3]);
  });
});
