import { FollowedDevices } from '../../src/core/followed-devices.js';
import { Meters } from '../../src/core/metering/meters.js';
import { RecordMemory } from '../../src/core/record-memory.js';
import type { OutOfWindow } from '../../src/core/time/cloud-window.js';
import type { DeviceClocks } from '../../src/core/time/device-clocks.js';
import { StoredTimeClock } from '../../src/core/time/stored-time-clock.js';
import { Batcher } from '../../src/intake/batcher.js';
import { Committer } from '../../src/intake/committer.js';
import { deviceClocksBy } from '../helpers/device-clocks.js';
import { FakeClock } from '../helpers/fake-clock.js';
import {
  AnswerLog,
  endOfTurn,
  FakeRunner,
  FakeSink,
  grantFor,
  json,
  type RunningBatch,
  type StoringRecord,
} from './fakes.js';

export const VALID = json({ data: { n: 1 } });
export const INVALID = json({ data: { 'not a name': 1 } });

/** A batcher between threads and a disk that do what the test says. */
export class BatcherBench {
  readonly clock = new FakeClock();
  readonly meters = new Meters();
  readonly deviceClocks: DeviceClocks;
  readonly log = new AnswerLog();
  readonly recordMemory = new RecordMemory();
  /** Steps of devices that are followed. */
  readonly steps: unknown[] = [];
  readonly followed = new FollowedDevices((device, step, told) =>
    this.steps.push([Number(device.deviceId.slice(-2)), step, told]),
  );
  readonly runner: FakeRunner;
  readonly sink: FakeSink;
  readonly batcher: Batcher;

  /** Every batch goes to a thread unless `inPlaceBelowBytes` is given. */
  constructor(
    options: { threads?: number; isSinkInstant?: boolean; inPlaceBelowBytes?: number; outOfWindow?: OutOfWindow } = {},
  ) {
    const { threads = 1, isSinkInstant = true, inPlaceBelowBytes = 0, outOfWindow = 'forward' } = options;
    const { clock, meters } = this;
    this.deviceClocks = deviceClocksBy(clock, meters, outOfWindow).deviceClocks;
    this.runner = new FakeRunner(threads);
    this.sink = new FakeSink(isSinkInstant);
    const { runner, sink } = this;
    const { deviceClocks, followed } = this;
    const timebases = { baseOf: () => undefined };
    this.batcher = new Batcher({
      runner,
      committer: new Committer({
        sink,
        clock,
        timebases,
        storedTime: new StoredTimeClock(clock, 0, clock.wallMs()),
        deviceClocks,
        followed,
      }),
      recordMemory: this.recordMemory,
      clock,
      meters,
      times: deviceClocks,
      followed,
      maxStateBytes: 1_000,
      inPlaceBelowBytes,
    });
  }

  /** Takes one body for device 1. */
  accept(ticket: number, body = VALID): void {
    this.batcher.accept(grantFor(1), 'json', body, this.log, ticket);
  }

  batch(number: number): RunningBatch {
    const running = this.runner.batches[number];
    if (running === undefined) throw new Error(`batch ${number} did not leave`);
    return running;
  }

  record(number: number): StoringRecord {
    const record = this.sink.records[number];
    if (record === undefined) throw new Error(`record ${number} was not to be stored`);
    return record;
  }

  /** Has threads be done with their batches, in this order. */
  async finish(...numbers: number[]): Promise<void> {
    for (const number of numbers) this.batch(number).finish();
    await endOfTurn();
    // What was answered goes to the lanes at the end of that turn.
    await endOfTurn();
  }

  /** Bodies in each batch that left. */
  batchSizes(): number[] {
    return this.runner.batches.map(({ request }) => request.entryCount);
  }
}
