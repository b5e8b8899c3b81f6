import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Device } from '../../src/core/device.js';
import { Grant } from '../../src/core/grant.js';
import { timebaseOf, withTimebase } from '../../src/core/time/timebase.js';
import { Stamper } from '../../src/intake/stamper.js';
import { RecordView, UNSTAMPED } from '../../src/state/record-layout.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { buildRecord } from '../helpers/records.js';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

const NO_TIMEBASES = { baseOf: () => undefined };

let clock: FakeClock;
let stamper: Stamper;
let T: number;

beforeEach(() => {
  clock = new FakeClock();
  stamper = new Stamper(clock, NO_TIMEBASES);
  T = clock.wallMs();
});

function device(i: number): Device {
  return new Device('a'.repeat(24), i.toString(16).padStart(24, '0'));
}

function grantFor(of: Device): Grant {
  return new Grant('token', of, Number.POSITIVE_INFINITY);
}

/** A state without a time of its own that arrived then. */
function arrived(atMs: number): number {
  return atMs + UNSTAMPED;
}

/** Stamps a record with one chunk for each device, 1, 2, ...; returns the times of each chunk. */
function stamp(...chunks: number[][]): number[][] {
  const record = new RecordView(
    buildRecord(
      chunks.map((times, i) => ({ device: device(i + 1), states: times.map((time) => ({ time, data: {} })) })),
    ),
  );
  stamper.stamp(
    record,
    chunks.map((_, i) => grantFor(device(i + 1))),
  );
  return chunks.map((_, chunk) => {
    const first = record.chunkFirstState(chunk);
    return [...record.times.subarray(first, first + record.chunkStateCount(chunk))];
  });
}

describe('a stamp', () => {
  it('is the time of arrival', () => {
    expect(stamp([arrived(T)])).toEqual([[T]]);
    expect(stamp([arrived(T + 50)])).toEqual([[T + 50]]);
  });

  it('leaves times alone that the device named, equal ones too', () => {
    const own = [T + 5, T + 5, 0, -7, T - 30 * DAY_MS];
    expect(stamp(own)).toEqual([own]);
  });

  it('is unique for its device, in one body and over bodies', () => {
    expect(stamp([arrived(T), arrived(T), arrived(T)])).toEqual([[T, T + 1, T + 2]]);
    expect(stamp([arrived(T), arrived(T + 1), arrived(T + 9)])).toEqual([[T + 3, T + 4, T + 9]]);
  });

  it('is no concern of another device', () => {
    expect(stamp([arrived(T), arrived(T)], [arrived(T)])).toEqual([[T, T + 1], [T]]);
  });

  it('does not go back when the wall clock does', () => {
    stamp([arrived(T)]);
    clock.jumpWall(-10_000);
    expect(stamp([arrived(T - 10_000), arrived(T - 9_000)])).toEqual([[T + 1, T + 2]]);
  });

  it('goes on from the last one when the clock is set back by a minute', () => {
    expect(stamp([arrived(T), arrived(T)])).toEqual([[T, T + 1]]);
    clock.jumpWall(-59_000);
    expect(stamp([arrived(T - 59_000)])).toEqual([[T + 2]]);
  });

  it('follows a clock that is set back by hours', async () => {
    stamp([arrived(T)]);
    await clock.advance(50);
    clock.jumpWall(-8 * HOUR_MS);
    const nowMs = clock.wallMs();
    expect(stamp([arrived(nowMs), arrived(nowMs)])).toEqual([[nowMs, nowMs + 1]]);
    expect(stamp([arrived(nowMs + 10)])).toEqual([[nowMs + 10]]);
  });

  it('is no more than a minute ahead after several steps back', () => {
    stamp([arrived(T)]);
    for (let step = 1; step <= 5; step++) {
      clock.jumpWall(-40_000);
      const [[stampMs]] = stamp([arrived(clock.wallMs())]) as [[number]];
      expect(stampMs - clock.wallMs()).toBeLessThanOrEqual(60_000);
    }
  });

  it('is unique though a device runs ahead of a clock that is as it was', () => {
    const burst = stamp(Array.from({ length: 70_000 }, () => arrived(T)))[0] as number[];
    expect(new Set([...burst, ...(stamp([arrived(T)])[0] as number[])]).size).toBe(70_001);
  });

  it('follows the clock again where the cloud would ignore it for lying too far ahead', () => {
    stamp([arrived(T + 400 * DAY_MS)]);
    // The operator set the clock right: a day ahead and more, the cloud drops a state silently.
    expect(stamp([arrived(T), arrived(T)])).toEqual([[T, T + 1]]);
    expect(stamp([arrived(T)])).toEqual([[T + 2]]);
  });
});

