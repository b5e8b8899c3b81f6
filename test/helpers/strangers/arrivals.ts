import type { Account } from '../fault-account.js';
import type { Deliveries } from '../fault-deliveries.js';

/**
 * How long the states of a device that were sent in a span of time took to arrive in the cloud, the shortest first;
 * Infinity for those that have not arrived.
 * @param fromMs on the wall clock, as `toMs`
 */
export function arrivalsMs(account: Account, deliveries: Deliveries, fromMs: number, toMs: number): number[] {
  const arrivedAtMs = new Map<number, number>();
  for (const delivery of deliveries.of(account.device.deviceId)) {
    for (const { data } of delivery.states) {
      if (!arrivedAtMs.has(data.n as number))
        arrivedAtMs.set(data.n as number, performance.timeOrigin + delivery.arrivedAtMs);
    }
  }
  return account.fates
    .flatMap((fate, n) => {
      const takenAtMs = account.takenAtMs[n] as number;
      const isOfSpan = fate === 'acknowledged' && takenAtMs >= fromMs && takenAtMs < toMs;
      return isOfSpan ? [(arrivedAtMs.get(n) ?? Number.POSITIVE_INFINITY) - takenAtMs] : [];
    })
    .sort((a, b) => a - b);
}
