import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Device } from '../../src/core/device.js';
import type { Settlement, Spill, SpoolStatus } from '../../src/core/spool-ports.js';
import { checkDataFile } from '../../src/spool/lmdb/data-file.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { inForm } from '../helpers/fault-form.js';
import type { TestState } from '../helpers/records.js';
import { ALL, append, drain, recordOf, type SpoolSite, type WholeSpool } from './contract.js';
import { letterOf } from './contract-dead-letters.js';
import { crashedCopy, createLmdbSite, type LmdbSite } from './lmdb-site.js';
import { createMemorySite } from './memory-site.js';
import { drainBacklog, firstOfBacklog, WaitingDevice } from './waiting-device.js';

const DEVICES = ['1', '2', '3'].map((digit) => new Device('a'.repeat(24), digit.repeat(24)));
/** Sequences go on being tried until they had so many steps in all. */
const STEPS_IN_ALL = inForm({ short: 2_000, long: 12_000 });
const SEQUENCES_A_ROUND = 10;

type Step =
  | { readonly kind: 'append'; readonly states: readonly number[]; readonly padding: number }
  | { readonly kind: 'settle' | 'spill' | 'settleBacklog' | 'giveUp'; readonly device: number; readonly states: number }
  | { readonly kind: 'requeue'; readonly every: number }
  | { readonly kind: 'restart' | 'crash' };

