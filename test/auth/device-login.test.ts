import { beforeEach, describe, expect, it } from 'vitest';
import { DenialCache } from '../../src/auth/denial-cache.js';
import { CloudDeviceLogin } from '../../src/auth/device-login.js';
import { Grants } from '../../src/auth/grants.js';
import { LogInStore } from '../../src/auth/log-in-store.js';
import { SealedStore } from '../../src/auth/sealed-store.js';
import { Sealing } from '../../src/auth/sealing.js';
import { Shares } from '../../src/auth/shares.js';
import type { CloudAnswer } from '../../src/core/cloud-port.js';
import { StatewayError } from '../../src/core/errors.js';
import { Meters } from '../../src/core/metering/meters.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { ASKER, FakeCloud } from './fake-cloud.js';
import { MemoryTable } from './memory-table.js';
import { tokenExpiringAt } from './tokens.js';

const APPLICATION = 'abcdef0123456789abcdef01';
const DEVICE = 'fedcba9876543210fedcba98';
const AUTHED = { applicationId: APPLICATION, deviceId: DEVICE, deviceClass: 'standalone', token: 'new-token' };
const CREDENTIALS = Buffer.from('{"deviceId":"fedcba9876543210fedcba98","key":"k","secret":"s"}');

let clock: FakeClock;
let cloud: FakeCloud;
let meters: Meters;
let table: MemoryTable;
let grants: Grants;
let deviceLogin: CloudDeviceLogin;

beforeEach(() => {
  clock = new FakeClock();
  cloud = new FakeCloud();
  meters = new Meters();
  table = new MemoryTable();
  grants = new Grants({ maxGrants: 100, clock, cloudNowMs: () => undefined, denials: new DenialCache(10, clock) });
  deviceLogin = openLogin();
});

function openLogin(maxLogIns = 100): CloudDeviceLogin {
  const sealing = new Sealing(Buffer.alloc(32, 7));
  const store = new SealedStore({
    table,
    sealing,
    clock,
    onUnreadable: (rows) => expect.fail(`${rows} unreadable`),
    onWriteFailed: (error) => expect.fail(String(error)),
  });
  const logIns = new LogInStore(store, sealing, maxLogIns);
  store.scan((key, keptUntilMs) => logIns.note(key, keptUntilMs));
  logIns.load();
  return new CloudDeviceLogin({ cloud, shares: new Shares(clock), grants, logIns, meters, recall: () => undefined });
}

/** Logs in while the cloud answers so. */
const HEAD = { target: '/auth/device?a=1&b=%20', headers: [['content-type', 'application/json']] } as const;

function logIn(status: number, body: string | Uint8Array): Promise<CloudAnswer> {
  cloud.logInAnswer = { status, contentType: 'application/json', body: Buffer.from(body) };
  return deviceLogin.logIn(CREDENTIALS, HEAD, ASKER);
}

