import { expect, it } from 'vitest';
import type { AskResult, SendResult } from '../../src/core/cloud-port.js';
import { Meters } from '../../src/core/metering/meters.js';
import { DOUBT_EVERY_MS, GREET_CAP_MS, UpstreamHealth } from '../../src/upstream/upstream-health.js';
import { FakeClock } from '../helpers/fake-clock.js';

const YES: AskResult = { kind: 'answer', status: 401, message: 'no token', cloudDate: undefined };
const BUSY: AskResult = { kind: 'answer', status: 503, message: 'busy', cloudDate: undefined };
const THROTTLED: AskResult = { kind: 'answer', status: 429, message: '', cloudDate: undefined };
const NO_NAME: AskResult = { kind: 'failure', reason: 'dns', words: 'ENOTFOUND', code: 'ENOTFOUND' };
const REFUSED: AskResult = { kind: 'failure', reason: 'refused', words: 'ECONNREFUSED', code: 'ECONNREFUSED' };
const LOST: SendResult = { kind: 'failure', reason: 'timeout', words: 'no answer', mayArriveLater: true, openMs: 0 };

function healthOf(first: AskResult) {
  const clock = new FakeClock();
  const meters = new Meters();
  const told: string[] = [];
  const site = { answer: first, greetings: 0 };
  const health: UpstreamHealth = new UpstreamHealth({
    clock,
    meters,
    random: () => 1,
    greet: async () => {
      site.greetings++;
      health.note('greeting', site.answer);
    },
    onLost: ({ words }) => told.push(`lost: ${words}`),
    onOtherCause: ({ words }) => told.push(`now: ${words}`),
    onBack: () => told.push('back'),
    onReached: () => told.push('reached'),
  });
  health.start();
  return { clock, meters, told, site, health };
}

it('knows of a cloud that has never answered by the first greeting, and tells of it once', async () => {
  const { clock, meters, told, site, health } = healthOf(NO_NAME);
  expect(health).toMatchObject({ isUp: false, hasAnswered: false, sinceWallMs: clock.wallMs() });
  expect(health.lastFailure).toMatchObject({ call: 'greeting', code: 'ENOTFOUND', atMs: clock.wallMs() });
  await clock.advance(100_000);
  expect(site.greetings).toBeGreaterThan(100_000 / GREET_CAP_MS);
  expect(meters.upstreamFailures.dns).toBe(site.greetings);
  expect(told).toEqual(['lost: ENOTFOUND']);
  site.answer = REFUSED;
  await clock.advance(4 * GREET_CAP_MS);
  site.answer = NO_NAME;
  await clock.advance(4 * GREET_CAP_MS);
  expect(told).toEqual(['lost: ENOTFOUND', 'now: ECONNREFUSED']);
  site.answer = YES;
  await clock.advance(GREET_CAP_MS);
  expect(told.at(-1)).toBe('reached');
  expect(health).toMatchObject({ isUp: true, hasAnswered: true, hasBeenLost: false });
  site.answer = NO_NAME;
  health.failed('log-in', { reason: 'dns', words: 'ENOTFOUND' });
  await clock.advance(10 * GREET_CAP_MS);
  site.answer = YES;
  await clock.advance(GREET_CAP_MS);
  expect(told.slice(-2)).toEqual(['lost: ENOTFOUND', 'back']);
  expect(health.hasBeenLost).toBe(true);
});

it('greets a cloud that answers once, and never says that it is back', async () => {
  const { clock, told, site, health } = healthOf(YES);
  expect(health).toMatchObject({ isUp: true, hasAnswered: true, sinceWallMs: clock.wallMs(), lastFailure: undefined });
  await clock.advance(3_600_000);
  expect(site.greetings).toBe(1);
  expect(clock.pendingTimers).toBe(0);
  health.note('states', YES);
  expect(told).toEqual([]);
});

it('takes no failure of a single call for an outage, but looks', async () => {
  const { clock, told, site, health } = healthOf(YES);
  await clock.advance(0);
  for (let i = 0; i < 100; i++) health.note('log-in', BUSY);
  expect(health).toMatchObject({ isUp: true, lastFailure: { call: 'log-in', reason: 'status', code: '503' } });
  await clock.advance(60_000);
  expect(site.greetings).toBe(2);
  expect(told).toEqual([]);
  site.answer = REFUSED;
  health.failed('passed call', { reason: 'status', words: 'the cloud answered 502' });
  await clock.advance(60_000);
  expect(told).toEqual(['lost: ECONNREFUSED']);
  health.note('log-in', YES);
  expect(told).toEqual(['lost: ECONNREFUSED', 'back']);
});

it('greets more and more rarely where calls go on failing by their own fault, and finds an outage all the same', async () => {
  const { clock, told, site, health } = healthOf(YES);
  const seconds = 600;
  for (let tenths = 0; tenths < 10 * seconds; tenths++) {
    health.failed('passed call', { reason: 'status', words: 'the cloud answered 500' });
    await clock.advance(100);
  }
  // While it comes to that: after 2, 4 and 8 s.
  expect(site.greetings).toBeLessThanOrEqual((1_000 * seconds) / GREET_CAP_MS + 4);
  expect(told).toEqual([]);
  site.answer = REFUSED;
  await clock.advance(GREET_CAP_MS + 2_000 + 4_000);
  expect(told).toEqual(['lost: ECONNREFUSED']);
  site.answer = YES;
  await clock.advance(GREET_CAP_MS + DOUBT_EVERY_MS);
  const before = site.greetings;
  health.failed('passed call', { reason: 'status', words: 'the cloud answered 500' });
  await clock.advance(1_000);
  expect(site.greetings - before).toBe(1);
});

it('follows the lanes, and greets nobody while they probe', async () => {
  const { clock, told, site, health } = healthOf(YES);
  health.note('states', LOST);
  health.noteLanes(false, { reason: 'timeout', words: 'no answer' });
  expect(health.isUp).toBe(false);
  await clock.advance(600_000);
  expect(site.greetings).toBe(1);
  health.note('check', YES);
  expect(health.isUp).toBe(false);
  health.noteLanes(true, undefined);
  expect(health.isUp).toBe(true);
  expect(told).toEqual(['lost: no answer', 'back']);
});

it('takes a 429 for no sign, and looks into what may be a portal now and then', async () => {
  const { clock, site, health } = healthOf(THROTTLED);
  expect(health).toMatchObject({ isUp: false, hasAnswered: false, sinceWallMs: undefined });
  for (let seconds = 0; seconds < 600; seconds++) {
    health.doubt();
    await clock.advance(1_000);
  }
  expect(site.greetings).toBeGreaterThan(5);
  expect(site.greetings).toBeLessThanOrEqual(1 + 600_000 / DOUBT_EVERY_MS);
});

it('asks and tells nothing any more once it is stopped', async () => {
  const { clock, told, site, health } = healthOf(YES);
  await clock.advance(0);
  health.note('check', NO_NAME);
  health.stop();
  site.answer = NO_NAME;
  health.noteLanes(false, { reason: 'dns', words: 'ENOTFOUND' });
  await clock.advance(600_000);
  expect([site.greetings, told, clock.pendingTimers]).toEqual([1, [], 0]);
});
