import { beforeEach, expect, it } from 'vitest';
import { DenialCache } from '../../src/auth/denial-cache.js';
import { CloudDeviceLogin } from '../../src/auth/device-login.js';
import { Grants } from '../../src/auth/grants.js';
import { LogInStore } from '../../src/auth/log-in-store.js';
import { SealedStore } from '../../src/auth/sealed-store.js';
import { Sealing } from '../../src/auth/sealing.js';
import { Shares } from '../../src/auth/shares.js';
import { StatewayError } from '../../src/core/errors.js';
import { Meters } from '../../src/core/metering/meters.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { FakeCloud } from './fake-cloud.js';
import { MemoryTable } from './memory-table.js';

const APPLICATION = '5a0000000000000000000001';
const DEVICE = '5b0000000000000000000001';
const HEAD = { target: '/auth/device', headers: [] } as const;
const ANSWER = JSON.stringify({
  applicationId: APPLICATION,
  deviceId: DEVICE,
  token: 'the-token',
  deviceClass: 'gateway',
});

const body = (more: Record<string, unknown> = {}) =>
  Buffer.from(JSON.stringify({ deviceId: DEVICE, key: 'the-key', secret: 'the-secret', ...more }));

let cloud: FakeCloud;
let grants: Grants;
let deviceLogin: CloudDeviceLogin;

beforeEach(async () => {
  const clock = new FakeClock();
  cloud = new FakeCloud();
  const sealing = new Sealing(Buffer.alloc(32, 7));
  const fail = (what: unknown) => expect.fail(String(what));
  const store = new SealedStore({ table: new MemoryTable(), sealing, clock, onUnreadable: fail, onWriteFailed: fail });
  const logIns = new LogInStore(store, sealing, 100);
  store.scan((key, keptUntilMs) => logIns.note(key, keptUntilMs));
  logIns.load();
  grants = new Grants({ maxGrants: 100, clock, cloudNowMs: () => undefined, denials: new DenialCache(10, clock) });
  const meters = new Meters();
  deviceLogin = new CloudDeviceLogin({
    cloud,
    shares: new Shares(clock),
    grants,
    logIns,
    meters,
    recall: () => undefined,
  });
  cloud.logInAnswer = { status: 200, contentType: 'application/json', body: Buffer.from(ANSWER) };
  await deviceLogin.logIn(body(), HEAD, { address: '192.0.2.1' });
});

it('gives the answer of the last good log-in, without the cloud', () => {
  expect(Buffer.from(deviceLogin.recall(body())?.body ?? []).toString()).toBe(ANSWER);
  expect(cloud.logIns).toHaveLength(1);
});

it.each([
  ['another secret', { secret: 'another' }],
  ['another key', { key: 'another' }],
  ['another device', { deviceId: '5b0000000000000000000002' }],
  ['another request', { tokenTTL: 60 }],
  ['what are no credentials', { secret: 5 }],
])('knows nothing of %s', (_what, more) => {
  expect(deviceLogin.recall(body(more))).toBeUndefined();
});

it('gives nothing whose token is not good any more', () => {
  grants.find('the-token', APPLICATION, DEVICE)?.end(new StatewayError('STATEWAY_TOKEN_REFUSED', 'void'));
  expect(deviceLogin.recall(body())).toBeUndefined();
});
