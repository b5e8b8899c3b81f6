import { beforeEach, describe, expect, it } from 'vitest';
import type { CloudDate } from '../../../src/core/cloud-port.js';
import { type Timebases, timebaseOf, timeToSend } from '../../../src/core/time/timebase.js';
import { type TimebaseStore, Timekeeper } from '../../../src/core/time/timekeeper.js';
import { FakeClock } from '../../helpers/fake-clock.js';

const BOOT = 7;
const HOUR_MS = 3_600_000;
const RIGHT_MS = Date.UTC(2026, 5, 1);

/** A store that keeps what it is told, for one run after the other. */
class NotedStore implements TimebaseStore {
  timebases: Timebases = { bases: [], heard: undefined };
  isEmpty = false;
  isDamaged = false;
  firstOpenedMs = 0;
  saved = 0;
  isFull = false;

  noteTimebases(timebases: Timebases): void {
    this.timebases = timebases;
  }

  async saveTimebases(timebases: Timebases): Promise<void> {
    if (this.isFull) throw new Error('disk');
    this.saved++;
    this.noteTimebases(timebases);
  }
}

let clock: FakeClock;
let store: NotedStore;
let keeper: Timekeeper;

/** Starts a run on what the one before left, in that boot, by a clock that shows `wallMs`. */
function start(wallMs: number, bootTag = BOOT, monotonicMs = 1_000): void {
  clock = new FakeClock(wallMs, monotonicMs);
  keeper = new Timekeeper(clock, bootTag);
  keeper.open(store);
}

function sent(arrivalMs: number): number {
  return timeToSend(arrivalMs, keeper.corrections);
}

/** An answer that has just come. */
function dated(dateMs: number | undefined, sentMs = clock.monotonicMs()): CloudDate {
  return { dateMs, sentMs, heardMs: clock.monotonicMs() };
}

beforeEach(() => {
  store = new NotedStore();
  start(RIGHT_MS);
});