describe('logIn', () => {
  it('passes body, content type and query on as they came', async () => {
    await logIn(200, JSON.stringify(AUTHED));
    expect(cloud.logIns).toEqual([{ body: CREDENTIALS, head: HEAD }]);
  });

  it('hands a 200 on as it came, and grants its token for its device alone', async () => {
    const answer = await logIn(200, JSON.stringify(AUTHED));
    expect(answer).toBe(cloud.logInAnswer);
    expect(grants.find('new-token', APPLICATION, DEVICE)?.device.deviceId).toBe(DEVICE);
    expect(grants.size).toBe(1);
  });

  it('reads the answer where it stands in a larger buffer, ids in either case', async () => {
    const text = JSON.stringify({ ...AUTHED, deviceId: DEVICE.toUpperCase() });
    const body = Buffer.from(`....${text}....`).subarray(4, 4 + text.length);
    cloud.logInAnswer = { status: 200, contentType: 'application/json', body };
    await deviceLogin.logIn(CREDENTIALS, HEAD, ASKER);
    expect(grants.find('new-token', APPLICATION, DEVICE)).toBeDefined();
  });

  it.each([
    ['not JSON', '<html>'],
    ['cut short', JSON.stringify(AUTHED).slice(0, -5)],
    ['empty', ''],
    ['an array', JSON.stringify([AUTHED])],
    ['without a token', JSON.stringify({ ...AUTHED, token: undefined })],
    ['with a token of two words', JSON.stringify({ ...AUTHED, token: 'new token' })],
    ['with a token that is no string', JSON.stringify({ ...AUTHED, token: 5 })],
    ['without a device', JSON.stringify({ ...AUTHED, deviceId: undefined })],
    ['with a device that is no id', JSON.stringify({ ...AUTHED, deviceId: 'pump 7' })],
    ['with an application that is no id', JSON.stringify({ ...AUTHED, applicationId: 7 })],
  ])('a 200 that is %s is a cloud that cannot be asked', async (_, body) => {
    await expect(logIn(200, body)).rejects.toMatchObject({ code: 'STATEWAY_CLOUD_UNREACHABLE' });
    expect(grants.size).toBe(0);
  });

  it.each([400, 401, 429, 500])('hands on a %i, and learns nothing from it', async (status) => {
    expect((await logIn(status, JSON.stringify({ ...AUTHED, type: 'x', message: 'y' }))).status).toBe(status);
    expect(grants.size).toBe(0);
  });

  it('is Unavailable while the cloud cannot be reached', async () => {
    const unavailable = { code: 'STATEWAY_CLOUD_UNREACHABLE', status: 503, retryAfterSeconds: 1 };
    await expect(deviceLogin.logIn(CREDENTIALS, HEAD, ASKER)).rejects.toMatchObject(unavailable);
    expect(grants.size).toBe(0);
  });
});

