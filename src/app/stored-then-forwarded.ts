import { StatewayError } from '../core/errors.js';
import type { Grant } from '../core/grant.js';
import type { Forwarder, RecordSink, Spool } from '../core/ports.js';

/** Seconds a device is asked to wait while the spool is full: room comes as the cloud takes what waits. */
const FULL_RETRY_AFTER_SECONDS = 10;

export interface SpoolLimits {
  /** Bytes of waiting records (`STATEWAY_MAX_SPOOL_BYTES`). */
  readonly maxSpoolBytes: number;
  /** Bytes of waiting records that the lanes may hold in memory. */
  readonly maxHeldBytes: number;
}

/** Where the stages after the workers meet: a record goes to disk, and once it is there to its lanes. */
export class StoredThenForwarded implements RecordSink {
  readonly #spool: Spool;
  readonly #forwarder: Forwarder;
  readonly #limits: SpoolLimits;

  constructor(spool: Spool, forwarder: Forwarder, limits: SpoolLimits) {
    this.#spool = spool;
    this.#forwarder = forwarder;
    this.#limits = limits;
  }

  /** Whether new records are refused. */
  isFull(): boolean {
    const { maxSpoolBytes, maxHeldBytes } = this.#limits;
    if (this.#spool.isDiskFull || this.#spool.status().bytes >= maxSpoolBytes) return true;
    return this.#forwarder.heldBytes() >= maxHeldBytes;
  }

  async store(record: Uint8Array, grants: readonly Grant[], latestStampMs: number): Promise<void> {
    if (this.isFull()) {
      throw new StatewayError('STATEWAY_SPOOL_FULL', 'the spool is full; keep the state and send it again', {
        retryAfterSeconds: FULL_RETRY_AFTER_SECONDS,
      });
    }
    const { sequence, stored } = this.#spool.append(record, latestStampMs);
    await stored;
    this.#forwarder.enqueue(sequence, record, grants);
  }
}
