import { beforeEach, describe, expect, it } from 'vitest';
import { DenialCache } from '../../src/auth/denial-cache.js';
import { GrantAging } from '../../src/auth/grant-aging.js';
import { Grants } from '../../src/auth/grants.js';
import type { GrantKind, KeptGrant } from '../../src/auth/kept-grant.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { FakeCloud } from './fake-cloud.js';
import { tokenExpiringAt } from './tokens.js';

const APPLICATION = 'abcdef0123456789abcdef01';
const TTL_MS = 900_000;
const OFFLINE_MS = 7 * 86_400_000;
/** Jitter and the pause between two looks for what is due. */
const CHECKED_BY_MS = TTL_MS * 1.1 + 10_000;
/** Longest wait between two questions while the cloud is away, and a look. */
const ASKED_AGAIN_BY_MS = 60_000 + 10_000;

let clock: FakeClock;
let cloud: FakeCloud;
let aging: GrantAging;
let grants: Grants;
/** From 0 to 1, what jitter is drawn. */
let drawn: number;

beforeEach(() => {
  clock = new FakeClock();
  cloud = new FakeCloud();
  drawn = 0.5;
  open(TTL_MS, OFFLINE_MS);
});

function open(tokenTtlMs: number, tokenOfflineMs: number): void {
  aging?.close();
  aging = new GrantAging({
    cloud,
    clock,
    cloudNowMs: () => undefined,
    random: () => drawn,
    tokenTtlMs,
    tokenOfflineMs,
    onConfirmed: (grant, kind) => grants.confirm(grant, kind),
  });
  const watcher = {
    onConfirmed: (grant: KeptGrant) => aging.watch(grant),
    onDropped: (grant: KeptGrant) => aging.release(grant),
    onEnded: (grant: KeptGrant) => aging.drop(grant),
  };
  grants = new Grants({
    maxGrants: 1_000,
    clock,
    cloudNowMs: () => undefined,
    denials: new DenialCache(100, clock),
    watcher,
  });
}

function deviceId(i: number): string {
  return i.toString(16).padStart(24, '0');
}

function grantFor(i: number, kind: GrantKind = 'read', token = `token ${i}`): KeptGrant {
  return grants.add(token, APPLICATION, deviceId(i), kind, 'yes');
}

/** A request relies on the grant. */
function use(grant: KeptGrant): void {
  grants.find(grant.token, APPLICATION, grant.device.deviceId);
}

async function answer(number: number, status: number): Promise<void> {
  cloud.questions[number]?.answer(status);
  await clock.advance(0);
}

async function fail(number: number): Promise<void> {
  cloud.questions[number]?.fail();
  await clock.advance(0);
}

describe('a grant in use', () => {
  it('is asked for once it is older than the time to live, and not before', async () => {
    const grant = grantFor(1);
    use(grant);
    await clock.advance(TTL_MS - 1);
    expect(cloud.questions).toEqual([]);
    await clock.advance(CHECKED_BY_MS - TTL_MS);
    expect(cloud.questions).toMatchObject([{ token: 'token 1', device: { deviceId: deviceId(1) } }]);
  });

  it('is asked for once, however long the answer takes, and again a time to live after it', async () => {
    const grant = grantFor(1);
    use(grant);
    await clock.advance(3 * CHECKED_BY_MS);
    expect(cloud.questions).toHaveLength(1);
    await answer(0, 200);
    expect(grant.confirmedAtMs).toBe(clock.monotonicMs());
    use(grant);
    await clock.advance(TTL_MS - 1);
    expect(cloud.questions).toHaveLength(1);
    await clock.advance(CHECKED_BY_MS - TTL_MS);
    expect(cloud.questions).toHaveLength(2);
    expect(grant.endedBy).toBeUndefined();
  });

  it('is one that a socket holds, even when no frame comes', async () => {
    const stop = grantFor(1).onEnd(() => {});
    await clock.advance(CHECKED_BY_MS);
    expect(cloud.questions).toHaveLength(1);
    await answer(0, 200);
    stop();
    await clock.advance(2 * CHECKED_BY_MS);
    expect(cloud.questions).toHaveLength(1);
  });

  it('is asked for however the wall clock jumps, and not sooner', async () => {
    use(grantFor(1));
    clock.jumpWall(365 * 86_400_000);
    await clock.advance(TTL_MS - 1);
    expect(cloud.questions).toEqual([]);
    clock.jumpWall(-730 * 86_400_000);
    await clock.advance(CHECKED_BY_MS - TTL_MS);
    expect(cloud.questions).toHaveLength(1);
  });
});

