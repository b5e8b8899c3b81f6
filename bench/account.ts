import type { CloudSummary } from './cloud/arrivals.js';

/** What a load knows of the states it sent. */
export interface Expectation {
  /** States by device that were acknowledged; undefined where the load knows their sum alone. */
  readonly acknowledged: Uint32Array | undefined;
  /** States acknowledged, over all devices; fewer where the load knows no better. */
  readonly acknowledgedTotal: number;
  /** States by device that were sent, acknowledged or not; undefined where the load does not know. */
  readonly sent: Uint32Array | undefined;
}

/** Whether all acknowledged states arrived. */
export interface Account {
  readonly acknowledged: number;
  /** Distinct states. */
  readonly arrived: number;
  /** Acknowledged and not arrived. */
  readonly lost: number;
  /** Arrived of a device that had not sent so many. */
  readonly strange: number;
  /** Sent to the cloud more than once. */
  readonly repeated: number;
  /** Requests over the cloud's limit. */
  readonly throttled: number;
}

/** What a cloud had at an instant. */
export interface CloudSnapshot {
  readonly arrived: Uint32Array;
  readonly summary: CloudSummary;
}

/**
 * Compares what was acknowledged with what arrived between two looks at the cloud, device by device.
 * @param acceptedByProxy states that the proxy itself counted as acknowledged in that time; those are owed too, even
 *   where their answer met a connection that the load had closed already
 */
export function accountOf(
  expected: Expectation,
  before: CloudSnapshot,
  after: CloudSnapshot,
  acceptedByProxy: number,
): Account {
  const arrived = after.arrived.map((count, device) => count - (before.arrived[device] ?? 0));
  const total = sum(arrived);
  const owed = Math.max(expected.acknowledgedTotal, acceptedByProxy);
  const lostByDevice = expected.acknowledged === undefined ? 0 : shortfall(expected.acknowledged, arrived);
  return {
    acknowledged: owed,
    arrived: total,
    lost: Math.max(lostByDevice, owed - total, 0),
    strange: expected.sent === undefined ? 0 : shortfall(arrived, expected.sent),
    repeated: after.summary.repeated - before.summary.repeated,
    throttled: after.summary.throttled - before.summary.throttled,
  };
}

/** The accounts of several runs as one. */
export function addAccounts(accounts: readonly Account[]): Account {
  const total = { acknowledged: 0, arrived: 0, lost: 0, strange: 0, repeated: 0, throttled: 0 };
  for (const account of accounts) {
    for (const name of Object.keys(total) as (keyof Account)[]) total[name] += account[name];
  }
  return total;
}

/** What a load expects that knows of each device how much was acknowledged and sent. */
export function expecting(acknowledged: Uint32Array, sent: Uint32Array): Expectation {
  return { acknowledged, acknowledgedTotal: sum(acknowledged), sent };
}

/** What a load expects that knows nothing of single devices. */
export function expectingInAll(acknowledgedTotal: number): Expectation {
  return { acknowledged: undefined, acknowledgedTotal, sent: undefined };
}

/** What several loads expect together. One that knows no devices adds none: only its sum is owed. */
export function together(...parts: readonly Expectation[]): Expectation {
  const known = (name: 'acknowledged' | 'sent') =>
    parts.map((part) => part[name]).filter((counts) => counts !== undefined);
  const sent = known('sent');
  return {
    acknowledged: added(known('acknowledged')),
    acknowledgedTotal: parts.reduce((total, part) => total + part.acknowledgedTotal, 0),
    sent: sent.length === parts.length ? added(sent) : undefined,
  };
}

function added(all: readonly Uint32Array[]): Uint32Array {
  const length = Math.max(...all.map((counts) => counts.length));
  return Uint32Array.from({ length }, (_, device) => all.reduce((total, counts) => total + (counts[device] ?? 0), 0));
}

/** How much of `wanted` is not in `found`, device by device: one device's surplus is no other's. */
function shortfall(wanted: Uint32Array, found: Uint32Array): number {
  return wanted.reduce((missing, count, device) => missing + Math.max(0, count - (found[device] ?? 0)), 0);
}

function sum(counts: Uint32Array): number {
  return counts.reduce((total, count) => total + count, 0);
}
