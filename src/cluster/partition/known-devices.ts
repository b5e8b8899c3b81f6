import type { Device } from '../../core/device.js';
import type { CountedSends, DeviceHistory, Watermark } from '../../core/spool-ports.js';
import type { Clock } from '../../core/time/clock.js';
import type { DeviceRow, StampsBefore } from '../ledger/changes.js';

/** A device whose records are all settled is forgotten after so long, once its requests count no more. */
const KEPT_MS = 60_000;
/**
 * Stamps are remembered for so long: longer than a state can be on its way, and than the steps by which clocks are
 * corrected. As in `src/intake/stamper.ts`.
 */
const STAMPS_KEPT_MS = 600_000;
const NO_SENDS: CountedSends = { count: 0, windowMs: 0, untilMs: Number.NEGATIVE_INFINITY };

/** What is known of a device of the partition; times are monotonic. */
export interface KnownDevice {
  readonly device: Device;
  readonly watermark: Watermark;
  readonly sends: CountedSends;
  /** As {@link DeviceRow.stamps}. */
  readonly stamps: StampsBefore;
}

/** How far each device of a partition is settled, and how busy it was. */
export class KnownDevices {
  readonly #clock: Clock;
  readonly #devices = new Map<string, { readonly known: KnownDevice; readonly sinceMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  history(device: Device): DeviceHistory | undefined {
    const known = this.of(device);
    return known && { watermark: known.watermark, sends: known.sends };
  }

  of(device: Device): KnownDevice | undefined {
    return this.#devices.get(device.key)?.known;
  }

  /** What a device counts that was never heard of, or not for long. */
  sendsOf(device: Device): CountedSends {
    return this.of(device)?.sends ?? NO_SENDS;
  }

  set(known: KnownDevice): void {
    this.#devices.set(known.device.key, { known, sinceMs: this.#clock.monotonicMs() });
  }

  has(deviceKey: string): boolean {
    return this.#devices.has(deviceKey);
  }

  *values(): Iterable<KnownDevice> {
    for (const { known } of this.#devices.values()) yield known;
  }

  /** As they are written now. */
  rows(): DeviceRow[] {
    const nowMs = this.#clock.monotonicMs();
    return [...this.values()].map((known) => rowOf(known, nowMs));
  }

  /** Forgets what bears on nothing any more. @param cursor all records before it are settled */
  forget(cursor: number): void {
    const nowMs = this.#clock.monotonicMs();
    const stampedAfterMs = this.#clock.wallMs() - STAMPS_KEPT_MS;
    for (const [key, { known, sinceMs }] of this.#devices) {
      const { watermark, sends, stamps } = known;
      const isSettled = watermark.sequence < cursor || (watermark.sequence === cursor && watermark.states === 0);
      const isCounted = nowMs <= sends.untilMs + 2 * sends.windowMs;
      const isStamped = Math.max(stamps.lastStampMs, stamps.lastOwnMs) >= stampedAfterMs;
      if (isSettled && !isCounted && !isStamped && nowMs - sinceMs > KEPT_MS) this.#devices.delete(key);
    }
  }
}

/** As it is written at `nowMs`. */
export function rowOf({ device, watermark, sends, stamps }: KnownDevice, nowMs: number): DeviceRow {
  const { count, windowMs, untilMs } = sends;
  return { device, watermark, stamps, sends: { count, windowMs, untilAgeMs: nowMs - untilMs } };
}
