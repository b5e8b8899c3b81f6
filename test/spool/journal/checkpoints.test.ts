import { beforeEach, describe, expect, it } from 'vitest';
import { Checkpoints } from '../../../src/spool/journal/checkpoints.js';
import { META, RedoRows, WATERMARKS } from '../../../src/spool/journal/redo-rows.js';
import { type Change, changeOf } from '../../../src/spool/lmdb/commit-writer.js';
import type { Environment } from '../../../src/spool/lmdb/environment.js';
import { FLOORS_KEY } from '../../../src/spool/lmdb/numbering.js';
import type { SegmentLog } from '../../../src/spool/segments/segment-log.js';

/** A database in memory; what is put there is committed with the transaction. */
class FakeTable {
  readonly rows = new Map<string, unknown>();
  put(key: Buffer | string, value: unknown): Promise<boolean> {
    this.rows.set(String(key), value);
    return Promise.resolve(true);
  }
  remove(key: Buffer | string): Promise<boolean> {
    this.rows.delete(String(key));
    return Promise.resolve(true);
  }
}

const MANIFEST = { position: 7, segments: [] };

let watermarks: FakeTable;
let meta: FakeTable;
let redo: RedoRows;
let checkpoints: Checkpoints;
let events: string[];
/** Of each transaction: writes. */
let transactions: number[];
let during: () => void;
let failure: Error | undefined;
let noteFailure: Error | undefined;
/** Whether the journal asks for another one as one ends. */
let isShort: boolean;

beforeEach(() => {
  [watermarks, meta] = [new FakeTable(), new FakeTable()];
  [events, transactions, failure, noteFailure, during, isShort] = [[], [], undefined, undefined, () => {}, false];
  redo = new RedoRows([], watermarks as never);
  const log = {
    note: async () => {
      if (noteFailure !== undefined) throw noteFailure;
    },
    checkpoint: () => {
      events.push('begun');
      const committed = () => {
        events.push('committed');
        if (isShort) queueMicrotask(() => checkpoints.request());
        isShort = false;
      };
      return { manifest: MANIFEST, committed, failed: () => events.push('failed') };
    },
  } as unknown as SegmentLog;
  checkpoints = new Checkpoints({
    environment: { meta, watermarks } as unknown as Environment,
    log,
    redo,
    floors: () => changeOf(() => [meta.put(FLOORS_KEY, 'as they are now')]),
    commit,
  });
});

async function commit(changes: readonly Change[]): Promise<void> {
  if (failure !== undefined) {
    for (const change of changes) change.failed();
    throw failure;
  }
  transactions.push(changes.flatMap((change) => change.write()).length);
  during();
  await Promise.resolve();
  for (const change of changes) change.committed();
}

function note(id: string, value = id): Promise<void> {
  return checkpoints.note(id, { table: WATERMARKS, key: Buffer.from(id), value: Buffer.from(value) });
}

describe('a row', () => {
  it('is there for whoever reads it from the call on, and not when it could not be written', async () => {
    await note('a', '1');
    noteFailure = new Error('input/output error');
    const second = note('a', '2');
    expect(redo.get('a')?.toString()).toBe('2');
    await expect(second).rejects.toThrow('input/output error');
    expect(redo.get('a')?.toString()).toBe('1');
    await expect(note('b')).rejects.toThrow();
    expect(redo.get('b')).toBeUndefined();
  });

  it('gives way to one that is on its way to LMDB, and comes back when that fails', async () => {
    await note('a', '1');
    const takeBack = redo.take('a');
    expect(redo.get('a')).toBeUndefined();
    takeBack();
    expect(redo.get('a')?.toString()).toBe('1');
    const takeBackAgain = redo.take('a');
    await note('a', '2');
    takeBackAgain();
    expect(redo.get('a')?.toString()).toBe('2');
  });
});

describe('a checkpoint', () => {
  it('takes all rows to LMDB, the newest of each, with the manifest and the floors', async () => {
    await note('a', '1');
    await note('a', '2');
    await note('b', '1');
    await checkpoints.note('timebases', { table: META, key: Buffer.from('timebases'), value: Buffer.from('{"x":1}') });
    await checkpoints.make();
    expect([...watermarks.rows].map(([key, value]) => `${key} ${value}`)).toEqual(['a 2', 'b 1']);
    expect(meta.rows.get('timebases')).toEqual({ x: 1 });
    expect([...meta.rows.keys()].sort()).toEqual(['floors', 'segments', 'timebases']);
    expect(redo.count).toBe(0);
    expect(events).toEqual(['begun', 'committed']);
  });

  it('writes the floors as they are, and not as they were in the journal', async () => {
    const value = Buffer.from('"as they were"');
    await checkpoints.note(FLOORS_KEY, { table: META, key: Buffer.from(FLOORS_KEY), value });
    await checkpoints.make();
    expect(meta.rows.get(FLOORS_KEY)).toBe('as they are now');
    expect(redo.count).toBe(0);
  });

  it('takes many rows in several transactions, the manifest with the last', async () => {
    for (let row = 0; row < 1_201; row++) await note(`row ${row}`);
    during = () => {
      if (transactions.length < 3) expect(meta.rows.size).toBe(0);
    };
    await checkpoints.make();
    expect(transactions).toEqual([500, 500, 201 + 2]);
    expect(watermarks.rows.size).toBe(1_201);
  });

  it('leaves what comes meanwhile for the next', async () => {
    await note('a', '1');
    during = () => {
      during = () => {};
      void note('a', '2');
    };
    await checkpoints.make();
    expect(watermarks.rows.get('a')?.toString()).toBe('1');
    expect(redo.get('a')?.toString()).toBe('2');
  });

  it('that fails says so to the journal, and leaves the rows for the next', async () => {
    for (let row = 0; row < 600; row++) await note(`row ${row}`);
    failure = new Error('input/output error');
    await expect(checkpoints.make()).rejects.toThrow('input/output error');
    expect(redo.count).toBe(600);
    failure = undefined;
    await checkpoints.make();
    expect(events).toEqual(['begun', 'failed', 'begun', 'committed']);
    expect(redo.count).toBe(0);
  });

  it('is made one at a time, and once more for all who ask while it is', async () => {
    for (let i = 0; i < 5; i++) checkpoints.request();
    expect(events).toEqual(['begun']);
    await checkpoints.ended();
    expect(events).toEqual(['begun', 'committed', 'begun', 'committed']);
  });

  it('is made once more when the journal asks for it as soon as one is over', async () => {
    isShort = true;
    await checkpoints.make();
    await checkpoints.ended();
    expect(events).toEqual(['begun', 'committed', 'begun', 'committed']);
  });

  it('is made without being asked for when ten thousand rows wait', async () => {
    for (let row = 0; row <= 10_000; row++) void note(`row ${row}`);
    await checkpoints.ended();
    expect(events).toEqual(['begun', 'committed']);
    expect(watermarks.rows.size).toBe(10_001);
  });
});
