import { beforeEach, describe, expect, it } from 'vitest';
import { DenialCache, digestOf } from '../../src/auth/denial-cache.js';
import { FirstStates } from '../../src/auth/first-states.js';
import { Grants } from '../../src/auth/grants.js';
import { Shares } from '../../src/auth/shares.js';
import { Verifier } from '../../src/auth/verifier.js';
import type { Granted, Unproven } from '../../src/core/auth-ports.js';
import { StatewayError } from '../../src/core/errors.js';
import { Meters } from '../../src/core/metering/meters.js';
import { deviceClocksBy } from '../helpers/device-clocks.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { ASKER, FakeCloud, type OpenQuestion, straightTo, TAKEN } from './fake-cloud.js';
import { tokenExpiringAt, tokenOf, tokenWithClaims } from './tokens.js';

const APPLICATION = 'abcdef0123456789abcdef01';
const DEVICE_A = 'fedcba9876543210fedcba98';
const DEVICE_B = 'fedcba9876543210fedcba99';
const TOKEN = tokenOf('a');
const OTHER_TOKEN = tokenOf('b');

let clock: FakeClock;
let cloud: FakeCloud;
let meters: Meters;
let verifier: Verifier;
let voidTokens: string[];

beforeEach(() => {
  clock = new FakeClock();
  cloud = new FakeCloud();
  meters = new Meters();
  const denials = new DenialCache(1_000, clock);
  const grants = new Grants({ maxGrants: 1_000, clock, cloudNowMs: () => undefined, denials });
  voidTokens = [];
  const onVoidToken = (token: string, error: StatewayError) => {
    voidTokens.push(token);
    denials.addVoid(digestOf(token), error);
  };
  const shared = { shares: new Shares(clock), grants, cloud, clock, meters, denials, onVoidToken };
  const proofDenials = new DenialCache(1_000, clock);
  const bodyFor = (_device: unknown, _encoding: unknown, bytes: Uint8Array) => ({
    bytes,
    states: 1,
    ignoredTimes: undefined,
  });
  const firstStates = new FirstStates({
    ...shared,
    deviceClocks: deviceClocksBy(clock, meters).deviceClocks,
    proofDenials,
    bodyFor,
    ...straightTo(cloud),
  });
  verifier = new Verifier({ ...shared, firstStates, recall: () => undefined });
});

function question(number: number): OpenQuestion {
  const asked = cloud.questions[number];
  if (asked === undefined) throw new Error(`question ${number} was not asked`);
  return asked;
}

/** Asks for device A and has the cloud answer. */
async function askAndAnswer(status: number, message?: string, token = TOKEN): Promise<unknown> {
  const asking = verifier.ask(token, APPLICATION, DEVICE_A, ASKER);
  await Promise.resolve();
  question(cloud.questions.length - 1).answer(status, message);
  return asking.catch((error: unknown) => error);
}

