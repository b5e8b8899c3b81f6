import type { Device } from '../core/device.js';
import type { DeviceReport, TroubleCause, TroubledDevice } from '../core/device-report.js';
import type { Clock } from '../core/time/clock.js';

export const LOOK_EVERY_MS = 5_000;
/** How long devices are looked at after the cloud has refused states for good: one that is refused again shows by then. */
export const LOOK_ON_MS = 60_000;
/** Refused devices that are remembered; of more, the log has enough. */
const MOST_REFUSED = 1_000;

export interface TroubleWatchParts {
  readonly clock: Clock;
  readonly report: () => DeviceReport;
  /** States that the cloud has taken since the start. */
  readonly forwarded: () => number;
  /** Told when {@link DeviceReport.nothingDelivered} begins. */
  readonly onNothingDelivered: (causes: readonly TroubleCause[]) => void;
  /** Told when it is over, after how long. */
  readonly onDeliveredAgain: (afterMs: number) => void;
  /** Told of each device that is found to be `refused`. */
  readonly onRefused: (device: TroubledDevice) => void;
  /** Told when it is so no more, after how long. */
  readonly onTaken: (device: Device, afterMs: number) => void;
}

/** Monotonic: since when. */
interface Known {
  readonly device: Device;
  readonly sinceMs: number;
}

/**
 * Notices in the report on the devices what no single event of one of them tells: that none delivers, and that the cloud
 * refuses all that a device sends. While states are delivered and none is refused, it does not ask for the report.
 */
export class TroubleWatch {
  readonly #parts: TroubleWatchParts;
  #forwarded = 0;
  /** Monotonic: until when it looks whatever is delivered. */
  #lookUntilMs = Number.NEGATIVE_INFINITY;
  /** Monotonic: since when nothing is delivered; undefined while something is. */
  #nothingSinceMs: number | undefined = undefined;
  /** Devices that are refused, by their keys. */
  readonly #refused = new Map<string, Known>();
  #cancel: () => void = () => {};

  constructor(parts: TroubleWatchParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#cancel = this.#parts.clock.schedule(LOOK_EVERY_MS, () => {
      this.#look();
      this.start();
    });
  }

  stop(): void {
    this.#cancel();
  }

  /** States were refused for good. */
  notice(): void {
    this.#lookUntilMs = this.#parts.clock.monotonicMs() + LOOK_ON_MS;
  }

  #look(): void {
    const { clock, report, forwarded } = this.#parts;
    const isDelivering = forwarded() > this.#forwarded;
    this.#forwarded = forwarded();
    const nowMs = clock.monotonicMs();
    const hasTold = this.#nothingSinceMs !== undefined || this.#refused.size > 0;
    if (isDelivering && !hasTold && nowMs > this.#lookUntilMs) return;
    const found = report();
    this.#tellNothing(found, nowMs);
    this.#tellRefused(found, nowMs);
  }

  /** An outage that comes on top of it does not end it. */
  #tellNothing({ nothingDelivered, delivering, causes }: DeviceReport, nowMs: number): void {
    const sinceMs = this.#nothingSinceMs;
    if (sinceMs === undefined && nothingDelivered) {
      this.#nothingSinceMs = nowMs;
      this.#parts.onNothingDelivered(causes);
    } else if (sinceMs !== undefined && delivering > 0) {
      this.#nothingSinceMs = undefined;
      this.#parts.onDeliveredAgain(nowMs - sinceMs);
    }
  }

  #tellRefused({ listed, troubled }: DeviceReport, nowMs: number): void {
    const refused = listed.filter(({ trouble }) => trouble === 'refused');
    for (const trouble of refused) {
      const { device } = trouble;
      if (this.#refused.has(device.key) || this.#refused.size >= MOST_REFUSED) continue;
      this.#refused.set(device.key, { device, sinceMs: nowMs });
      this.#parts.onRefused(trouble);
    }
    // Of a list that is cut nobody is missing for certain.
    if (refused.length < troubled.refused) return;
    const keys = new Set(refused.map(({ device }) => device.key));
    for (const [key, { device, sinceMs }] of this.#refused) {
      if (keys.has(key)) continue;
      this.#refused.delete(key);
      this.#parts.onTaken(device, nowMs - sinceMs);
    }
  }
}
