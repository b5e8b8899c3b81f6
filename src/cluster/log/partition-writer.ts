import { setTimeout as sleep } from 'node:timers/promises';
import { StatewayError } from '../../core/errors.js';
import { RecordView } from '../../state/record-layout.js';
import { markWriter } from '../../state/record-writer.js';
import type { AppendOutcome } from '../ledger-log.js';
import { joined, joinedByteLength, type RecordPart, storedAtOf } from './record-parts.js';

/** Of a message that several records are joined in; a single one may be longer. */
const MAX_JOINED_BYTES = 512 * 1024;
/** How long a record is tried to be stored before its devices are told that it may not be. An election takes 4 to 8 s. */
export const HELD_MS = 10_000;
const AGAIN_AFTER_MS = 50;
/** Seconds a device is asked to wait: what has not come back in {@link HELD_MS} is not back at once. */
const RETRY_AFTER_SECONDS = 5;
const FULL_RETRY_AFTER_SECONDS = 10;

/** Publishes to the log of a partition, once. */
export type Publish = (record: Uint8Array) => Promise<AppendOutcome>;

export interface PartitionWriterOptions {
  /** Of this process and partition: no other writer ever has it. */
  readonly writer: string;
  readonly publish: Publish;
  /** {@link HELD_MS} unless given. */
  readonly heldMs?: number;
  /** Told what each message took until it was stored, in milliseconds. */
  readonly onStored?: (tookMs: number) => void;
}

interface Waiting {
  readonly part: RecordPart;
  readonly resolve: (sequence: number) => void;
  readonly reject: (error: StatewayError) => void;
}

/**
 * Writes what this process accepts to the log of one partition, one message at a time: what comes while one is under way is
 * joined. So no message overtakes another, whatever becomes of the servers. One whose fate is unknown is sent again as it is,
 * and whoever reads drops the second by its counter.
 */
export class PartitionWriter {
  readonly #options: PartitionWriterOptions;
  readonly #heldMs: number;
  #queue: Waiting[] = [];
  #counter = 0;
  #isWriting = false;

  constructor(options: PartitionWriterOptions) {
    this.#options = options;
    this.#heldMs = options.heldMs ?? HELD_MS;
  }

  /** @returns the sequence of the message that it is in, when that is stored; rejects with a StatewayError otherwise */
  append(part: RecordPart): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ part, resolve, reject });
      if (!this.#isWriting) void this.#write();
    });
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    while (this.#queue.length > 0) {
      const taken = this.#take();
      const result = await this.#store(this.#messageOf(taken.map(({ part }) => part)));
      if (typeof result === 'number') for (const { resolve } of taken) resolve(result);
      else this.#refuse(taken, result);
    }
    this.#isWriting = false;
  }

  /** The first that wait, as many as one message may hold. */
  #take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { part } of this.#queue) {
      bytes += part.byteLength;
      if (count > 0 && joinedByteLength(bytes) > MAX_JOINED_BYTES) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  #messageOf(parts: readonly RecordPart[]): Uint8Array {
    const record = joined(parts);
    markWriter(record, { writer: this.#options.writer, counter: ++this.#counter });
    new RecordView(record).seal(storedAtOf(parts));
    return record;
  }

  /** Tries until it is known what became of a message, or nobody may wait longer. */
  async #store(record: Uint8Array): Promise<number | StatewayError> {
    const beganMs = performance.now();
    for (;;) {
      const outcome = await this.#options.publish(record);
      if (outcome.outcome === 'stored') {
        this.#options.onStored?.(performance.now() - beganMs);
        return outcome.sequence;
      }
      if (outcome.outcome === 'full') return fullError();
      if (performance.now() - beganMs >= this.#heldMs) return awayError(outcome);
      await sleep(AGAIN_AFTER_MS);
    }
  }

  /** Those that wait behind one that may be stored or not are refused with it: they would overtake it if it is not. */
  #refuse(taken: readonly Waiting[], error: StatewayError): void {
    const refused = error.code === 'STATEWAY_NATS_AWAY' ? [...taken, ...this.#queue.splice(0)] : taken;
    for (const { reject } of refused) reject(error);
  }
}

function fullError(): StatewayError {
  return new StatewayError('STATEWAY_SPOOL_FULL', 'the spool is full; keep the state and send it again', {
    retryAfterSeconds: FULL_RETRY_AFTER_SECONDS,
  });
}

function awayError(outcome: AppendOutcome): StatewayError {
  const message = 'NATS did not say in time that the state is stored; keep it and send it again';
  const cause = new Error(outcome.outcome === 'again' ? outcome.reason : outcome.outcome);
  return new StatewayError('STATEWAY_NATS_AWAY', message, { retryAfterSeconds: RETRY_AFTER_SECONDS, cause });
}