describe('ask', () => {
  it('asks the cloud once for the triple, and grants on a 200', async () => {
    const { grant } = (await askAndAnswer(200)) as Granted;
    expect(cloud.questions).toMatchObject([
      { token: TOKEN, device: { applicationId: APPLICATION, deviceId: DEVICE_A } },
    ]);
    expect(verifier.find(TOKEN, APPLICATION, DEVICE_A)).toBe(grant);
    expect(await verifier.ask(TOKEN, APPLICATION, DEVICE_A, ASKER)).toEqual({ kind: 'granted', grant });
    expect(cloud.questions).toHaveLength(1);
  });

  it('asks once for 50 that wait for the same triple, however they spell it', async () => {
    const asking = Array.from({ length: 50 }, (_, i) =>
      i % 2 === 0
        ? verifier.ask(TOKEN, APPLICATION, DEVICE_A, ASKER)
        : verifier.ask(TOKEN, APPLICATION.toUpperCase(), DEVICE_A.toUpperCase(), ASKER),
    );
    expect(cloud.questions).toHaveLength(1);
    question(0).answer(200);
    const grants = await Promise.all(asking);
    expect(new Set(grants).size).toBe(1);
    expect(cloud.questions).toHaveLength(1);
    expect(meters.tokenCache.miss).toBe(1);
  });

  it('refuses all that wait for one no', async () => {
    const asking = Array.from({ length: 50 }, () => verifier.ask(TOKEN, APPLICATION, DEVICE_A, ASKER));
    question(0).answer(404);
    const outcomes = await Promise.allSettled(asking);
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.code)).toEqual(
      Array(50).fill('STATEWAY_NO_SUCH_DEVICE'),
    );
    expect(cloud.questions).toHaveLength(1);
  });

  it('asks for different triples each by itself', async () => {
    const asking = [
      verifier.ask(TOKEN, APPLICATION, DEVICE_A, ASKER),
      verifier.ask(TOKEN, APPLICATION, DEVICE_B, ASKER),
      verifier.ask(OTHER_TOKEN, APPLICATION, DEVICE_A, ASKER),
      verifier.ask(TOKEN, DEVICE_B, DEVICE_A, ASKER),
    ];
    question(0).answer(200);
    await clock.advance(0);
    expect(cloud.questions).toHaveLength(4);
    question(3).answer(404);
    question(2).answer(403);
    question(1).answer(401);
    const outcomes = await Promise.allSettled(asking);
    expect(
      outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.kind : outcome.reason.status)),
    ).toEqual(['granted', 'unproven', 401, 404]);
  });

  it('never lets a token of device A send for device B', async () => {
    await askAndAnswer(200);
    for (const deviceId of [DEVICE_B, DEVICE_B.toUpperCase()]) {
      expect(verifier.find(TOKEN, APPLICATION, deviceId)).toBeUndefined();
      const asking = verifier.ask(TOKEN, APPLICATION, deviceId, ASKER);
      if (cloud.questions.length === 2) question(1).answer(404);
      await expect(asking).rejects.toMatchObject({ type: 'NotFound', status: 404 });
    }
    // The second spelling is the same device, of which the no is known.
    expect(cloud.questions).toHaveLength(2);
    expect(verifier.find(TOKEN, APPLICATION, DEVICE_A.toUpperCase())).toBeDefined();
  });

  it('asks of a token that is over by the clock as of any other, and believes the cloud', async () => {
    const token = tokenExpiringAt(clock.wallMs() - 10 * 365 * 86_400_000);
    const { grant } = (await askAndAnswer(200, '', token)) as Granted;
    expect(verifier.find(token, APPLICATION, DEVICE_A)).toBe(grant);
    await clock.advance(1_000);
    expect(await verifier.ask(token, APPLICATION, DEVICE_A, ASKER)).toEqual({ kind: 'granted', grant });
  });

  it('asks again of a grant whose token is over by the clock; a no of the cloud is kept for 30 seconds', async () => {
    const token = tokenExpiringAt(clock.wallMs() + 1_000);
    await askAndAnswer(200, '', token);
    await clock.advance(1_000);
    expect(verifier.find(token, APPLICATION, DEVICE_A)).toBeUndefined();
    expect(await askAndAnswer(401, '', token)).toMatchObject({ code: 'STATEWAY_TOKEN_REFUSED' });
    await expect(verifier.ask(token, APPLICATION, DEVICE_A, ASKER)).rejects.toMatchObject({ status: 401 });
    expect(cloud.questions).toHaveLength(2);
  });

  it('goes by the clock where the cloud cannot be asked, and only there', async () => {
    const token = tokenExpiringAt(clock.wallMs());
    const asking = verifier.ask(token, APPLICATION, DEVICE_A, ASKER);
    question(0).fail();
    await expect(asking).rejects.toMatchObject({ code: 'STATEWAY_TOKEN_EXPIRED', status: 401 });
    clock.jumpWall(-1_000);
    const askingAgain = verifier.ask(token, APPLICATION, DEVICE_A, ASKER);
    question(1).fail();
    await expect(askingAgain).rejects.toMatchObject({ code: 'STATEWAY_CLOUD_UNREACHABLE' });
  });
});

describe('a no of the cloud', () => {
  it.each([
    [401, 'STATEWAY_TOKEN_REFUSED', 'Unauthorized'],
    [404, 'STATEWAY_NO_SUCH_DEVICE', 'NotFound'],
  ])('%i is %s, kept for 30 seconds, then asked again', async (status, code, type) => {
    const error = await askAndAnswer(status, 'what the cloud said');
    expect(error).toMatchObject({ code, type, status, message: 'what the cloud said' });
    await clock.advance(29_999);
    await expect(verifier.ask(TOKEN, APPLICATION, DEVICE_A, ASKER)).rejects.toBe(error);
    expect(cloud.questions).toHaveLength(1);
    await clock.advance(1);
    expect(await askAndAnswer(200)).toMatchObject({ kind: 'granted' });
    expect(cloud.questions).toHaveLength(2);
  });

  it.each([401, 403, 404])('%i puts the token itself in doubt only where the cloud calls it void', async (status) => {
    await askAndAnswer(status);
    expect(voidTokens).toEqual(status === 401 ? [TOKEN] : []);
  });

  it.each([401, 404])('%i without a message has one all the same, without the token', async (status) => {
    const error = (await askAndAnswer(status)) as StatewayError;
    expect(error.message).toMatch(/\w+ \w+/);
    expect(error.message).not.toContain(TOKEN);
  });

  it('to a forward counts like one to the question, for its own triple alone', async () => {
    const { grant } = (await askAndAnswer(200)) as Granted;
    grant.end(new StatewayError('STATEWAY_TOKEN_REFUSED', 'refused when forwarding'));
    await expect(verifier.ask(TOKEN, APPLICATION, DEVICE_A, ASKER)).rejects.toThrow('refused when forwarding');
    expect(cloud.questions).toHaveLength(1);
    void verifier.ask(OTHER_TOKEN, APPLICATION, DEVICE_A, ASKER);
    expect(cloud.questions).toHaveLength(2);
  });

  it('to the sending itself weighs more than the scopes: a state must show it, and then does', async () => {
    const { grant } = (await askAndAnswer(200)) as Granted;
    grant.end(new StatewayError('STATEWAY_NOT_GRANTED', 'refused when forwarding'));
    await clock.advance(60_000);
    const asked = (await verifier.ask(TOKEN, APPLICATION, DEVICE_A, ASKER)) as Unproven;
    expect(asked.kind).toBe('unproven');
    expect(cloud.questions).toHaveLength(1);
    cloud.sendAnswer = TAKEN;
    const proven = await asked.prove('json', Buffer.from('[{}]'));
    expect(await verifier.ask(TOKEN, APPLICATION, DEVICE_A, ASKER)).toEqual({ kind: 'granted', grant: proven.grant });
  });
});

