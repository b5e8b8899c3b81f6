import { describe, expect, it } from 'vitest';
import { accountOf, expecting, together } from '../../bench/account.js';
import { Arrivals } from '../../bench/cloud/arrivals.js';
import { scanStates } from '../../bench/cloud/state-scan.js';

const FIRST_TIME_MS = 1_760_000_000_000;

/** A body as the proxy forwards it, of states with these times. */
function bodyOf(times: readonly number[], rest = '"data":{"t":1}'): Buffer {
  return Buffer.from(`[${times.map((time) => `{"time":${FIRST_TIME_MS + time},${rest}}`).join(',')}]`);
}

function timesUpTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

describe('counting the states of a body', () => {
  it.each([{}, { hasAllLengths: true as const }])('finds every one of equally long ones by the rules %j', (rules) => {
    const scan = scanStates(bodyOf(timesUpTo(500)), 0, rules);
    expect(scan).toEqual({ states: 500, repeated: 0, lastTimeMs: FIRST_TIME_MS + 500 });
  });

  it('finds states of different lengths', () => {
    const parts = [1, 40, 3, 3, 90].map(
      (length, i) => `{"time":${FIRST_TIME_MS + i},"data":{"s":"${'x'.repeat(length)}"}}`,
    );
    expect(scanStates(Buffer.from(`[${parts.join(',')}]`), 0, { hasAllLengths: true }).states).toBe(5);
  });

  it('takes no property of a state for a state', () => {
    const rest = '"data":{"s":"{\\"time\\":7"},"meta":{"time":5}';
    expect(scanStates(bodyOf([1, 2], rest), 0, { hasAllLengths: true }).states).toBe(2);
  });

  it('counts what was sent before as repeated, not as new', () => {
    const scan = scanStates(bodyOf([3, 4, 4, 2, 5]), FIRST_TIME_MS + 3, {});
    expect(scan).toEqual({ states: 5, repeated: 3, lastTimeMs: FIRST_TIME_MS + 5 });
  });
});

describe('the cloud of the bench', () => {
  it('counts distinct states by device, however many there are', () => {
    const arrivals = new Arrivals({});
    arrivals.take(3, bodyOf([1, 2]));
    arrivals.take(5_000, bodyOf([1]));
    arrivals.take(3, bodyOf([2, 3]));
    const byDevice = arrivals.byDevice();
    expect([byDevice[3], byDevice[5_000], byDevice[4]]).toEqual([3, 1, 0]);
    expect(arrivals.summary()).toMatchObject({ repeated: 1 });
  });

  it('refuses the 31st request of a device within 15 s, and no other device', () => {
    const arrivals = new Arrivals({});
    const admitted = Array.from({ length: 31 }, (_, i) => arrivals.admit(0, i * 100));
    expect(admitted.lastIndexOf(true)).toBe(29);
    expect(arrivals.admit(1, 3_100)).toBe(true);
    expect(arrivals.admit(0, 15_000 + 3_001)).toBe(true);
    expect(arrivals.summary()).toMatchObject({ posts: 33, throttled: 1 });
  });
});

describe('the account', () => {
  const summary = { posts: 0, repeated: 0, throttled: 0 };
  const snapshot = (...arrived: number[]) => ({ arrived: Uint32Array.from(arrived), summary });
  const exactly = (...counts: number[]) => expecting(Uint32Array.from(counts), Uint32Array.from(counts));

  it('is even when everything arrived', () => {
    const account = accountOf(exactly(2, 3), snapshot(1, 1), snapshot(3, 4), 5);
    expect(account).toMatchObject({ acknowledged: 5, arrived: 5, lost: 0, strange: 0 });
  });

  it('finds one missing state', () => {
    expect(accountOf(exactly(2, 3), snapshot(0, 0), snapshot(2, 2), 5).lost).toBe(1);
  });

  it('finds one missing state of a device whose neighbour has one too many', () => {
    expect(accountOf(exactly(2, 3), snapshot(0, 0), snapshot(3, 2), 5)).toMatchObject({ lost: 1, strange: 1 });
  });

  it('finds one missing state of a device that the cloud has never heard of', () => {
    expect(accountOf(exactly(1, 1), snapshot(0), snapshot(1), 2).lost).toBe(1);
  });

  it('owes what the proxy itself counts as acknowledged', () => {
    const unknown = { acknowledged: undefined, acknowledgedTotal: 4, sent: undefined };
    expect(accountOf(unknown, snapshot(0), snapshot(4), 6).lost).toBe(2);
    expect(accountOf(unknown, snapshot(0), snapshot(3), 3).lost).toBe(1);
    expect(accountOf(unknown, snapshot(0), snapshot(6), 6).lost).toBe(0);
  });

  it('is one of loads that run together, whose devices may be the same or others', () => {
    const both = together(exactly(2, 1), exactly(0, 1, 4));
    expect(accountOf(both, snapshot(0), snapshot(2, 2, 4), 8)).toMatchObject({ acknowledged: 8, lost: 0, strange: 0 });
    expect(accountOf(both, snapshot(0), snapshot(2, 3, 3), 8)).toMatchObject({ lost: 1, strange: 1 });
  });

  it('owes the devices of one load where the other knows a sum alone, and takes none of them for strange', () => {
    const both = together(exactly(2, 1), { acknowledged: undefined, acknowledgedTotal: 3, sent: undefined });
    expect(accountOf(both, snapshot(0), snapshot(2, 0, 9), 0)).toMatchObject({ acknowledged: 6, lost: 1, strange: 0 });
  });
});
