import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CLOCK_MARGIN_MS, Pacing, type RateLimit } from '../../../src/forward/lane/pacing.js';
import { mostInWindow } from '../harness.js';

const WINDOW_MS = 1_000;
const HELD_MS = WINDOW_MS + CLOCK_MARGIN_MS;

describe('Pacing', () => {
  it('starts at once while fewer than the limit count', () => {
    const pacing = new Pacing({ requests: 3, windowMs: WINDOW_MS });
    for (const nowMs of [0, 10]) {
      expect(pacing.earliestStartMs(nowMs)).toBe(nowMs);
      pacing.answered(nowMs + 5);
    }
    expect(pacing.earliestStartMs(20)).toBe(20);
    expect(pacing.countAt(20)).toBe(2);
  });

  it('at the limit waits until a window after the oldest answer', () => {
    const pacing = new Pacing({ requests: 2, windowMs: WINDOW_MS });
    pacing.answered(100);
    pacing.answered(300);
    expect(pacing.earliestStartMs(400)).toBe(100 + HELD_MS);
    expect(pacing.earliestStartMs(100 + HELD_MS)).toBe(100 + HELD_MS);
    expect(pacing.countAt(100 + HELD_MS)).toBe(1);
  });

  it('counts a lost request until it cannot arrive any more', () => {
    const pacing = new Pacing({ requests: 1, windowMs: WINDOW_MS });
    pacing.lost(100);
    expect(pacing.earliestStartMs(200)).toBe(100 + 2 * HELD_MS);
  });

  it('counts one whose socket is still open until a window after that has ended', () => {
    const pacing = new Pacing({ requests: 1, windowMs: WINDOW_MS });
    pacing.lost(100, 5_000);
    expect(pacing.earliestStartMs(200)).toBe(100 + 5_000 + 2 * HELD_MS);
  });

  it('keeps a lost request though later ones are forgotten before it', () => {
    const pacing = new Pacing({ requests: 2, windowMs: WINDOW_MS });
    pacing.lost(0);
    pacing.answered(10);
    expect(pacing.earliestStartMs(20)).toBe(10 + HELD_MS);
    expect(pacing.countAt(10 + HELD_MS)).toBe(1);
    expect(pacing.emptyAtMs()).toBe(2 * HELD_MS);
  });

  it('is empty a window after the last', () => {
    const pacing = new Pacing({ requests: 5, windowMs: WINDOW_MS });
    expect(pacing.emptyAtMs()).toBe(Number.NEGATIVE_INFINITY);
    pacing.answered(7);
    expect(pacing.emptyAtMs()).toBe(7 + HELD_MS);
    expect(pacing.countAt(7 + HELD_MS)).toBe(0);
    expect(pacing.emptyAtMs()).toBe(Number.NEGATIVE_INFINITY);
  });

  it('waits for fewer to count than the limit, where it is asked to', () => {
    const pacing = new Pacing({ requests: 3, windowMs: WINDOW_MS });
    pacing.answered(100);
    pacing.answered(300);
    expect(pacing.earliestStartMs(400)).toBe(400);
    expect(pacing.earliestStartMs(400, 2)).toBe(100 + HELD_MS);
    expect(pacing.earliestStartMs(400, 1)).toBe(300 + HELD_MS);
    expect([pacing.limit, pacing.countAt(400)]).toEqual([3, 2]);
    expect(pacing.countedUntilMs(400)).toBe(400 + HELD_MS);
  });

  it('counts a request up to the end of its window, and not at it', () => {
    const pacing = new Pacing({ requests: 1, windowMs: WINDOW_MS });
    pacing.answered(0);
    expect(pacing.countAt(HELD_MS - 1)).toBe(1);
    expect(pacing.earliestStartMs(HELD_MS - 1)).toBe(HELD_MS);
    expect(pacing.countAt(HELD_MS)).toBe(0);
  });

  it('lets the oldest go when more end than the limit allows, as those of a run before can', () => {
    const pacing = new Pacing({ requests: 2, windowMs: WINDOW_MS });
    for (const nowMs of [10, 20, 30]) pacing.answered(nowMs);
    expect(pacing.countAt(40)).toBe(2);
    expect(pacing.earliestStartMs(40)).toBe(20 + HELD_MS);
  });

  it('keeps dozens in the order of their latest arrivals', () => {
    const pacing = new Pacing({ requests: 20, windowMs: WINDOW_MS });
    for (let n = 0; n < 20; n++) pacing.answered((n * 7) % 20);
    for (let below = 1; below <= 20; below++) expect(pacing.earliestStartMs(20, below)).toBe(20 - below + HELD_MS);
  });

  it('says what counts for a later run, and nothing where nothing does', () => {
    const pacing = new Pacing({ requests: 3, windowMs: WINDOW_MS });
    expect(pacing.countedSends(50)).toEqual({ count: 0, windowMs: WINDOW_MS, untilMs: 50 });
    pacing.answered(60);
    pacing.answered(70);
    expect(pacing.countedSends(80)).toEqual({ count: 2, windowMs: WINDOW_MS, untilMs: 70 });
    expect(pacing.countedSends(60 + HELD_MS)).toEqual({ count: 1, windowMs: WINDOW_MS, untilMs: 70 });
  });

  it('counts what nobody lived to write down, as if it had arrived a window after the end', () => {
    const pacing = new Pacing({ requests: 5, windowMs: WINDOW_MS });
    pacing.seedUnrecorded(0, 100);
    expect(pacing.countAt(100)).toBe(0);
    pacing.seedUnrecorded(3, 100);
    expect(pacing.countAt(200)).toBe(3);
    expect(pacing.emptyAtMs()).toBe(100 + 2 * HELD_MS);
    pacing.seedUnrecorded(9, 100);
    expect(pacing.countAt(200)).toBe(5);
  });

  it('adds what nobody wrote down to what was written down', () => {
    const pacing = new Pacing({ requests: 5, windowMs: WINDOW_MS });
    pacing.seed({ count: 2, windowMs: WINDOW_MS, untilMs: 40 }, 100);
    pacing.seedUnrecorded(1, 100);
    expect(pacing.countAt(100)).toBe(3);
    expect(pacing.earliestStartMs(100, 3)).toBe(40 + HELD_MS);
    expect(pacing.emptyAtMs()).toBe(100 + 2 * HELD_MS);
  });

  it('after a run under a shorter window takes as many as the limit, after a longer one waits for as long as that lasts', () => {
    const shorter = new Pacing({ requests: 5, windowMs: WINDOW_MS });
    shorter.seed({ count: 1, windowMs: WINDOW_MS - 1, untilMs: 0 }, 0);
    expect([shorter.countAt(0), shorter.emptyAtMs()]).toEqual([5, HELD_MS]);
    const equal = new Pacing({ requests: 5, windowMs: WINDOW_MS });
    equal.seed({ count: 1, windowMs: WINDOW_MS, untilMs: 0 }, 0);
    expect([equal.countAt(0), equal.emptyAtMs()]).toEqual([1, HELD_MS]);
    const longer = new Pacing({ requests: 5, windowMs: WINDOW_MS });
    longer.seed({ count: 2, windowMs: 3 * WINDOW_MS, untilMs: 0 }, 0);
    expect([longer.countAt(0), longer.emptyAtMs()]).toEqual([2, 3 * WINDOW_MS + CLOCK_MARGIN_MS]);
    // One that was lost just now counts for two of the longer windows, and nothing counts for more.
    for (const untilMs of [3 * WINDOW_MS, 1e12]) {
      const lost = new Pacing({ requests: 5, windowMs: WINDOW_MS });
      lost.seed({ count: 1, windowMs: 3 * WINDOW_MS, untilMs }, 0);
      expect(lost.emptyAtMs()).toBe(2 * 3 * WINDOW_MS + CLOCK_MARGIN_MS);
    }
  });

  it('holds back by what the last run sent, and by a broken figure for one window only', () => {
    const pacing = new Pacing({ requests: 30, windowMs: WINDOW_MS });
    pacing.seed({ count: 4_000_000_000, windowMs: WINDOW_MS, untilMs: -100 }, 0);
    expect(pacing.countAt(0)).toBe(30);
    expect(pacing.earliestStartMs(0)).toBe(HELD_MS - 100);
    expect(pacing.countAt(HELD_MS - 100)).toBe(0);
  });
});