describe('while the cloud cannot be asked', () => {
  const GOOD = { deviceId: DEVICE, key: 'key', secret: 'secret' };
  const AWAY = undefined;
  const ILL = refusal(502);
  const PORTAL: CloudAnswer = { status: 200, contentType: 'text/html', body: Buffer.from('<h1>Welcome</h1>') };
  const TOKEN_LIFE_MS = 3_600_000;

  function answerWith(token: string, deviceId = DEVICE): CloudAnswer {
    const body = Buffer.from(JSON.stringify({ ...AUTHED, deviceId, token, pubTopics: ['π'] }));
    return { status: 200, contentType: 'application/json; charset=utf-8', body };
  }

  /** Logs in with the cloud answering so; an error comes back as its value. */
  function tryLogIn(credentials: unknown, answer: CloudAnswer | undefined): Promise<CloudAnswer | StatewayError> {
    cloud.logInAnswer = answer;
    const body = typeof credentials === 'string' ? credentials : JSON.stringify(credentials);
    return deviceLogin.logIn(Buffer.from(body), HEAD, ASKER).catch((error: StatewayError) => error);
  }

  function refusal(status: number): CloudAnswer {
    return { status, contentType: 'application/json', body: Buffer.from('{"type":"x","message":"y"}') };
  }

  async function restart(maxLogIns?: number): Promise<void> {
    await clock.advance(1_000);
    deviceLogin = openLogin(maxLogIns);
  }

  let first: CloudAnswer;
  beforeEach(async () => {
    first = answerWith(tokenExpiringAt(clock.wallMs() + TOKEN_LIFE_MS));
    expect(await tryLogIn(GOOD, first)).toBe(first);
  });

  it.each([
    ['away', AWAY],
    ['ill', ILL],
    ['behind a portal', PORTAL],
  ])('and is %s, the answer of the last good log-in comes back, byte for byte', async (_, answer) => {
    for (const restarted of [false, true]) {
      if (restarted) await restart();
      expect(await tryLogIn(GOOD, answer)).toEqual(first);
    }
    expect(meters.tokenCache.offline).toBe(2);
  });

  it.each<[string, unknown]>([
    ['with its id in capitals', { ...GOOD, deviceId: DEVICE.toUpperCase() }],
    ['with its properties in another order', { secret: 'secret', key: 'key', deviceId: DEVICE }],
    ['with blanks', `  ${JSON.stringify(GOOD, null, 2)}\n`],
  ])('the same request %s is the same', async (_, credentials) => {
    expect(await tryLogIn(credentials, AWAY)).toEqual(first);
  });

  it.each<[string, unknown, number]>([
    ['another secret', { ...GOOD, secret: 'guess' }, 401],
    ['a secret in capitals', { ...GOOD, secret: 'SECRET' }, 401],
    ['no secret to speak of', { ...GOOD, secret: '' }, 401],
    ['another secret and other scopes', { ...GOOD, secret: 'guess', requestedScopes: ['device.get'] }, 401],
    ['another key', { ...GOOD, key: 'other' }, 503],
    ['another device', { ...GOOD, deviceId: 'fedcba9876543210fedcba99' }, 503],
    ['key and secret changed about', { ...GOOD, key: 'secret', secret: 'key' }, 503],
    ['other scopes', { ...GOOD, requestedScopes: ['all.Device'] }, 503],
    ['another time to live', { ...GOOD, tokenTTL: 60 }, 503],
    ['no secret', { deviceId: DEVICE, key: 'key' }, 503],
    ['a property that is none', { ...GOOD, extra: 1 }, 503],
    ['a secret that is no string', { ...GOOD, secret: ['secret'] }, 503],
    ['a list', [GOOD], 503],
    ['null', null, 503],
    ['no JSON', '{"deviceId":', 503],
  ])('a log-in with %s is answered %3$i', async (_, credentials, status) => {
    for (const restarted of [false, true]) {
      if (restarted) await restart();
      expect(await tryLogIn(credentials, AWAY)).toMatchObject({ status });
    }
    expect(meters.tokenCache.offline).toBe(0);
  });

  it('a wrong secret is told from a right one without its value', async () => {
    const error = (await tryLogIn({ ...GOOD, secret: 'hunter2' }, AWAY)) as StatewayError;
    expect(error).toMatchObject({ code: 'STATEWAY_CREDENTIALS_REFUSED', type: 'Unauthorized', retryable: false });
    expect(error.message).not.toContain('hunter2');
    expect(error.message).not.toContain('secret"');
  });

  it('and answers 5xx to credentials that are not known, its answer is handed on', async () => {
    expect(await tryLogIn({ ...GOOD, key: 'other' }, ILL)).toBe(ILL);
    expect(await tryLogIn({ ...GOOD, secret: 'guess' }, ILL)).toMatchObject({ status: 401 });
  });

  it('no other answer of the cloud is put right', async () => {
    for (const status of [400, 401, 403, 404, 429]) {
      expect(await tryLogIn(GOOD, refusal(status))).toMatchObject({ status });
    }
  });

  it('a token that has expired is not given out again', async () => {
    await clock.advance(TOKEN_LIFE_MS - 1);
    expect(await tryLogIn(GOOD, AWAY)).toEqual(first);
    await clock.advance(1);
    expect(await tryLogIn(GOOD, AWAY)).toMatchObject({ status: 503 });
  });

  it('a token that the cloud has refused since is not given out again', async () => {
    const token = JSON.parse(Buffer.from(first.body).toString()).token as string;
    grants.find(token, APPLICATION, DEVICE)?.end(new StatewayError('STATEWAY_TOKEN_REFUSED', 'revoked'));
    expect(await tryLogIn(GOOD, AWAY)).toMatchObject({ status: 503 });
  });

  it.each([401, 403, 404])('credentials that the cloud has since answered %i are unknown', async (status) => {
    await tryLogIn(GOOD, refusal(status));
    expect(await tryLogIn(GOOD, AWAY)).toMatchObject({ status: 503 });
    expect(await tryLogIn({ ...GOOD, secret: 'guess' }, AWAY)).toMatchObject({ status: 503 });
    await clock.advance(1_000);
    expect(table.keysOf('log-in:')).toEqual([]);
  });

  it('a guess that the cloud refuses takes nothing from the one who knows', async () => {
    await tryLogIn({ ...GOOD, secret: 'guess' }, refusal(401));
    expect(await tryLogIn(GOOD, AWAY)).toEqual(first);
  });

  it.each([400, 429])('a %i says nothing of credentials', async (status) => {
    await tryLogIn(GOOD, refusal(status));
    expect(await tryLogIn(GOOD, AWAY)).toEqual(first);
  });

  it('the newest answer counts', async () => {
    const second = answerWith('second-token');
    await tryLogIn(GOOD, second);
    expect(await tryLogIn(GOOD, AWAY)).toEqual(second);
  });

  it('a secret that the cloud has since taken is the right one, and the one before known to be wrong', async () => {
    const second = answerWith('second-token');
    await tryLogIn({ ...GOOD, secret: 'rotated' }, second);
    expect(await tryLogIn({ ...GOOD, secret: 'rotated' }, AWAY)).toEqual(second);
    expect(await tryLogIn(GOOD, AWAY)).toMatchObject({ status: 401 });
  });

  it('each of a few requests of one key gets its own answer', async () => {
    const narrow = { ...GOOD, requestedScopes: ['device.sendState', 'device.get'], tokenTTL: 60 };
    const second = answerWith('narrow-token');
    await tryLogIn(narrow, second);
    await restart();
    expect(await tryLogIn({ ...narrow, requestedScopes: ['device.get', 'device.sendState'] }, AWAY)).toEqual(second);
    expect(await tryLogIn(GOOD, AWAY)).toEqual(first);
    for (let i = 0; i < 4; i++) await tryLogIn({ ...GOOD, tokenTTL: 1_000 + i }, answerWith(`token-${i}`));
    expect(await tryLogIn(GOOD, AWAY)).toMatchObject({ status: 503 });
    expect(table.keysOf('log-in:')).toHaveLength(1);
  });

  it('an answer for another device than asked for teaches its grant, but no log-in', async () => {
    const other = 'fedcba9876543210fedcba99';
    await tryLogIn({ ...GOOD, deviceId: other }, answerWith('odd-token'));
    expect(grants.find('odd-token', APPLICATION, DEVICE)).toBeDefined();
    expect(await tryLogIn({ ...GOOD, deviceId: other }, AWAY)).toMatchObject({ status: 503 });
  });

  it('an answer too long to be kept is asked for again', async () => {
    const long = { ...answerWith('second-token') };
    const body = Buffer.concat([long.body, Buffer.alloc(20_000, ' ')]);
    await tryLogIn({ ...GOOD, key: 'other' }, { ...long, body });
    expect(await tryLogIn({ ...GOOD, key: 'other' }, AWAY)).toMatchObject({ status: 503 });
  });

  it('as many log-ins are kept as may be, the longest unused goes first', async () => {
    await restart(3);
    const key = (i: number) => ({ ...GOOD, key: `key ${i}` });
    for (let i = 0; i < 3; i++) await tryLogIn(key(i), answerWith(`token-${i}`));
    expect(await tryLogIn(GOOD, AWAY)).toMatchObject({ status: 503 });
    await tryLogIn(key(3), answerWith('token-3'));
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await tryLogIn(key(i), AWAY)).status);
    expect(statuses).toEqual([503, 200, 200, 200]);
    await clock.advance(1_000);
    expect(table.keysOf('log-in:')).toHaveLength(3);
  });

  it('shows on disk neither device, key, secret nor token', async () => {
    await clock.advance(1_000);
    const disk = [...table.rows].map(([key, value]) => key + Buffer.from(value).toString('latin1')).join();
    const token = JSON.parse(Buffer.from(first.body).toString()).token as string;
    for (const secret of [DEVICE, APPLICATION, '"key"', 'secret', token, token.slice(0, 20)]) {
      expect(disk).not.toContain(secret);
      expect(disk).not.toContain(Buffer.from(secret).toString('base64').slice(0, -3));
    }
    expect(table.keysOf('log-in:')).toHaveLength(1);
  });
});
