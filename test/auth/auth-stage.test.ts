import { beforeEach, describe, expect, it } from 'vitest';
import { SecretKeyError } from '../../src/auth/secret-key.js';
import type { Unproven } from '../../src/core/auth-ports.js';
import { StatewayError } from '../../src/core/errors.js';
import { APPLICATION, AuthSite, CHECKED_BY_MS, DAY_MS, deviceId } from './auth-site.js';
import { TAKEN } from './fake-cloud.js';
import { tokenExpiringAt, tokenOf } from './tokens.js';

let site: AuthSite;

beforeEach(() => {
  site = new AuthSite();
});

describe('a restart with the cloud away', () => {
  it('finds the grants of log-ins, questions and first states again, and offers each to its lane', async () => {
    await site.logIn('from-a-log-in', 1);
    const asked = tokenOf('from a question');
    await site.ask(asked, 200, 2);
    site.cloud.sendAnswer = TAKEN;
    await ((await site.ask('from-a-state', 200, 3)) as Unproven).prove('json', Buffer.from('[]'));
    expect(await site.restart(3_600_000)).toBe(3);
    const found = [site.find('from-a-log-in', 1), site.find(asked, 2), site.find('from-a-state', 3)];
    expect(found).not.toContain(undefined);
    expect(new Set(site.offered)).toEqual(new Set(found));
    expect(site.cloud.questions).toHaveLength(2);
    expect(await site.tryLogIn(1)).toBe(200);
  });

  it('grants no token to another device, and no other token to its device', async () => {
    await site.logIn('token', 1);
    await site.logIn('other', 2);
    await site.restart();
    expect([site.find('token', 2), site.find('other', 1), site.find('token ', 1)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(await site.tryLogIn(3)).toBe(503);
  });

  it('keeps what was ended ended', async () => {
    await site.logIn('token');
    site.find('token')?.end(new StatewayError('STATEWAY_TOKEN_REFUSED', 'revoked'));
    expect(await site.restart()).toBe(0);
    expect(site.offered).toEqual([]);
    expect(await site.tryLogIn()).toBe(503);
    expect(site.table.keysOf('grant:')).toEqual([]);
  });

  it('offers the newest token of a device last, so that it is the one to forward with', async () => {
    const soon = (minutes: number) => tokenExpiringAt(site.clock.wallMs() + minutes * 60_000);
    const tokens = [soon(10), soon(20), soon(30)];
    for (const token of [tokens[1], tokens[2], tokens[0]]) await site.logIn(token as string);
    await site.restart();
    expect(site.offered.map(({ token }) => token)).toEqual(tokens);
  });

  it('asks nothing of the cloud by itself', async () => {
    await site.logIn('token');
    await site.restart(2 * DAY_MS);
    await site.clock.advance(CHECKED_BY_MS);
    expect(site.cloud.questions).toEqual([]);
  });
});

describe('the disk', () => {
  it('forgets a token a day after it has expired by the clock of the cloud', async () => {
    const token = tokenExpiringAt(site.clock.wallMs() + 3_600_000);
    await site.logIn(token);
    await site.restart(DAY_MS);
    expect(site.table.keysOf('grant:')).toHaveLength(1);
    expect(site.find(token)).toBeUndefined();
    await site.clock.advance(2 * 3_600_000);
    expect(site.table.keysOf('grant:')).toHaveLength(1);
    site.hearCloud(site.clock.wallMs());
    await site.clock.advance(3_600_000 + 1_000);
    expect([...site.table.rows.keys()]).toEqual(['check']);
  });

  it('holds no more rows than may be, and none of what has given way', async () => {
    await site.restart(0, { maxGrants: 20 });
    for (let i = 0; i < 50; i++) await site.logIn(`token-${i}`, i);
    for (let i = 0; i < 50; i++) await site.logIn(`successor-${i}`, 49);
    await site.clock.advance(1_000);
    expect(site.table.keysOf('grant:').length).toBeLessThanOrEqual(20);
    expect(site.table.keysOf('log-in:').length).toBeLessThanOrEqual(20);
    expect(await site.restart(0, { maxGrants: 20 })).toBe(site.table.keysOf('grant:').length);
  });

  it('shows neither token nor device', async () => {
    await site.logIn('a-very-secret-token');
    await site.clock.advance(1_000);
    const disk = [...site.table.rows].map(([key, value]) => key + Buffer.from(value).toString('latin1')).join();
    for (const secret of ['a-very-secret-token', 'secret', deviceId(1), APPLICATION])
      expect(disk).not.toContain(secret);
  });

  it('tells what a restart finds again, and what is on its way there', async () => {
    for (const i of [1, 2]) await site.logIn(`token-${i}`, i);
    expect(site.stage.kept()).toEqual({ grants: 2, logIns: 2, unwritten: expect.any(Number) });
    expect(site.stage.kept().unwritten).toBeGreaterThan(0);
    await site.clock.advance(1_000);
    expect(site.stage.kept()).toEqual({ grants: 2, logIns: 2, unwritten: 0 });
    await site.restart();
    expect(site.stage.kept()).toEqual({ grants: 2, logIns: 2, unwritten: 0 });
  });

  it('with a row that was altered, or put in the place of another, loses that row alone', async () => {
    for (let i = 1; i <= 4; i++) await site.logIn(`token-${i}`, i);
    await site.clock.advance(1_000);
    const [first, second, third] = site.table.keysOf('grant:') as [string, string, string];
    const altered = Uint8Array.from(site.table.rows.get(first) as Uint8Array);
    altered[40] = (altered[40] as number) ^ 1;
    await site.stage.close();
    site.table.rows.set(first, altered);
    site.table.rows.set(second, site.table.rows.get(third) as Uint8Array);
    expect(await site.restart()).toBe(2);
    expect(site.offered).toHaveLength(2);
    for (const grant of site.offered) expect(site.find(grant.token, Number(grant.token.at(-1)))).toBe(grant);
    await site.clock.advance(1_000);
    expect(site.unreadable).toEqual([2]);
    expect(site.table.rows.has(first)).toBe(true);
  });

  it('that was written under another key stops the start', async () => {
    await site.logIn('token');
    await site.stage.close();
    expect(() => site.start({ keyByte: 2 })).toThrow(SecretKeyError);
    expect(site.start()).toBe(1);
  });
});
