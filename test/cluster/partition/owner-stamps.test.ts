import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_STAMPS, type StampsBefore } from '../../../src/cluster/ledger/changes.js';
import { OwnerStamps } from '../../../src/cluster/partition/owner-stamps.js';
import { RecordView, UNSTAMPED } from '../../../src/state/record-layout.js';
import { buildRecord } from '../../helpers/records.js';
import { DEVICE_A } from '../../spool/contract.js';

const NOON = Date.UTC(2026, 0, 1, 12);
const FIRST_SEQUENCE = 10;

/** A time as it stands in the log: named by the device, or when the state came. */
interface LogTime {
  readonly ms: number;
  readonly isOwn: boolean;
}

const time: fc.Arbitrary<LogTime> = fc.record({ ms: fc.integer({ min: 0, max: 6 }), isOwn: fc.boolean() });
const chunks = fc.array(fc.array(time, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 });

/** Gives the states of chunks times, each chunk a record. */
function stampAll(stamps: OwnerStamps, log: readonly (readonly LogTime[])[], firstSequence: number): number[][] {
  return log.map((times, i) => {
    const states = times.map(({ ms, isOwn }) => ({ time: NOON + ms + (isOwn ? 0 : UNSTAMPED), data: {} }));
    const view = new RecordView(buildRecord([{ device: DEVICE_A, states }]));
    stamps.stamp(DEVICE_A, firstSequence + 2 * i, view, 0);
    return [...view.times];
  });
}

const invented = (log: readonly (readonly LogTime[])[], given: readonly number[][]) =>
  log.flatMap((times, i) => times.flatMap(({ isOwn }, j) => (isOwn ? [] : [given[i]?.[j] as number])));

describe('the stamps of an owner', () => {
  it('are the same whoever gives them, from whatever watermark on', () => {
    fc.assert(
      fc.property(chunks, fc.nat(), fc.boolean(), (log, position, isBehind) => {
        const from = position % log.length;
        const first = new OwnerStamps();
        const given = stampAll(first, log, FIRST_SEQUENCE);
        // The watermark of a chunk that is settled stands right behind it, not at the next record of the device.
        const sequence = isBehind && from > 0 ? FIRST_SEQUENCE + 2 * (from - 1) + 1 : FIRST_SEQUENCE + 2 * from;
        const before = first.at(DEVICE_A, { sequence, states: 0 });
        const next = new OwnerStamps();
        next.restore(DEVICE_A, before);
        expect(stampAll(next, log.slice(from), FIRST_SEQUENCE + 2 * from)).toEqual(given.slice(from));
      }),
    );
  });

  it('rise, none twice and none that a state of the same chunk names, and times that devices name stay', () => {
    fc.assert(
      fc.property(chunks, (log) => {
        const given = stampAll(new OwnerStamps(), log, FIRST_SEQUENCE);
        const stamps = invented(log, given);
        expect(stamps).toEqual([...new Set(stamps)].sort((a, b) => a - b));
        log.forEach((times, i) => {
          const own = times.flatMap(({ ms, isOwn }) => (isOwn ? [NOON + ms] : []));
          expect(given[i]?.filter((_, j) => times[j]?.isOwn)).toEqual(own);
          const ofChunk = invented([times], [given[i] as number[]]);
          expect(ofChunk.filter((ms) => own.includes(ms))).toEqual([]);
        });
      }),
    );
  });

  it('are those of the arrival where nothing is in the way', () => {
    const log: LogTime[][] = [[{ ms: 5, isOwn: false }], [{ ms: 900, isOwn: false }]];
    expect(stampAll(new OwnerStamps(), log, 1)).toEqual([[NOON + 5], [NOON + 900]]);
  });

  it('go on from the arrival when a clock was set back by more than a minute', () => {
    const ahead: StampsBefore = { ...NO_STAMPS, lastStampMs: NOON + 120_000, lastArrivalMs: NOON + 120_000 };
    const stamps = new OwnerStamps();
    stamps.restore(DEVICE_A, ahead);
    expect(stampAll(stamps, [[{ ms: 0, isOwn: false }]], 1)).toEqual([[NOON]]);
  });

  it('go on rising for a device that sends faster than a clock counts', () => {
    const ahead: StampsBefore = { ...NO_STAMPS, lastStampMs: NOON + 120_000, lastArrivalMs: NOON - 1 };
    const stamps = new OwnerStamps();
    stamps.restore(DEVICE_A, ahead);
    expect(stampAll(stamps, [[{ ms: 0, isOwn: false }]], 1)).toEqual([[NOON + 120_001]]);
  });
});
