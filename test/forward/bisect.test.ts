import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BodyLimit } from '../../src/forward/bisect.js';

it('sets no limit before the cloud finds fault', () => {
  expect(new BodyLimit().maxStates).toBe(Number.POSITIVE_INFINITY);
});

it('finds the first refused state by halves, delivering all before it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5_000 }), fc.nat(4_999), (states, at) => {
      const bad = at % states;
      const limit = new BodyLimit();
      let delivered = 0;
      let requests = 0;
      for (;;) {
        const taken = Math.min(limit.maxStates, states - delivered);
        requests++;
        const isRefused = delivered + taken > bad;
        if (isRefused && taken === 1) break;
        if (isRefused) {
          limit.refused(taken);
        } else {
          limit.delivered(taken);
          delivered += taken;
        }
      }
      expect(delivered).toBe(bad);
      expect(requests).toBeLessThanOrEqual(2 + 2 * Math.ceil(Math.log2(states)));
    }),
  );
});

it('a size that fits is kept until nothing waits', () => {
  const limit = new BodyLimit();
  limit.tooLarge(9);
  limit.delivered(4);
  expect(limit.maxStates).toBe(4);
  limit.caughtUp();
  expect(limit.maxStates).toBe(Number.POSITIVE_INFINITY);
});
