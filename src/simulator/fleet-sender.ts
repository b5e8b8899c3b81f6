import type { OutgoingState } from './fleet-tally.js';

/** The way of one simulated device to the proxy. */
export interface FleetSender {
  /** Resolves when the device is connected, as far as its way needs a connection; never rejects. */
  readonly connected: Promise<void>;
  /** Sends the state as soon as the device can; keeps trying until it is settled or the sender closed. */
  offer(state: OutgoingState): void;
  /** Cuts the connection; what is not settled stays so. */
  close(): void;
}

/** Wait before sending again when the answer names none. */
export const RETRY_AFTER_MS = 1_000;

/** Whether an answer of this status may change when the same request is sent again. */
export function isWorthRetrying(status: number): boolean {
  return status === 429 || status >= 500;
}
