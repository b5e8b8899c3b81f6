import type { DecodedBatch, RecordCommitter } from '../core/commit-port.js';
import { asStatewayError, type StatewayError } from '../core/errors.js';
import type { FollowedDevices } from '../core/followed-devices.js';
import type { Grant } from '../core/grant.js';
import type { Meters } from '../core/metering/meters.js';
import type { BodyReceiver, Encoding, Intake } from '../core/ports.js';
import type { RecordMemory } from '../core/record-memory.js';
import type { ArrivalClock } from '../core/time/clock.js';
import type { TimeRules } from '../core/time/cloud-window.js';
import type { BatchRequest, BatchResult } from '../state/batch-layout.js';
import { processBatch } from '../state/process-batch.js';
import { allocateBatchMemory, BATCH_BYTES, BatchBuffer, type BatchMemory } from './batch-buffer.js';
import { answerAll, type FollowedBody, refuseAll, statesOf, tellArrived } from './body-outcomes.js';

/** Runs batches on other threads; see `WorkerPool`. */
export interface BatchRunner {
  readonly threads: number;
  /** Whether it takes a batch; while it does not, each is decoded in place. */
  isReady(): boolean;
  run(request: BatchRequest): Promise<BatchResult>;
  close(): Promise<void>;
}

export interface BatcherOptions {
  readonly runner: BatchRunner;
  readonly committer: RecordCommitter;
  /** Where the memory of records comes back to when the lanes are done with it. */
  readonly recordMemory: RecordMemory;
  readonly clock: Pick<ArrivalClock, 'arrivalMs'>;
  readonly meters: Pick<Meters, 'leftOut'>;
  /** How the times are judged that devices name. */
  readonly times: { readonly rules: TimeRules };
  readonly followed: FollowedDevices;
  /** A single state larger than this as JSON for the cloud is refused (`STATEWAY_MAX_BODY_BYTES`). */
  readonly maxStateBytes: number;
  /** {@link IN_PLACE_BELOW_BYTES} unless given; 0: every batch is for the threads. */
  readonly inPlaceBelowBytes?: number;
}

/**
 * A batch of fewer bytes is decoded in place. To hand one to a thread and back costs this thread 45 µs and the other as
 * much, which is what decoding a hundred small bodies costs; and it makes the answer half a millisecond later.
 */
export const IN_PLACE_BELOW_BYTES = 16 * 1024;
/** Nor more bodies than this: refusing one costs more than its bytes say. */
export const IN_PLACE_ENTRIES = 256;

/**
 * Batches for each thread that have left and are not answered. What a slow disk holds up waits as it came: as records it
 * would be in memory two times more, the second in the block that waits to be written, and give nothing back until the disk is done.
 */
export const MOST_UNANSWERED_BATCHES = 12;

/** Buffers of batches that are kept to be filled again: a quarter of what the front's bound lets wait at one time. */
const MOST_SPARE_BATCHES = 32;

/** A batch that has left for a worker, in the order in which it left. */
interface Departed {
  readonly batch: BatchBuffer;
  /** Bodies of it that somebody follows. */
  readonly followed: readonly FollowedBody[] | undefined;
  outcome: BatchResult | StatewayError | undefined;
}

/** What was decoded and is on disk. */
interface StoredBatch {
  readonly decoded: DecodedBatch;
  readonly sequence: number | undefined;
}

/**
 * Gathers bodies into micro-batches, has them decoded by the workers and what comes back committed, and answers
 * (docs/architecture.md).
 *
 * A batch leaves at the end of the event-loop turn, so that it holds what that turn brought: one body when idle, many
 * under load. A small one is decoded in place when none is on its way, so that what comes while one is written to disk
 * gathers, and is one commit; a large one leaves when a thread is free. Batches may come back in any order; they are
 * stored, answered and handed over in the order in which they left, so that a device's states keep theirs and a
 * cumulative ack is true.
 */
