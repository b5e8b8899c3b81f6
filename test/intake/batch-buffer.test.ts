import { describe, expect, it } from 'vitest';
import { allocateBatchMemory, BATCH_BYTES, BatchBuffer, MAX_BATCH_ENTRIES } from '../../src/intake/batch-buffer.js';
import { type BatchRequest, ENTRY_BYTES } from '../../src/state/batch-layout.js';
import { AnswerLog, grantFor, TIMES } from './fakes.js';

const RECEIVER = new AnswerLog();

/** An entry read back by the offsets that `batch-layout.ts` documents. */
function entryOf({ entries, bodies, entrySlots }: BatchRequest, entry: number) {
  const view = new DataView(entries, entry * 32, 32);
  const [bodyOffset, bodyLength] = [view.getUint32(8, true), view.getUint32(12, true)];
  const [firstSlot, slotCount] = [view.getUint32(16, true), view.getUint32(20, true)];
  return {
    arrivalMs: view.getFloat64(0, true),
    body: Buffer.from(bodies, bodyOffset, bodyLength).toString(),
    slots: [...entrySlots.subarray(firstSlot, firstSlot + slotCount)],
    flags: view.getUint32(24, true),
  };
}

describe('a batch', () => {
  it('lays bodies, entries and slots out as documented', () => {
    const batch = new BatchBuffer(allocateBatchMemory());
    const [one, two, three] = [grantFor(1), grantFor(2), grantFor(3)];
    batch.add(one, 'json', Buffer.from('first'), 1_767_225_600_001, RECEIVER, 7);
    batch.add(two, 'msgpack', Buffer.from('second body'), 1_767_225_600_002, RECEIVER, 8);
    batch.addForMany([three, one], 'json', Buffer.from(''), 1_767_225_600_003, RECEIVER, 9);
    batch.addForMany([two], 'msgpack', Buffer.from('4'), 1_767_225_600_004, RECEIVER, 10);
    const request = batch.toRequest(1_234, TIMES);
    expect(request).toMatchObject({ entryCount: 4, maxStateBytes: 1_234, times: TIMES });
    expect([0, 1, 2, 3].map((entry) => entryOf(request, entry))).toEqual([
      { arrivalMs: 1_767_225_600_001, body: 'first', slots: [0], flags: 0 },
      { arrivalMs: 1_767_225_600_002, body: 'second body', slots: [1], flags: 1 },
      { arrivalMs: 1_767_225_600_003, body: '', slots: [2, 0], flags: 2 },
      { arrivalMs: 1_767_225_600_004, body: '4', slots: [1], flags: 3 },
    ]);
    expect(Buffer.from(request.slotIds).toString('hex')).toBe(one.device.key + two.device.key + three.device.key);
  });

  it('counts entries and bytes, and knows whom to tell of each', () => {
    const batch = new BatchBuffer(allocateBatchMemory());
    const other = new AnswerLog();
    batch.add(grantFor(1), 'json', Buffer.from('abc'), 1, RECEIVER, 7);
    batch.addForMany([grantFor(2)], 'json', Buffer.from('de'), 1, other, 1);
    expect([batch.entryCount, batch.bytes]).toEqual([2, 5]);
    expect([batch.receivers, batch.tickets]).toEqual([
      [RECEIVER, other],
      [7, 1],
    ]);
  });

  it('copies a body, from where it stands in its buffer', () => {
    const batch = new BatchBuffer(allocateBatchMemory());
    const body = Buffer.from('..body..').subarray(2, 6);
    batch.add(grantFor(1), 'json', body, 1, RECEIVER, 1);
    body.fill('x');
    expect(entryOf(batch.toRequest(1, TIMES), 0).body).toBe('body');
  });

  it('has one slot for a device, with the grant that came last', () => {
    const batch = new BatchBuffer(allocateBatchMemory());
    const [older, newer, other] = [grantFor(1, 'older'), grantFor(1, 'newer'), grantFor(2)];
    batch.add(older, 'json', Buffer.from('1'), 1, RECEIVER, 1);
    batch.add(other, 'json', Buffer.from('2'), 1, RECEIVER, 2);
    batch.addForMany([other, newer], 'json', Buffer.from('3'), 1, RECEIVER, 3);
    expect(batch.grants).toEqual([newer, other]);
    const request = batch.toRequest(1, TIMES);
    expect(request.slotIds.byteLength).toBe(2 * 24);
    expect([0, 1, 2].map((entry) => entryOf(request, entry).slots)).toEqual([[0], [1], [1, 0]]);
  });
});

describe('room', () => {
  it('ends with the bytes of the buffer', () => {
    const batch = new BatchBuffer(allocateBatchMemory());
    batch.add(grantFor(1), 'json', Buffer.alloc(BATCH_BYTES - 10), 1, RECEIVER, 1);
    expect([batch.fits(10), batch.fits(11)]).toEqual([true, false]);
    batch.add(grantFor(1), 'json', Buffer.alloc(10), 1, RECEIVER, 2);
    expect([batch.fits(0), batch.fits(1)]).toEqual([true, false]);
  });

  it('ends with the entries', () => {
    const batch = new BatchBuffer(allocateBatchMemory());
    for (let i = 1; i < MAX_BATCH_ENTRIES; i++) batch.add(grantFor(1), 'json', new Uint8Array(1), 1, RECEIVER, i);
    expect(batch.fits(1)).toBe(true);
    batch.add(grantFor(1), 'json', new Uint8Array(1), 1, RECEIVER, MAX_BATCH_ENTRIES);
    expect(batch.fits(0)).toBe(false);
  });

  it('can be made for one body that is larger', () => {
    const memory = allocateBatchMemory(BATCH_BYTES + 5);
    const batch = new BatchBuffer(memory);
    expect(batch.fits(BATCH_BYTES + 5)).toBe(true);
    batch.add(grantFor(1), 'json', Buffer.alloc(BATCH_BYTES + 5, 'x'), 1, RECEIVER, 1);
    expect(entryOf(batch.toRequest(1, TIMES), 0).body).toHaveLength(BATCH_BYTES + 5);
    expect(memory.entries.byteLength).toBe(MAX_BATCH_ENTRIES * ENTRY_BYTES);
  });
});