describe('a yes of the cloud to the question', () => {
  it.each<[string, unknown]>([
    ['a list', ['device.get', 'device.sendState']],
    ['a text with blanks', 'device.get device.sendState'],
    ['a text with commas', 'device.get,device.sendState'],
  ])('grants a token whose scopes send, as %s', async (_, scope) => {
    const token = tokenOf('a', scope);
    expect(await askAndAnswer(200, '', token)).toMatchObject({ kind: 'granted', grant: { token } });
  });

  it('refuses one whose scopes do not, names those that would, and asks no more for 30 seconds', async () => {
    const token = tokenOf('a', ['all.Device.read']);
    const error = await askAndAnswer(200, '', token);
    expect(error).toMatchObject({ code: 'STATEWAY_NOT_GRANTED', status: 403 });
    expect((error as StatewayError).message).toMatch(/all\.Device, .*device\.sendState/);
    expect(verifier.find(token, APPLICATION, DEVICE_A)).toBeUndefined();
    await clock.advance(29_999);
    await expect(verifier.ask(token, APPLICATION, DEVICE_A, ASKER)).rejects.toMatchObject({ status: 403 });
    expect(cloud.questions).toHaveLength(1);
    await clock.advance(1);
    void verifier.ask(token, APPLICATION, DEVICE_A, ASKER).catch(() => {});
    expect(cloud.questions).toHaveLength(2);
  });

  it.each([
    ['no JWT', 'an-opaque-token'],
    ['one without scopes', tokenWithClaims({ sub: 'a' })],
    ['one with scopes in another form', tokenOf('a', { send: true })],
  ])('leaves the rest to a first state where the token is %s', async (_, token) => {
    expect(await askAndAnswer(200, '', token)).toMatchObject({ kind: 'unproven' });
    expect(verifier.find(token, APPLICATION, DEVICE_A)).toBeUndefined();
    expect(await verifier.ask(token, APPLICATION, DEVICE_A, ASKER)).toMatchObject({ kind: 'unproven' });
    expect(cloud.questions).toHaveLength(1);
  });
});

it.each([
  ['that send', ['all.Device']],
  ['that only read', ['all.Device.read']],
])('a 403 to the question leaves it to a first state, whatever the scopes claim: those %s', async (_, scope) => {
  const token = tokenOf('a', scope);
  const asked = (await askAndAnswer(403, '', token)) as Unproven;
  expect(asked.kind).toBe('unproven');
  cloud.sendAnswer = TAKEN;
  const proven = await asked.prove('json', Buffer.from('[{}]'));
  expect(proven).toMatchObject({ kind: 'delivered', states: 1 });
  expect(verifier.find(token, APPLICATION, DEVICE_A)).toBe(proven.grant);
});

describe('no answer of the cloud', () => {
  it.each([301, 400, 429, 500, 502, 503])('%i is Unavailable and not remembered', async (status) => {
    expect(await askAndAnswer(status)).toMatchObject({ type: 'Unavailable', status: 503, retryAfterSeconds: 1 });
    expect(await askAndAnswer(200)).toMatchObject({ kind: 'granted' });
    expect(cloud.questions).toHaveLength(2);
  });

  it('is Unavailable and not remembered either', async () => {
    const asking = verifier.ask(TOKEN, APPLICATION, DEVICE_A, ASKER);
    question(0).fail();
    await expect(asking).rejects.toMatchObject({ code: 'STATEWAY_CLOUD_UNREACHABLE', status: 503 });
    expect(await askAndAnswer(200)).toMatchObject({ kind: 'granted' });
  });
});

describe('the counts', () => {
  it('tell hits, misses and remembered refusals apart', async () => {
    await askAndAnswer(200);
    verifier.find(TOKEN, APPLICATION, DEVICE_A);
    await verifier.ask(TOKEN, APPLICATION, DEVICE_A, ASKER);
    verifier.find('unknown', APPLICATION, DEVICE_A);
    const asking = verifier.ask('unknown', APPLICATION, DEVICE_A, ASKER);
    question(1).answer(401);
    await asking.catch(() => {});
    for (let i = 0; i < 3; i++) await verifier.ask('unknown', APPLICATION, DEVICE_A, ASKER).catch(() => {});
    expect(meters.tokenCache).toEqual({ hit: 2, miss: 2, negative: 3, offline: 0 });
  });
});
