import type { Device } from '../../core/device.js';
import type { LaneCounts } from '../../core/ports.js';
import type { OwnedSpool, Watermark } from '../../core/spool-ports.js';
import type { Clock } from '../../core/time/clock.js';
import { Lane, MAX_UNRECORDED_SENDS } from './lane.js';
import { AbsentDevices } from './last-seen.js';
import type { MemoryLedger } from './memory-ledger.js';
import { Pacing, type RateLimit } from './pacing.js';

export interface LaneTableParts {
  readonly clock: Clock;
  readonly memory: MemoryLedger;
}

/** The lanes by device: made when something comes for a device, with what the last run left to know of it. */
export class LaneTable {
  /** Devices that were heard of and have no lane now. */
  readonly absent = new AbsentDevices();
  readonly #rateLimit: RateLimit;
  readonly #parts: LaneTableParts;
  readonly #lanes = new Map<string, Lane>();
  /** Monotonic, by partition: when it was taken over, so that whoever had it before had ended. */
  readonly #ownedSinceMs = new WeakMap<OwnedSpool, number>();
  /** The same of what was here from the start. */
  readonly #startedMs: number;

  constructor(rateLimit: RateLimit, parts: LaneTableParts) {
    this.#rateLimit = rateLimit;
    this.#parts = parts;
    this.#startedMs = parts.clock.monotonicMs();
  }

  get size(): number {
    return this.#lanes.size;
  }

  all(): Iterable<Lane> {
    return this.#lanes.values();
  }

  /** A partition is this process's from now on. */
  own(spool: OwnedSpool): void {
    this.#ownedSinceMs.set(spool, this.#parts.clock.monotonicMs());
  }

  find(deviceKey: string): Lane | undefined {
    return this.#lanes.get(deviceKey);
  }

  /**
   * @param spool the partition of the device
   * @param isReplayed what it is made for was left by the last run
   */
  laneOf(device: Device, spool: OwnedSpool, isReplayed: boolean): Lane {
    const known = this.#lanes.get(device.key);
    if (known !== undefined) return known;
    const { clock, memory } = this.#parts;
    const nowMs = clock.monotonicMs();
    const lane = new Lane(
      device,
      spool,
      this.#pacingOf(device, spool, isReplayed, nowMs),
      memory,
      watermarkOf(device, spool),
      nowMs,
      this.absent.take(device.key),
    );
    this.#lanes.set(device.key, lane);
    return lane;
  }

  /** A lane that has nothing left to do, or whose partition is another's. */
  drop(lane: Lane): void {
    this.#lanes.delete(lane.device.key);
    const { device, lastSeen, refusals } = lane;
    if (lastSeen.lastMs === Number.NEGATIVE_INFINITY) return;
    this.absent.add(device.key, {
      lastSeen,
      refusals: refusals !== undefined && refusals.inARow > 0 ? refusals : undefined,
    });
  }

  /** @param isCloudUp while it is down, lanes that are due wait for it as those in back-off do */
  counts(isCloudUp: boolean): LaneCounts {
    const counts: LaneCounts = { idle: 0, pacing: 0, backoff: 0, parked: 0 };
    for (const lane of this.#lanes.values()) {
      counts[lane.state === 'pacing' && !isCloudUp ? 'backoff' : lane.state]++;
    }
    return counts;
  }

  /** A fresh pacing, with what the last run, or the owner before, left to count: nothing, once that is longer ago than two windows. */
  #pacingOf(device: Device, spool: OwnedSpool, isReplayed: boolean, nowMs: number): Pacing {
    const pacing = new Pacing(this.#rateLimit);
    // Every request that did not settle its states left them in the spool: only then can there be unrecorded ones.
    if (isReplayed) pacing.seedUnrecorded(MAX_UNRECORDED_SENDS, this.#ownedSinceMs.get(spool) ?? this.#startedMs);
    const history = spool.history(device);
    if (history !== undefined) pacing.seed(history.sends, nowMs);
    return pacing;
  }
}

/** A device without a lane has nothing left of the records that were handed over: they may pass as settled. */
function watermarkOf(device: Device, spool: OwnedSpool): Watermark {
  const kept = spool.history(device)?.watermark;
  const next = spool.lastRead + 1;
  return kept !== undefined && kept.sequence >= next ? kept : { sequence: next, states: 0 };
}
