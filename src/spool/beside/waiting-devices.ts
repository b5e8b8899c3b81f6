import type { Device } from '../../core/device.js';

/** What of one device waits for the cloud. */
export interface WaitingOfDevice {
  readonly device: Device;
  readonly states: number;
  /** About: of its states in the journal, and of its pieces of backlog, settled states at their start included. */
  readonly bytes: number;
  /** Wall-clock milliseconds: when the oldest of them was stored. */
  readonly oldestStoredAtMs: number;
}

interface Sum {
  readonly device: Device;
  states: number;
  bytes: number;
  oldestStoredAtMs: number;
}

/** Sums up what waits by device. */
export class WaitingDevices {
  readonly #sums = new Map<string, Sum>();

  /** @param storedAtMs of the oldest of the states; none may be left of them */
  add(device: Device, states: number, bytes: number, storedAtMs: number): void {
    if (states === 0) return;
    const sum = this.#sums.get(device.key);
    if (sum === undefined) {
      this.#sums.set(device.key, { device, states, bytes, oldestStoredAtMs: storedAtMs });
      return;
    }
    sum.states += states;
    sum.bytes += bytes;
    sum.oldestStoredAtMs = Math.min(sum.oldestStoredAtMs, storedAtMs);
  }

  /** The device whose state is the oldest first. @param wallJumpMs by how much the times are to be moved to be shown */
  list(wallJumpMs: number): WaitingOfDevice[] {
    const sorted = [...this.#sums.values()].sort((a, b) => a.oldestStoredAtMs - b.oldestStoredAtMs);
    return sorted.map((sum) => ({ ...sum, oldestStoredAtMs: sum.oldestStoredAtMs + wallJumpMs }));
  }
}
