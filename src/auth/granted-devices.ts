import type { Device } from '../core/device.js';
import type { GrantView } from '../core/device-report.js';
import type { Clock } from '../core/time/clock.js';
import type { Grants } from './grants.js';
import { nameIn } from './kept-grant.js';

/** A device with a grant, and what the cloud calls it, where a check has brought that. */
export interface NamedDevice {
  readonly device: Device;
  readonly name: string | undefined;
}

/** What of the grants at hand people may see: everything but tokens. */
export class GrantedDevices {
  readonly #grants: Pick<Grants, 'byDevice' | 'of'>;
  readonly #clock: Clock;
  readonly #lapsesAfterMs: number;

  /** @param lapsesAfterMs how long a grant stays good without being confirmed */
  constructor(grants: Pick<Grants, 'byDevice' | 'of'>, clock: Clock, lapsesAfterMs: number) {
    this.#grants = grants;
    this.#clock = clock;
    this.#lapsesAfterMs = lapsesAfterMs;
  }

  /** What the cloud calls a device; undefined where no check has brought that. @param deviceId lower case */
  nameOf(deviceId: string): string | undefined {
    return nameIn(this.#grants.of(deviceId));
  }

  /** The device of an id, if it has a grant. @param deviceId lower case */
  find(deviceId: string): Device | undefined {
    return this.#grants.of(deviceId)[0]?.device;
  }

  /** The grants of a device, the newest first. @param deviceId lower case */
  grantsOf(deviceId: string): GrantView[] {
    const aheadMs = this.#clock.wallMs() - this.#clock.monotonicMs();
    return this.#grants.of(deviceId).map(({ kind, maySend, confirmedAtMs, expiresAtMs }) => ({
      kind,
      maySend,
      confirmedAtMs: Math.round(confirmedAtMs + aheadMs),
      expiresAtMs,
      lapsesAtMs: Math.round(confirmedAtMs + this.#lapsesAfterMs + aheadMs),
    }));
  }

  /** Every device with a grant. */
  *all(): Iterable<NamedDevice> {
    for (const grants of this.#grants.byDevice()) {
      const [newest] = grants;
      if (newest !== undefined) yield { device: newest.device, name: nameIn(grants) };
    }
  }
}
