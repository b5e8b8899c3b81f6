import { beforeEach, describe, expect, it } from 'vitest';
import { DenialCache, digestOf, tripleOf } from '../../src/auth/denial-cache.js';
import { FirstStates } from '../../src/auth/first-states.js';
import { Grants } from '../../src/auth/grants.js';
import type { KeptGrant } from '../../src/auth/kept-grant.js';
import { Shares } from '../../src/auth/shares.js';
import type { Delivered, Granted } from '../../src/core/auth-ports.js';
import { PROOF_BOUNDS } from '../../src/core/bounds.js';
import { Device } from '../../src/core/device.js';
import { StatewayError } from '../../src/core/errors.js';
import { Meters } from '../../src/core/metering/meters.js';
import type { SendLater } from '../../src/core/ports.js';
import type { DeviceClocks } from '../../src/core/time/device-clocks.js';
import { deviceClocksBy } from '../helpers/device-clocks.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { ASKER, FakeCloud } from './fake-cloud.js';
import { tokenExpiringAt } from './tokens.js';

const APPLICATION = 'abcdef0123456789abcdef01';
const DEVICE_A = 'fedcba9876543210fedcba98';
const IGNORED = { states: 1, lastTimeMs: 12_000, isRightAgain: false };
const DEVICE_B = 'fedcba9876543210fedcba99';

let clock: FakeClock;
let cloud: FakeCloud;
let meters: Meters;
let grants: Grants;
let denials: DenialCache;
let voidTokens: string[];
let firstStates: FirstStates;
let deviceClocks: DeviceClocks;
let later: SendLater | undefined;
let accepted: Promise<void>;
let isOfBody: boolean;

beforeEach(() => {
  clock = new FakeClock();
  cloud = new FakeCloud();
  meters = new Meters();
  deviceClocks = deviceClocksBy(clock, meters).deviceClocks;
  denials = new DenialCache(100, clock);
  grants = new Grants({ maxGrants: 100, clock, cloudNowMs: () => undefined, denials });
  voidTokens = [];
  later = undefined;
  accepted = Promise.resolve();
  isOfBody = true;
  firstStates = new FirstStates({
    grants,
    shares: new Shares(clock),
    accepted: () => accepted,
    forward: async (device, token, { bytes }) => ({
      result: later ?? (await cloud.sendStates(device, token, bytes)),
      isOfBody,
    }),
    clock,
    meters,
    deviceClocks,
    denials,
    proofDenials: new DenialCache(100, clock),
    bodyFor: (_device, _encoding, body) => {
      const text = Buffer.from(body).toString();
      if (text === 'bad') throw new StatewayError('STATEWAY_INVALID_STATE', 'no state');
      return {
        bytes: Buffer.from(`for the cloud: ${text}`),
        states: text.length,
        ignoredTimes: text === 'abc' ? IGNORED : undefined,
      };
    },
    onVoidToken: (token, error) => {
      voidTokens.push(token);
      denials.addVoid(digestOf(token), error);
    },
  });
});

/** Proves device A with a body of so many states; an error comes back as its value. */
function prove(body = 'abc', deviceId = DEVICE_A, token = 'token'): Promise<Granted | Delivered | StatewayError> {
  return firstStates
    .prove(token, new Device(APPLICATION, deviceId), 'json', Buffer.from(body), ASKER)
    .catch((error: StatewayError) => error);
}

async function proveAndAnswer(status: number, message?: string, retryAfterMs?: number): Promise<unknown> {
  const proving = prove();
  await clock.advance(0);
  cloud.sent.at(-1)?.answer(status, message, retryAfterMs);
  return proving;
}

