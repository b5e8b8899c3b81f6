import { expect, it } from 'vitest';
import { readStatus } from '../../src/admin/status.js';
import { FakeSources } from './fake-sources.js';

it('says how things stand, in plain JSON', () => {
  const sources = new FakeSources();
  sources.meters.forwarded = 7;
  sources.meters.outOfWindow = 8;
  sources.meters.received.websocket.accepted = 9;
  sources.meters.tokenCache.hit = 10;
  const status = readStatus(sources);
  expect(JSON.parse(JSON.stringify(status))).toEqual({
    version: '1.2.3',
    node: 'v20.19.0',
    uws: 'uws-current 20.57.0',
    startedAt: '2025-12-31T23:58:30.000Z',
    uptimeSeconds: 90,
    ready: true,
    reason: 'accepting states',
    cloud: { url: 'https://cloud.test', up: true, since: '2025-12-31T23:58:31.000Z' },
    spool: { bytes: 4_096, states: 17, oldestSeconds: 2.5, unreadableRecords: 3, deadLetters: 5 },
    lanes: { idle: 11, pacing: 12, backoff: 13, parked: 14 },
    connections: { http: 21, websocket: 22 },
    received: {
      http: { accepted: 0, refused: 0, unavailable: 0 },
      websocket: { accepted: 9, refused: 0, unavailable: 0 },
    },
    forwarded: 7,
    outOfWindow: 8,
    tokenCache: { hit: 10, miss: 0, negative: 0, offline: 0 },
    workerQueueDepth: 31,
  });
});

it('has null where there is nothing to say', () => {
  const sources = new FakeSources();
  sources.oldestStoredAtMs = undefined;
  sources.cloud = () => ({ url: 'https://cloud.test', up: true, sinceMs: undefined });
  const { spool, cloud } = readStatus(sources);
  expect([spool.oldestSeconds, cloud.since]).toEqual([null, null]);
});

it('has no negative age after the clock was set back', () => {
  const sources = new FakeSources();
  sources.clock.jumpWall(-3_600_000);
  const { uptimeSeconds, spool } = readStatus(sources);
  expect([uptimeSeconds, spool.oldestSeconds]).toEqual([0, 0]);
});
