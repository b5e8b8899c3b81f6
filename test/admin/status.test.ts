import { expect, it } from 'vitest';
import { HourRing, STEP_MS } from '../../src/admin/hour-ring.js';
import { SpoolGrowth } from '../../src/admin/spool-growth.js';
import { readStatus } from '../../src/admin/status.js';
import { FAILURE_REMEDIES } from '../../src/core/cloud-port.js';
import { StatewayError } from '../../src/core/errors.js';
import { FakeSources } from './fake-sources.js';

function historyOf({ clock, meters }: FakeSources) {
  return { hour: new HourRing(clock, meters), growth: new SpoolGrowth(clock) };
}

it('says how things stand, in plain JSON', async () => {
  const sources = new FakeSources();
  const history = historyOf(sources);
  history.growth.sample(4_096 - 25_600);
  sources.meters.forwarded = 70;
  sources.meters.outOfWindow = 8;
  sources.meters.received.websocket.accepted = 90;
  sources.meters.tokenCache.hit = 10;
  const refused = { applicationId: 'a'.repeat(24), deviceId: 'b'.repeat(24), address: '10.0.0.7', isKnown: true };
  sources.refusals.note(new StatewayError('STATEWAY_MALFORMED_BODY', 'not JSON'), refused);
  sources.refusals.note(new StatewayError('STATEWAY_OVERLOADED', 'too much'), refused);
  await sources.clock.advance(2 * STEP_MS);
  const status = readStatus(sources, history);
  const ids = { applicationId: 'a'.repeat(24), deviceId: 'b'.repeat(24) };
  expect(JSON.parse(JSON.stringify(status))).toEqual({
    name: 'gateway7',
    version: '1.2.3',
    node: 'v20.19.0',
    uws: 'uws-current 20.57.0',
    now: '2026-01-01T00:00:20.000Z',
    startedAt: '2025-12-31T23:58:30.000Z',
    uptimeSeconds: 110,
    ready: true,
    reason: 'accepting states',
    cloud: {
      url: 'https://cloud.test',
      up: true,
      hasAnswered: true,
      hasBeenLost: true,
      since: '2025-12-31T23:58:31.000Z',
      lastFailure: {
        at: '2025-12-31T23:58:32.000Z',
        call: 'log-in',
        reason: 'dns',
        code: 'ENOTFOUND',
        words: 'ENOTFOUND',
        remedy: FAILURE_REMEDIES.dns,
      },
    },
    spool: {
      bytes: 4_096,
      states: 17,
      oldestSeconds: 22.5,
      unreadableRecords: 3,
      deadLetters: 5,
      deadLetterBytes: 8_192,
      maxDeadLetterBytes: 131_072,
      deadLettersDropped: 6,
      maxBytes: 65_536,
      freeDiskBytes: 1_048_576,
      growthBytesPerSecond: 1_280,
      fullInSeconds: 48,
    },
    kept: { grants: 71, logIns: 72, unwritten: 73 },
    memory: {
      limits: { bytes: 50, source: 'container', heapBytes: 51 },
      use: { residentBytes: 52, heapBytes: 53 },
      devices: { most: 55, known: 54, isFull: true },
    },
    lanes: { idle: 11, pacing: 12, backoff: 13, parked: 14 },
    devices: {
      known: 41,
      delivering: 40,
      nothingDelivered: true,
      troubled: { wrong_clock: 47, parked: 42, throttled: 43, failing: 44, refused: 46, silent: 45 },
      causes: [
        {
          trouble: 'parked',
          reason: 'the cloud refuses its token (401)',
          devices: 42,
          waitingStates: 39,
          since: '2025-12-31T23:58:34.000Z',
        },
      ],
      listed: [
        {
          ...ids,
          trouble: 'wrong_clock',
          reason: 'the cloud refuses its token (401)',
          since: '2025-12-31T23:58:34.000Z',
          nextTry: null,
          waitingStates: 48,
          wrongClock: { lastTime: '1970-01-01T00:00:12.000Z', states: 49 },
        },
        {
          ...ids,
          trouble: 'parked',
          reason: 'the cloud refuses its token (401)',
          since: '2025-12-31T23:58:34.000Z',
          nextTry: null,
          waitingStates: 46,
          wrongClock: null,
        },
        {
          ...ids,
          trouble: 'throttled',
          reason: 'the cloud refuses its token (401)',
          since: '2025-12-31T23:58:34.000Z',
          nextTry: '2026-01-01T00:00:09.000Z',
          waitingStates: 47,
          wrongClock: null,
        },
      ],
    },
    refusals: {
      recent: 1,
      listed: [
        {
          at: '2026-01-01T00:00:00.000Z',
          ...ids,
          address: '10.0.0.7',
          code: 'STATEWAY_MALFORMED_BODY',
          message: 'not JSON',
          count: 1,
        },
      ],
    },
    turnedAway: [{ at: '2026-01-01T00:00:00.000Z', code: 'STATEWAY_OVERLOADED', message: 'too much', count: 1 }],
    latestDeadLetters: [
      {
        ...ids,
        number: 8,
        time: '2025-12-31T23:58:32.000Z',
        refusedAt: '2025-12-31T23:58:33.000Z',
        status: 400,
        reason: 'no such attribute',
      },
      {
        ...ids,
        number: 7,
        time: '10000000000000000',
        refusedAt: '2025-12-31T23:58:33.000Z',
        status: 0,
        reason: 'no such attribute',
      },
    ],
    names: { ['b'.repeat(24)]: 'Pump 7' },
    certificate: { endsAt: '2026-03-31T23:58:30.000Z', secondsLeft: 90 * 86_400 - 110, refusal: null },
    adminCertificate: { endsAt: '2026-03-21T23:58:30.000Z', secondsLeft: 80 * 86_400 - 110, refusal: 'no PEM' },
    connections: { http: 21, websocket: 22, mqtt: 23, mqtts: 24, 'mqtt-ws': 25 },
    mqtt: {
      sessions: { connected: 26, waiting: 27, backoff: 28, refused: 29 },
      troubled: 2,
      listed: [
        { deviceId: 'c'.repeat(24), trouble: 'denied_topic', words: 'it may not', at: '2025-12-31T23:58:35.000Z' },
        { deviceId: 'b'.repeat(24), trouble: 'no_session', words: 'it waits', at: '2025-12-31T23:58:36.000Z' },
      ],
    },
    rates: { received: 4.5, forwarded: 3.5, refused: 0 },
    received: {
      http: { accepted: 0, refused: 0, unavailable: 0 },
      websocket: { accepted: 90, refused: 0, unavailable: 0 },
      mqtt: { accepted: 0, refused: 0, unavailable: 0 },
      mqtts: { accepted: 0, refused: 0, unavailable: 0 },
      'mqtt-ws': { accepted: 0, refused: 0, unavailable: 0 },
    },
    forwarded: 70,
    outOfWindow: 8,
    outOfWindowRule: 'refuse',
    tokenCache: { hit: 10, miss: 0, negative: 0, offline: 0 },
    workerQueueDepth: 31,
  });
});

