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

/** How a simulated device reports. */
export type Transport = 'http' | 'ws' | 'mqtt';

/**
 * Which device reports how, so that each part of the fleet has about its share of each: every device gets what is the furthest
 * behind its share.
 * @param shares parts of the fleet, 0 to 1 and together at most 1; the others report by HTTP
 */
export function transportsOf(devices: number, shares: { readonly ws: number; readonly mqtt: number }): Transport[] {
  const wanted = { http: 1 - shares.ws - shares.mqtt, ws: shares.ws, mqtt: shares.mqtt };
  const given = { http: 0, ws: 0, mqtt: 0 };
  return Array.from({ length: devices }, (_, index) => {
    const behind = (transport: Transport): number => wanted[transport] * (index + 1) - given[transport];
    const next = (['http', 'ws', 'mqtt'] as const).reduce((most, transport) =>
      behind(transport) > behind(most) + ROUNDING ? transport : most,
    );
    given[next]++;
    return next;
  });
}

/** Two shares that differ by less are the same share, computed in two ways. */
const ROUNDING = 1e-9;

const TIME_FORMS = 5;
const REPEATS_AFTER = 10;

/**
 * In which of five forms a device gives its times. The numbers go round one further each ten devices: shares in tenths
 * come round with ten devices too, and each way would have the same few forms for ever.
 */
export function timeFormOf(index: number): number {
  return (index + Math.floor(index / REPEATS_AFTER)) % TIME_FORMS;
}
