import { beforeEach, describe, expect, it } from 'vitest';
import { REUSED_FROM_BYTES, RecordMemory, recordBufferBytes } from '../../src/core/record-memory.js';

const KIB = 1024;
let memory: RecordMemory;

beforeEach(() => {
  memory = new RecordMemory();
});

function buffer(kibibytes: number): ArrayBuffer {
  return new ArrayBuffer(kibibytes * KIB);
}

describe('the size of the buffer for a record', () => {
  it('is the record itself where that is small, and rounded up where it is not', () => {
    expect(recordBufferBytes(70)).toBe(70);
    expect(recordBufferBytes(REUSED_FROM_BYTES - 1)).toBe(REUSED_FROM_BYTES - 1);
    expect(recordBufferBytes(64 * KIB)).toBe(64 * KIB);
    expect(recordBufferBytes(64 * KIB + 1)).toBe(128 * KIB);
    expect(recordBufferBytes(600 * KIB)).toBe(640 * KIB);
  });
});

describe('the memory of records', () => {
  it('gives out what was given back, the latest first, and each once', () => {
    const [first, second] = [buffer(128), buffer(128)];
    memory.giveBack(first);
    memory.giveBack(second);
    expect(memory.spareBytes).toBe(256 * KIB);
    expect([memory.take(100 * KIB), memory.take(100 * KIB)]).toEqual([second, first]);
    expect(memory.take(100 * KIB)).toBeUndefined();
    expect(memory.spareBytes).toBe(0);
  });

  it('passes over buffers that are too small, or far too large', () => {
    const [small, fitting, large] = [buffer(128), buffer(256), buffer(1024)];
    memory.giveBack(fitting);
    memory.giveBack(large);
    memory.giveBack(small);
    expect(memory.take(200 * KIB)).toBe(fitting);
    expect(memory.take(200 * KIB)).toBeUndefined();
    expect(memory.take(300 * KIB)).toBe(large);
  });

  it('tries one that proved too small after all others', () => {
    const [tooSmall, other] = [buffer(128), buffer(128)];
    memory.giveBack(other);
    memory.giveBack(tooSmall);
    const taken = memory.take(128 * KIB) as ArrayBuffer;
    memory.giveBackUnused(taken);
    expect([memory.take(128 * KIB), memory.take(128 * KIB)]).toEqual([other, tooSmall]);
  });

  it('keeps no small buffers, and no more than 16 MiB of the others', () => {
    memory.giveBack(new ArrayBuffer(REUSED_FROM_BYTES - 1));
    expect(memory.spareBytes).toBe(0);
    for (let n = 0; n < 100; n++) memory.giveBack(buffer(640));
    expect(memory.spareBytes).toBeLessThanOrEqual(16 * KIB * KIB);
    expect(memory.spareBytes).toBeGreaterThan(15 * KIB * KIB);
  });
});
