import type { Account } from './fault-account.js';
import type { Delivery, Tide } from './fault-deliveries.js';

/**
 * A span in which answers of the cloud may have been lost on their way, so that what was in flight may come twice.
 * A `kill` is one instant: of each device one request may have been in flight, and no more than one may come again.
 */
export interface Disturbance {
  readonly kind: 'kill' | 'line';
  readonly from: Tide;
  readonly to: Tide;
}

/** What became of a device's states. */
export interface Verdict {
  /** Acknowledged states that did not come. */
  readonly lost: readonly number[];
  /** What else is wrong, in words; nothing when all promises were kept. */
  readonly findings: readonly string[];
  /** States that came more than once, rightly or not. */
  readonly doubled: number;
}

const MAX_FINDINGS = 10;

/** Compares what a device was promised with what the cloud took. */
export function verdictOf(
  account: Account,
  deliveries: readonly Delivery[],
  disturbances: readonly Disturbance[],
): Verdict {
  const requestsOf: number[][] = account.fates.map(() => []);
  const findings = [...account.complaints, ...readDeliveries(account, deliveries, requestsOf)];
  const lost: number[] = [];
  let doubled = 0;
  for (const [n, fate] of account.fates.entries()) {
    const requests = requestsOf[n] as number[];
    if (fate === 'acknowledged' && requests.length === 0) lost.push(n);
    if (fate === 'refused' && requests.length > 0) findings.push(`refused but delivered: state ${n}`);
    if (fate === 'open') findings.push(`never settled: state ${n}`);
    if (requests.length > 1) doubled++;
  }
  findings.push(...unexplainedDoubles(account.device.deviceId, requestsOf, disturbances));
  const shown = findings.slice(0, MAX_FINDINGS).map((finding) => `${account.device.name}: ${finding}`);
  if (findings.length > MAX_FINDINGS) shown.push(`${account.device.name}: ${findings.length} findings in all`);
  return { lost, findings: shown, doubled };
}

/** Looks at each state that came: is it one that was sent, as it was sent, in its place? Fills in where it came. */
function readDeliveries(account: Account, deliveries: readonly Delivery[], requestsOf: number[][]): string[] {
  const findings: string[] = [];
  const timesMs = new Map<number, number>();
  const numberAt = new Map<number, number>();
  let latest = -1;
  for (const [request, { states }] of deliveries.entries()) {
    let before = -1;
    for (const { time, data } of states) {
      const n = data.n as number;
      const requests = requestsOf[n];
      if (requests === undefined) {
        findings.push(`never sent: ${JSON.stringify({ time, data }).slice(0, 200)}`);
        continue;
      }
      const expected = account.stateOf(n);
      if (JSON.stringify(data) !== JSON.stringify(expected.data)) findings.push(`altered: state ${n}`);
      const rightTime = expected.time ?? timesMs.get(n) ?? time;
      if (!Number.isInteger(time) || time !== rightTime) findings.push(`state ${n} at ${time}, not ${rightTime}`);
      timesMs.set(n, time as number);
      if ((numberAt.get(time as number) ?? n) !== n) findings.push(`state ${n} shares its time ${time} with another`);
      numberAt.set(time as number, n);
      if (n <= before || (requests.length === 0 && n < latest)) findings.push(`disorder: state ${n} after ${latest}`);
      before = n;
      latest = Math.max(latest, n);
      requests.push(request);
    }
  }
  return findings;
}

/**
 * Requests whose states came again although nothing had disturbed them. A kill explains one request of a device; where
 * kills follow one another closely, each request takes the earliest that may explain it, so that later ones are left for
 * those after it.
 */
function unexplainedDoubles(
  deviceId: string,
  requestsOf: readonly (readonly number[])[],
  disturbances: readonly Disturbance[],
): string[] {
  const firstStateOf = new Map<number, number>();
  for (const [n, requests] of requestsOf.entries()) {
    for (const request of requests.slice(0, -1)) {
      if (!firstStateOf.has(request)) firstStateOf.set(request, n);
    }
  }
  const spent = new Set<Disturbance>();
  const findings: string[] = [];
  for (const request of [...firstStateOf.keys()].sort((a, b) => a - b)) {
    const cause = disturbances.find((candidate) => !spent.has(candidate) && touches(candidate, deviceId, request));
    if (cause === undefined) {
      findings.push(`doubled without cause: request ${request} from state ${firstStateOf.get(request)} on`);
    } else if (cause.kind === 'kill') spent.add(cause);
  }
  return findings;
}

/**
 * Whether the request may have been in flight: the last before, or any within; and the one right after, which may have
 * been on its way to the cloud at the end.
 */
function touches({ from, to }: Disturbance, deviceId: string, request: number): boolean {
  return request >= (from.get(deviceId) ?? 0) - 1 && request <= (to.get(deviceId) ?? 0);
}
