import type { SetAside } from '../core/dead-letter.js';
import type { Device } from '../core/device.js';
import { type ErrorCode, StatewayError } from '../core/errors.js';
import type { Grant } from '../core/grant.js';
import type { Forwarder, RecordSink } from '../core/ports.js';
import type { IntakeLog, SpoolShortage } from '../core/spool-ports.js';
import type { Clock } from '../core/time/clock.js';
import { fragmentOfUnreadable } from '../state/unreadable-payload.js';

/** Seconds a device is asked to wait while the spool takes nothing: room comes as the cloud takes what waits. */
const RETRY_AFTER_SECONDS = 10;

/** Where there is no room for new records. */
export type Shortage = SpoolShortage | 'memory';

const REFUSALS: Readonly<Record<Shortage, readonly [code: ErrorCode, what: string]>> = {
  disk: ['STATEWAY_SPOOL_FULL', 'the disk of the proxy'],
  spool: ['STATEWAY_SPOOL_FULL', 'the spool'],
  memory: ['STATEWAY_MEMORY_FULL', 'the memory of the proxy'],
};

export interface SpoolLimits {
  /** Bytes of waiting records that the lanes may hold in memory. */
  readonly maxHeldBytes: number;
  /** Whether the process is at the limit of its memory, whatever takes it. */
  readonly isMemoryShort: () => boolean;
}

/** Where the stages after the workers meet: a record goes to disk, from where the lanes read it, as long as there is room. */
export class StoredThenForwarded implements RecordSink, SetAside {
  readonly #log: IntakeLog;
  readonly #forwarder: Pick<Forwarder, 'heldBytes'>;
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #limits: SpoolLimits;

  constructor(
    log: IntakeLog,
    forwarder: Pick<Forwarder, 'heldBytes'>,
    clock: Pick<Clock, 'wallMs'>,
    limits: SpoolLimits,
  ) {
    this.#log = log;
    this.#forwarder = forwarder;
    this.#clock = clock;
    this.#limits = limits;
  }

  /** For want of what new records are refused; undefined while they are taken. */
  shortage(): Shortage | undefined {
    const { maxHeldBytes, isMemoryShort } = this.#limits;
    const isMemoryFull = () => isMemoryShort() || this.#forwarder.heldBytes() >= maxHeldBytes;
    return this.#log.isFull ?? (isMemoryFull() ? 'memory' : undefined);
  }

  async store(record: Uint8Array, latestStampMs: number, grants: readonly Grant[]): Promise<number> {
    this.#assertRoom();
    return this.#log.append(record, latestStampMs, grants);
  }

  async setAside(device: Device, payload: Uint8Array, reason: string): Promise<void> {
    this.#assertRoom();
    const timeMs = this.#clock.wallMs();
    const fragment = fragmentOfUnreadable(payload);
    await this.#log.keepDeadLetters([{ device, timeMs, fragment, status: 0, reason, refusedAtMs: timeMs }]);
  }

  #assertRoom(): void {
    const shortage = this.shortage();
    if (shortage !== undefined) {
      const [code, what] = REFUSALS[shortage];
      throw new StatewayError(code, `${what} is full; keep the state and send it again`, {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    }
    if (this.#log.diskFault !== undefined) {
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
