import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { SendResult } from '../../src/core/cloud-port.js';
import type { Device } from '../../src/core/device.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { buildRecord } from '../helpers/records.js';
import { answer, deviceOf, Harness, mostInWindow, REFUSED, range, type SentRequest, TIME_ZERO } from './harness.js';
import { NotedDisk, NotedSpool } from './noted-spool.js';

const DEVICES = range(0, 3).map(deviceOf);
const RATE_LIMIT = { requests: 10, windowMs: 3_000 };
/** The cloud refuses states of these values for good. */
const isPoisoned = (v: number) => v % 17 === 5;

type Weather = 'fine' | 'down' | 'throttled' | 'unauthorized' | 'missing' | 'too large';
type Step =
  | { readonly do: 'push'; readonly devices: readonly number[]; readonly states: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'weather'; readonly of: number; readonly weather: Weather; readonly delayMs: number }
  | { readonly do: 'disk'; readonly delayMs: number; readonly isFull: boolean }
  | { readonly do: 'crash' }
  | { readonly do: 'restart' };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('push' as const),
        devices: fc.subarray([0, 1, 2], { minLength: 1 }),
        states: fc.integer({ min: 1, max: 12 }),
      }),
    },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.oneof(fc.nat(300), fc.nat(9_000)) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('weather' as const),
        of: fc.nat(2),
        weather: fc.constantFrom<Weather>('fine', 'down', 'throttled', 'unauthorized', 'missing', 'too large'),
        delayMs: fc.constantFrom(0, 30, 2_500),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('disk' as const), delayMs: fc.nat(400), isFull: fc.boolean() }),
    },
    { weight: 2, arbitrary: fc.constant({ do: 'crash' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
  ),
  { minLength: 5, maxLength: 80 },
);

/** A plant over several runs of the proxy, and all that reached the cloud. */
class Plant {
  readonly disk = new NotedDisk();
  /** Of all runs but the last. */
  readonly faults: string[] = [];
  /** Values that were acknowledged, by device. */
  readonly acknowledged = DEVICES.map(() => [] as number[]);
  /** What the cloud took, in order, by device, and when. */
  readonly taken = DEVICES.map(() => [] as number[]);
  readonly sentAtMs = DEVICES.map(() => [] as number[]);
  /** By device: values that may come twice. */
  readonly mayRepeat = DEVICES.map(() => new Set<number>());
  readonly #unsettled = DEVICES.map(() => [] as number[]);
  readonly #weather = DEVICES.map(() => ({ weather: 'fine' as Weather, delayMs: 0 }));
  readonly #spillAboveBytes: number;
  #elapsedMs = 0;
  #value = 0;
  #run: Harness;

  constructor(spillAboveBytes: number) {
    this.#spillAboveBytes = spillAboveBytes;
    this.#run = this.#start();
  }

  async take(step: Step): Promise<void> {
    if (step.do === 'push') this.#push(step.devices, step.states);
    if (step.do === 'wait') await this.#run.clock.advance(step.ms);
    if (step.do === 'weather') this.#weather[step.of] = step;
    if (step.do === 'disk') this.#setDisk(step.delayMs, step.isFull);
    if (step.do === 'crash') this.#crash();
    if (step.do === 'restart') await this.#restart();
  }

  /** Fair weather until nothing waits. */
  async finish(): Promise<Harness> {
    this.#setDisk(0, false);
    for (const device of DEVICES.keys()) this.#weather[device] = { weather: 'fine', delayMs: 0 };
    for (let round = 0; round < 20 && this.#isWaiting; round++) {
      for (const device of DEVICES) this.#run.lanes.offerGrant(this.#run.newGrant(device, `fresh ${round}`));
      await this.#run.clock.advance(40_000);
    }
    expect(this.#isWaiting).toBe(false);
    await this.#run.clock.advance(10_000);
    return this.#run;
  }

  get #isWaiting(): boolean {
    const { backoff, pacing, parked } = this.#run.lanes.lanes();
    return backoff + pacing + parked > 0;
  }

  #start(): Harness {
    const spool = new NotedSpool(this.disk);
    const clock = new FakeClock(TIME_ZERO + this.#elapsedMs, this.#elapsedMs);
    const options = { rateLimit: RATE_LIMIT, windowMs: 100, spillAboveBytes: this.#spillAboveBytes };
    const run = new Harness(options, Math.random, spool, clock);
    run.cloud.respond = (request) => this.#respond(run, request);
    spool.onSettled = ({ device, states }) => {
      if (states > 0) this.#unsettled[indexOf(device)] = [];
    };
    if (!spool.disk.isFresh) run.lanes.takeOver(spool, { backlogs: spool.backlogs() });
    return run;
  }

  #respond(run: Harness, { device, values, atMs }: SentRequest): Promise<SendResult> {
    // What a run still does after its end is an artefact of the test.
    if (run.spool.isCrashed) return new Promise(() => {});
    const index = indexOf(device);
    const { weather, delayMs } = this.#weather[index] as { weather: Weather; delayMs: number };
    const result = answerOf(weather, values as number[]);
    if (result !== REFUSED) this.sentAtMs[index]?.push(atMs);
    if (result.kind === 'answer' && result.status === 200) {
      this.taken[index]?.push(...(values as number[]));
      this.#unsettled[index] = values as number[];
    }
    return new Promise((resolve) => run.clock.schedule(delayMs, () => resolve(result)));
  }

  #push(devices: readonly number[], states: number): void {
    const chunks = devices.map((index) => ({
      device: DEVICES[index] as Device,
      states: range(0, states).map(() => {
        const v = this.#value++;
        this.acknowledged[index]?.push(v);
        return { time: TIME_ZERO + v, data: { v } };
      }),
    }));
    const record = buildRecord(chunks, this.#run.clock.wallMs());
    // What the disk has is a copy: the lanes give the memory of the record away.
    const sequence = this.#run.spool.store(record.slice());
    this.#run.spool.deliver(
      sequence,
      record,
      chunks.map(({ device }) => this.#run.grantOf(device)),
    );
  }

  #setDisk(delayMs: number, isFull: boolean): void {
    const { clock, spool } = this.#run;
    const write = () =>
      new Promise<void>((resolve, reject) => {
        clock.schedule(delayMs, () => (isFull ? reject(new Error('full')) : resolve()));
      });
    spool.onSettle = write;
    spool.onSpill = write;
  }

  /** The process is gone: what the cloud took and the disk does not know of may be sent again. */
  #crash(): void {
    this.#run.spool.isCrashed = true;
    for (const [index, values] of this.#unsettled.entries()) {
      for (const v of values) this.mayRepeat[index]?.add(v);
      this.#unsettled[index] = [];
    }
    this.#elapsedMs = this.#run.clock.monotonicMs();
    this.faults.push(...this.#run.spool.faults);
    this.#run = this.#start();
  }

  async #restart(): Promise<void> {
    const closed = this.#run.lanes.close(5_000);
    await this.#run.clock.advance(5_000);
    await closed;
    expect(this.#run.clock.pendingTimers).toBeLessThanOrEqual(this.#run.cloud.inFlight + DEVICES.length);
    this.#crash();
  }
}

