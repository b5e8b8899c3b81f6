import { describe, expect, it } from 'vitest';
import { RecordView } from '../../src/state/record-layout.js';
import { StateList } from '../../src/state/state-list.js';
import { deviceNumber } from './batch.js';

const SLOT_IDS = Buffer.concat([0, 1, 2, 3].map((slot) => deviceNumber(slot).idBytes));

function add(list: StateList, fragment: string, timeMs: number, slot: number): void {
  list.reserve(fragment.length);
  list.add(list.byteLength + list.bytes.write(fragment, list.byteLength), timeMs, slot);
}

function fragments(view: RecordView): string[] {
  return Array.from({ length: view.stateCount }, (_, state) =>
    Buffer.from(view.bytes.subarray(view.fragmentStart(state), view.fragmentEnd(state))).toString(),
  );
}

describe('StateList', () => {
  it('groups by slot in order of the first state, each slot in order of arrival', () => {
    const list = new StateList();
    add(list, 'c1', 1, 2);
    add(list, 'a1', 2, 0);
    add(list, 'a22', 3, 0);
    add(list, 'c3', 4, 2);
    add(list, '', 5, 3);
    add(list, 'a', 6, 0);
    const { record, chunkSlots } = list.toRecord(SLOT_IDS) as NonNullable<ReturnType<StateList['toRecord']>>;
    const view = new RecordView(record);
    expect([...chunkSlots]).toEqual([2, 0, 3]);
    expect([0, 1, 2].map((chunk) => view.chunkDevice(chunk))).toEqual([2, 0, 3].map(deviceNumber));
    expect([0, 1, 2].map((chunk) => [view.chunkFirstState(chunk), view.chunkStateCount(chunk)])).toEqual([
      [0, 2],
      [2, 3],
      [5, 1],
    ]);
    expect([...view.times]).toEqual([1, 4, 2, 3, 6, 5]);
    expect(fragments(view)).toEqual(['c1', 'c3', 'a1', 'a22', 'a', '']);
  });

  it('gives a record of exactly its size in a buffer of its own, which opens once sealed', () => {
    const list = new StateList();
    add(list, '"data":{}}', 1, 1);
    const record = list.toRecord(SLOT_IDS)?.record as Uint8Array;
    expect([record.byteOffset, record.buffer.byteLength]).toEqual([0, 48 + 32 + 8 + 4 + 10]);
    new RecordView(record).seal(7);
    expect(RecordView.open(record)).toBeInstanceOf(RecordView);
  });

  it('grows past what it starts with, and keeps what it holds', () => {
    const list = new StateList();
    const long = 'x'.repeat(1000);
    for (let i = 0; i < 5000; i++) add(list, `${i}${long}`, i, i % 4);
    const view = new RecordView(list.toRecord(SLOT_IDS)?.record as Uint8Array);
    const expected = [0, 1, 2, 3].flatMap((slot) => Array.from({ length: 1250 }, (_, i) => 4 * i + slot));
    expect([...view.times]).toEqual(expected);
    expect(fragments(view)).toEqual(expected.map((i) => `${i}${long}`));
  });

  it('takes back all but the first states, and is empty at nought', () => {
    const list = new StateList();
    add(list, 'one', 1, 0);
    add(list, 'two', 2, 1);
    list.truncate(1);
    add(list, '3', 3, 0);
    const view = new RecordView(list.toRecord(SLOT_IDS)?.record as Uint8Array);
    expect(fragments(view)).toEqual(['one', '3']);
    list.truncate(0);
    expect(list.byteLength).toBe(0);
    expect(list.toRecord(SLOT_IDS)).toBeUndefined();
  });

  describe('with spare memory', () => {
    function bytesIn(spare?: ArrayBuffer): Uint8Array {
      const list = new StateList();
      for (let i = 0; i < 20; i++) add(list, `"data":{"n":${i}}}`, i, i % 3);
      return list.toRecord(SLOT_IDS, spare)?.record as Uint8Array;
    }

    it('writes the same record there, whatever it held, and says no more than the record', () => {
      const spare = new Uint8Array(100_000).fill(0xff).buffer;
      const record = bytesIn(spare);
      expect(record.buffer).toBe(spare);
      expect(Buffer.from(record).equals(Buffer.from(bytesIn()))).toBe(true);
    });

    it('leaves memory that is too small alone', () => {
      const spare = new ArrayBuffer(100);
      expect(bytesIn(spare).buffer).not.toBe(spare);
      expect([...new Uint8Array(spare)]).toEqual(Array(100).fill(0));
    });
  });

  it('takes a buffer for a large record that others fit too', () => {
    const list = new StateList();
    add(list, 'x'.repeat(100_000), 1, 1);
    const record = list.toRecord(SLOT_IDS)?.record as Uint8Array;
    expect([record.byteLength, record.buffer.byteLength]).toEqual([48 + 32 + 8 + 4 + 100_000, 131_072]);
  });
});
