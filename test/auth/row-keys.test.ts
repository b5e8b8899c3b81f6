import { beforeEach, expect, it } from 'vitest';
import { RowKeys } from '../../src/auth/row-keys.js';
import { SealedStore } from '../../src/auth/sealed-store.js';
import { Sealing } from '../../src/auth/sealing.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { MemoryTable } from './memory-table.js';

const PREFIX = 'kind:';
const sealing = new Sealing(Buffer.alloc(32, 1));

let clock: FakeClock;
let table: MemoryTable;

beforeEach(() => {
  clock = new FakeClock();
  table = new MemoryTable();
});

const keyOf = (n: number, prefix = PREFIX) => prefix + sealing.mac('row', String(n));

function open(maxRows = 100): { store: SealedStore; keys: RowKeys } {
  table.isClosed = false;
  const store = new SealedStore({ table, sealing, clock, onUnreadable: () => {}, onWriteFailed: () => {} });
  return { store, keys: new RowKeys(store, PREFIX, maxRows) };
}

it('knows the rows of its kind that the last run left, those of use longest last', async () => {
  const before = open();
  for (const [n, keptUntilMs] of [
    [1, 300],
    [2, 100],
    [3, 200],
  ] as const)
    before.keys.put(keyOf(n), keptUntilMs, {});
  before.store.put(keyOf(4, 'other:'), 50, {});
  before.store.put(`${PREFIX}of no MAC`, 50, {});
  await before.store.close();
  const { store, keys } = open();
  const noted: string[] = [];
  store.scan((key, keptUntilMs) => {
    if (keys.note(key, keptUntilMs)) noted.push(key);
  });
  expect(Array.from(keys.load(), (index) => noted[index])).toEqual([keyOf(2), keyOf(3), keyOf(1)]);
  expect([1, 2, 3].every((n) => keys.has(keyOf(n)))).toBe(true);
  expect(keys.has(keyOf(5))).toBe(false);
});

it('has those of the last run give way that are of use shortest, where there are too many', async () => {
  const { store, keys } = open(2);
  for (const [n, keptUntilMs] of [
    [1, 300],
    [2, Number.POSITIVE_INFINITY],
    [3, 100],
    [4, Number.POSITIVE_INFINITY],
  ] as const)
    table.rows.set(keyOf(n), sealing.seal(keyOf(n), keptUntilMs, '{}'));
  store.scan((key, keptUntilMs) => keys.note(key, keptUntilMs));
  expect(keys.load()).toHaveLength(2);
  expect([1, 2, 3, 4].map((n) => keys.has(keyOf(n)))).toEqual([false, true, false, true]);
  await store.close();
  expect(table.keysOf(PREFIX).sort()).toEqual([keyOf(2), keyOf(4)].sort());
});

it('lets the row give way that was not written for longest', async () => {
  const { store, keys } = open(2);
  for (const n of [1, 2, 1, 3]) keys.put(keyOf(n), 1_000, { n });
  expect([1, 2, 3].map((n) => keys.has(keyOf(n)))).toEqual([true, false, true]);
  await store.close();
  expect(table.keysOf(PREFIX).sort()).toEqual([keyOf(1), keyOf(3)].sort());
});

it('sweeps the rows whose time is over, and no others', async () => {
  const { store, keys } = open();
  for (let n = 0; n < 50; n++) keys.put(keyOf(n), n, {});
  keys.put(keyOf(50), Number.POSITIVE_INFINITY, {});
  keys.sweep(25);
  expect([24, 25, 50].map((n) => keys.has(keyOf(n)))).toEqual([false, true, true]);
  await store.close();
  expect(table.keysOf(PREFIX)).toHaveLength(26);
});

it('removes a row that is there, once', async () => {
  const { store, keys } = open();
  keys.put(keyOf(1), 1_000, {});
  await clock.advance(1_000);
  const before = table.writes;
  keys.remove(keyOf(1));
  keys.remove(keyOf(1));
  keys.remove(keyOf(2));
  await store.close();
  expect(table.writes - before).toBe(1);
  expect(table.keysOf(PREFIX)).toEqual([]);
});
