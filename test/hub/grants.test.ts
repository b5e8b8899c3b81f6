import { beforeEach, describe, expect, it } from 'vitest';
import type { Granted } from '../../src/core/auth-ports.js';
import { StatewayError } from '../../src/core/errors.js';
import { APPLICATION, ASKER, AuthWire, exchanged, idOf, TOKEN } from './wire.js';

const VOID = new StatewayError('STATEWAY_TOKEN_REFUSED', 'void');

let wire: AuthWire;

beforeEach(() => {
  wire = new AuthWire();
});

const find = (i: number, token = TOKEN) => wire.authorizer.find(token, APPLICATION, idOf(i));

describe('a grant', () => {
  it('is asked for once, and then found, in either case of its id, and for no other token, device or application', async () => {
    const ofHub = wire.hub.give(TOKEN, APPLICATION, idOf(0xab));
    expect(find(0xab)).toBeUndefined();
    const grant = await wire.granted(0xab);
    expect({ ...grant.device }).toEqual({ ...ofHub.device });
    expect(find(0xab)).toBe(grant);
    expect(wire.authorizer.find(TOKEN, APPLICATION.toUpperCase(), idOf(0xab).toUpperCase())).toBe(grant);
    expect(find(0xab, 'another')).toBeUndefined();
    expect(wire.authorizer.find(TOKEN, idOf(9), idOf(0xab))).toBeUndefined();
    expect(find(0xac)).toBeUndefined();
    expect(wire.meters.tokenCache.hit).toBe(2);
    expect(await wire.granted(0xab)).toBe(grant);
  });

  it('that is over by the clock is asked for again, and good where the hub says that the clock is wrong', async () => {
    const ofHub = wire.hub.give(TOKEN, APPLICATION, idOf(1), wire.clock.wallMs() + 1_000);
    const grant = await wire.granted(1);
    await wire.clock.advance(1_000);
    expect(find(1)).toBeUndefined();
    ofHub.isClockDisproved = true;
    wire.frontGrants.onConfirmed(ofHub);
    await exchanged();
    expect(find(1)).toBe(grant);
    wire.frontGrants.onConfirmed(ofHub);
    ofHub.isClockDisproved = false;
    wire.frontGrants.onConfirmed(ofHub);
    await exchanged();
    expect(find(1)).toBeUndefined();
  });

  it('that ends in the hub ends in the front, for whoever listens, and is asked for anew', async () => {
    const ofHub = wire.hub.give(TOKEN, APPLICATION, idOf(1));
    const grant = await wire.granted(1);
    const reasons: string[] = [];
    grant.onEnd(({ code }) => reasons.push(code));
    wire.frontGrants.onEnded(ofHub, VOID);
    await exchanged();
    expect(reasons).toEqual(['STATEWAY_TOKEN_REFUSED']);
    expect(grant.endedBy?.message).toBe('void');
    expect(find(1)).toBeUndefined();
    expect(wire.authorizer.knows(TOKEN)).not.toBe(true);
    wire.hub.give(TOKEN, APPLICATION, idOf(1));
    expect(await wire.granted(1)).not.toBe(grant);
  });

  it('that the hub does not have at hand any more is asked for anew, while a socket may go on by it', async () => {
    const [one, two] = [wire.hub.give(TOKEN, APPLICATION, idOf(1)), wire.hub.give(TOKEN, APPLICATION, idOf(2))];
    const watched = await wire.granted(1);
    await wire.granted(2);
    const reasons: string[] = [];
    const stop = watched.onEnd(({ code }) => reasons.push(code));
    await exchanged();
    wire.frontGrants.dropWhere(() => true);
    await exchanged();
    expect([find(1), find(2)]).toEqual([undefined, undefined]);
    expect(watched.isGood(wire.clock.wallMs())).toBe(true);
    expect(await wire.granted(1)).toBe(watched);
    wire.frontGrants.onDropped(one);
    wire.frontGrants.onEnded(two, VOID);
    wire.frontGrants.onEnded(one, VOID);
    await exchanged();
    expect(reasons).toEqual(['STATEWAY_TOKEN_REFUSED']);
    stop();
  });

  it('is looked after in the hub as long as somebody in the front goes by it', async () => {
    const ofHub = wire.hub.give(TOKEN, APPLICATION, idOf(1));
    let watchers = 0;
    const onEnd = ofHub.onEnd.bind(ofHub);
    ofHub.onEnd = (listener) => {
      watchers++;
      const stop = onEnd(listener);
      return () => {
        watchers--;
        stop();
      };
    };
    const grant = await wire.granted(1);
    const stops = [grant.onEnd(() => {}), grant.onEnd(() => {})];
    await exchanged();
    expect(watchers).toBe(1);
    for (const stop of [...stops, ...stops]) stop();
    await exchanged();
    expect(watchers).toBe(0);
    expect(wire.said).toEqual(['watch', 'unwatch']);
    grant.onEnd(() => {});
    await exchanged();
    wire.frontGrants.close();
    expect(watchers).toBe(0);
  });

  it('has its number for ten minutes after it is gone, and longer where a socket goes by it', async () => {
    const [one, two] = [wire.hub.give(TOKEN, APPLICATION, idOf(1)), wire.hub.give(TOKEN, APPLICATION, idOf(2))];
    const watched = await wire.granted(1);
    await wire.granted(2);
    const stop = watched.onEnd(() => {});
    await exchanged();
    wire.frontGrants.dropWhere(() => true);
    await wire.clock.advance(599_999);
    wire.hub.give(TOKEN, APPLICATION, idOf(3));
    await wire.granted(3);
    expect([1, 2].map((number) => wire.frontGrants.of(number))).toEqual([one, two]);
    await wire.clock.advance(2);
    await wire.granted(3);
    expect([1, 2].map((number) => wire.frontGrants.of(number))).toEqual([one, undefined]);
    stop();
    await exchanged();
    await wire.clock.advance(600_001);
    await wire.granted(3);
    expect(wire.frontGrants.of(1)).toBeUndefined();
  });
});

