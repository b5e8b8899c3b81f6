import { expect, it } from 'vitest';
import { withTimebase } from '../../../src/core/time/timebase.js';
import { buildRecord } from '../../helpers/records.js';
import { deviceOf, Harness, TIME_ZERO } from '../harness.js';

const device = deviceOf(1);

/** A harness whose timekeeper has not decided what times of its first timebase are sent with. */
class Undecided extends Harness {
  /** What it is told of the time by each answer. */
  says: 'date' | 'nothing' | 'failure' | 500 = 'date';

  constructor() {
    super();
    const { times } = this;
    times.corrections[1] = Number.NaN;
    times.canDecide = false;
    times.decide = async () => {
      if (!times.canDecide) return false;
      times.corrections = Float64Array.from(times.corrections);
      times.corrections[1] = 5_000;
      return true;
    };
    times.hear = ({ dateMs }) => {
      if (dateMs === undefined) times.canDecide = times.isCredible;
    };
    this.cloud.onAsk = () => {
      if (this.says === 'failure') return { kind: 'failure', reason: 'refused', words: 'no connection' };
      if (this.says === 'date') times.canDecide = true;
      const status = this.says === 500 ? 500 : 200;
      return { kind: 'answer', status, message: '', cloudDate: undefined };
    };
  }

  /** States of these times, from `v` 0 on. */
  pushTimes(...times: number[]): void {
    const states = times.map((time, v) => ({ time, data: { v } }));
    this.spool.deliver(1, buildRecord([{ device, states }]), [this.grantOf(device)]);
  }

  get sentTimes(): number[] {
    return this.cloud.requests.flatMap(({ states }) => states.map(({ time }) => time));
  }
}

const counted = withTimebase(TIME_ZERO, 1);

it('asks the cloud for the time before a state whose time is not decided, and goes on with its answer', async () => {
  const harness = new Undecided();
  harness.pushTimes(TIME_ZERO - 1, counted, TIME_ZERO + 1);
  await harness.clock.advance(1_000);
  expect(harness.cloud.asked).toBe(1);
  expect(harness.sentTimes).toEqual([TIME_ZERO - 1, TIME_ZERO + 5_000, TIME_ZERO + 1]);
});

it('does not ask where all is known', async () => {
  const harness = new Undecided();
  harness.times.canDecide = true;
  harness.pushTimes(counted);
  await harness.clock.advance(1_000);
  expect(harness.cloud.asked).toBe(0);
  expect(harness.sentTimes).toEqual([TIME_ZERO + 5_000]);
});

it('sends nothing out of order while the cloud cannot be asked, and counts that as an outage', async () => {
  const harness = new Undecided();
  harness.says = 'failure';
  harness.pushTimes(counted, TIME_ZERO + 1);
  await harness.clock.advance(60_000);
  expect(harness.cloud.asked).toBeGreaterThan(3);
  expect(harness.sentTimes).toEqual([]);
  expect(harness.lanes.isCloudUp()).toBe(false);
  harness.says = 'date';
  await harness.clock.advance(20_000);
  expect(harness.sentTimes).toEqual([TIME_ZERO + 5_000, TIME_ZERO + 1]);
});

it('says what it waits for where the cloud does not say what time it is', async () => {
  const harness = new Undecided();
  harness.says = 'nothing';
  harness.pushTimes(counted);
  await harness.clock.advance(10_000);
  expect(harness.sentTimes).toEqual([]);
  expect(harness.lanes.devices().listed[0]?.reason).toContain('the clock of this machine is wrong');
});

it('believes a clock that can be right after some answers that tell nothing', async () => {
  const harness = new Undecided();
  harness.says = 500;
  harness.pushTimes(counted);
  await harness.clock.advance(60_000);
  expect(harness.sentTimes).toEqual([TIME_ZERO + 5_000]);
});