/** One request of the adversary's: when it is tried, how long until its answer or time-out, and when in between it arrives. */
interface Attempt {
  readonly pauseMs: number;
  readonly durationMs: number;
  /** From 0 to 1: where between start and end, or between start and the end of what may still come, it arrives. */
  readonly arrival: number;
  readonly fate: 'answered' | 'lost' | 'unsent';
}

const attempts = fc.array(
  fc.record({
    pauseMs: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 1_500 })),
    durationMs: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 2_500 })),
    // The ends are where limits break: all that waited arrives together.
    arrival: fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true })),
    fate: fc.oneof(
      { weight: 6, arbitrary: fc.constant('answered' as const) },
      { weight: 2, arbitrary: fc.constant('lost' as const) },
      { weight: 1, arbitrary: fc.constant('unsent' as const) },
    ),
  }),
  { minLength: 1, maxLength: 120 },
);

/** Requests as dense as the limit lets them be, with a rest now and then: what two windows can hold together. */
const bursts = fc.array(
  fc.record({
    pauseMs: fc.oneof({ weight: 12, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 1_500 })),
    durationMs: fc.integer({ min: 0, max: 20 }),
    arrival: fc.constantFrom(0, 1),
    fate: fc.constant('answered' as const),
  }),
  { minLength: 1, maxLength: 40 },
);