it('does not ask for a grant that nobody uses, nor for one that has expired', async () => {
  grantFor(1);
  const expiring = grantFor(2, 'read', tokenExpiringAt(clock.wallMs() + 60_000));
  use(expiring);
  await clock.advance(CHECKED_BY_MS);
  expect(cloud.questions).toEqual([]);
});

it('asks at most eight at once, and spreads those that came together', async () => {
  for (let i = 0; i < 100; i++) {
    drawn = i / 100;
    use(grantFor(i));
  }
  await clock.advance(TTL_MS + 20_000);
  const early = cloud.questions.length;
  expect(early).toBeGreaterThan(0);
  expect(early).toBeLessThanOrEqual(8);
  let answered = 0;
  while (answered < cloud.questions.length) await answer(answered++, 200);
  expect(answered).toBeLessThan(50);
  await clock.advance(CHECKED_BY_MS);
  expect(cloud.questions.length - answered).toBe(8);
  while (answered < cloud.questions.length) await answer(answered++, 200);
  expect(answered).toBe(100);
});

describe('a no of the cloud', () => {
  it.each<[number, GrantKind, boolean]>([
    [401, 'read', true],
    [403, 'read', true],
    [404, 'read', true],
    [401, 'log-in', true],
    [403, 'log-in', false],
    [404, 'log-in', true],
    [401, 'first state', true],
    [403, 'first state', false],
    [404, 'first state', true],
  ])('%i to a grant proven by %s: ended is %s', async (status, kind, isEnded) => {
    const grant = grantFor(1, kind);
    const told: unknown[] = [];
    grant.onEnd((reason) => told.push(reason));
    await clock.advance(CHECKED_BY_MS);
    await answer(0, status);
    expect(grant.endedBy === undefined).toBe(!isEnded);
    expect(told).toEqual(isEnded ? [expect.objectContaining({ status })] : []);
    expect(grants.size).toBe(isEnded ? 0 : 1);
    if (!isEnded) expect(grant).toMatchObject({ kind, confirmedAtMs: clock.monotonicMs() });
  });

  it('403 ends a grant of a log-in that was let read in the meantime', async () => {
    const grant = grantFor(1, 'log-in');
    use(grant);
    await clock.advance(CHECKED_BY_MS);
    await answer(0, 200);
    use(grant);
    await clock.advance(CHECKED_BY_MS);
    await answer(1, 403);
    expect(grant.endedBy).toMatchObject({ code: 'STATEWAY_NOT_GRANTED' });
  });

  it('to one device does not touch another of the same token, but a void token is checked for all', async () => {
    const [first, second, third] = [grantFor(1, 'read', 'shared'), grantFor(2, 'read', 'shared'), grantFor(3)];
    aging.doubt('shared');
    await clock.advance(10_000);
    expect(cloud.questions.map(({ device }) => device.deviceId)).toEqual([deviceId(1), deviceId(2)]);
    await answer(0, 401);
    await answer(1, 200);
    expect([first, second, third].map(({ endedBy }) => endedBy?.status)).toEqual([401, undefined, undefined]);
    await clock.advance(60_000);
    expect(cloud.questions).toHaveLength(2);
  });

  it('reaches a socket whose grant has given way to others', async () => {
    const grant = grantFor(1);
    const told: unknown[] = [];
    grant.onEnd((reason) => told.push(reason));
    for (let i = 0; i < 20; i++) grants.add(`successor ${i}`, APPLICATION, deviceId(1), 'read', 'yes');
    expect(grants.find('token 1', APPLICATION, deviceId(1))).toBeUndefined();
    await clock.advance(CHECKED_BY_MS);
    expect(cloud.questions.map(({ token }) => token)).toEqual(['token 1']);
    await answer(0, 401);
    expect(told).toHaveLength(1);
  });

  it('is not waited for when such a socket is gone', async () => {
    const grant = grantFor(1);
    const stop = grant.onEnd(() => {});
    use(grant);
    for (let i = 0; i < 20; i++) grants.add(`successor ${i}`, APPLICATION, deviceId(1), 'read', 'yes');
    stop();
    await clock.advance(CHECKED_BY_MS);
    expect(cloud.questions).toEqual([]);
  });
});

