import { beforeEach, describe, expect, it } from 'vitest';
import { LaneBacklog, NO_BACKLOG } from '../../../src/forward/lane/lane-backlog.js';

const EMPTY = { isEmpty: true, states: 0, sinceMs: Number.POSITIVE_INFINITY };

function figures({ isEmpty, states, sinceMs }: Omit<LaneBacklog, 'add'>) {
  return { isEmpty, states, sinceMs };
}

describe('LaneBacklog', () => {
  let backlog: LaneBacklog;

  beforeEach(() => {
    backlog = new LaneBacklog();
  });

  it('sums the states, and has waited since the oldest', () => {
    expect(figures(backlog)).toEqual(EMPTY);
    backlog.add(3, 200);
    backlog.add(2, 100);
    backlog.add(1, 300);
    expect(figures(backlog)).toEqual({ isEmpty: false, states: 6, sinceMs: 100 });
  });

  it('has waited since its first states have, as soon as these are read', () => {
    backlog.add(3, 100);
    backlog.startsAt(250);
    expect(backlog.sinceMs).toBe(250);
  });

  it('is empty, and has waited for nothing, once all its states are settled', () => {
    backlog.add(3, 100);
    backlog.settle(2);
    expect(figures(backlog)).toEqual({ isEmpty: false, states: 1, sinceMs: 100 });
    backlog.settle(1);
    expect(figures(backlog)).toEqual(EMPTY);
  });

  it('is empty when more is settled than it had, as after a piece that could not be read', () => {
    backlog.add(1, 100);
    backlog.settle(4);
    expect(figures(backlog)).toEqual(EMPTY);
    backlog.add(2, 500);
    expect(figures(backlog)).toEqual({ isEmpty: false, states: 2, sinceMs: 500 });
  });

  it('has nothing when the spool has nothing', () => {
    backlog.add(3, 100);
    backlog.clear();
    expect(figures(backlog)).toEqual(EMPTY);
  });
});

it('the one of all lanes without stays empty whatever is said of it', () => {
  for (const say of [() => NO_BACKLOG.startsAt(100), () => NO_BACKLOG.settle(2), () => NO_BACKLOG.clear()]) {
    say();
    expect(figures(NO_BACKLOG)).toEqual(EMPTY);
  }
});