/** What the last settlement is of. */
const SETTLED: Attempt = { pauseMs: 0, durationMs: 0, arrival: 0, fate: 'answered' };

/** Runs the attempts one after the other as early as the pacing lets them; returns when each arrived. */
function arrivals(limit: RateLimit, pacing: Pacing, sequence: readonly Attempt[], fromMs = 0): number[] {
  const arrived: number[] = [];
  let nowMs = fromMs;
  for (const { pauseMs, durationMs, arrival, fate } of sequence) {
    const startMs = pacing.earliestStartMs(nowMs + pauseMs);
    const endMs = startMs + durationMs;
    nowMs = endMs;
    if (fate === 'answered') {
      arrived.push(startMs + arrival * durationMs);
      pacing.answered(endMs);
    } else if (fate === 'lost') {
      arrived.push(startMs + arrival * (durationMs + limit.windowMs));
      pacing.lost(endMs);
    }
  }
  return arrived;
}

describe('whatever the network does', () => {
  it.each([1, 2, 3, 7, 30])('the cloud never counts more than %i in a window', (requests) => {
    const limit = { requests, windowMs: WINDOW_MS };
    fc.assert(
      fc.property(attempts, (sequence) => {
        const arrived = arrivals(limit, new Pacing(limit), sequence);
        expect(mostInWindow(arrived, WINDOW_MS)).toBeLessThanOrEqual(requests);
      }),
      { numRuns: 1_000 },
    );
  });

  it('nor across a restart that knows only what was written down', () => {
    const limit = { requests: 10, windowMs: WINDOW_MS };
    fc.assert(
      fc.property(attempts, attempts, fc.nat(2_000), (before, after, downMs) => {
        const answered = before.map((attempt) => ({ ...attempt, fate: 'answered' as const }));
        const first = new Pacing(limit);
        const arrived = arrivals(limit, first, answered);
        const endedMs = first.emptyAtMs() - HELD_MS;
        const second = new Pacing(limit);
        second.seed(first.countedSends(endedMs), endedMs + downMs);
        const later = arrivals(limit, second, after, endedMs + downMs);
        expect(mostInWindow([...arrived, ...later], WINDOW_MS)).toBeLessThanOrEqual(limit.requests);
      }),
      { numRuns: 500 },
    );
  });

  it('nor across a restart under another limit, whatever was lost before', () => {
    const limits = fc.tuple(fc.integer({ min: 1, max: 8 }), fc.constantFrom(500, 1_000, 3_000));
    fc.assert(
      fc.property(limits, limits, attempts, attempts, fc.nat(2_000), (before, now, sent, later, downMs) => {
        const first = new Pacing({ requests: before[0], windowMs: before[1] });
        const arrived = arrivals({ requests: before[0], windowMs: before[1] }, first, [...sent, SETTLED]);
        const endedMs = arrived.at(-1) as number;
        const limit = { requests: now[0], windowMs: now[1] };
        const second = new Pacing(limit);
        second.seed(first.countedSends(endedMs), endedMs + downMs);
        const arrivedLater = arrivals(limit, second, later, endedMs + downMs);
        for (const atMs of arrivedLater) {
          const inWindow = [...arrived, ...arrivedLater].filter((at) => at <= atMs && at >= atMs - limit.windowMs);
          expect(inWindow.length).toBeLessThanOrEqual(limit.requests);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('nor across a restart under another limit that the cloud allows as well', () => {
    // Each window is a part of the next: what several of the smaller ones hold, the cloud allows in one.
    const [requests, windowMs] = [12, 3_000];
    const limits = fc.constantFrom(
      { requests, windowMs },
      { requests: 4, windowMs: 1_000 },
      { requests: 2, windowMs: 500 },
    );
    fc.assert(
      fc.property(limits, limits, bursts, bursts, fc.nat(2_000), (before, now, sent, later, downMs) => {
        const first = new Pacing(before);
        const arrived = arrivals(before, first, [...sent, SETTLED]);
        const endedMs = arrived.at(-1) as number;
        const second = new Pacing(now);
        second.seed(first.countedSends(endedMs), endedMs + downMs);
        const arrivedLater = arrivals(now, second, later, endedMs + downMs);
        expect(mostInWindow([...arrived, ...arrivedLater], windowMs)).toBeLessThanOrEqual(requests);
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    [1, 20],
    [30, 20],
    [30, 300],
  ])('a limit of %i is used in full when answers take %i ms', (requests, durationMs) => {
    const limit = { requests, windowMs: 15_000 };
    const quick: Attempt = { pauseMs: 0, durationMs, arrival: 0.5, fate: 'answered' };
    const arrived = arrivals(limit, new Pacing(limit), Array(requests * 20).fill(quick));
    const windows = ((arrived.at(-1) as number) - (arrived[0] as number)) / limit.windowMs;
    expect(arrived.length / windows).toBeGreaterThan(0.95 * requests);
  });
});
