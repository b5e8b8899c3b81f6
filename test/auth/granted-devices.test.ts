import { beforeEach, expect, it } from 'vitest';
import { APPLICATION, AuthSite, CHECKED_BY_MS, DAY_MS, deviceId, OFFLINE_MS } from './auth-site.js';
import { tokenExpiringAt, tokenOf } from './tokens.js';

let site: AuthSite;

beforeEach(() => {
  site = new AuthSite();
});

const nameOf = (i = 1) => site.stage.devices.nameOf(deviceId(i));

it('the name that a question brings is known, outlives a restart, and changes with a later check', async () => {
  const token = tokenOf('of the pump');
  await site.ask(token, 200, 1, 'Pump 7');
  await site.ask(tokenOf('of another'), 200, 2);
  expect([nameOf(1), nameOf(2), nameOf(3)]).toEqual(['Pump 7', undefined, undefined]);
  await site.restart(3_600_000);
  expect(nameOf()).toBe('Pump 7');
  site.find(token);
  await site.clock.advance(CHECKED_BY_MS);
  site.cloud.questions.at(-1)?.answer(200, '', 'Pump 8');
  await site.clock.advance(0);
  expect(nameOf()).toBe('Pump 8');
  await site.restart();
  expect(nameOf()).toBe('Pump 8');
});

it('a name stays with the device when it logs in anew, and when a check brings none', async () => {
  await site.ask(tokenOf('first'), 200, 1, 'Pump 7');
  await site.logIn(tokenOf('second'));
  expect(nameOf()).toBe('Pump 7');
  site.find(tokenOf('second'));
  await site.clock.advance(CHECKED_BY_MS);
  site.cloud.questions.at(-1)?.answer(200);
  await site.clock.advance(0);
  expect(nameOf()).toBe('Pump 7');
});

it('shows of grants all but the token: how they came to be, and until when they are good', async () => {
  const startedMs = site.clock.wallMs();
  const expiresAtMs = Math.floor(startedMs / 1_000) * 1_000 + DAY_MS;
  await site.ask(tokenOf('read'), 200, 1, 'Pump 7');
  await site.clock.advance(1_000);
  const secret = tokenExpiringAt(expiresAtMs);
  await site.logIn(secret);
  const times = (ms: number) => ({ confirmedAtMs: ms, lapsesAtMs: ms + OFFLINE_MS });
  expect(site.stage.devices.grantsOf(deviceId(1))).toEqual([
    { kind: 'log-in', maySend: 'yes', expiresAtMs, ...times(startedMs + 1_000) },
    { kind: 'read', maySend: 'yes', expiresAtMs: Number.POSITIVE_INFINITY, ...times(startedMs) },
  ]);
  expect(JSON.stringify([...site.stage.devices.all()])).not.toContain(secret);
  expect([...site.stage.devices.all()]).toMatchObject([
    { device: { applicationId: APPLICATION, deviceId: deviceId(1) }, name: 'Pump 7' },
  ]);
  expect(site.stage.devices.find(deviceId(1))?.applicationId).toBe(APPLICATION);
  expect([site.stage.devices.find(deviceId(2)), site.stage.devices.grantsOf(deviceId(2))]).toEqual([undefined, []]);
});
