import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Admission } from '../../src/front/admission.js';

describe('Admission', () => {
  test('admits up to its bound exactly, and refuses one byte more without taking any', () => {
    const admission = new Admission(100);
    expect(admission.admit(60)).toBe(true);
    expect(admission.admit(41)).toBe(false);
    expect(admission.bytes).toBe(60);
    expect(admission.admit(40)).toBe(true);
    expect(admission.bytes).toBe(100);
  });

  test('what is released can be admitted again', () => {
    const admission = new Admission(100);
    admission.admit(100);
    admission.release(30);
    expect(admission.admit(31)).toBe(false);
    expect(admission.admit(30)).toBe(true);
  });

  test('never holds more than its bound, and nothing once all is released', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 })), (sizes) => {
        const admission = new Admission(100);
        const held: number[] = [];
        for (const size of sizes) {
          if (admission.admit(size)) held.push(size);
          else admission.release(held.shift() ?? 0);
          expect(admission.bytes).toBe(held.reduce((sum, bytes) => sum + bytes, 0));
          expect(admission.bytes).toBeLessThanOrEqual(100);
        }
        for (const size of held) admission.release(size);
        expect(admission.bytes).toBe(0);
      }),
    );
  });
});
