import type { Device } from '../../core/device.js';
import type { FollowedDevices } from '../../core/followed-devices.js';
import type { Clock } from '../../core/time/clock.js';
import type { Lane } from '../lane/lane.js';
import { ASK_AGAIN_MS } from './outcome.js';

export interface ParkedLanesParts {
  readonly clock: Clock;
  /** Told once each time a lane is parked for what only someone's work can change; no token or value is in `reason`. */
  readonly onParked: (device: Device, reason: string) => void;
  /** Told when the cloud takes states of a parked lane again, and how long after. */
  readonly onUnparked: (device: Device, parkedMs: number) => void;
  readonly followed: FollowedDevices;
}

/** Parks the lanes that only someone's work can help, and tells of each once, until the cloud takes its states again. */
export class ParkedLanes {
  readonly #parts: ParkedLanesParts;

  constructor(parts: ParkedLanesParts) {
    this.#parts = parts;
  }

  /** Nothing has been refused, so nobody is told: as a rule the device shows a token before long. */
  awaitToken(lane: Lane): void {
    this.#park(
      lane,
      'no good token of it is known here; it goes on when the device shows one',
      Number.POSITIVE_INFINITY,
      true,
    );
  }

  /** Until the device shows a good token. */
  parkForGrant(lane: Lane, reason: string): void {
    this.#park(lane, reason, Number.POSITIVE_INFINITY, true);
    this.#report(lane, reason);
  }

  /** Until the cloud is asked again, or a good token shown where `isGrantAwaited`. */
  park(lane: Lane, reason: string, isGrantAwaited: boolean): void {
    this.#park(lane, reason, this.#nowMs + ASK_AGAIN_MS, isGrantAwaited);
    this.#report(lane, reason);
  }

  /** What cannot be read back, here or from disk, is this device's trouble alone. */
  parkUnreadable(lane: Lane, error: unknown): void {
    this.park(lane, `its states cannot be joined (${(error as Error).name})`, false);
  }

  /** The cloud takes states of the lane. */
  endTrouble(lane: Lane, nowMs: number): void {
    const sinceMs = lane.faults?.endTrouble();
    if (sinceMs !== undefined) this.#parts.onUnparked(lane.device, nowMs - sinceMs);
  }

  #report(lane: Lane, reason: string): void {
    if (lane.faulted().report(this.#nowMs)) this.#parts.onParked(lane.device, reason);
  }

  #park(lane: Lane, reason: string, untilMs: number, isGrantAwaited: boolean): void {
    lane.park(reason, this.#nowMs, untilMs, isGrantAwaited);
    this.#parts.followed.tell(lane.device, 'parked', { reason });
  }

  get #nowMs(): number {
    return this.#parts.clock.monotonicMs();
  }
}
