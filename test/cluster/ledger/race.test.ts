import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fate } from './faulty-log.js';
import { NO_FAULT } from './faulty-log.js';
import { Race, type RaceEvent } from './race.js';

const RACE_MS = 60_000;
/** Longer than a lease, a margin and an answer that is waited for: by then a partition has an owner again. */
const QUIET_MS = 20_000;

const kind = fc.oneof(
  { weight: 12, arbitrary: fc.constant('stored' as const) },
  { weight: 1, arbitrary: fc.constantFrom('ack lost', 'lost', 'late', 'conflict') },
);
const fate: fc.Arbitrary<Fate> = fc.record({
  kind,
  thereMs: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 30 }) }, fc.integer({ min: 0, max: 1_500 })),
  backMs: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 30 }) }, fc.integer({ min: 0, max: 1_500 })),
});
const event: fc.Arbitrary<RaceEvent> = fc.record({
  atMs: fc.integer({ min: 0, max: RACE_MS }),
  who: fc.nat(2),
  what: fc.constantFrom('kill', 'freeze', 'release'),
  forMs: fc.integer({ min: 100, max: 16_000 }),
});
/** Clocks of machines run apart by far less: 1,000 ppm. */
const speed = fc.integer({ min: -1_000, max: 1_000 }).map((ppm) => 1 + ppm / 1e6);

describe('three who race for a partition', () => {
  it('never may start requests at one time, and never write past one another, whatever becomes of them and of the line', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fate, { minLength: 20, maxLength: 60 }),
        fc.array(event, { maxLength: 12 }),
        fc.tuple(speed, speed, speed),
        async (fates, events, speeds) => {
          let next = 0;
          let isFaulty = true;
          const race = new Race(speeds, () => (isFaulty ? (fates[next++ % fates.length] as Fate) : NO_FAULT));
          await race.run(RACE_MS, events);
          isFaulty = false;
          await race.run(2 * QUIET_MS, []);
          expectOneChain(race);
          expectApart(race);
          expect(race.owners).toHaveLength(1);
        },
      ),
      { numRuns: 30 },
    );
  }, 120_000);

  it('writes as long as one of them can', async () => {
    const race = new Race([1, 1, 1], () => NO_FAULT);
    await race.run(QUIET_MS, []);
    expect(race.acknowledged.length).toBeGreaterThan(50);
    expect(new Set(race.acknowledged.map(({ owner }) => owner)).size).toBe(1);
    expectOneChain(race);
  });
});

/** Each entry stands behind the one that its writer saw last, and what was acknowledged stands there. */
function expectOneChain({ keep, acknowledged }: Race): void {
  const owners = new Map(keep.entries.map(({ sequence, entry }) => [sequence, entry.owner]));
  for (const { owner, sequence } of acknowledged) expect(owners.get(sequence)).toBe(owner);
  keep.entries.forEach(({ entry }, i) => {
    const before = keep.entries[i - 1]?.entry;
    if (before === undefined || entry.kind === 'claim') {
      expect(entry).toMatchObject({ kind: 'claim', term: (before?.term ?? 0) + 1 });
      return;
    }
    const { owner, term, counter } = before;
    expect(entry).toMatchObject({ owner, term, counter: counter + 1 });
    expect(before.kind).not.toBe('release');
  });
}

function expectApart({ intervals }: Race): void {
  const sorted = intervals.toSorted((a, b) => a.fromMs - b.fromMs);
  sorted.forEach((interval, i) => {
    for (const earlier of sorted.slice(0, i)) {
      if (earlier.owner !== interval.owner) expect(earlier.untilMs).toBeLessThanOrEqual(interval.fromMs);
    }
  });
}
