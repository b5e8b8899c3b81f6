import { beforeEach, describe, expect, it } from 'vitest';
import { SealedStore } from '../../src/auth/sealed-store.js';
import { Sealing } from '../../src/auth/sealing.js';
import { SecretKeyError } from '../../src/auth/secret-key.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { MemoryTable } from './memory-table.js';

const KEPT = Number.POSITIVE_INFINITY;

let clock: FakeClock;
let table: MemoryTable;
let unreadable: number[];
let failures: unknown[];

beforeEach(() => {
  clock = new FakeClock();
  table = new MemoryTable();
  unreadable = [];
  failures = [];
});

function open(keyByte = 1): SealedStore {
  table.isClosed = false;
  return new SealedStore({
    table,
    sealing: new Sealing(Buffer.alloc(32, keyByte)),
    clock,
    onUnreadable: (rows) => unreadable.push(rows),
    onWriteFailed: (error) => failures.push(error),
  });
}

describe('a row', () => {
  it('is read from memory until it is on disk, and from there after', async () => {
    const store = open();
    store.put('row', KEPT, { token: 'a' });
    expect(table.rows.has('row')).toBe(false);
    expect(store.get('row')).toEqual({ token: 'a' });
    await clock.advance(1_000);
    expect(table.rows.has('row')).toBe(true);
    expect(store.get('row')).toEqual({ token: 'a' });
    await store.close();
    expect(open().get('row')).toEqual({ token: 'a' });
  });

  it('that is removed is gone at once, and from the disk soon', async () => {
    const store = open();
    store.put('row', KEPT, { token: 'a' });
    await clock.advance(1_000);
    store.remove('row');
    expect(store.get('row')).toBeUndefined();
    await clock.advance(1_000);
    expect(table.rows.has('row')).toBe(false);
  });

  it('counts as unwritten until it is on disk, and again when that fails', async () => {
    const store = open();
    await clock.advance(1_000);
    expect(store.unwritten).toBe(0);
    store.put('row', KEPT, { token: 'a' });
    store.remove('other');
    expect(store.unwritten).toBe(2);
    table.isFull = true;
    await clock.advance(1_000);
    expect(store.unwritten).toBe(2);
    table.isFull = false;
    await clock.advance(5_000);
    expect(store.unwritten).toBe(0);
  });

  it('that changes often is written once', async () => {
    const store = open();
    await clock.advance(1_000);
    const before = table.writes;
    for (let i = 0; i < 100; i++) store.put('row', KEPT, { i });
    await clock.advance(1_000);
    expect(table.writes - before).toBe(1);
    expect(store.get('row')).toEqual({ i: 99 });
  });

  it('that changes while it is being written is read and written anew', async () => {
    const store = open();
    await clock.advance(1_000);
    store.put('row', KEPT, { i: 1 });
    const put = table.put.bind(table);
    let seen: unknown;
    table.put = async (key, value) => {
      table.put = put;
      seen = store.get('row');
      store.put('row', KEPT, { i: 2 });
      await put(key, value);
    };
    await clock.advance(1_000);
    expect(seen).toEqual({ i: 1 });
    expect(store.get('row')).toEqual({ i: 2 });
    await store.close();
    expect(open().get('row')).toEqual({ i: 2 });
  });

  it('is shown with the others at a start, and until when it is of use', async () => {
    const store = open();
    store.put('b:1', 3_000, {});
    store.put('a:1', 2_000, { a: 1 });
    store.put('a:2', KEPT, {});
    await store.close();
    const next = open();
    const shown: unknown[] = [];
    next.scan((key, keptUntilMs, sealed) => shown.push([key, keptUntilMs, next.open(key, sealed)]));
    expect(shown).toEqual([
      ['a:1', 2_000, { a: 1 }],
      ['a:2', KEPT, {}],
      ['b:1', 3_000, {}],
    ]);
  });
});