describe('a state that the cloud takes', () => {
  it('grants its triple and no other, and is counted as forwarded', async () => {
    const { grant, states } = (await proveAndAnswer(200)) as Delivered;
    expect(states).toBe(3);
    expect(cloud.sent).toMatchObject([
      { device: { applicationId: APPLICATION, deviceId: DEVICE_A }, token: 'token', body: 'for the cloud: abc' },
    ]);
    expect(grants.find('token', APPLICATION, DEVICE_A)).toBe(grant);
    expect((grant as KeptGrant).kind).toBe('first state');
    expect(grants.size).toBe(1);
    expect(meters).toMatchObject({ forwarded: 3, outOfWindow: 1 });
    expect([...deviceClocks.wrong()]).toMatchObject([
      { device: { deviceId: DEVICE_A }, states: 1, lastTimeMs: 12_000 },
    ]);
  });

  it('is not sent again for a body that comes after it: that is to be stored', async () => {
    const { grant } = (await proveAndAnswer(200)) as Delivered;
    expect(await prove('more')).toEqual({ kind: 'granted', grant });
    expect(cloud.sent).toHaveLength(1);
  });

  it('decides for all that wait for it, however they spell their ids; their bodies are to be stored', async () => {
    const proving = [prove('a'), prove('b'), prove('c', DEVICE_A.toUpperCase())];
    await clock.advance(0);
    expect(cloud.sent).toHaveLength(1);
    cloud.sent[0]?.answer(200);
    const outcomes = (await Promise.all(proving)) as (Granted | Delivered)[];
    expect(outcomes.map(({ kind }) => kind)).toEqual(['delivered', 'granted', 'granted']);
    expect(new Set(outcomes.map(({ grant }) => grant)).size).toBe(1);
    expect(cloud.sent).toHaveLength(1);
  });

  it('says nothing of another device, or another token', async () => {
    await proveAndAnswer(200);
    void prove('x', DEVICE_B);
    void prove('y', DEVICE_A, 'token2');
    await clock.advance(0);
    expect(cloud.sent.map(({ device, token }) => [device.deviceId, token])).toEqual([
      [DEVICE_A, 'token'],
      [DEVICE_B, 'token'],
      [DEVICE_A, 'token2'],
    ]);
    cloud.sent[1]?.answer(403);
    await clock.advance(0);
    expect(grants.find('token', APPLICATION, DEVICE_B)).toBeUndefined();
    expect(grants.find('token2', APPLICATION, DEVICE_A)).toBeUndefined();
  });
});

describe('states that were accepted before it', () => {
  it('are waited for, until they are with the lanes', async () => {
    let settle = (): void => {};
    accepted = new Promise((resolve) => {
      settle = resolve;
    });
    const proving = prove();
    await clock.advance(0);
    expect(cloud.sent).toEqual([]);
    settle();
    await clock.advance(0);
    cloud.sent[0]?.answer(200);
    expect(await proving).toMatchObject({ kind: 'delivered' });
  });

  it('prove the triple in its place: it is to be stored behind them, and is not counted', async () => {
    isOfBody = false;
    const proven = await proveAndAnswer(200);
    expect(proven).toEqual({ kind: 'granted', grant: grants.find('token', APPLICATION, DEVICE_A) });
    expect(meters).toMatchObject({ forwarded: 0, outOfWindow: 0 });
    expect([...deviceClocks.wrong()]).toEqual([]);
  });
});

describe('a no of the cloud', () => {
  it.each([
    [401, 'STATEWAY_TOKEN_REFUSED'],
    [403, 'STATEWAY_NOT_GRANTED'],
    [404, 'STATEWAY_NO_SUCH_DEVICE'],
  ])('%i is %s for all that wait, and for 30 seconds', async (status, code) => {
    const proving = [prove('a'), prove('b')];
    await clock.advance(0);
    cloud.sent[0]?.answer(status, 'what the cloud said');
    for (const outcome of await Promise.all(proving)) {
      expect(outcome).toMatchObject({ code, status, message: 'what the cloud said' });
    }
    await clock.advance(29_999);
    expect(await prove()).toMatchObject({ code });
    expect(cloud.sent).toHaveLength(1);
    await clock.advance(1);
    expect(await proveAndAnswer(200)).toMatchObject({ states: 3 });
    expect(meters.forwarded).toBe(3);
  });

  it.each([401, 403, 404])('%i is a no to the question as well, and void is only a token of 401', async (status) => {
    await proveAndAnswer(status);
    const device = new Device(APPLICATION, DEVICE_A);
    const refusal = status === 401 ? denials.findVoid(digestOf('token')) : denials.find(tripleOf('token', device));
    expect(refusal).toMatchObject({ status });
    expect(voidTokens).toEqual(status === 401 ? ['token'] : []);
    expect(grants.size).toBe(0);
  });

  it('to the question is none to the proof', async () => {
    const device = new Device(APPLICATION, DEVICE_A);
    denials.add(tripleOf('token', device), new StatewayError('STATEWAY_NOT_GRANTED', 'may not read'));
    expect(await proveAndAnswer(200)).toMatchObject({ states: 3 });
  });
});