describe('while the cloud is away', () => {
  it.each(['no connection', 301, 429, 500, 503])(
    '(%s) a grant stays good, until it lapses',
    async (what) => {
      const grant = grantFor(1);
      grant.onEnd(() => {});
      let answered = 0;
      const step = async () => {
        await clock.advance(10_000);
        while (answered < cloud.questions.length) {
          if (typeof what === 'number') await answer(answered++, what);
          else await fail(answered++);
        }
      };
      for (let passed = 0; passed < OFFLINE_MS - 20_000; passed += 10_000) await step();
      expect(grant.endedBy).toBeUndefined();
      expect(answered).toBeGreaterThan(1_000);
      for (let i = 0; i < 4; i++) await step();
      expect(grant.endedBy).toMatchObject({ code: 'STATEWAY_CLOUD_UNREACHABLE', retryable: true });
    },
    60_000,
  );

  it('one question is out at a time, ever more rarely, and all go on when it is back', async () => {
    for (let i = 0; i < 20; i++) use(grantFor(i));
    await clock.advance(CHECKED_BY_MS);
    expect(cloud.questions).toHaveLength(8);
    for (let i = 0; i < 8; i++) await fail(i);
    const askedAtMs: number[] = [];
    for (let number = 8; number < 20; number++) {
      const before = clock.monotonicMs();
      while (cloud.questions.length === number) await clock.advance(1_000);
      askedAtMs.push(clock.monotonicMs() - before);
      expect(cloud.questions).toHaveLength(number + 1);
      await fail(number);
    }
    expect(Math.max(...askedAtMs)).toBeLessThanOrEqual(ASKED_AGAIN_BY_MS);
    expect(askedAtMs.at(-1)).toBeGreaterThanOrEqual(30_000);
    await clock.advance(ASKED_AGAIN_BY_MS);
    await answer(20, 200);
    expect(cloud.questions).toHaveLength(21 + 8);
  });

  it('a grant that nobody uses lapses too, unasked', async () => {
    const grant = grantFor(1);
    await clock.advance(OFFLINE_MS - 10_001);
    expect(grant.endedBy).toBeUndefined();
    await clock.advance(20_000);
    expect(grant.endedBy).toMatchObject({ retryable: true });
    expect(cloud.questions).toEqual([]);
  }, 60_000);

  it('and no time offline is allowed, a grant ends with the first question that has no answer', async () => {
    open(TTL_MS, 0);
    const grant = grantFor(1);
    use(grant);
    await clock.advance(CHECKED_BY_MS);
    expect(grant.endedBy).toBeUndefined();
    await fail(0);
    expect(grant.endedBy).toMatchObject({ retryable: true });
  });
});

it('stops: no timer is left, and an answer that comes later changes nothing', async () => {
  const grant = grantFor(1);
  use(grant);
  await clock.advance(CHECKED_BY_MS);
  aging.close();
  await answer(0, 401);
  expect(grant.endedBy).toBeUndefined();
  expect(clock.pendingTimers).toBe(0);
});