describe('the time', () => {
  it('is that of the machine while the cloud agrees within a minute', () => {
    expect(keeper.wallMs()).toBe(RIGHT_MS);
    keeper.hear(dated(RIGHT_MS - 59_000));
    expect(keeper.wallMs()).toBe(RIGHT_MS);
  });

  it.each([-8 * HOUR_MS, 8 * HOUR_MS, 61_500])('is that of the cloud when it is %i ms off', async (offByMs) => {
    keeper.hear(dated(RIGHT_MS + offByMs));
    expect(Math.abs(keeper.wallMs() - RIGHT_MS - offByMs)).toBeLessThanOrEqual(1_000);
    await clock.advance(HOUR_MS);
    expect(Math.abs(keeper.wallMs() - RIGHT_MS - offByMs - HOUR_MS)).toBeLessThanOrEqual(1_000);
    expect(Math.abs((keeper.skewMs as number) + offByMs)).toBeLessThanOrEqual(1_000);
  });

  it('tells when the machine is too far off, and when it is no more', () => {
    const told: [number, boolean][] = [];
    const watched = new Timekeeper(clock, BOOT, (skewMs, isTooMuch) =>
      told.push([Math.round(skewMs / 1_000) + 0, isTooMuch]),
    );
    for (const offByMs of [0, HOUR_MS, HOUR_MS, 0]) {
      clock.jumpWall(RIGHT_MS + offByMs - clock.wallMs());
      watched.hear(dated(RIGHT_MS));
    }
    expect(told).toEqual([
      [3_600, true],
      [0, false],
    ]);
  });

  it('is not taken from an answer that was long under way', async () => {
    const sentMs = clock.monotonicMs();
    await clock.advance(61_000);
    keeper.hear(dated(RIGHT_MS + HOUR_MS, sentMs));
    expect(keeper.wallMs()).toBe(RIGHT_MS + 61_000);
  });

  it('is that of the machine where the cloud only ever answers too late to tell, if that can be right', async () => {
    for (let answer = 1; answer <= 3; answer++) {
      expect(keeper.canDecide).toBe(false);
      const sentMs = clock.monotonicMs();
      await clock.advance(61_000);
      keeper.hear(dated(RIGHT_MS + HOUR_MS, sentMs));
    }
    expect(keeper.canDecide).toBe(true);
    expect(keeper.wallMs()).toBe(RIGHT_MS + 183_000);
  });

  it('is taken from one of a slow cloud, as of the middle of it, until a quicker one says more', async () => {
    const sentMs = clock.monotonicMs();
    await clock.advance(18_000);
    keeper.hear(dated(RIGHT_MS + HOUR_MS, sentMs));
    expect(keeper.canDecide).toBe(true);
    expect(Math.abs(keeper.wallMs() - (RIGHT_MS + HOUR_MS))).toBeLessThanOrEqual(9_500);
    keeper.hear(dated(RIGHT_MS + HOUR_MS, clock.monotonicMs()));
    expect(Math.abs(keeper.wallMs() - (RIGHT_MS + HOUR_MS))).toBeLessThanOrEqual(500);
  });

  describe('decides which times of devices the cloud keeps', () => {
    const DAY_MS = 24 * HOUR_MS;

    it('once the cloud has said what it is, whatever the machine shows', () => {
      start(Date.UTC(1970, 0, 1));
      keeper.hear(dated(RIGHT_MS));
      const { earliestMs, latestMs } = keeper.window;
      expect(Math.abs(earliestMs - (RIGHT_MS - 30 * DAY_MS))).toBeLessThanOrEqual(1_000);
      expect(latestMs - earliestMs).toBe(31 * DAY_MS);
    });

    it('and before only what no right clock would call recent is none of them', () => {
      start(RIGHT_MS + 400 * DAY_MS);
      const { earliestMs, latestMs } = keeper.window;
      expect([earliestMs <= Date.UTC(2026, 0, 1) - 30 * DAY_MS, latestMs]).toEqual([true, Number.POSITIVE_INFINITY]);
      expect(earliestMs).toBeGreaterThan(Date.UTC(2025, 0, 1));
    });

    it('that is the later of two, what the cloud said in an earlier boot', async () => {
      keeper.arrivalMs();
      keeper.hear(dated(RIGHT_MS + 90 * DAY_MS));
      keeper.arrivalMs();
      store.isEmpty = false;
      start(Date.UTC(1970, 0, 1), BOOT + 1);
      expect(Math.abs(keeper.window.earliestMs - (RIGHT_MS + 60 * DAY_MS))).toBeLessThanOrEqual(61_000);
    });
  });

  it('is as right by an answer that is told of a minute after it has come', async () => {
    const answer = dated(RIGHT_MS + HOUR_MS);
    await clock.advance(60_000);
    keeper.hear(answer);
    expect(Math.abs(keeper.wallMs() - RIGHT_MS - HOUR_MS - 60_000)).toBeLessThanOrEqual(1_000);
  });

  it('cannot be right before the program was written, nor before what the cloud has said', () => {
    expect(keeper.isCredible).toBe(true);
    start(Date.UTC(1970, 0, 1));
    expect(keeper.isCredible).toBe(false);
    store.timebases = { bases: [], heard: { bootTag: 1, offsetMs: 0, wallMs: RIGHT_MS } };
    start(RIGHT_MS - HOUR_MS);
    expect(keeper.isCredible).toBe(false);
    start(RIGHT_MS - 59_000);
    expect(keeper.isCredible).toBe(true);
  });
});

