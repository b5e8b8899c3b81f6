import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CumulativeAck } from '../../../src/front/ws/cumulative-ack.js';

/** The same promise, kept in the plainest way: every frame for ever, counted from the start each time. */
class NaiveAck {
  readonly #frames: { bytes: number; arrivedAtMs: number; settled: boolean }[] = [];

  get acknowledged(): number {
    const open = this.#frames.findIndex((frame) => !frame.settled);
    return open === -1 ? this.#frames.length : open;
  }

  get begun(): number {
    return this.#frames.length;
  }

  begin(bytes: number, arrivedAtMs: number): number {
    return this.#frames.push({ bytes, arrivedAtMs, settled: false });
  }

  arrivedAtMs(frame: number): number | undefined {
    return this.#frames[frame - 1]?.arrivedAtMs;
  }

  settle(frame: number): number | undefined {
    const found = this.#frames[frame - 1];
    if (found !== undefined) found.settled = true;
    return found?.bytes;
  }

  get open(): number[] {
    return this.#frames.flatMap((frame, index) => (frame.settled ? [] : [index + 1]));
  }
}

describe('CumulativeAck', () => {
  test('starts with nothing counted and nothing acknowledged', () => {
    const acks = new CumulativeAck();
    expect({ begun: acks.begun, acknowledged: acks.acknowledged }).toEqual({ begun: 0, acknowledged: 0 });
  });

  test('acknowledges up to the first frame that is open, whatever is settled behind it', () => {
    const acks = new CumulativeAck();
    for (let i = 0; i < 4; i++) acks.begin(10, 0);
    const seen = [3, 1, 4, 2].map((frame) => {
      acks.settle(frame);
      return acks.acknowledged;
    });
    expect(seen).toEqual([0, 1, 1, 4]);
  });

  test('gives back the bytes of a frame, none for an empty one', () => {
    const acks = new CumulativeAck();
    acks.begin(7, 0);
    acks.begin(0, 0);
    expect([acks.settle(2), acks.settle(1)]).toEqual([0, 7]);
  });

  test('equals the naive model for any order of arrival and settlement', () => {
    // Steps: true begins a frame, a number settles one of those that are open.
    const steps = fc.array(fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, fc.nat()), { maxLength: 200 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 3_000 }), (sequence, settledBefore) => {
        const acks = new CumulativeAck();
        const naive = new NaiveAck();
        // So that forgetting in blocks takes part as well.
        for (let i = 0; i < settledBefore; i++) {
          acks.begin(1, 0);
          naive.begin(1, 0);
          acks.settle(i + 1);
          naive.settle(i + 1);
        }
        let nowMs = 0;
        for (const step of sequence) {
          nowMs++;
          const { open } = naive;
          if (step === true) {
            expect(acks.begin(nowMs % 7, nowMs)).toBe(naive.begin(nowMs % 7, nowMs));
          } else if (open.length > 0) {
            const frame = open[step % open.length] as number;
            expect(acks.arrivedAtMs(frame)).toBe(naive.arrivedAtMs(frame));
            expect(acks.settle(frame)).toBe(naive.settle(frame));
          }
          expect(acks.acknowledged).toBe(naive.acknowledged);
          expect(acks.begun).toBe(naive.begun);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('stays right as a burst goes by and its memory is given back', () => {
    const acks = new CumulativeAck();
    for (let frame = 1; frame <= 10_000; frame++) acks.begin(frame, frame);
    for (let frame = 1; frame <= 10_000; frame++) {
      expect(acks.arrivedAtMs(frame)).toBe(frame);
      expect(acks.settle(frame)).toBe(frame);
      if (frame % 100 === 0) acks.begin(20_000 + frame, 1);
    }
    expect(acks).toMatchObject({ acknowledged: 10_000, begun: 10_100 });
    for (let frame = 10_100; frame > 10_000; frame--) {
      expect(acks.settle(frame)).toBe(20_000 + (frame - 10_000) * 100);
    }
    expect(acks.acknowledged).toBe(10_100);
  });

  test('numbers on after tens of thousands of frames settled in reverse', () => {
    const acks = new CumulativeAck();
    for (let frame = 1; frame <= 20_000; frame++) acks.begin(frame, frame);
    for (let frame = 20_000; frame > 1; frame--) acks.settle(frame);
    expect(acks.acknowledged).toBe(0);
    expect(acks.settle(1)).toBe(1);
    expect(acks.acknowledged).toBe(20_000);
    expect(acks.begin(5, 9)).toBe(20_001);
    expect(acks.arrivedAtMs(20_001)).toBe(9);
  });
});
