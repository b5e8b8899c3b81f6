import type { Clock } from '../core/clock.js';
import type { SetAside } from '../core/dead-letter.js';
import type { Device } from '../core/device.js';
import { type ErrorCode, StatewayError } from '../core/errors.js';
import type { FollowedDevices } from '../core/followed-devices.js';
import type { Grant } from '../core/grant.js';
import type { Forwarder, RecordSink, Spool } from '../core/ports.js';
import { fragmentOfUnreadable } from '../state/unreadable-payload.js';

/** Seconds a device is asked to wait while the spool takes nothing: room comes as the cloud takes what waits. */
const RETRY_AFTER_SECONDS = 10;

/** Where there is no room for new records. */
export type Shortage = 'disk' | 'spool' | 'memory';

const REFUSALS: Readonly<Record<Shortage, readonly [code: ErrorCode, what: string]>> = {
  disk: ['STATEWAY_SPOOL_FULL', 'the disk of the proxy'],
  spool: ['STATEWAY_SPOOL_FULL', 'the spool'],
  memory: ['STATEWAY_MEMORY_FULL', 'the memory of the proxy'],
};

export interface SpoolLimits {
  /** Bytes of waiting records (`STATEWAY_MAX_SPOOL_BYTES`). */
  readonly maxSpoolBytes: number;
  /** Bytes of waiting records that the lanes may hold in memory. */
  readonly maxHeldBytes: number;
  /** Whether the process is at the limit of its memory, whatever takes it. */
  readonly isMemoryShort: () => boolean;
}

/** Where the stages after the workers meet: a record goes to disk, and once its devices have their answers to its lanes. */
export class StoredThenForwarded implements RecordSink, SetAside {
  readonly #spool: Spool;
  readonly #forwarder: Forwarder;
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #limits: SpoolLimits;
  readonly #followed: FollowedDevices;

  constructor(
    spool: Spool,
    forwarder: Forwarder,
    clock: Pick<Clock, 'wallMs'>,
    limits: SpoolLimits,
    followed: FollowedDevices,
  ) {
    this.#spool = spool;
    this.#forwarder = forwarder;
    this.#clock = clock;
    this.#limits = limits;
    this.#followed = followed;
  }

  /** For want of what new records are refused; undefined while they are taken. */
  shortage(): Shortage | undefined {
    const { maxSpoolBytes, maxHeldBytes, isMemoryShort } = this.#limits;
    if (this.#spool.isDiskFull) return 'disk';
    if (this.#spool.status().bytes >= maxSpoolBytes) return 'spool';
    return isMemoryShort() || this.#forwarder.heldBytes() >= maxHeldBytes ? 'memory' : undefined;
  }

  async store(record: Uint8Array, latestStampMs: number): Promise<number> {
    this.#assertRoom();
    const { sequence, stored } = this.#spool.append(record, latestStampMs);
    await stored;
    return sequence;
  }

  async setAside(device: Device, payload: Uint8Array, reason: string): Promise<void> {
    this.#assertRoom();
    const timeMs = this.#clock.wallMs();
    const fragment = fragmentOfUnreadable(payload);
    await this.#spool.keepDeadLetters([{ device, timeMs, fragment, status: 0, reason, refusedAtMs: timeMs }]);
  }

  handOver(sequence: number, record: Uint8Array, grants: readonly Grant[]): void {
    // Before what follows from it.
    if (!this.#followed.isIdle) {
      for (const { device } of grants) this.#followed.tell(device, 'queued', { record: sequence });
    }
    this.#forwarder.enqueue(sequence, record, grants);
  }

  #assertRoom(): void {
    const shortage = this.shortage();
    if (shortage !== undefined) {
      const [code, what] = REFUSALS[shortage];
      throw new StatewayError(code, `${what} is full; keep the state and send it again`, {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    }
    if (this.#spool.diskFault !== undefined) {
      throw new StatewayError(
        'STATEWAY_SPOOL_FAILED',
        'the disk of the proxy fails; keep the state and send it again',
        {
          retryAfterSeconds: RETRY_AFTER_SECONDS,
        },
      );
    }
  }
}
