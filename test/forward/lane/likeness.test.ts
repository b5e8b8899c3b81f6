import { describe, expect, it } from 'vitest';
import { Likeness } from '../../../src/forward/lane/likeness.js';

function fragment(data: Record<string, unknown>): Uint8Array {
  return Buffer.from(`"data":${JSON.stringify(data)}}`);
}

/** States of a device of which those with `error` set are refused. */
const good = (v: number) => fragment({ v, error: false });
const bad = (v: number) => fragment({ v, error: true });

/** One that has found two refused states, and a good one that looked like them. */
function taught(): Likeness {
  const likeness = new Likeness();
  likeness.refused(bad(1));
  likeness.refused(bad(2));
  likeness.taken(good(3));
  return likeness;
}

describe('the likeness of refused states', () => {
  it('is nothing that one of them shows', () => {
    const likeness = new Likeness();
    expect(likeness.statesBeforeSuspect([bad(1)], 9)).toBe(9);
    likeness.refused(bad(1));
    expect(likeness.statesBeforeSuspect([good(3), bad(1)], 9)).toBe(9);
  });

  it('is what two of them share and none that was taken has', () => {
    const likeness = new Likeness();
    likeness.refused(bad(1));
    likeness.refused(bad(2));
    // The names and types of all of them, before the first good one is seen.
    expect(likeness.statesBeforeSuspect([good(3)], 9)).toBe(1);
    likeness.taken(good(3));
    expect(likeness.statesBeforeSuspect([good(4), good(1), bad(5), good(6)], 9)).toBe(2);
    expect(likeness.statesBeforeSuspect([bad(5), good(6)], 9)).toBe(1);
    expect(likeness.statesBeforeSuspect([good(4), good(1), bad(5)], 2)).toBe(2);
    expect(likeness.statesBeforeSuspect([good(4), good(1)], 9)).toBe(9);
  });

  it('is looked for among a bounded number of states', () => {
    const many = Array.from({ length: 256 }, (_, v) => good(v));
    expect(taught().statesBeforeSuspect([...many, bad(1)], 9_999)).toBe(9_999);
    expect(taught().statesBeforeSuspect([...many.slice(1), bad(1)], 9_999)).toBe(255);
  });

  it('that misleads is not asked any more', () => {
    const likeness = new Likeness();
    let alarms = 0;
    for (let n = 0; n < 100; n++) {
      // What is refused has nothing to do with what it looks like.
      likeness.refused(fragment({ v: n % 3 }));
      likeness.refused(fragment({ v: n % 3 }));
      if (likeness.statesBeforeSuspect([fragment({ v: n % 3 })], 9) === 9) continue;
      alarms++;
      likeness.taken(fragment({ v: n % 3 }));
    }
    // An alarm that comes twice for one look is right once.
    expect(alarms).toBeLessThan(10);
  });
});
