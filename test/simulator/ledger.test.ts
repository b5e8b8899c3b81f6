import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HeldState } from '../../src/simulator/cloud-holdings.js';
import { emptyReckoning, reckonDevice, type SentState } from '../../src/simulator/ledger.js';

const dataOf = (reading: number) => ({ temperature: 20 + reading, status: 'sun', reading });

function sent(reading: number, change: Partial<SentState> = {}): SentState {
  return { reading, timeMs: 1_000 + reading, acknowledged: true, sends: 1, ...change };
}

function held(reading: number, change: Partial<HeldState> = {}): HeldState {
  return { timeMs: 1_000 + reading, data: dataOf(reading), deliveries: 1, ...change };
}

function reckon(states: readonly SentState[], records: readonly HeldState[]) {
  const total = emptyReckoning();
  reckonDevice(total, states, records, dataOf);
  return total;
}

const FINE = { sent: 2, acknowledged: 2, arrived: 2, lost: 0, duplicates: 0, unexpected: 0 };

describe('reckonDevice', () => {
  it('finds nothing where all is as it should be', () => {
    expect(reckon([sent(0), sent(1)], [held(1), held(0)])).toEqual(FINE);
  });

  it('takes any time for a state that carried none', () => {
    expect(reckon([sent(0, { timeMs: undefined }), sent(1)], [held(0, { timeMs: 77 }), held(1)])).toEqual(FINE);
  });

  it.each<[string, HeldState[]]>([
    ['not there', []],
    ['under another time', [held(1, { timeMs: 5 })]],
    ['with another value', [held(1, { data: { ...dataOf(1), status: 'fog' } })]],
    ['with a value of another type', [held(1, { data: { ...dataOf(1), temperature: '21' } })]],
    ['without an attribute', [held(1, { data: { temperature: 21, reading: 1 } })]],
    ['with one attribute more', [held(1, { data: { ...dataOf(1), extra: true } })]],
  ])('counts an acknowledged state as lost that is %s', (_how, records) => {
    expect(reckon([sent(0), sent(1)], [held(0), ...records])).toMatchObject({ arrived: 1, lost: 1 });
  });

  it('counts one of two states lost that were stored under one time', () => {
    const records = [held(1, { timeMs: 1_000, deliveries: 2 })];
    const untimed = { timeMs: undefined };
    expect(reckon([sent(0, untimed), sent(1, untimed)], records)).toMatchObject({ arrived: 1, lost: 1 });
  });

  it('does not count what was never acknowledged as lost, but as arrived where it did', () => {
    const states = [sent(0, { acknowledged: false }), sent(1, { acknowledged: false })];
    expect(reckon(states, [held(1)])).toEqual({ ...FINE, acknowledged: 0, arrived: 1 });
  });

  it('counts deliveries beyond those the device asked for', () => {
    expect(reckon([sent(0), sent(1)], [held(0, { deliveries: 3 }), held(1)])).toEqual({ ...FINE, duplicates: 2 });
    expect(reckon([sent(0, { sends: 2 }), sent(1)], [held(0, { deliveries: 2 }), held(1)])).toEqual(FINE);
    expect(reckon([sent(0, { sends: 2 }), sent(1)], [held(0, { deliveries: 3 }), held(1)]).duplicates).toBe(1);
  });

  it('counts the same state under two times as a duplicate', () => {
    const states = [sent(0, { timeMs: undefined }), sent(1)];
    expect(reckon(states, [held(0, { timeMs: 5 }), held(0, { timeMs: 6 }), held(1)])).toEqual({
      ...FINE,
      duplicates: 1,
    });
  });

  it('counts records that no state of the device explains', () => {
    const stray = { timeMs: 9, data: { other: 1 }, deliveries: 1 };
    expect(reckon([sent(0), sent(1)], [held(0), held(1), held(7), stray])).toEqual({ ...FINE, unexpected: 2 });
  });

  it('finds exactly the faults that are planted', () => {
    const fates = fc.array(fc.constantFrom('fine', 'missing', 'altered', 'doubled', 'unacknowledged'), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(fates, (planted) => {
        const count = (...names: string[]) => planted.filter((fate) => names.includes(fate)).length;
        const states = planted.map((fate, reading) => sent(reading, { acknowledged: fate !== 'unacknowledged' }));
        const records = planted.flatMap((fate, reading) => {
          if (fate === 'missing' || fate === 'unacknowledged') return [];
          if (fate === 'altered') return [held(reading, { data: { ...dataOf(reading), temperature: -1 } })];
          return [held(reading, { deliveries: fate === 'doubled' ? 2 : 1 })];
        });
        expect(reckon(states, records)).toEqual({
          sent: planted.length,
          acknowledged: planted.length - count('unacknowledged'),
          arrived: count('fine', 'doubled'),
          lost: count('missing', 'altered'),
          duplicates: count('doubled'),
          unexpected: 0,
        });
      }),
    );
  });
});
