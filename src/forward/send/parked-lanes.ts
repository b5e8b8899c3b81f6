import type { Clock } from '../../core/clock.js';
import type { Device } from '../../core/device.js';
import type { FollowedDevices } from '../../core/followed-devices.js';
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
    lane.holdBack('parked', Number.POSITIVE_INFINITY, true);
    this.#noteTrouble(lane, 'no good token of it is known here; it goes on when the device shows one');
  }

  /** Until the device shows a good token. */
  parkForGrant(lane: Lane, reason: string): void {
    lane.holdBack('parked', Number.POSITIVE_INFINITY, true);
    this.#report(lane, reason);
  }

  /** Until the cloud is asked again, or a good token shown where `isGrantAwaited`. */
  park(lane: Lane, reason: string, isGrantAwaited: boolean): void {
    lane.holdBack('parked', this.#nowMs + ASK_AGAIN_MS, isGrantAwaited);
    this.#report(lane, reason);
  }

  /** The cloud takes states of the lane. */
  endTrouble(lane: Lane, nowMs: number): void {
    lane.trouble = undefined;
    if (lane.reportedSinceMs === undefined) return;
    this.#parts.onUnparked(lane.device, nowMs - lane.reportedSinceMs);
    lane.reportedSinceMs = undefined;
  }

  #report(lane: Lane, reason: string): void {
    this.#noteTrouble(lane, reason);
    if (lane.reportedSinceMs !== undefined) return;
    lane.reportedSinceMs = this.#nowMs;
    this.#parts.onParked(lane.device, reason);
  }

  #noteTrouble(lane: Lane, reason: string): void {
    lane.noteTrouble('parked', reason, this.#nowMs);
    this.#parts.followed.tell(lane.device, 'parked', { reason });
  }

  get #nowMs(): number {
    return this.#parts.clock.monotonicMs();
  }
}
