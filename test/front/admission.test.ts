import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Admission } from '../../src/front/admission.js';

describe('Admission', () => {
  test('admits up to its bound exactly, and refuses one byte more without taking any', () => {
    const admission = new Admission(100, 100);
    expect(admission.admit(60)).toBe(true);
    expect(admission.admit(41)).toBe(false);
    expect(admission.bytes).toBe(60);
    expect(admission.admit(40)).toBe(true);
    expect(admission.bytes).toBe(100);
  });

  test('what is released can be admitted again', () => {
    const admission = new Admission(100, 100);
    admission.admit(100);
    admission.release(30);
    expect(admission.admit(31)).toBe(false);
    expect(admission.admit(30)).toBe(true);
  });

  test('never holds more than its bound, and nothing once all is released', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 })), (sizes) => {
        const admission = new Admission(100, 100);
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

describe('its shares', () => {
  const MIB = 1024 * 1024;
  const whole = (): Admission => new Admission(32 * MIB, MIB / 4);

  test('leave what comes whole and with a grant a quarter, whatever the others hold', () => {
    const admission = whole();
    for (let i = 0; i < 100; i++) {
      while (admission.strangers.admit(`address ${i}`, MIB / 8));
      while (admission.unfinished.admit(`device ${i}`, MIB / 8));
    }
    expect(admission.bytes).toBe(24 * MIB);
    expect(admission.admit(8 * MIB)).toBe(true);
  });

  test('are bounded for each holder too, and give back what is released', () => {
    const { strangers } = whole();
    expect(strangers.admit('a', 4 * MIB)).toBe(true);
    expect(strangers.admit('a', 1)).toBe(false);
    expect(strangers.admit('b', 4 * MIB)).toBe(true);
    expect(strangers.admit('c', 1)).toBe(false);
    strangers.release('a', 1);
    expect(strangers.admit('c', 1)).toBe(true);
  });

  test.each([1, 4, 16])('hold a body of the largest size each, also where that is %i MiB', (mib) => {
    const { strangers, unfinished } = new Admission(32 * MIB, mib * MIB);
    expect([strangers.admit('a', mib * MIB), unfinished.admit('b', mib * MIB)]).toEqual([true, true]);
  });

  test('a request without a grant counts before anything of its body has come', () => {
    const admission = whole();
    let requests = 0;
    while (admission.holdAsStranger('a', 500) !== undefined) requests++;
    expect(requests).toBe(Math.floor((4 * MIB) / 2548));
    expect(admission.holdAsStranger('b', 500)).toBeDefined();
    expect(admission.bytes).toBe(0);
  });

  test('what a request holds moves with it when it turns out to have a grant', () => {
    const admission = whole();
    const holding = admission.holdAsStranger('a', 500);
    expect(holding?.admit(4 * MIB)).toBe(true);
    expect(admission.strangers.admit('a', 1)).toBe(false);
    expect(holding?.moveTo(admission.unfinished, 'device')).toBe(false);
    expect(admission.bytes).toBe(0);
    expect(holding?.admit(2 * MIB)).toBe(true);
    expect(admission.unfinished.admit('device', 1)).toBe(false);
    expect(admission.strangers.admit('a', 4 * MIB)).toBe(true);
    holding?.release();
    holding?.release();
    expect(admission.bytes).toBe(4 * MIB);
  });

  test('what could not be kept from coming may go past a share, up to the whole bound, and is given back in parts', () => {
    const admission = whole();
    const holding = admission.holdAsStranger('a', 500);
    expect([holding?.admit(4 * MIB), holding?.admit(1)]).toEqual([true, false]);
    expect(holding?.admitPastShare(20 * MIB)).toBe(true);
    expect(holding?.admitPastShare(8 * MIB + 1)).toBe(false);
    expect(admission.bytes).toBe(24 * MIB);
    expect([admission.strangers.admit('a', 1), admission.strangers.admit('b', 1)]).toEqual([false, false]);
    holding?.forgetBytes(20 * MIB + 1);
    expect([holding?.admit(1), holding?.admit(1), admission.strangers.admit('b', 1)]).toEqual([true, false, true]);
    holding?.release();
    expect(admission.bytes).toBe(1);
  });
});
