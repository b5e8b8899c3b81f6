import { beforeEach, describe, expect, it } from 'vitest';
import type { Granted } from '../../src/core/auth-ports.js';
import { StatewayError } from '../../src/core/errors.js';
import type { Grant } from '../../src/core/grant.js';
import { APPLICATION, AuthSite, DAY_MS, deviceId, OFFLINE_MS, RETENTION_MS } from './auth-site.js';
import { ASKER } from './fake-cloud.js';
import { tokenExpiringAt, tokenOf } from './tokens.js';

const TOKEN = tokenOf('of the device');
const SHARED = tokenOf('of the gateway');
const ANOTHER = tokenOf('of another device');

let site: AuthSite;

beforeEach(() => {
  site = new AuthSite();
});

describe('the age of a grant', () => {
  it('goes on while the machine is off', async () => {
    await site.logIn(TOKEN);
    await site.restart(OFFLINE_MS - 60_000);
    expect(site.find(TOKEN)).toBeDefined();
    await site.clock.advance(80_000);
    expect(site.find(TOKEN)).toBeUndefined();
  });

  it('counts from the last yes of the cloud, not from the first', async () => {
    await site.logIn(TOKEN);
    site.find(TOKEN);
    await site.clock.advance(3 * DAY_MS);
    site.cloud.questions[0]?.answer(200);
    await site.clock.advance(1_000);
    await site.restart(OFFLINE_MS - 60_000);
    expect(site.find(TOKEN)).toBeDefined();
  });

  it('is written down about a hundred times in its life, not at each yes', async () => {
    await site.logIn(TOKEN);
    await site.clock.advance(1_000);
    const before = site.table.writes;
    for (let answered = 0; answered < 96; ) {
      site.find(TOKEN);
      await site.clock.advance(60_000);
      while (answered < site.cloud.questions.length) site.cloud.questions[answered++]?.answer(200);
    }
    const writes = site.table.writes - before;
    expect(writes).toBeGreaterThan(5);
    expect(writes).toBeLessThan(30);
  });

  it('is nothing where the wall clock has gone back, which a machine without a battery does', async () => {
    await site.logIn(TOKEN);
    await site.restart(-365 * DAY_MS);
    expect(site.find(TOKEN)).toBeDefined();
    await site.clock.advance(OFFLINE_MS - 20_000);
    expect(site.find(TOKEN)).toBeDefined();
    await site.clock.advance(40_000);
    expect(site.find(TOKEN)).toBeUndefined();
  }, 60_000);

  it('does not bear on the next check of one that is used', async () => {
    await site.ask(TOKEN, 200);
    await site.restart(DAY_MS);
    site.find(TOKEN);
    await site.clock.advance(10_000);
    expect(site.cloud.questions).toHaveLength(2);
    site.cloud.questions[1]?.answer(403);
    await site.clock.advance(0);
    expect(site.find(TOKEN)).toBeUndefined();
  });

  it('does not make a token void that was never let read', async () => {
    await site.logIn(TOKEN);
    await site.restart(DAY_MS);
    site.find(TOKEN);
    await site.clock.advance(10_000);
    site.cloud.questions[0]?.answer(403);
    await site.clock.advance(0);
    expect(site.find(TOKEN)).toBeDefined();
  });
});

describe('a grant that has lapsed', () => {
  let told: StatewayError[];
  beforeEach(async () => {
    told = [];
    await site.logIn(TOKEN);
    site.find(TOKEN)?.onEnd((reason) => told.push(reason));
    await site.clock.advance(60_000);
  });

  it('closes its sockets and lets nothing in, but may still deliver what was stored', async () => {
    await site.clock.advance(OFFLINE_MS + DAY_MS);
    expect(told).toMatchObject([{ type: 'Unavailable' }]);
    expect(site.find(TOKEN)).toBeUndefined();
    expect(await site.tryLogIn()).toBe(503);
    const spare = site.offered.at(-1) as Grant;
    expect(spare).toMatchObject({ token: TOKEN, device: { deviceId: deviceId(1) } });
    expect(spare.isGood(site.clock.wallMs())).toBe(true);
    expect(spare).not.toBe(site.offered[0]);
  }, 60_000);

  it('does so after a restart too, until the cloud says no', async () => {
    expect(await site.restart(OFFLINE_MS + DAY_MS)).toBe(0);
    expect(site.find(TOKEN)).toBeUndefined();
    expect(site.offered.map(({ token }) => token)).toEqual([TOKEN]);
    site.offered[0]?.end(new StatewayError('STATEWAY_TOKEN_REFUSED', 'revoked'));
    await site.restart();
    expect(site.offered).toEqual([]);
  });

  it('is good again when the cloud says yes', async () => {
    await site.restart(OFFLINE_MS + DAY_MS);
    const { grant } = (await site.ask(TOKEN, 200)) as Granted;
    expect(site.find(TOKEN)).toBe(grant);
    expect(site.offered.at(-1)).toBe(grant);
    await site.restart();
    expect(site.find(TOKEN)).toBeDefined();
  });

  it('leaves the disk when what was stored with it can no longer wait, by the clock of the cloud', async () => {
    await site.restart(OFFLINE_MS + RETENTION_MS + DAY_MS);
    expect(site.offered).toHaveLength(1);
    await site.clock.advance(2 * 3_600_000);
    expect(site.table.keysOf('grant:')).toHaveLength(1);
    site.hearCloud(site.clock.wallMs());
    await site.clock.advance(3_600_000 + 1_000);
    expect(site.table.keysOf('grant:')).toEqual([]);
  });
});

