import type { Fault, ForeignPage } from '../../src/simulator/cloud-faults.js';
import { inForm } from './fault-form.js';
import type { Random } from './fault-random.js';

/** A kind of time that a site may go through, at its cloud or on the way there. */
export interface PhaseKind {
  readonly name: string;
  /** What goes wrong, for those it befalls. */
  readonly faults: readonly Fault[];
  /** The cloud takes what the proxy cannot know of, so that it may come again. */
  readonly isUnknown?: true;
  /** The cloud itself refuses tokens, so that devices may hear of it. */
  readonly forbids?: true;
  /** Befalls every request, since something stands in the way of all; otherwise those of some devices. */
  readonly isForAll?: true;
  /** Shorter than this it would show nothing. */
  readonly atLeastMs?: number;
  /** The part of all states that is refused for what they say. */
  readonly refusedShare?: number;
}

const json = (status: number, body: string): ForeignPage => ({
  kind: 'page',
  status,
  contentType: 'application/json',
  body,
});
const LONG_AGO_MS = -40 * 365 * 86_400_000;
/** 2xx of what is not the cloud. */
const PORTALS: readonly ForeignPage[] = [
  { kind: 'page', status: 200 },
  { kind: 'page', status: 200, contentType: 'application/json' },
  { kind: 'page', status: 200, skewMs: LONG_AGO_MS },
  { kind: 'page', status: 202 },
  { kind: 'page', status: 204, body: '' },
  ...['{"status":"ok"}', '{}', '[]', 'null', 'true', '', '{"success":false}', '{"success":"true"}'].map((body) =>
    json(200, body),
  ),
  { kind: 'page', status: 302, location: 'http://127.0.0.1:1/login' },
  { kind: 'page', status: 307, location: '/login' },
  { kind: 'page', status: 511 },
];
/** 4xx and 5xx of what is not the cloud. */
const MIDDLEBOXES: readonly ForeignPage[] = [
  ...[400, 401, 403, 404, 407, 413, 422, 429, 500, 502, 503, 504].map((status) => ({ kind: 'page', status }) as const),
  json(400, '{"error":"bad request"}'),
  json(401, '{"message":"Unauthorized"}'),
  json(403, '{"message":"Forbidden"}'),
  json(404, '"not found"'),
  { kind: 'page', status: 403, contentType: 'text/plain', body: 'blocked' },
];

const SLOW_MS = inForm({ short: 900, long: 3_500 });
const LATE_MS = inForm({ short: 1_500, long: 18_000 });
/** Long enough that an answer that is given up at the usual limit is asked for again, and settled in the end. */
const LATE_FOR_MS = inForm({ short: 2_500, long: 75_000 });
/** Long enough that a body is refused again and again while others pass. */
const TOXIC_FOR_MS = inForm({ short: 2_500, long: 30_000 });

const KIB = 1_024;

function pagePhase(page: ForeignPage, isForAll: boolean): PhaseKind {
  const name = `page ${page.status} ${page.contentType ?? 'html'} ${page.body?.slice(0, 20) ?? ''}`.trim();
  return isForAll ? { name, faults: [page], isForAll } : { name, faults: [{ ...page, route: 'state' }] };
}

/**
 * Every kind, each once: pages from anything between here and the cloud, and the cloud's own.
 * @param only names of those that are wanted
 * @throws RangeError where there are none
 */
export function everyPhase(random: Random, only: RegExp): PhaseKind[] {
  const pages = [...PORTALS, ...MIDDLEBOXES].map((page) => pagePhase(page, random.chance(1 / 2)));
  const wanted = random.shuffled([...pages, ...OF_THE_CLOUD]).filter(({ name }) => only.test(name));
  if (wanted.length === 0) throw new RangeError(`no kind of phase is named ${only}`);
  return wanted;
}

const OF_THE_CLOUD: readonly PhaseKind[] = [
  { name: 'outage', faults: [{ kind: 'outage' }], isForAll: true },
  { name: 'outage of state', faults: [{ kind: 'outage', route: 'state' }] },
  { name: 'reads refused', faults: [{ kind: 'status', status: 503, route: 'device' }], isForAll: true },
  { name: 'cloud 500', faults: [{ kind: 'status', status: 500, route: 'state' }] },
  { name: 'cloud 503', faults: [{ kind: 'status', status: 503, retryAfterSeconds: 1, route: 'state' }] },
  { name: 'cloud 429', faults: [{ kind: 'status', status: 429, route: 'state', times: 4 }] },
  {
    name: 'cloud 429 Retry-After',
    faults: [{ kind: 'status', status: 429, retryAfterSeconds: 1, route: 'state', times: 6 }],
  },
  { name: 'cloud 401', faults: [{ kind: 'status', status: 401, route: 'state', times: 1 }], forbids: true },
  { name: 'cloud 403', faults: [{ kind: 'status', status: 403, route: 'state', times: 2 }], forbids: true },
  { name: 'slow to begin', faults: [{ kind: 'delay', delayMs: SLOW_MS, route: 'state' }] },
  // Slow, but not later than any caller waits: nothing may come twice of it, and no stop may cut it short.
  { name: 'slow to answer', faults: [{ kind: 'late-answer', delayMs: SLOW_MS, route: 'state' }] },
  { name: 'hang', faults: [{ kind: 'hang', route: 'state' }], atLeastMs: inForm({ short: 0, long: 20_000 }) },
  {
    name: 'late answers',
    faults: [{ kind: 'late-answer', delayMs: LATE_MS, route: 'state' }],
    isUnknown: true,
    atLeastMs: LATE_FOR_MS,
  },
  { name: 'lost answers', faults: [{ kind: 'lose-answer', route: 'state' }], isUnknown: true },
  ...[0, 9, 80, 110].map(
    (afterBytes): PhaseKind => ({
      name: `answers cut after ${afterBytes} bytes`,
      faults: [{ kind: 'cut-answer', afterBytes, route: 'state' }],
      isUnknown: true,
    }),
  ),
  { name: 'heads of 20 KiB', faults: [{ kind: 'large-head', headBytes: 20 * KIB }] },
  { name: 'heads of 60 KiB', faults: [{ kind: 'large-head', headBytes: 60 * KIB }] },
  { name: 'heads of 100 KiB', faults: [{ kind: 'large-head', headBytes: 100 * KIB, route: 'state' }], isUnknown: true },
  { name: 'Date ahead', faults: [{ kind: 'skew-date', skewMs: 20_000 }] },
  { name: 'Date behind', faults: [{ kind: 'skew-date', skewMs: -20_000 }] },
  ...[500, 503].map(
    (status): PhaseKind => ({
      name: `${status} for some states`,
      faults: [{ kind: 'refuse-attribute', attribute: 'toxic', status, route: 'state' }],
      atLeastMs: TOXIC_FOR_MS,
    }),
  ),
  {
    name: 'cut for some states',
    faults: [{ kind: 'cut-attribute', attribute: 'toxic', route: 'state' }],
    atLeastMs: TOXIC_FOR_MS,
  },
  ...[0.02, 0.1].map(
    (share): PhaseKind => ({
      name: `${share * 100} % refused`,
      faults: [{ kind: 'refuse-share', share, route: 'state' }],
      refusedShare: share,
      atLeastMs: TOXIC_FOR_MS,
    }),
  ),
];
