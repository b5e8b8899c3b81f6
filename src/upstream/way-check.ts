import { type CheckLine, ok, wrong } from '../core/check-line.js';
import { type AskResult, FAILURE_REMEDIES } from '../core/cloud-port.js';
import type { Clock } from '../core/time/clock.js';
import { createAgent } from './agent.js';
import { HttpCloudClient } from './cloud-client.js';
import { CloudConnections } from './connections.js';
import { Dialer } from './dialer.js';
import { Blocked, elapsed, linesOf, type WayEnd, walkTo } from './way-steps.js';

/** The proxy calls its machine's clock wrong from here on as well (`timekeeper.ts`). */
const MAX_SKEW_MS = 60_000;

export interface WayCheckOptions {
  /** `STATEWAY_UPSTREAM_URL`. */
  readonly url: URL;
  readonly caFile: string | undefined;
  /** As in `AgentOptions`. */
  readonly proxyUrl: string | undefined;
  /** `STATEWAY_UPSTREAM_TOKEN`. */
  readonly token: string | undefined;
}

/**
 * Goes the way to the cloud as the proxy does, step by step: name, TCP, the HTTP proxy where there is one, TLS, the
 * cloud's own answer, the clock by it, and the token of the proxy where it has one. Never rejects.
 */
export function checkWay(options: WayCheckOptions, clock: Clock): Promise<readonly CheckLine[]> {
  const end = { ...options, isSecure: options.url.protocol === 'https:', prefix: '', remedies: FAILURE_REMEDIES };
  const lastSteps = ['answer', 'clock', ...(options.token === undefined ? [] : ['token'])];
  return linesOf(end, lastSteps, walk(options, end, clock));
}

async function* walk(options: WayCheckOptions, end: WayEnd, clock: Clock): AsyncGenerator<CheckLine> {
  yield* walkTo(end, clock);
  yield* answers(options, clock);
}

async function* answers({ url, caFile, proxyUrl, token }: WayCheckOptions, clock: Clock): AsyncGenerator<CheckLine> {
  const dialer = new Dialer(clock);
  const create = () => createAgent({ connections: 1, caFile, proxyUrl, dialer });
  const client = new HttpCloudClient(new CloudConnections(create, dialer, clock), clock, { url });
  try {
    const startedMs = clock.monotonicMs();
    const answer = await client.greet();
    if (answer.kind === 'failure') {
      throw new Blocked(wrong('answer', answer.words, FAILURE_REMEDIES[answer.reason]));
    }
    if (answer.status >= 500) {
      const { status, message } = answer;
      throw new Blocked(wrong('answer', `${status} ${message}`.trim(), FAILURE_REMEDIES.status));
    }
    yield ok('answer', `the cloud's own, ${answer.status} to a call without a token, in ${elapsed(clock, startedMs)}`);
    yield skew(answer, clock);
    if (token !== undefined) yield tokenLine(await client.greet(token));
  } finally {
    await client.close();
  }
}

function skew({ cloudDate }: Extract<AskResult, { kind: 'answer' }>, clock: Clock): CheckLine {
  if (cloudDate?.dateMs === undefined) return ok('clock', 'the answer has no Date to compare it with');
  const { dateMs, heardMs } = cloudDate;
  const cloudMs = dateMs + (clock.monotonicMs() - heardMs);
  const aheadMs = clock.wallMs() - cloudMs;
  const seconds = Math.round(Math.abs(aheadMs) / 1_000);
  const words = `${new Date(clock.wallMs()).toISOString()}, ${seconds} s ${aheadMs < 0 ? 'behind' : 'ahead of'} the cloud's`;
  if (Math.abs(aheadMs) <= MAX_SKEW_MS) return ok('clock', words);
  return wrong('clock', words, 'Set the clock of this machine, best by NTP: tokens and certificates are judged by it.');
}

/** Of a device that does not exist, the cloud says to a good token that it does not, or that it may not be read. */
function tokenLine(answer: AskResult): CheckLine {
  if (answer.kind === 'failure') return wrong('token', answer.words, FAILURE_REMEDIES[answer.reason]);
  const { status, message } = answer;
  const said = `the cloud answers ${status}${message === '' ? '' : ` (${message})`} to it`;
  if (status === 403 || status === 404 || status < 300)
    return ok('token', 'STATEWAY_UPSTREAM_TOKEN is known to the cloud');
  const remedy =
    'Make a new application token in the cloud that may send state, and set STATEWAY_UPSTREAM_TOKEN to it.';
  return wrong('token', said, status === 401 ? remedy : FAILURE_REMEDIES.status);
}