it('a token that the cloud calls void for one device is checked for its others within a minute', async () => {
  await site.ask(SHARED, 200, 1);
  await site.ask(SHARED, 200, 2);
  await site.ask(ANOTHER, 200, 3);
  await site.ask(SHARED, 401, 4);
  await site.clock.advance(60_000);
  const asked = site.cloud.questions.slice(4).map(({ token, device }) => [token, device.deviceId]);
  expect(asked).toEqual([
    [SHARED, deviceId(1)],
    [SHARED, deviceId(2)],
  ]);
  for (const question of site.cloud.questions.slice(4)) question.answer(401);
  await site.clock.advance(0);
  expect([site.find(SHARED, 1), site.find(SHARED, 2)]).toEqual([undefined, undefined]);
  expect(site.find(ANOTHER, 3)).toBeDefined();
});

describe('a wall clock that is wrong', () => {
  const TEN_YEARS_MS = 3_650 * DAY_MS;
  const MINUTE_MS = 60_000;
  let token: string;

  beforeEach(async () => {
    token = tokenExpiringAt(site.clock.wallMs() + DAY_MS);
  });

  /** Asks with the cloud away. */
  async function askOffline(): Promise<unknown> {
    const asking = site.stage.authorizer.ask(token, APPLICATION, deviceId(1), ASKER).catch((error: unknown) => error);
    await site.clock.advance(0);
    site.cloud.questions.at(-1)?.fail();
    return asking;
  }

  it('at a start in an outage sets tokens and log-ins aside and removes none: the next start has them', async () => {
    await site.logIn(token);
    await site.restart(TEN_YEARS_MS);
    expect(await askOffline()).toMatchObject({ code: 'STATEWAY_TOKEN_EXPIRED' });
    expect(await site.tryLogIn()).toBe(503);
    expect(site.offered.map((grant) => grant.token)).toEqual([token]);
    await site.clock.advance(3 * 3_600_000);
    await site.restart(-TEN_YEARS_MS);
    expect(site.find(token)).toBeDefined();
    expect(await site.tryLogIn()).toBe(200);
  });

  it('that is set right in the same run brings them back', async () => {
    await site.logIn(token);
    await site.restart(TEN_YEARS_MS);
    site.clock.jumpWall(MINUTE_MS - TEN_YEARS_MS);
    expect(await site.tryLogIn()).toBe(200);
    expect(site.find(token)).toBeDefined();
    await site.restart(TEN_YEARS_MS);
    site.clock.jumpWall(MINUTE_MS - TEN_YEARS_MS);
    expect(await askOffline()).toMatchObject({ kind: 'granted', grant: { token } });
  });

  it('brings back nothing that the cloud has refused, or that has lapsed', async () => {
    await site.logIn(token);
    await site.restart(TEN_YEARS_MS);
    site.offered[0]?.end(new StatewayError('STATEWAY_TOKEN_REFUSED', 'revoked'));
    site.clock.jumpWall(-TEN_YEARS_MS);
    expect(await askOffline()).toMatchObject({ code: 'STATEWAY_CLOUD_UNREACHABLE' });
    token = TOKEN;
    await site.logIn(token);
    await site.restart(TEN_YEARS_MS);
    site.clock.jumpWall(OFFLINE_MS - TEN_YEARS_MS);
    expect(await askOffline()).toMatchObject({ code: 'STATEWAY_CLOUD_UNREACHABLE' });
  });

  it('does not keep out what the cloud has granted in spite of it, in an outage and after a restart', async () => {
    site.clock.jumpWall(TEN_YEARS_MS);
    await site.logIn(token);
    expect(site.find(token)).toBeDefined();
    await site.clock.advance(3 * DAY_MS);
    expect(site.find(token)).toBeDefined();
    expect(await site.tryLogIn()).toBe(200);
    await site.restart(MINUTE_MS);
    expect(site.find(token)).toBeDefined();
    expect(await site.tryLogIn()).toBe(200);
    await site.clock.advance(OFFLINE_MS);
    expect(site.find(token)).toBeUndefined();
  }, 60_000);

  it('makes no token last longer than the clock of the cloud says', async () => {
    const rightMs = site.clock.wallMs();
    site.clock.jumpWall(TEN_YEARS_MS);
    await site.logIn(token);
    site.hearCloud(rightMs);
    await site.clock.advance(DAY_MS - MINUTE_MS);
    expect(site.find(token)).toBeDefined();
    await site.clock.advance(2 * MINUTE_MS);
    expect(site.find(token)).toBeUndefined();
    expect(await askOffline()).toMatchObject({ code: 'STATEWAY_TOKEN_EXPIRED' });
  });

  it('while running takes nothing away: set right, all is as before', async () => {
    await site.logIn(token);
    site.clock.jumpWall(TEN_YEARS_MS);
    expect(site.find(token)).toBeUndefined();
    await site.logIn('another');
    await site.clock.advance(3 * 3_600_000);
    site.clock.jumpWall(-TEN_YEARS_MS);
    expect(site.find(token)).toBeDefined();
    await site.restart();
    expect(site.find(token)).toBeDefined();
  });
});