const STEPS: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('append' as const),
        // States of each device in the record; 0: none.
        states: fc.array(fc.nat(4), { minLength: 3, maxLength: 3 }).filter((states) => states.some((n) => n > 0)),
        padding: fc.constantFrom(0, 1, 2, 3, 700, 3_000, 9_000),
      }),
    },
    {
      weight: 12,
      arbitrary: fc.record({
        kind: fc.constantFrom('settle', 'spill', 'spill', 'settleBacklog', 'settleBacklog', 'giveUp'),
        device: fc.nat(2),
        states: fc.integer({ min: 1, max: 9 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('requeue' as const), every: fc.integer({ min: 1, max: 3 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('restart' as const, 'crash' as const) }) },
  ),
  { minLength: 20, maxLength: 60 },
);

/**
 * One spool with the devices that wait in it. What it does is reported without sequences, which may have gaps, and
 * without the borders of pieces and what they cost, which are a spool's own affair.
 */
class Run {
  readonly #crash: (clock: FakeClock) => Promise<void>;
  readonly #clock: FakeClock;
  readonly #waiting = DEVICES.map((device) => new WaitingDevice(device));
  #site: SpoolSite;
  #spool: WholeSpool;
  #appended = 0;
  /** As of the last opening: after the start they may be those of later. */
  #histories: unknown[] = [];

  private constructor(site: SpoolSite, clock: FakeClock, spool: WholeSpool) {
    this.#site = site;
    this.#clock = clock;
    this.#spool = spool;
    this.#crash = async () => {
      if (!('directory' in this.#site)) return;
      const crashed = this.#site as LmdbSite;
      this.#site = crashedCopy(crashed, clock);
      await this.#spool.close();
      await crashed.remove();
      checkDataFile((this.#site as LmdbSite).directory);
    };
  }

  static async start(createSite: (clock: FakeClock) => SpoolSite): Promise<Run> {
    const clock = new FakeClock();
    const site = createSite(clock);
    const run = new Run(site, clock, await site.open());
    await drain(run.#spool);
    return run;
  }

  async take(step: Step): Promise<{ seen: unknown; status: SpoolStatus }> {
    await this.#clock.advance(7);
    const replayed = await this.#do(step);
    const status = this.#spool.status();
    const backlogs = [...(await this.#spool.open()).backlogs]
      .map(({ device, states }) => `${device.key} ${states}`)
      .sort();
    const firsts: TestState[][] = [];
    for (const device of DEVICES) firsts.push(await firstOfBacklog(this.#spool, device, 1));
    const letters = (await this.#spool.deadLettersFrom(0, ALL)).map(({ timeMs }) => timeMs);
    return { seen: { replayed, states: status.states, backlogs, firsts, letters, histories: this.#histories }, status };
  }

  /** Settles all backlogs to their ends; what they held. */
  async drain(): Promise<TestState[][]> {
    const drained: TestState[][] = [];
    for (const waiting of this.#waiting) drained.push(await drainBacklog(this.#spool, waiting, 7));
    return drained;
  }

  async end(): Promise<void> {
    await this.#spool.close();
    await this.#site.remove();
  }

  async #do(step: Step): Promise<string[]> {
    if (step.kind === 'append') await this.#append(step.states, step.padding);
    else if (step.kind === 'requeue') await this.#requeue(step.every);
    else if ('device' in step) await this.#move(step.kind, this.#waiting[step.device] as WaitingDevice, step.states);
    else return this.#restart(step.kind);
    return [];
  }

  async #append(states: readonly number[], padding: number): Promise<void> {
    const chunks = new Map(states.flatMap((count, i) => (count > 0 ? [[DEVICES[i] as Device, count] as const] : [])));
    const record = recordOf(chunks, ++this.#appended, padding);
    const sequence = await append(this.#spool, record);
    for (const waiting of this.#waiting) waiting.add(sequence, record);
  }

  async #move(kind: Step['kind'], waiting: WaitingDevice, states: number): Promise<void> {
    if (kind === 'settleBacklog') return this.#settleBacklog(waiting, states);
    if (kind === 'spill') {
      const spill = waiting.spill(states);
      return spill && this.#spool.spill(spill satisfies Spill);
    }
    const settlement = waiting.settle(states, states);
    if (settlement === undefined) return;
    const deadLetters = kind === 'giveUp' ? [letterOf(waiting.device, this.#clock.wallMs(), states)] : [];
    await this.#spool.settle({ ...settlement, deadLetters });
  }

  /** Settles so many states, in as many settlements as there are pieces. */
  async #settleBacklog(waiting: WaitingDevice, states: number): Promise<void> {
    for (let left = states; left > 0; ) {
      const settlement: Settlement | undefined = await waiting.settleBacklog(this.#spool, left);
      if (settlement === undefined) return;
      left -= settlement.states;
      await this.#spool.settle(settlement);
    }
  }

  async #requeue(every: number): Promise<void> {
    const numbers = (await this.#spool.deadLettersFrom(0, ALL)).map(({ number }) => number);
    await this.#site.requestRequeue(every === 1 ? 'all' : numbers.filter((_, i) => i % every === 0));
    await this.#spool.takeRequeued();
  }

  async #restart(kind: Step['kind']): Promise<string[]> {
    if (kind === 'crash') await this.#crash(this.#clock);
    else await this.#spool.close();
    this.#spool = await this.#site.open();
    this.#histories = DEVICES.map((device) => this.#historyOf(device));
    return (await drain(this.#spool)).map(({ record }) => Buffer.from(record).toString('base64'));
  }

  #historyOf(device: Device): unknown {
    const history = this.#spool.history(device);
    // Of a device that has but spilled, and of which the journal holds nothing, there is nothing to know.
    if (history === undefined || (history.sends.count === 0 && history.watermark.states === 0)) return undefined;
    return { ...history, watermark: history.watermark.states };
  }
}

it('does what the memory model does, whatever is appended, settled, spilled, read, given up, requeued and crashed', async () => {
  let steps = 0;
  const alike = fc.asyncProperty(STEPS, async (sequence) => {
    const model = await Run.start(createMemorySite);
    const real = await Run.start(createLmdbSite);
    try {
      for (const step of [...sequence, { kind: 'crash' } as const]) {
        const expected = await model.take(step);
        const { seen, status } = await real.take(step);
        expect(seen).toEqual(expected.seen);
        // A piece that has taken in another one is as old as its oldest state, though that be settled.
        const isOldEnough = (status.oldestStoredAtMs ?? 0) <= (expected.status.oldestStoredAtMs ?? 0);
        expect({ isOldEnough, unreadable: status.unreadableRecords }).toEqual({ isOldEnough: true, unreadable: 0 });
        expect(status.oldestStoredAtMs === undefined).toBe(expected.status.oldestStoredAtMs === undefined);
        steps++;
      }
      expect(await real.drain()).toEqual(await model.drain());
    } finally {
      await real.end();
    }
  });
  // Rounds, as the lengths of sequences are fast-check's choice: a count of sequences says little of the steps.
  while (steps < STEPS_IN_ALL) await fc.assert(alike, { numRuns: SEQUENCES_A_ROUND });
}, 600_000);
