import { beforeEach, describe, expect, it } from 'vitest';
import { FirstPiece, LaneBacklog, NO_BACKLOG } from '../../src/forward/lane-backlog.js';
import { RecordView } from '../../src/state/record-layout.js';
import { deviceOf } from './harness.js';
import { pieceOf } from './pieces.js';

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

describe('FirstPiece', () => {
  const record = pieceOf(deviceOf(1), [7, 8, 9]);

  it('waits from where it is settled to its end', () => {
    const piece = new FirstPiece({ sequence: 4, record, settledStates: 1 });
    expect(piece).toMatchObject({ sequence: 4, nextState: 1, endState: 3, states: 2 });
  });

  it('copies a record only where no view can be laid over it', () => {
    const times = [...new RecordView(record).times];
    const buffer = new Uint8Array(record.byteLength + 16);
    for (const [start, isCopied] of [
      [0, false],
      [1, true],
      [4, true],
      [8, false],
      [16, false],
    ] as const) {
      const bytes = buffer.subarray(start, start + record.byteLength);
      bytes.set(record);
      const { view } = new FirstPiece({ sequence: 4, record: bytes, settledStates: 0 });
      expect([start, view.bytes !== bytes, [...view.times]]).toEqual([start, isCopied, times]);
    }
  });
});