export class Batcher implements Intake {
  readonly #options: BatcherOptions;
  readonly #inPlaceBelowBytes: number;
  readonly #spareMemory: BatchMemory[] = [];
  /** Full batches that wait for a thread, the oldest first, and the one being filled, last. */
  readonly #gathered: BatchBuffer[] = [];
  readonly #departed: Departed[] = [];
  #busyThreads = 0;
  /** Batches that have left and are not answered. */
  #unanswered = 0;
  #dispatchQueued = false;
  /** Since the start; the last of them is the one being filled, or has left. */
  #begunBatches = 0;
  /** Since the start; bodies are answered in the order in which they were accepted. */
  #acceptedBodies = 0;
  #answeredBodies = 0;
  #openBytes = 0;
  /** Settles when every batch stored so far is answered. */
  #answered: Promise<void> = Promise.resolve();
  /** Who waits until so many bodies were answered, rising. */
  readonly #awaited: { readonly bodies: number; readonly resolve: () => void }[] = [];
  #closed: Promise<void> | undefined = undefined;

  constructor(options: BatcherOptions) {
    this.#options = options;
    this.#inPlaceBelowBytes = options.inPlaceBelowBytes ?? IN_PLACE_BELOW_BYTES;
  }

  accept(grant: Grant, encoding: Encoding, body: Uint8Array, receiver: BodyReceiver, ticket: number): void {
    this.#batchFor(body.length).add(grant, encoding, body, this.#options.clock.arrivalMs(), receiver, ticket);
    this.#count(body.length);
  }

  acceptForMany(
    grants: readonly Grant[],
    encoding: Encoding,
    body: Uint8Array,
    receiver: BodyReceiver,
    ticket: number,
  ): void {
    this.#batchFor(body.length).addForMany(grants, encoding, body, this.#options.clock.arrivalMs(), receiver, ticket);
    this.#count(body.length);
  }

  batchOf(bodyBytes: number): number {
    return this.#gathered.at(-1)?.fits(bodyBytes) ? this.#begunBatches : this.#begunBatches + 1;
  }

  async answered(): Promise<void> {
    const bodies = this.#acceptedBodies;
    if (this.#answeredBodies < bodies) {
      await new Promise<void>((resolve) => this.#awaited.push({ bodies, resolve }));
    }
    await this.#options.committer.handedOver();
  }

  backlog(): { bodies: number; bytes: number } {
    return { bodies: this.#acceptedBodies - this.#answeredBodies, bytes: this.#openBytes };
  }

  close(): Promise<void> {
    this.#closed ??= this.#settleAndEnd();
    return this.#closed;
  }

  async #settleAndEnd(): Promise<void> {
    await this.answered();
    await this.#options.runner.close();
  }

  #batchFor(bodyBytes: number): BatchBuffer {
    const filling = this.#gathered.at(-1);
    if (filling?.fits(bodyBytes)) return filling;
    const memory =
      bodyBytes > BATCH_BYTES ? allocateBatchMemory(bodyBytes) : (this.#spareMemory.pop() ?? allocateBatchMemory());
    const batch = new BatchBuffer(memory);
    this.#gathered.push(batch);
    this.#begunBatches++;
    return batch;
  }

  #count(bodyBytes: number): void {
    this.#acceptedBodies++;
    this.#openBytes += bodyBytes;
    if (this.#dispatchQueued) return;
    this.#dispatchQueued = true;
    setImmediate(() => {
      this.#dispatchQueued = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    for (let batch = this.#gathered[0]; batch !== undefined; batch = this.#gathered[0]) {
      const isSmall = batch.bytes < this.#inPlaceBelowBytes && batch.entryCount <= IN_PLACE_ENTRIES;
      const isForHere = isSmall || !this.#options.runner.isReady();
      if (isForHere ? this.#unanswered > 0 : this.#isBusy) return;
      this.#gathered.shift();
      const followed = tellArrived(this.#options.followed, batch);
      const departed: Departed = { batch, followed, outcome: undefined };
      this.#departed.push(departed);
      this.#unanswered++;
      if (isForHere) this.#runInPlace(departed);
      else void this.#runOnThread(departed);
    }
  }

  /** Whether a large batch has to wait, for a thread or for the disk. */
  get #isBusy(): boolean {
    const { threads } = this.#options.runner;
    return this.#busyThreads >= threads || this.#unanswered >= MOST_UNANSWERED_BATCHES * threads;
  }

  #runInPlace(departed: Departed): void {
    try {
      const { times, maxStateBytes } = this.#options;
      const result = processBatch(departed.batch.toRequest(maxStateBytes, times.rules));
      this.#recycle(result);
      departed.outcome = result;
    } catch (error) {
      departed.outcome = notProcessed(error);
    }
    this.#storeInOrder();
  }

  async #runOnThread(departed: Departed): Promise<void> {
    this.#busyThreads++;
    try {
      const { times, maxStateBytes, recordMemory, runner } = this.#options;
      const spare = recordMemory.take(departed.batch.likelyRecordBytes);
      const result = await runner.run(departed.batch.toRequest(maxStateBytes, times.rules, spare));
      this.#recycle(result);
      departed.outcome = result;
    } catch (error) {
      departed.outcome = notProcessed(error);
    }
    this.#busyThreads--;
    this.#dispatch();
    this.#storeInOrder();
  }

  #recycle({ entries, bodies, spare }: BatchResult): void {
    if (spare !== undefined) this.#options.recordMemory.giveBackUnused(spare);
    const isStandard = bodies.byteLength === BATCH_BYTES;
    if (isStandard && this.#spareMemory.length < MOST_SPARE_BATCHES) {
      this.#spareMemory.push({ entries, bodies });
    }
  }