it('a grant that has ended before the front is told of it is none there either', async () => {
  const asked = wire.authorizer.ask(TOKEN, APPLICATION, idOf(1), ASKER);
  (await wire.hub.nextQuestion()).grant().end(VOID);
  const { grant } = (await asked) as Granted;
  await exchanged();
  expect(grant.endedBy?.code).toBe('STATEWAY_TOKEN_REFUSED');
  expect(find(1)).toBeUndefined();
});

describe('what the hub says', () => {
  it('of a void token is gone by for a second, and then asked for again', async () => {
    const asked = wire.authorizer.ask(TOKEN, APPLICATION, idOf(1), ASKER);
    (await wire.hub.nextQuestion()).refuse(VOID);
    await expect(asked).rejects.toMatchObject({ code: 'STATEWAY_TOKEN_REFUSED', message: 'void' });
    expect(wire.authorizer.findVoid(TOKEN)?.message).toBe('void');
    await wire.clock.advance(1_000);
    expect(wire.authorizer.findVoid(TOKEN)).toBeUndefined();
  });

  it('of a token of other devices is known at once the next time', async () => {
    wire.hub.give(TOKEN, APPLICATION, idOf(1));
    const known = wire.authorizer.knows(TOKEN);
    expect(await known).toBe(true);
    expect(known).not.toBe(true);
    expect(wire.authorizer.knows(TOKEN)).toBe(true);
    expect(await wire.authorizer.knows('another')).toBe(false);
    expect(wire.authorizer.knows('another')).toBe(false);
  });

  it('to a first state is granted, delivered or refused, with how long to wait', async () => {
    const asked = wire.authorizer.ask(TOKEN, APPLICATION, idOf(1), ASKER);
    (await wire.hub.nextQuestion()).leaveUnproven();
    const unproven = await asked;
    if (unproven.kind !== 'unproven') throw new Error('granted');
    const body = Buffer.from('{"data":{"n":1}}');
    const proofs = [0, 1, 2].map(() => unproven.prove('json', body));
    const text = body.toString();
    body.fill(0);
    const outcomes = Promise.allSettled(proofs);
    for (let i = 0; i < 3; i++) (await wire.hub.nextQuestion()).leaveUnproven();
    const [first, second, third] = [await wire.hub.nextProof(), await wire.hub.nextProof(), await wire.hub.nextProof()];
    expect([first.text, second.encoding]).toEqual([text, 'json']);
    first.succeed(3);
    second.grant();
    third.refuse(new StatewayError('STATEWAY_CLOUD_THROTTLED', 'later', { retryAfterSeconds: 7 }));
    expect(await outcomes).toMatchObject([
      { value: { kind: 'delivered', states: 3 } },
      { value: { kind: 'granted' } },
      { reason: { code: 'STATEWAY_CLOUD_THROTTLED', message: 'later', retryAfterSeconds: 7 } },
    ]);
    expect(find(1)).toBeDefined();
  });

  it('to a question whether a token is good for its own device is no where it cannot say', async () => {
    wire.hub.isOwnGranted = async (token) => token === TOKEN;
    expect(await wire.authorizer.isOwnGranted(TOKEN, APPLICATION, ASKER)).toBe(true);
    wire.hub.isOwnGranted = () => Promise.reject(new Error('no'));
    expect(await wire.authorizer.isOwnGranted(TOKEN, APPLICATION, ASKER)).toBe(false);
  });
});