it('has null where there is nothing to say', () => {
  const sources = new FakeSources();
  sources.oldestStoredAtMs = undefined;
  sources.freeDiskBytes = undefined;
  const neverAsked = { isUp: true, hasAnswered: false, hasBeenLost: false, sinceWallMs: undefined };
  sources.cloud = () => ({ ...neverAsked, lastFailure: undefined });
  const { spool, cloud } = readStatus(sources, historyOf(sources));
  expect(cloud.since).toBeNull();
  expect(spool).toMatchObject({
    oldestSeconds: null,
    freeDiskBytes: null,
    growthBytesPerSecond: null,
    fullInSeconds: null,
  });
});

it.each([-3_600_000, 3_600_000])('no age changes when the wall clock jumps by %i ms', (jumpMs) => {
  const sources = new FakeSources();
  sources.clock.jumpWall(jumpMs);
  const { uptimeSeconds, spool } = readStatus(sources, historyOf(sources));
  expect([uptimeSeconds, spool.oldestSeconds]).toEqual([90, 2.5]);
});

it('lists thirty troubles of devices that speak MQTT, what was told of first, and counts them all', () => {
  const sources = new FakeSources();
  const ofKind = (kind: 'no_session' | 'shared_id', count: number) =>
    Array.from({ length: count }, (_, n) => ({ deviceId: `${kind}${n}`, kind, words: '', atMs: 1_000 * n }));
  sources.troubles = [...ofKind('no_session', 29), ...ofKind('shared_id', 2)];
  const { troubled, listed } = readStatus(sources, historyOf(sources)).mqtt;
  expect(troubled).toBe(31);
  const ids = listed.map(({ deviceId }) => deviceId);
  expect([ids.length, ids.slice(0, 3)]).toEqual([30, ['shared_id1', 'shared_id0', 'no_session28']]);
});
