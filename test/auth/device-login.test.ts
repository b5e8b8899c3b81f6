import { beforeEach, describe, expect, it } from 'vitest';
import { CloudDeviceLogin } from '../../src/auth/device-login.js';
import { Grants } from '../../src/auth/grants.js';
import { Refusals } from '../../src/auth/refusals.js';
import type { CloudAnswer } from '../../src/core/ports.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { FakeCloud } from './fake-cloud.js';

const APPLICATION = 'abcdef0123456789abcdef01';
const DEVICE = 'fedcba9876543210fedcba98';
const AUTHED = { applicationId: APPLICATION, deviceId: DEVICE, deviceClass: 'standalone', token: 'new token' };
const CREDENTIALS = Buffer.from('{"deviceId":"fedcba9876543210fedcba98","key":"k","secret":"s"}');

let cloud: FakeCloud;
let grants: Grants;
let deviceLogin: CloudDeviceLogin;

beforeEach(() => {
  const clock = new FakeClock();
  cloud = new FakeCloud();
  grants = new Grants({ maxGrants: 10, clock, refusals: new Refusals(10, clock) });
  deviceLogin = new CloudDeviceLogin(cloud, grants);
});

/** Logs in while the cloud answers so. */
function logIn(status: number, body: string | Uint8Array): Promise<CloudAnswer> {
  cloud.logInAnswer = { status, contentType: 'application/json', body: Buffer.from(body) };
  return deviceLogin.logIn(CREDENTIALS, 'application/json; charset=utf-8', 'a=1&b=%20');
}

describe('logIn', () => {
  it('passes body, content type and query on as they came', async () => {
    await logIn(200, JSON.stringify(AUTHED));
    expect(cloud.logIns).toEqual([
      { body: CREDENTIALS, contentType: 'application/json; charset=utf-8', query: 'a=1&b=%20' },
    ]);
  });

  it('hands a 200 on as it came, and grants its token for its device alone', async () => {
    const answer = await logIn(200, JSON.stringify(AUTHED));
    expect(answer).toBe(cloud.logInAnswer);
    expect(grants.find('new token', APPLICATION, DEVICE)?.device.deviceId).toBe(DEVICE);
    expect(grants.size).toBe(1);
  });

  it('reads the answer where it stands in a larger buffer, ids in either case', async () => {
    const text = JSON.stringify({ ...AUTHED, deviceId: DEVICE.toUpperCase() });
    const body = Buffer.from(`....${text}....`).subarray(4, 4 + text.length);
    cloud.logInAnswer = { status: 200, contentType: 'application/json', body };
    await deviceLogin.logIn(CREDENTIALS, 'application/json', '');
    expect(grants.find('new token', APPLICATION, DEVICE)).toBeDefined();
  });

  it.each([
    ['not JSON', '<html>'],
    ['cut short', JSON.stringify(AUTHED).slice(0, -5)],
    ['empty', ''],
    ['null', 'null'],
    ['an array', JSON.stringify([AUTHED])],
    ['without a token', JSON.stringify({ ...AUTHED, token: undefined })],
    ['with an empty token', JSON.stringify({ ...AUTHED, token: '' })],
    ['with a token that is no string', JSON.stringify({ ...AUTHED, token: 5 })],
    ['without a device', JSON.stringify({ ...AUTHED, deviceId: undefined })],
    ['with a device that is no id', JSON.stringify({ ...AUTHED, deviceId: 'pump 7' })],
    ['with an application that is no id', JSON.stringify({ ...AUTHED, applicationId: 7 })],
  ])('hands on a 200 that is %s, and learns nothing from it', async (_, body) => {
    const answer = await logIn(200, body);
    expect(Buffer.from(answer.body).toString()).toBe(body);
    expect(grants.size).toBe(0);
  });

  it.each([201, 400, 401, 429, 500])('hands on a %i, and learns nothing from it', async (status) => {
    expect((await logIn(status, JSON.stringify(AUTHED))).status).toBe(status);
    expect(grants.size).toBe(0);
  });

  it('is Unavailable while the cloud cannot be reached', async () => {
    await expect(deviceLogin.logIn(CREDENTIALS, 'application/json', '')).rejects.toMatchObject({
      code: 'STATEWAY_CLOUD_UNREACHABLE',
      status: 503,
      retryAfterSeconds: 1,
    });
    expect(grants.size).toBe(0);
  });
});
