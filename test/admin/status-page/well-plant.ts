import type { Status, Trouble, TroubleCause } from '../../../src/admin/status-page/status-shape.js';
import { verdictOf } from '../../../src/admin/status-page/verdict.js';

export const NOW = '2026-01-02T03:17:00.000Z';
export const DAY = 86_400;

/** A plant at which all is well. */
const WELL: Status = {
  name: 'gateway7',
  version: '1.2.3',
  node: 'v20.19.0',
  uws: 'uws',
  now: NOW,
  startedAt: '2026-01-01T00:00:00.000Z',
  uptimeSeconds: 98_220,
  ready: true,
  reason: 'accepting states',
  cloud: {
    url: 'https://cloud.test',
    up: true,
    hasAnswered: true,
    hasBeenLost: false,
    since: '2026-01-01T00:00:01.000Z',
    lastFailure: null,
  },
  spool: {
    bytes: 1_000,
    states: 12,
    oldestSeconds: 0.4,
    unreadableRecords: 0,
    deadLetters: 0,
    deadLetterBytes: 0,
    maxDeadLetterBytes: 1e9,
    deadLettersDropped: 0,
    maxBytes: 1e10,
    freeDiskBytes: 1e11,
    growthBytesPerSecond: 0,
    fullInSeconds: null,
  },
  kept: { grants: 0, logIns: 0, unwritten: 0 },
  memory: {
    limits: { bytes: 8e8, source: 'container', heapBytes: 4e8 },
    use: { residentBytes: 1e8, heapBytes: 5e7 },
    devices: { most: 100_000, known: 3, isFull: false },
  },
  lanes: { idle: 0, pacing: 3, backoff: 0, parked: 0 },
  refusals: { recent: 0, listed: [] },
  turnedAway: [],
  devices: {
    known: 3,
    delivering: 3,
    nothingDelivered: false,
    causes: [],
    troubled: { wrong_clock: 0, parked: 0, throttled: 0, failing: 0, refused: 0, silent: 0 },
    listed: [],
  },
  latestDeadLetters: [],
  names: {},
  certificate: null,
  adminCertificate: null,
  connections: { http: 1, websocket: 2, mqtt: 0, mqtts: 0, 'mqtt-ws': 0 },
  mqtt: { sessions: { connected: 0, waiting: 0, backoff: 0, refused: 0 }, troubled: 0, listed: [] },
  rates: { received: 30, forwarded: 30, refused: 0 },
  received: {
    http: { accepted: 100, refused: 0, unavailable: 0 },
    websocket: { accepted: 0, refused: 0, unavailable: 0 },
    mqtt: { accepted: 0, refused: 0, unavailable: 0 },
    mqtts: { accepted: 0, refused: 0, unavailable: 0 },
    'mqtt-ws': { accepted: 0, refused: 0, unavailable: 0 },
  },
  forwarded: 88,
  outOfWindow: 0,
  outOfWindowRule: 'forward',
  tokenCache: { hit: 0, miss: 0, negative: 0, offline: 0 },
  workerQueueDepth: 0,
};

export type Changes = { readonly [Key in keyof Status]?: Partial<Status[Key]> };

/** {@link WELL} with some figures changed. */
export function plant(changes: Changes): Status {
  const merged = Object.entries(WELL).map(([key, value]) => {
    const change = changes[key as keyof Status];
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return [key, isObject ? { ...value, ...(change as object) } : (change ?? value)];
  });
  return Object.fromEntries(merged);
}

/** Devices in trouble, by kind, beside others that deliver unless said otherwise. */
export function troubled(
  devices: Partial<Status['devices']['troubled']>,
  more: Partial<Status['devices']> = {},
): Changes {
  return { devices: { troubled: { ...WELL.devices.troubled, ...devices }, ...more } };
}

/** Why some devices are in trouble. */
export function cause(trouble: Trouble, devices: number, reason: string): TroubleCause {
  return { trouble, devices, reason, waitingStates: 7, since: NOW };
}

/** The verdict on a plant, each of its parts in one piece. */
export function wordsOf(changes: Changes) {
  const { level, sentence, more, also } = verdictOf(plant(changes), 'UTC');
  return [level, sentence, more.join(' '), also.map((remark) => remark.sentence).join(' ')];
}