function indexOf(device: Device): number {
  return DEVICES.findIndex(({ key }) => key === device.key);
}

function answerOf(weather: Weather, values: readonly number[]): SendResult {
  if (weather === 'down') return REFUSED;
  if (weather === 'throttled') return answer(429, 1_500);
  if (weather === 'unauthorized') return answer(401);
  if (weather === 'missing') return answer(404);
  if (weather === 'too large' && values.length > 3) return answer(413);
  return values.some(isPoisoned) ? answer(422) : answer(200);
}

it('whatever crashes when: nothing lost, nothing out of order, twice only what was in flight, never over the limit', async () => {
  const property = fc.asyncProperty(steps, fc.constantFrom(1, 8_000, 1e9), async (sequence, spillAboveBytes) => {
    const plant = new Plant(spillAboveBytes);
    for (const step of sequence) await plant.take(step);
    const run = await plant.finish();
    const letters = plant.disk.deadLetters.map(({ timeMs }) => timeMs - TIME_ZERO);
    expect(letters.every(isPoisoned)).toBe(true);
    expect(new Set(letters).size).toBe(letters.length);
    for (const index of DEVICES.keys()) {
      const taken = plant.taken[index] as number[];
      const good = (plant.acknowledged[index] as number[]).filter((v) => !isPoisoned(v));
      const firstTime = taken.filter((v, at) => taken.indexOf(v) === at);
      expect(firstTime).toEqual(good);
      const again = taken.filter((v, at) => taken.indexOf(v) !== at);
      expect(again.filter((v) => !plant.mayRepeat[index]?.has(v))).toEqual([]);
      expect(mostInWindow(plant.sentAtMs[index] as number[], RATE_LIMIT.windowMs)).toBeLessThanOrEqual(
        RATE_LIMIT.requests,
      );
    }
    expect(plant.disk.deadLetters).toHaveLength(plant.acknowledged.flat().filter(isPoisoned).length);
    expect(plant.disk.backlogs.size).toBe(0);
    expect(plant.faults).toEqual([]);
    expect(run.spool.faults).toEqual([]);
    expect(run.lanes.heldBytes()).toBe(0);
    expect(run.clock.pendingTimers).toBe(0);
  });
  await fc.assert(property, { numRuns: 300 });
});
