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
  /** The devices it befell; all unless given. */
  readonly deviceIds?: ReadonlySet<string>;
}

/** Requests that came more than once, by what explains it. */
export interface Doubles {
  /** In flight at a kill. */
  kill: number;
  /** Their answers were late, cut or lost, so that the proxy could not know that they had been taken. */
  line: number;
}

/** What became of a device's states. */
export interface Verdict {
  /** Acknowledged states that did not come. */
  readonly lost: readonly number[];
  /** Acknowledged states that the cloud fails for, and that neither came nor are held apart: they wait, or are lost as well. */
  readonly failing: readonly number[];
  /** What else is wrong, in words; nothing when all promises were kept. */
  readonly findings: readonly string[];
  /** States that came more than once, rightly or not. */
  readonly doubled: number;
  /** Requests whose states came again, and for which there is a reason. */
  readonly doubles: Doubles;
}

const MAX_FINDINGS = 10;
/** How far the stamps of a proxy may lie ahead of its clock, and how exactly its clock is read here. */
const STAMPS_AHEAD_MS = 62_000;
const CLOCK_MS = 1_000;
const NOTHING_DEAD: ReadonlySet<number> = new Set();

/**
 * Compares what a device was promised with what the cloud took.
 * @param dead numbers of its states in the dead letters
 */
export function verdictOf(
  account: Account,
  deliveries: readonly Delivery[],
  disturbances: readonly Disturbance[],
  dead: ReadonlySet<number> = NOTHING_DEAD,
): Verdict {
  const requestsOf: number[][] = account.fates.map(() => []);
  const findings = [...account.complaints, ...readDeliveries(account, deliveries, requestsOf)];
  const lost: number[] = [];
  const failing: number[] = [];
  let doubled = 0;
  for (const [n, fate] of account.fates.entries()) {
    const requests = requestsOf[n] as number[];
    const isDead = dead.has(n);
    if (isDead && !account.mayDie(n) && !account.isToxic(n)) findings.push(`a dead letter without cause: state ${n}`);
    if (fate === 'acknowledged' && requests.length === 0 && !isDead) (account.isToxic(n) ? failing : lost).push(n);
    if (fate === 'refused' && requests.length > 0) findings.push(`refused but delivered: state ${n}`);
    if (fate === 'refused' && isDead) findings.push(`refused but a dead letter: state ${n}`);
    if (fate === 'open') findings.push(`never settled: state ${n}`);
    if (requests.length > 1) doubled++;
  }
  const { doubles, unexplained } = explainDoubles(account.device.deviceId, requestsOf, disturbances);
  findings.push(...unexplained);
  const shown = findings.slice(0, MAX_FINDINGS).map((finding) => `${account.device.name}: ${finding}`);
  if (findings.length > MAX_FINDINGS) shown.push(`${account.device.name}: ${findings.length} findings in all`);
  return { lost, failing, findings: shown, doubled, doubles };
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
      findings.push(...readStamp(account, n, time as number));
      timesMs.set(n, time as number);
      if ((numberAt.get(time as number) ?? n) !== n) findings.push(`state ${n} shares its time ${time} with another`);
      numberAt.set(time as number, n);
      const isLate = n <= before || (requests.length === 0 && n < latest);
      if (isLate && !account.isToxic(n)) findings.push(`disorder: state ${n} after ${latest}`);
      if (!account.isToxic(n)) before = n;
      latest = Math.max(latest, n);
      requests.push(request);
    }
  }
  return findings;
}

/** A stamp that the proxy gave lies where the state came to it. */
function readStamp(account: Account, n: number, timeMs: number): string[] {
  const { stamped, checksStamps, takenAtMs, settledAtMs } = account;
  const [from, to] = [takenAtMs[n] as number, settledAtMs[n] ?? Number.POSITIVE_INFINITY];
  if (stamped || !checksStamps || (timeMs >= from - CLOCK_MS && timeMs <= to + STAMPS_AHEAD_MS)) return [];
  return [`state ${n} was stamped ${timeMs}, but sent at ${from} and settled at ${to}`];
}

/**
 * Finds requests whose states came again although nothing had disturbed them. What a line explains costs no kill. A kill
 * explains one request of a device; where kills follow one another closely, each request takes the earliest that may
 * explain it, so that later ones are left for those after it.
 */
function explainDoubles(
  deviceId: string,
  requestsOf: readonly (readonly number[])[],
  disturbances: readonly Disturbance[],
): { doubles: Doubles; unexplained: string[] } {
  const firstStateOf = new Map<number, number>();
  for (const [n, requests] of requestsOf.entries()) {
    for (const request of requests.slice(0, -1)) {
      if (!firstStateOf.has(request)) firstStateOf.set(request, n);
    }
  }
  const mine = disturbances.filter(({ deviceIds }) => deviceIds?.has(deviceId) ?? true);
  const linesFirst = [...mine.filter(({ kind }) => kind === 'line'), ...mine.filter(({ kind }) => kind === 'kill')];
  const spent = new Set<Disturbance>();
  const doubles: Doubles = { kill: 0, line: 0 };
  const unexplained: string[] = [];
  for (const request of [...firstStateOf.keys()].sort((a, b) => a - b)) {
    const cause = linesFirst.find((candidate) => !spent.has(candidate) && touches(candidate, deviceId, request));
    if (cause === undefined) {
      unexplained.push(`doubled without cause: request ${request} from state ${firstStateOf.get(request)} on`);
      continue;
    }
    doubles[cause.kind]++;
    if (cause.kind === 'kill') spent.add(cause);
  }
  return { doubles, unexplained };
}

/**
 * Whether the request may have been in flight: the last before, or any within; and the one right after, which may have
 * been on its way to the cloud at the end.
 */
function touches({ from, to }: Disturbance, deviceId: string, request: number): boolean {
  return request >= (from.get(deviceId) ?? 0) - 1 && request <= (to.get(deviceId) ?? 0);
}
