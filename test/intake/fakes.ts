import { Device } from '../../src/core/device.js';
import type { StatewayError } from '../../src/core/errors.js';
import { Grant } from '../../src/core/grant.js';
import type { BodyReceiver, RecordSink } from '../../src/core/ports.js';
import type { TimeRules } from '../../src/core/time/cloud-window.js';
import type { BatchRunner } from '../../src/intake/batcher.js';
import type { BatchRequest, BatchResult } from '../../src/state/batch-layout.js';
import { processBatch } from '../../src/state/process-batch.js';
import { readRecord, type TestState } from '../helpers/records.js';

/** The clocks of all devices are right. */
export const TIMES: TimeRules = { earliestMs: 0, latestMs: Number.MAX_SAFE_INTEGER, outOfWindow: 'forward' };

export const APPLICATION = 'abcdef0123456789abcdef01';

/** A grant for device number `i` that never expires. */
export function grantFor(i: number, token = `token${i}`): Grant {
  return new Grant(token, new Device(APPLICATION, i.toString(16).padStart(24, '0')), Number.POSITIVE_INFINITY);
}

export function json(body: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(body));
}

/** A batch that a thread is busy with until the test says what comes of it. */
export interface RunningBatch {
  readonly request: BatchRequest;
  /** Ends as a worker would; `change` alters what it found. */
  finish(change?: (result: BatchResult) => BatchResult): void;
  fail(error: Error): void;
}

/** Threads that are done when the test says so. Buffers are moved to them as to real ones. */
export class FakeRunner implements BatchRunner {
  /** All batches that were run, in order. */
  readonly batches: RunningBatch[] = [];
  isClosed = false;
  /** Whether its threads are up. */
  isUp = true;

  constructor(readonly threads: number) {}

  isReady(): boolean {
    return this.isUp;
  }

  run(request: BatchRequest): Promise<BatchResult> {
    const { entries, bodies, entrySlots, slotIds } = request;
    const transfer = [entries, bodies, entrySlots.buffer as ArrayBuffer, slotIds.buffer as ArrayBuffer];
    const moved = structuredClone(request, { transfer });
    return new Promise((resolve, reject) => {
      this.batches.push({
        request: moved,
        finish: (change = (result) => result) => resolve(change(processBatch(moved))),
        fail: reject,
      });
    });
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

/** A record on its way to a disk that is done when the test says so. */
export interface StoringRecord {
  readonly bytes: Uint8Array;
  /** Undefined until it is handed over to the lanes. */
  grants: readonly Grant[] | undefined;
  readonly chunks: { deviceKey: string; states: TestState[] }[];
  finish(): void;
  fail(error: Error): void;
}

export class FakeSink implements RecordSink {
  /** All records that were to be stored, in order. */
  readonly records: StoringRecord[] = [];
  /** Numbers of those that were handed over to the lanes, as they came. */
  readonly handedOver: number[] = [];
  readonly #isInstant: boolean;

  constructor(isInstant = true) {
    this.#isInstant = isInstant;
  }

  store(bytes: Uint8Array, _latestStampMs: number, grants: readonly Grant[]): Promise<number> {
    const sequence = this.records.length;
    return new Promise((resolve, reject) => {
      const finish = () => {
        // As the spool does: those whom this lets go on are told in this turn.
        setImmediate(() => this.handOver(sequence, bytes, grants));
        resolve(sequence);
      };
      this.records.push({ bytes, grants: undefined, chunks: readRecord(bytes), finish, fail: reject });
      if (this.#isInstant) finish();
    });
  }

  /** The lanes have it. */
  handOver(sequence: number, bytes: Uint8Array, grants: readonly Grant[]): void {
    const record = this.records[sequence];
    if (record?.bytes !== bytes) throw new Error(`record ${sequence} is another one`);
    record.grants = grants;
    this.handedOver.push(sequence);
  }
}

/** What became of one body: its ticket with the number of states stored or the code of the error. */
export type Answer = readonly [ticket: number, outcome: number | string];

/** Writes down all it is told. */
export class AnswerLog implements BodyReceiver {
  readonly transport = 'http';
  readonly answers: Answer[] = [];
  readonly errors: StatewayError[] = [];

  onStored(ticket: number, states: number): void {
    this.answers.push([ticket, states]);
  }

  onRefused(ticket: number, error: StatewayError): void {
    this.answers.push([ticket, error.code]);
    this.errors.push(error);
  }
}

/** Lets the turn of the event loop end, and with it the promises that can settle. */
export function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
