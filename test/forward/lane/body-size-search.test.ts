import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BodySizeSearch } from '../../../src/forward/lane/body-size-search.js';

it('sets no limit before the cloud finds fault', () => {
  expect(new BodySizeSearch().maxStates).toBe(Number.POSITIVE_INFINITY);
});

it('finds the first refused state by halves, delivering all before it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5_000 }), fc.nat(4_999), (states, at) => {
      const bad = at % states;
      const limit = new BodySizeSearch();
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

/** A drain of `states` states of which the n-th is bad: what it costs. */
function drain(states: number, isBad: (n: number) => boolean): { requests: number; sent: number; bad: number[] } {
  const limit = new BodySizeSearch();
  const bad: number[] = [];
  let [requests, sent, done] = [0, 0, 0];
  while (done < states) {
    const taken = Math.min(limit.maxStates, states - done, MOST_IN_A_BODY);
    requests++;
    sent += taken;
    const isRefused = Array.from({ length: taken }, (_, i) => isBad(done + i)).includes(true);
    if (isRefused && taken > 1) {
      limit.refused(taken);
      continue;
    }
    if (isRefused) {
      limit.found();
      bad.push(done);
    } else {
      limit.delivered(taken);
    }
    done += taken;
  }
  return { requests, sent, bad };
}

/** The same pseudo-random choice for the same seed. */
function share(of: number, seed: number): (n: number) => boolean {
  return (n) => {
    let hash = Math.imul(n + 1, 0x9e3779b1) ^ Math.imul(seed, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
    return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32 < of;
  };
}

const STATES = 20_000;
/** Of 75 bytes in 256 KiB. */
const MOST_IN_A_BODY = 3_500;
/** Pattern, what each bad state may cost in requests, and how often each state may be uploaded. */
const PATTERNS: readonly [string, (n: number) => boolean, requests: number, uploads: number][] = [
  ['none', () => false, 0, 1],
  ['all', () => true, 1.1, 4],
  ['each second', (n) => n % 2 === 1, 3, 4],
  ['the last of each ten', (n) => n % 10 === 9, 6, 4],
  ['one of ten, at random', share(0.1, 1), 6, 4],
  ['one of ten, otherwise', share(0.1, 2), 6, 4],
  ['one of fifty, at random', share(0.02, 3), 9, 4.5],
  ['half, at random', share(0.5, 4), 3, 4],
  ['twenty in a row of two hundred', (n) => n % 200 >= 180, 2.5, 5],
  ['the last of all', (n) => n === STATES - 1, 1, 2],
  ['the first of all', (n) => n === 0, 1, 2],
  ['two far from each other', (n) => n === 99 || n === 15_000, 13, 2],
];

it.each(PATTERNS)('bad states by pattern: %s: each is found, at a bounded price', (_name, isBad, perBad, uploads) => {
  const { requests, sent, bad } = drain(STATES, isBad);
  expect(bad).toEqual(Array.from({ length: STATES }, (_, n) => n).filter(isBad));
  expect(requests).toBeLessThanOrEqual(perBad * bad.length + 2 * 13 + STATES / MOST_IN_A_BODY + 1);
  expect(sent / STATES).toBeLessThanOrEqual(uploads);
});

it('whatever the pattern: each bad state costs a bounded number of requests', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 600 }), (pattern) => {
      const { requests, bad } = drain(pattern.length, (n) => pattern[n] as boolean);
      expect(bad.length).toBe(pattern.filter(Boolean).length);
      expect(requests).toBeLessThanOrEqual((bad.length + 1) * (2 * Math.ceil(Math.log2(pattern.length)) + 2));
    }),
  );
});

it('a size that fits is kept until nothing waits', () => {
  const limit = new BodySizeSearch();
  limit.tooLarge(9);
  limit.delivered(4);
  expect(limit.maxStates).toBe(4);
  limit.caughtUp();
  expect(limit.maxStates).toBe(Number.POSITIVE_INFINITY);
});