describe('times of the device itself', () => {
  it('are avoided when they stand behind the stamp in the same chunk', () => {
    expect(stamp([arrived(T), T, T + 1])).toEqual([[T + 2, T, T + 1]]);
  });

  it('are avoided when they stand before it in the same chunk, all of them', () => {
    expect(stamp([T, T + 1, T + 3, arrived(T), arrived(T)])).toEqual([[T, T + 1, T + 3, T + 2, T + 4]]);
  });

  it('are avoided when they came just before', () => {
    stamp([T]);
    expect(stamp([arrived(T)])).toEqual([[T + 1]]);
  });

  it('do not hold back later stamps', () => {
    expect(stamp([T + 5_000, arrived(T)])).toEqual([[T + 5_000, T]]);
    expect(stamp([arrived(T + 10)])).toEqual([[T + 10]]);
  });
});

it('gives no stamp twice, nor one that its chunk names, whatever comes in whatever order', () => {
  const time = fc.oneof(
    fc.nat(6).map((ms) => ({ own: false, ms })),
    fc.nat(12).map((ms) => ({ own: true, ms })),
  );
  const step = fc.record({
    times: fc.array(time, { minLength: 1, maxLength: 8 }),
    jumpMs: fc.integer({ min: -5, max: 5 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const wall = new FakeClock();
      stamper = new Stamper(wall, NO_TIMEBASES);
      const given = new Set<number>();
      for (const { times, jumpMs } of steps) {
        wall.jumpWall(jumpMs);
        const before = times.map(({ own, ms }) => (own ? wall.wallMs() + ms : arrived(wall.wallMs() + ms)));
        const after = stamp(before)[0] as number[];
        const named = new Set(before.filter((_, i) => times[i]?.own));
        after.forEach((stampMs, i) => {
          if (times[i]?.own) {
            expect(stampMs).toBe(before[i]);
            return;
          }
          expect(Number.isInteger(stampMs)).toBe(true);
          expect(stampMs).toBeGreaterThanOrEqual(Math.floor(before[i] as number));
          expect(named.has(stampMs)).toBe(false);
          expect(given.has(stampMs)).toBe(false);
          given.add(stampMs);
        });
      }
    }),
    { numRuns: 300 },
  );
});

describe('devices', () => {
  /** Stamps one state of each of the devices `from` to `to`. */
  function stampDevices(from: number, to: number, atMs: number): void {
    for (let i = from; i < to; i++) {
      const chunk = { device: device(i), states: [{ time: arrived(atMs), data: {} }] };
      stamper.stamp(new RecordView(buildRecord([chunk])), [grantFor(chunk.device)]);
    }
  }

  it('are forgotten when they have been silent for long', async () => {
    for (let day = 0; day < 20; day++) {
      stampDevices(day * 1_000, (day + 1) * 1_000, clock.wallMs());
      await clock.advance(DAY_MS);
    }
    expect(stamper.size).toBeLessThanOrEqual(2_048);
  });

  it('are not forgotten while a state that came in the same moment may still be on its way from a worker', async () => {
    expect(stamp([arrived(T)])).toEqual([[T]]);
    // So many that room is looked for, while the record with the second state is still to come.
    for (let from = 100; from < 5_000; from += 100) {
      stampDevices(from, from + 100, T);
      await clock.advance(100);
    }
    expect(stamp([arrived(T)])).toEqual([[T + 1]]);
  });

  it('are all remembered that are active, however many', () => {
    stampDevices(0, 3_000, T);
    expect(stamper.size).toBe(3_000);
  });
});

describe('after another run', () => {
  it('begins behind the stamps of that run, which may lie ahead of the clock', () => {
    stamper = new Stamper(clock, NO_TIMEBASES, T + 3_000);
    expect(stamp([arrived(T), arrived(T)], [arrived(T)])).toEqual([[T + 3_001, T + 3_002], [T + 3_001]]);
    expect(stamp([arrived(T + 4_000)])).toEqual([[T + 4_000]]);
  });

  it('does not carry all devices a minute ahead for the sake of one', () => {
    stamper = new Stamper(clock, NO_TIMEBASES, T + 60_001);
    expect(stamp([arrived(T)])).toEqual([[T]]);
  });

  it('says which stamp was the latest, for the run that follows', () => {
    const record = new RecordView(
      buildRecord([
        { device: device(1), states: [arrived(T), arrived(T)].map((time) => ({ time, data: {} })) },
        { device: device(2), states: [{ time: T + 9, data: {} }] },
      ]),
    );
    expect(stamper.stamp(record, [grantFor(device(1)), grantFor(device(2))])).toBe(T + 1);
    const own = new RecordView(buildRecord([{ device: device(1), states: [{ time: T, data: {} }] }]));
    expect(stamper.stamp(own, [grantFor(device(1))])).toBe(Number.NEGATIVE_INFINITY);
  });
});

describe('of two timebases', () => {
  /** Two of one boot: the wall clock was moved by `byMs` between them. */
  function moved(byMs: number, correctionMs?: number): void {
    const base = { bootTag: 1, fromMs: 0, untilMs: 0, correctionMs: undefined };
    const bases = [
      { ...base, number: 1, offsetMs: T, correctionMs },
      { ...base, number: 2, offsetMs: T + byMs },
    ];
    stamper = new Stamper(clock, { baseOf: (number) => bases.find((each) => each.number === number) });
  }

  it('stamps keep that of their arrival', () => {
    moved(0);
    const [times] = stamp([withTimebase(T, 1) + UNSTAMPED, withTimebase(T - 60_000, 1), T - 1]) as [number[]];
    expect(times).toEqual([withTimebase(T, 1), withTimebase(T - 60_000, 1), T - 1]);
  });

  it('stamps are different when both are corrected by the monotonic clock', () => {
    moved(-8 * HOUR_MS);
    const [first] = stamp([withTimebase(T, 1) + UNSTAMPED, withTimebase(T, 1) + UNSTAMPED]) as [number[]];
    const laterMs = T + 1 - 8 * HOUR_MS;
    const [second] = stamp([withTimebase(laterMs, 2) + UNSTAMPED]) as [number[]];
    const corrected = [...first, ...second].map(
      (time) => Math.floor(time) + (timebaseOf(time) === 2 ? 8 * HOUR_MS : 0),
    );
    expect(corrected).toEqual([T, T + 1, T + 2]);
  });

  it('stamps go on behind those that are sent as they were, for a minute', () => {
    moved(-30_000, 0);
    stamp([withTimebase(T, 1) + UNSTAMPED]);
    expect(stamp([withTimebase(T - 29_000, 2) + UNSTAMPED])).toEqual([[withTimebase(T + 1, 2)]]);
    moved(-90_000, 0);
    stamp([withTimebase(T, 1) + UNSTAMPED]);
    expect(stamp([withTimebase(T - 89_000, 2) + UNSTAMPED])).toEqual([[withTimebase(T - 89_000, 2)]]);
  });
});

describe('stamps for states that are sent at once', () => {
  const NONE: ReadonlySet<number> = new Set();

  it('are behind those given before, and before those given next', () => {
    expect(stamp([arrived(T), arrived(T), arrived(T)])).toEqual([[T, T + 1, T + 2]]);
    expect(stamper.stampsFor(device(1), T, NONE, 2)).toEqual([T + 3, T + 4]);
    expect(stamp([arrived(T)])).toEqual([[T + 5]]);
  });

  it('are none that states beside them name, and the next are none of these', () => {
    expect(stamper.stampsFor(device(1), T, new Set([T, T + 1]), 1)).toEqual([T + 2]);
    expect(stamper.stampsFor(device(1), T, new Set([T + 3]), 0)).toEqual([]);
    expect(stamp([arrived(T)])).toEqual([[T + 4]]);
  });

  it('are of one device alone', () => {
    expect(stamper.stampsFor(device(1), T, NONE, 1)).toEqual([T]);
    expect(stamper.stampsFor(device(2), T, NONE, 1)).toEqual([T]);
  });
});
