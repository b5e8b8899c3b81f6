import type { SetAside } from '../../core/dead-letter.js';
import type { Device } from '../../core/device.js';
import type { Clock } from '../../core/time/clock.js';

const HOUR_MS = 3_600_000;
/** Dead letters of one device within an hour (contract 1.9.4): enough to see what is wrong with it, and 240 KiB at most. */
const MOST_IN_AN_HOUR = 60;
/** Devices that are remembered; beyond it the one whose hour began first gives way. */
const MAX_DEVICES = 10_000;

/** A device that sends so much that is no state that no more of it is kept until its hour is over. */
export interface LetterFlood {
  readonly deviceId: string;
  readonly keptLetters: number;
}

interface Hour {
  /** Monotonic. */
  readonly beganAtMs: number;
  letters: number;
  isTold: boolean;
}

/**
 * Sets aside what is no state, so many of each device and hour: one broken device that sends ten a second would fill the
 * disk of all. What is beyond is dropped.
 */
export class DeviceLetters {
  readonly #letters: SetAside;
  readonly #clock: Clock;
  readonly #onFlood: (flood: LetterFlood) => void;
  /** By device, the one that began first first. */
  readonly #hours = new Map<string, Hour>();

  /** @param onFlood told once for each device and hour */
  constructor(letters: SetAside, clock: Clock, onFlood: (flood: LetterFlood) => void) {
    this.#letters = letters;
    this.#clock = clock;
    this.#onFlood = onFlood;
  }

  /**
   * Resolves when the beginning of the payload is on stable storage, or at once where no more of the device is kept.
   * @returns which of the two
   */
  async setAside(device: Device, payload: Uint8Array, reason: string): Promise<'dead_letter' | 'not_kept'> {
    const hour = this.#hourOf(device.deviceId);
    if (hour.letters >= MOST_IN_AN_HOUR) {
      if (!hour.isTold) this.#onFlood({ deviceId: device.deviceId, keptLetters: hour.letters });
      hour.isTold = true;
      return 'not_kept';
    }
    hour.letters++;
    try {
      await this.#letters.setAside(device, payload, reason);
      return 'dead_letter';
    } catch (error) {
      // It will come again.
      hour.letters--;
      throw error;
    }
  }

  #hourOf(deviceId: string): Hour {
    const nowMs = this.#clock.monotonicMs();
    const last = this.#hours.get(deviceId);
    if (last !== undefined && nowMs - last.beganAtMs < HOUR_MS) return last;
    const hour = { beganAtMs: nowMs, letters: 0, isTold: false };
    this.#hours.delete(deviceId);
    this.#hours.set(deviceId, hour);
    if (this.#hours.size > MAX_DEVICES) this.#hours.delete(this.#hours.keys().next().value as string);
    return hour;
  }
}
