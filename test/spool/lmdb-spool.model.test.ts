import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Device } from '../../src/core/device.js';
import type { Spool } from '../../src/core/ports.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { MemoryDisk, MemorySpool } from '../helpers/memory-spool.js';
import { drain, recordOf, type SpoolSite } from './contract.js';
import { createLmdbSite } from './lmdb-site.js';
import { WaitingDevice } from './waiting-device.js';

const DEVICES = ['1', '2', '3'].map((digit) => new Device('a'.repeat(24), digit.repeat(24)));

type Step =
  | { readonly kind: 'append'; readonly states: readonly number[]; readonly padding: number }
  | { readonly kind: 'settle'; readonly device: number; readonly states: number; readonly sends: number }
  | { readonly kind: 'restart' };

const STEPS: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('append' as const),
        // States of each device in the record; 0: none.
        states: fc.array(fc.nat(4), { minLength: 3, maxLength: 3 }).filter((states) => states.some((n) => n > 0)),
        padding: fc.constantFrom(0, 1, 2, 3, 3_000),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('settle' as const),
        device: fc.nat(2),
        states: fc.integer({ min: 1, max: 9 }),
        sends: fc.nat(30),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  ),
  { minLength: 1, maxLength: 40 },
);

/** One spool with the devices that wait in it; what it does is reported without its sequences, which may have gaps. */
class Run {
  readonly #site: SpoolSite;
  readonly #clock: FakeClock;
  readonly #waiting = DEVICES.map((device) => new WaitingDevice(device));
  #spool: Spool;
  #appended = 0;

  private constructor(site: SpoolSite, clock: FakeClock, spool: Spool) {
    this.#site = site;
    this.#clock = clock;
    this.#spool = spool;
  }

  static async start(createSite: (clock: FakeClock) => SpoolSite): Promise<Run> {
    const clock = new FakeClock();
    const site = createSite(clock);
    const run = new Run(site, clock, await site.open());
    drain(run.#spool);
    return run;
  }

  async take(step: Step): Promise<unknown> {
    await this.#clock.advance(7);
    if (step.kind === 'append') await this.#append(step.states, step.padding);
    if (step.kind === 'settle') await this.#settle(step.device, step.states, step.sends);
    const replayed = step.kind === 'restart' ? await this.#restart() : [];
    return { replayed, status: this.#spool.status(), histories: DEVICES.map((device) => this.#historyOf(device)) };
  }

  async end(): Promise<void> {
    await this.#spool.close();
    await this.#site.remove();
  }

  async #append(states: readonly number[], padding: number): Promise<void> {
    const chunks = new Map(states.flatMap((count, i) => (count > 0 ? [[DEVICES[i] as Device, count] as const] : [])));
    const { sequence, stored } = this.#spool.append(recordOf(chunks, ++this.#appended, padding));
    for (const waiting of this.#waiting) {
      const count = chunks.get(waiting.device);
      if (count !== undefined) waiting.add(sequence, count);
    }
    await stored;
  }

  async #settle(device: number, states: number, sends: number): Promise<void> {
    const settlement = this.#waiting[device]?.settle(states, sends);
    if (settlement !== undefined) await this.#spool.settle(settlement);
  }

  async #restart(): Promise<string[]> {
    await this.#spool.close();
    this.#spool = await this.#site.open();
    return drain(this.#spool).map(({ record }) => Buffer.from(record).toString('base64'));
  }

  #historyOf(device: Device): unknown {
    const history = this.#spool.history(device);
    return history && { ...history, watermark: history.watermark.states };
  }
}

it('does what the memory model does, whatever is appended, settled and restarted', async () => {
  await fc.assert(
    fc.asyncProperty(STEPS, async (steps) => {
      const disk = new MemoryDisk();
      const model = await Run.start((clock) => ({ open: () => new MemorySpool(clock, disk), remove: () => {} }));
      const real = await Run.start(createLmdbSite);
      try {
        for (const step of [...steps, { kind: 'restart' } as const]) {
          expect(await real.take(step)).toEqual(await model.take(step));
        }
      } finally {
        await real.end();
      }
    }),
    { numRuns: 60 },
  );
});
