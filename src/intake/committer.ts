import type { DecodedBatch, RecordCommitter } from '../core/commit-port.js';
import type { Device } from '../core/device.js';
import type { FollowedDevices } from '../core/followed-devices.js';
import type { RecordSink } from '../core/ports.js';
import type { ArrivalClock } from '../core/time/clock.js';
import type { DeviceClocks } from '../core/time/device-clocks.js';
import type { StoredTimeClock } from '../core/time/stored-time-clock.js';
import { RecordView } from '../state/record-layout.js';
import { HandOver } from './hand-over.js';
import { type KnownTimebases, Stamper } from './stamper.js';

export interface CommitterOptions {
  readonly sink: RecordSink;
  readonly clock: ArrivalClock;
  readonly timebases: KnownTimebases;
  /** What records are stored at. */
  readonly storedTime: StoredTimeClock;
  /** Told which devices name times that the cloud does not keep. */
  readonly deviceClocks: Pick<DeviceClocks, 'isIdle' | 'noteIgnored' | 'noteKept'>;
  readonly followed: FollowedDevices;
  /** Up to this, an earlier run may have given stamps (`IntakeLog.stampFloorMs`). */
  readonly stampFloorMs?: number;
  /** Whether states that bring no time get it from whoever sends them on, and stay marked as they are (`UNSTAMPED`). */
  readonly isStampedByOwner?: boolean;
}

/**
 * The one place where records get their stamps and their order, whoever has decoded them: a device's states may come by
 * several ways, and no two of them may get the same stamp.
 */
export class Committer implements RecordCommitter {
  readonly #options: CommitterOptions;
  readonly #stamper: Stamper;
  readonly #handOver = new HandOver(({ batch }) => this.#noteTimes(batch));

  constructor(options: CommitterOptions) {
    this.#options = options;
    this.#stamper = new Stamper(options.clock, options.timebases, options.stampFloorMs);
  }

  async commit(batch: DecodedBatch): Promise<number | undefined> {
    const { record, grants } = batch;
    if (record === undefined) return undefined;
    const { followed, isStampedByOwner, sink, storedTime } = this.#options;
    const view = new RecordView(record);
    const latestStampMs = isStampedByOwner === true ? Number.NEGATIVE_INFINITY : this.#stamper.stamp(view, grants);
    view.seal(storedTime.nowMs());
    const sequence = await sink.store(record, latestStampMs, grants);
    // Before the lanes have it, which follows at the end of the turn.
    for (const { device, states } of batch.followed) followed.tell(device, 'stored', { record: sequence, states });
    return sequence;
  }

  handOver(batch: DecodedBatch, sequence: number | undefined): void {
    this.#handOver.add({ batch, sequence });
  }

  handedOver(): Promise<void> {
    return this.#handOver.done();
  }

  /**
   * Times of arrival, now, for states of a device that are sent at once and not stored, each of its own.
   * @param ownTimes that states beside them name themselves
   * @returns whole milliseconds, rising
   */
  stampsFor(device: Device, ownTimes: ReadonlySet<number>, count: number): readonly number[] {
    return this.#stamper.stampsFor(device, this.#options.clock.arrivalMs(), ownTimes, count);
  }

  #noteTimes({ grants, ignoredTimes }: DecodedBatch): void {
    const { deviceClocks } = this.#options;
    if (ignoredTimes.length === 0 && deviceClocks.isIdle) return;
    for (const { grant, times } of ignoredTimes) deviceClocks.noteIgnored(grant.device, times);
    const ignoredKeys = new Set(ignoredTimes.map(({ grant }) => grant.device.key));
    for (const { device } of grants) if (!ignoredKeys.has(device.key)) deviceClocks.noteKept(device.key);
  }
}