describe('a disk that takes nothing', () => {
  it('is reported once, and tried again until it does', async () => {
    const store = open();
    await clock.advance(1_000);
    table.isFull = true;
    store.put('row', KEPT, { i: 1 });
    await clock.advance(30_000);
    store.put('other', KEPT, { i: 2 });
    expect(failures).toHaveLength(1);
    expect(store.get('row')).toEqual({ i: 1 });
    table.isFull = false;
    await clock.advance(30_000);
    expect(open().get('row')).toEqual({ i: 1 });
    expect(open().get('other')).toEqual({ i: 2 });
    table.isFull = true;
    store.remove('row');
    await clock.advance(1_000);
    expect(failures).toHaveLength(2);
  });

  it('does not put an older row in the place of a newer one', async () => {
    const store = open();
    await clock.advance(1_000);
    store.put('row', KEPT, { i: 1 });
    const put = table.put.bind(table);
    table.put = async () => {
      table.put = put;
      store.put('row', KEPT, { i: 2 });
      throw new Error('no space left on device');
    };
    await clock.advance(30_000);
    expect(store.get('row')).toEqual({ i: 2 });
    expect(open().get('row')).toEqual({ i: 2 });
  });
});

describe('close', () => {
  it('writes all that waits, more than one transaction takes too, and closes the table', async () => {
    const store = open();
    for (let i = 0; i < 2_500; i++) store.put(`row:${i}`, KEPT, { i });
    await store.close();
    expect(table.keysOf('row:')).toHaveLength(2_500);
    expect(table.isClosed).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it('takes nothing more', async () => {
    const store = open();
    await store.close();
    store.put('row', KEPT, {});
    await clock.advance(60_000);
    expect(table.rows.has('row')).toBe(false);
    expect(clock.pendingTimers).toBe(0);
  });

  it('gives up what a disk does not take', async () => {
    const store = open();
    table.isFull = true;
    store.put('row', KEPT, {});
    await store.close();
    expect(failures).toHaveLength(1);
    expect(table.isClosed).toBe(true);
  });
});

describe('the secret key', () => {
  it('of another store is refused at once, whatever rows there are', async () => {
    await open(1).close();
    expect(() => open(2)).toThrow(SecretKeyError);
    expect(() => open(2)).toThrow(/start with the key they were written under/);
    open(1);
  });

  it('cannot be checked where the row for it is missing or damaged, which is refused too', async () => {
    const store = open(1);
    store.put('row', KEPT, {});
    await store.close();
    table.rows.set('check', Buffer.alloc(60, 1));
    expect(() => open(1)).toThrow(SecretKeyError);
    table.rows.delete('check');
    expect(() => open(1)).toThrow(SecretKeyError);
    expect(table.rows.has('row')).toBe(true);
  });
});

describe('a row that cannot be opened', () => {
  beforeEach(async () => {
    const store = open();
    for (const key of ['a:1', 'a:2', 'a:3']) store.put(key, KEPT, { key });
    await store.close();
  });

  it('is passed over and counted; the others are there', async () => {
    const row = table.rows.get('a:1') as Uint8Array;
    table.rows.set('a:2', row);
    (row as Buffer)[30] = (row[30] as number) ^ 1;
    const store = open();
    expect([store.get('a:1'), store.get('a:2'), store.get('a:3')]).toEqual([undefined, undefined, { key: 'a:3' }]);
    await clock.advance(1_000);
    expect(unreadable).toEqual([2]);
  });

  it('and is no row of ours at all is counted when the rows are listed', async () => {
    table.rows.set('a:4', Buffer.from('short'));
    const store = open();
    const shown: string[] = [];
    store.scan((key) => shown.push(key));
    expect(shown).toEqual(['a:1', 'a:2', 'a:3']);
    await store.close();
    expect(unreadable).toEqual([1]);
    expect(table.rows.has('a:4')).toBe(true);
  });
});