describe('no verdict', () => {
  it.each<[string, number | undefined, number]>([
    ['with a Retry-After', 7_000, 7],
    ['without', undefined, 15],
    ['with one beyond belief', 86_400_000, 60],
  ])('429 %s is Throttled, and nothing more is sent meanwhile', async (_, retryAfterMs, seconds) => {
    const throttled = { type: 'Throttled', status: 429, retryAfterSeconds: seconds };
    expect(await proveAndAnswer(429, '', retryAfterMs)).toMatchObject(throttled);
    await clock.advance(seconds * 1000 - 1);
    expect(await prove()).toMatchObject(throttled);
    expect(cloud.sent).toHaveLength(1);
    await clock.advance(1);
    expect(await proveAndAnswer(200)).toMatchObject({ states: 3 });
  });

  it('where the lane of the device lets nothing through, until it does', async () => {
    later = { kind: 'later', afterMs: 2_001 };
    expect(await prove()).toMatchObject({ type: 'Throttled', status: 429, retryAfterSeconds: 3 });
    later = undefined;
    await clock.advance(2_999);
    expect(await prove()).toMatchObject({ type: 'Throttled' });
    expect(cloud.sent).toEqual([]);
    await clock.advance(1);
    expect(await proveAndAnswer(200)).toMatchObject({ states: 3 });
  });

  it.each([301, 408, 500, 503])('%i is Unavailable, for all that wait, and not remembered', async (status) => {
    const proving = [prove('a'), prove('b')];
    await clock.advance(0);
    cloud.sent[0]?.answer(status);
    for (const outcome of await Promise.all(proving))
      expect(outcome).toMatchObject({ type: 'Unavailable', status: 503 });
    expect(cloud.sent).toHaveLength(1);
    expect(await proveAndAnswer(200)).toMatchObject({ states: 3 });
  });

  it('no answer is the same', async () => {
    const proving = prove();
    await clock.advance(0);
    cloud.sent[0]?.fail();
    expect(await proving).toMatchObject({ code: 'STATEWAY_CLOUD_UNREACHABLE' });
    expect(grants.size).toBe(0);
  });

  it.each([
    [400, 'STATEWAY_INVALID_STATE'],
    [422, 'STATEWAY_INVALID_STATE'],
    [413, 'STATEWAY_BODY_TOO_LARGE'],
  ])('%i is about one body: the next that waits proves with its own', async (status, code) => {
    const proving = [prove('a'), prove('bb')];
    await clock.advance(0);
    cloud.sent[0]?.answer(status);
    expect(await proving[0]).toMatchObject({ code });
    await clock.advance(0);
    expect(cloud.sent.map(({ body }) => body)).toEqual(['for the cloud: a', 'for the cloud: bb']);
    cloud.sent[1]?.answer(200);
    expect(await proving[1]).toMatchObject({ states: 2 });
  });
});

it('refuses a body that is wrong before anything is sent', async () => {
  expect(await prove('bad')).toMatchObject({ code: 'STATEWAY_INVALID_STATE' });
  expect(cloud.sent).toEqual([]);
});

it('has the cloud decide whether a token is over, and goes by the clock only where it cannot', async () => {
  const token = tokenExpiringAt(clock.wallMs());
  const failing = prove('a', DEVICE_A, token);
  await clock.advance(0);
  cloud.sent[0]?.fail();
  expect(await failing).toMatchObject({ code: 'STATEWAY_TOKEN_EXPIRED' });
  const proving = prove('a', DEVICE_A, token);
  await clock.advance(0);
  cloud.sent[1]?.answer(200);
  expect(await proving).toMatchObject({ kind: 'delivered' });
  expect(grants.find(token, APPLICATION, DEVICE_A)).toBeDefined();
});

it('reads the body before it returns, whose memory may then be used again', async () => {
  const body = Buffer.from('abc');
  const proving = firstStates.prove('token', new Device(APPLICATION, DEVICE_A), 'json', body, ASKER);
  body.fill('x');
  await clock.advance(0);
  expect(cloud.sent[0]?.body).toBe('for the cloud: abc');
  cloud.sent[0]?.answer(200);
  await proving;
});

it('has a bound on what is under way, for one address and in all', async () => {
  for (let i = 0; i < 100; i++) void prove('a', DEVICE_A, `token ${i}`);
  await clock.advance(0);
  expect(cloud.sent).toHaveLength(PROOF_BOUNDS.maxAtOnceOfOne);
  const elsewhere = { address: '192.0.2.2' };
  void firstStates.prove('another', new Device(APPLICATION, DEVICE_B), 'json', Buffer.from('a'), elsewhere);
  await clock.advance(0);
  expect(cloud.sent.at(-1)?.token).toBe('another');
  cloud.sent[0]?.answer(200);
  await clock.advance(0);
  expect(cloud.sent).toHaveLength(PROOF_BOUNDS.maxAtOnceOfOne + 2);
});