describe('times counted before', () => {
  it('are not decided until it is known what time it is, and cost no more than one note', async () => {
    const arrivals = [keeper.arrivalMs(), keeper.arrivalMs()];
    expect(arrivals.map(Math.floor)).toEqual([RIGHT_MS, RIGHT_MS]);
    expect(arrivals.map(timebaseOf)).toEqual([1, 1]);
    expect(arrivals.map(sent)).toEqual([Number.NaN, Number.NaN]);
    expect(await keeper.decide()).toBe(false);
    keeper.hear(dated(RIGHT_MS));
    expect(await keeper.decide()).toBe(true);
    expect(arrivals.map(sent)).toEqual([RIGHT_MS, RIGHT_MS]);
    expect(sent(keeper.arrivalMs())).toBe(RIGHT_MS);
    expect(store.saved).toBe(1);
  });

  it('of 1970 are corrected by the monotonic clock when the clock is set, across a restart too', async () => {
    start(1_000);
    const first = keeper.arrivalMs();
    await clock.advance(5_000);
    const second = keeper.arrivalMs();
    start(RIGHT_MS + 10_000, BOOT, 11_000);
    keeper.hear(dated(RIGHT_MS + 10_000));
    await keeper.decide();
    expect([first, second].map(sent)).toEqual([RIGHT_MS, RIGHT_MS + 5_000]);
  });

  it('are corrected by what the cloud says though the clock is never set', async () => {
    start(1_000);
    const arrivalMs = keeper.arrivalMs();
    keeper.hear(dated(RIGHT_MS));
    await keeper.decide();
    expect(Math.abs(sent(arrivalMs) - RIGHT_MS)).toBeLessThanOrEqual(1_000);
    expect(Math.abs(sent(keeper.arrivalMs()) - RIGHT_MS)).toBeLessThanOrEqual(1_000);
  });

  it('keep what is decided, whatever is learnt later', async () => {
    const arrivalMs = keeper.arrivalMs();
    keeper.hear(dated(RIGHT_MS));
    await keeper.decide();
    clock.jumpWall(30_000);
    const after = keeper.arrivalMs();
    await keeper.decide();
    start(RIGHT_MS + 8 * HOUR_MS, BOOT, 2_000);
    keeper.hear(dated(RIGHT_MS + 8 * HOUR_MS));
    await keeper.decide();
    expect([arrivalMs, after].map(sent)).toEqual([RIGHT_MS, RIGHT_MS + 30_000]);
  });

  it('wait for a clock that can be right where the cloud does not say what time it is', async () => {
    start(1_000);
    const arrivalMs = keeper.arrivalMs();
    keeper.hear(dated(undefined));
    expect(await keeper.decide()).toBe(false);
    clock.jumpWall(RIGHT_MS);
    expect(await keeper.decide()).toBe(true);
    expect(sent(arrivalMs)).toBe(RIGHT_MS + 1_000);
  });

  it('are not decided where that cannot be written down', async () => {
    const arrivalMs = keeper.arrivalMs();
    keeper.hear(dated(RIGHT_MS));
    store.isFull = true;
    expect(await keeper.decide()).toBe(false);
    expect(sent(arrivalMs)).toBeNaN();
  });

  it('are marked with other numbers where those of the last run are lost', () => {
    store.isDamaged = true;
    start(RIGHT_MS);
    expect(timebaseOf(keeper.arrivalMs())).toBeGreaterThan(200);
  });

  it('begin with new numbers when nothing waits', () => {
    keeper.arrivalMs();
    store.isEmpty = true;
    start(RIGHT_MS, BOOT + 1);
    expect(timebaseOf(keeper.arrivalMs())).toBe(1);
  });

  it('are not marked any more when all numbers are used', () => {
    for (let step = 0; step < 600; step++) {
      clock.jumpWall(2_000);
      keeper.arrivalMs();
    }
    expect(keeper.arrivalMs()).toBe(clock.wallMs());
  });
});

describe('times of an earlier boot', () => {
  it('stay as they are where they can be right', async () => {
    const arrivalMs = keeper.arrivalMs();
    start(RIGHT_MS + HOUR_MS, BOOT + 1);
    keeper.hear(dated(RIGHT_MS + HOUR_MS));
    await keeper.decide();
    expect(sent(arrivalMs)).toBe(RIGHT_MS);
  });

  it.each([
    ['of 1970', 5_000],
    ['of tomorrow', RIGHT_MS + 24 * HOUR_MS],
  ])('keep their distances and end before this boot began, when they are %s', async (_name, wallMs) => {
    start(wallMs);
    const first = keeper.arrivalMs();
    await clock.advance(20_000);
    const second = keeper.arrivalMs();
    start(RIGHT_MS, BOOT + 1, 500);
    store.firstOpenedMs = 500;
    keeper.hear(dated(RIGHT_MS));
    await keeper.decide();
    expect(sent(second) - sent(first)).toBe(20_000);
    expect(sent(second)).toBeLessThanOrEqual(RIGHT_MS);
    expect(sent(second)).toBeGreaterThan(RIGHT_MS - 90_000);
  });

  it('are exact where that boot came to know the time', async () => {
    start(5_000);
    const before = keeper.arrivalMs();
    await clock.advance(60_000);
    keeper.hear(dated(RIGHT_MS));
    const after = keeper.arrivalMs();
    await keeper.decide();
    const [sentBefore, sentAfter] = [sent(before), sent(after)];
    start(RIGHT_MS + HOUR_MS, BOOT + 1);
    keeper.hear(dated(RIGHT_MS + HOUR_MS));
    await keeper.decide();
    expect([before, after].map(sent)).toEqual([sentBefore, sentAfter]);
    expect(sentAfter - sentBefore).toBe(60_000);
  });
});