  #storeInOrder(): void {
    for (let first = this.#departed[0]; first?.outcome !== undefined; first = this.#departed[0]) {
      this.#departed.shift();
      this.#store(first, first.outcome);
    }
  }

  #store(departed: Departed, outcome: BatchResult | StatewayError): void {
    const stored = outcome instanceof Error ? Promise.resolve(outcome) : this.#commit(departed, outcome);
    // A batch without a record must not be answered before those that left earlier.
    this.#answered = this.#answered.then(() => stored).then((end) => this.#end(departed, outcome, end));
  }

  /** @returns what is kept, or why nothing of it is */
  async #commit(departed: Departed, result: BatchResult): Promise<StoredBatch | StatewayError> {
    const decoded = decodedOf(departed, result);
    try {
      return { decoded, sequence: await this.#options.committer.commit(decoded) };
    } catch (error) {
      return asStatewayError(error, 'STATEWAY_SPOOL_FAILED', 'the state could not be stored on disk; send it again');
    }
  }

  /** Answers a batch, has the next one leave, and only then its record taken up by the lanes. */
  #end({ batch }: Departed, outcome: BatchResult | StatewayError, stored: StoredBatch | StatewayError): void {
    const { committer, meters } = this.#options;
    if (stored instanceof Error) {
      refuseAll(batch, stored);
    } else {
      // Not where it will come again.
      meters.leftOut += (outcome as BatchResult).leftOut;
      answerAll(batch, outcome as BatchResult);
      committer.handOver(stored.decoded, stored.sequence);
    }
    this.#answeredBodies += batch.entryCount;
    this.#openBytes -= batch.bytes;
    this.#unanswered--;
    this.#dispatch();
    while ((this.#awaited[0]?.bodies ?? Number.POSITIVE_INFINITY) <= this.#answeredBodies)
      this.#awaited.shift()?.resolve();
  }
}

function decodedOf({ batch, followed }: Departed, result: BatchResult): DecodedBatch {
  const { record, chunkSlots, ignoredTimes } = result;
  const grants: Grant[] = [];
  for (const slot of chunkSlots) grants.push(batch.grants[slot] as Grant);
  return {
    record,
    grants,
    ignoredTimes: ignoredTimes.map(({ slot, ...times }) => ({ grant: batch.grants[slot] as Grant, times })),
    followed: followed === undefined ? [] : statesOf(followed, result),
  };
}

function notProcessed(error: unknown): StatewayError {
  return asStatewayError(error, 'STATEWAY_WORKER_FAILED', 'the state was not processed; send it again');
}
