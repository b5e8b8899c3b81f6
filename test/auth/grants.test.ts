import { beforeEach, describe, expect, it } from 'vitest';
import { DenialCache, tripleOf } from '../../src/auth/denial-cache.js';
import { Grants } from '../../src/auth/grants.js';
import type { KeptGrant } from '../../src/auth/kept-grant.js';
import { StatewayError } from '../../src/core/errors.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { tokenExpiringAt } from './tokens.js';

const APPLICATION = 'abcdef0123456789abcdef01';
const OTHER_APPLICATION = 'abcdef0123456789abcdef02';
const DEVICE = 'fedcba9876543210fedcba98';
const OTHER_DEVICE = 'fedcba9876543210fedcba99';
const REASON = new StatewayError('STATEWAY_TOKEN_REFUSED', 'the cloud no longer accepts this token');

let clock: FakeClock;
let denials: DenialCache;
let granted: KeptGrant[];
let confirmed: KeptGrant[];
let dropped: KeptGrant[];
let ended: [KeptGrant, StatewayError][];
let cloudNowMs: number | undefined;

beforeEach(() => {
  clock = new FakeClock();
  denials = new DenialCache(100, clock);
  granted = [];
  confirmed = [];
  dropped = [];
  ended = [];
  cloudNowMs = undefined;
});

function createGrants(maxGrants = 100): Grants {
  const watcher = {
    onConfirmed: (grant: KeptGrant, isNew: boolean) => (isNew ? granted : confirmed).push(grant),
    onDropped: (grant: KeptGrant) => dropped.push(grant),
    onEnded: (grant: KeptGrant, reason: StatewayError) => ended.push([grant, reason]),
  };
  return new Grants({ maxGrants, clock, cloudNowMs: () => cloudNowMs, denials, watcher });
}

describe('find', () => {
  it('finds what was added, and is asked in vain before', () => {
    const grants = createGrants();
    expect(grants.find('token', APPLICATION, DEVICE)).toBeUndefined();
    const grant = grants.add('token', APPLICATION, DEVICE, 'read', 'yes');
    expect(grants.find('token', APPLICATION, DEVICE)).toBe(grant);
    expect(grant).toMatchObject({ token: 'token', device: { applicationId: APPLICATION, deviceId: DEVICE } });
  });

  it('takes ids in either case, when adding as when finding', () => {
    const grants = createGrants();
    const upper = grants.add('token', APPLICATION.toUpperCase(), DEVICE.toUpperCase(), 'read', 'yes');
    expect(grants.find('token', APPLICATION, DEVICE)).toBe(upper);
    expect(grants.find('token', APPLICATION.toUpperCase(), DEVICE.toUpperCase())).toBe(upper);
    expect(grants.add('token', APPLICATION, DEVICE, 'read', 'yes')).toBe(upper);
    expect(grants.size).toBe(1);
  });

  it.each([
    ['another token', 'token2', APPLICATION, DEVICE],
    ['a token in other letters', 'TOKEN', APPLICATION, DEVICE],
    ['a part of the token', 'toke', APPLICATION, DEVICE],
    ['no token', '', APPLICATION, DEVICE],
    ['another application', 'token', OTHER_APPLICATION, DEVICE],
    ['another device', 'token', APPLICATION, OTHER_DEVICE],
    ['another device in capitals', 'token', APPLICATION, OTHER_DEVICE.toUpperCase()],
    ['the ids changed about', 'token', DEVICE, APPLICATION],
  ])('finds nothing for %s', (_, token, applicationId, device) => {
    const grants = createGrants();
    grants.add('token', APPLICATION, DEVICE, 'read', 'yes');
    expect(grants.find(token, applicationId, device)).toBeUndefined();
  });

  it('keeps the grants of one device apart by token, and of one token by device', () => {
    const grants = createGrants();
    const first = grants.add('token1', APPLICATION, DEVICE, 'read', 'yes');
    const second = grants.add('token2', APPLICATION, DEVICE, 'read', 'yes');
    const other = grants.add('token1', APPLICATION, OTHER_DEVICE, 'read', 'yes');
    expect(grants.find('token1', APPLICATION, DEVICE)).toBe(first);
    expect(grants.find('token2', APPLICATION, DEVICE)).toBe(second);
    expect(grants.find('token1', APPLICATION, OTHER_DEVICE)).toBe(other);
    expect(grants.find('token2', APPLICATION, OTHER_DEVICE)).toBeUndefined();
  });

  it('finds a grant until its token expires by the wall clock', async () => {
    const grants = createGrants();
    const token = tokenExpiringAt(clock.wallMs() + 5_000);
    const grant = grants.add(token, APPLICATION, DEVICE, 'read', 'yes');
    await clock.advance(4_999);
    expect(grants.find(token, APPLICATION, DEVICE)).toBe(grant);
    await clock.advance(1);
    expect(grants.find(token, APPLICATION, DEVICE)).toBeUndefined();
  });
});

describe('add', () => {
  it('tells of each new grant once, and of a known one not again', () => {
    const grants = createGrants();
    const first = grants.add('token1', APPLICATION, DEVICE, 'read', 'yes');
    grants.add('token1', APPLICATION, DEVICE, 'read', 'yes');
    const second = grants.add('token2', APPLICATION, DEVICE, 'read', 'yes');
    expect(granted).toEqual([first, second]);
    expect(confirmed).toEqual([first]);
  });

  it('confirms a known grant by what the cloud has just said', async () => {
    const grants = createGrants();
    const grant = grants.add('token', APPLICATION, DEVICE, 'log-in', 'yes');
    await clock.advance(5_000);
    grants.add('token', APPLICATION, DEVICE, 'read', 'yes');
    expect(grant).toMatchObject({ kind: 'read', confirmedAtMs: clock.monotonicMs() });
    // What it was once let read it may read: a log-in takes nothing of that back.
    grants.add('token', APPLICATION, DEVICE, 'log-in', 'yes');
    expect(grant.kind).toBe('read');
  });

  it('lets the grant be found by whoever it tells', () => {
    let found: KeptGrant | undefined;
    const grants: Grants = new Grants({
      maxGrants: 5,
      clock,
      cloudNowMs: () => undefined,
      denials,
      watcher: {
        onConfirmed: (grant) => {
          found = grants.find(grant.token, APPLICATION, DEVICE);
        },
        onDropped() {},
        onEnded() {},
      },
    });
    const grant = grants.add('token', APPLICATION, DEVICE, 'read', 'yes');
    expect(found).toBe(grant);
  });

  it('needs nobody to tell', () => {
    const grants = new Grants({ maxGrants: 5, clock, cloudNowMs: () => undefined, denials });
    expect(grants.add('token', APPLICATION, DEVICE, 'read', 'yes').token).toBe('token');
  });

  it('drops what has expired of the same device by the clock of the cloud, not by that of the machine', async () => {
    const grants = createGrants();
    const expiresAtMs = clock.wallMs() + 1_000;
    grants.add(tokenExpiringAt(expiresAtMs), APPLICATION, DEVICE, 'read', 'yes');
    grants.add('lasting', APPLICATION, DEVICE, 'read', 'yes');
    clock.jumpWall(10 * 365 * 86_400_000);
    cloudNowMs = expiresAtMs - 1;
    grants.add('new', APPLICATION, DEVICE, 'read', 'yes');
    expect([grants.size, dropped]).toEqual([3, []]);
    cloudNowMs = expiresAtMs;
    grants.add('newer', APPLICATION, DEVICE, 'read', 'yes');
    expect(grants.size).toBe(3);
    expect(dropped.map(({ token }) => token)).toEqual([granted[0]?.token]);
  });

  it('drops what was known of a device that the cloud now grants in another application', () => {
    const grants = createGrants();
    grants.add('token', APPLICATION, DEVICE, 'read', 'yes');
    const moved = grants.add('token', OTHER_APPLICATION, DEVICE, 'read', 'yes');
    expect(grants.find('token', APPLICATION, DEVICE)).toBeUndefined();
    expect(grants.find('token', OTHER_APPLICATION, DEVICE)).toBe(moved);
    expect(dropped).toEqual([granted[0]]);
    expect(grants.size).toBe(1);
  });
});

describe('restore', () => {
  it('puts a grant of the last run at hand and tells nobody of it', () => {
    const grants = createGrants();
    const confirmedAtMs = clock.monotonicMs() - 60_000;
    const stored = {
      token: 'token',
      applicationId: APPLICATION,
      deviceId: DEVICE,
      confirmedAtMs,
    };
    const grant = grants.insert({ ...stored, kind: 'first state', maySend: 'yes' });
    expect(grants.find('token', APPLICATION, DEVICE)).toBe(grant);
    expect(grant).toMatchObject({ kind: 'first state', maySend: 'yes', confirmedAtMs });
    expect([granted, confirmed, dropped]).toEqual([[], [], []]);
  });
});

describe('a token that is genuine, and may or may not send', () => {
  it('is not found as one that may, until a state shows that', () => {
    const grants = createGrants();
    const grant = grants.add('token', APPLICATION, DEVICE, 'log-in', 'unknown');
    expect(grants.find('token', APPLICATION, DEVICE)).toBeUndefined();
    expect(grants.sendersOf(grant.device)).toEqual([]);
    expect(grants.findGenuine('token', APPLICATION, DEVICE)).toBe(grant);
    expect(grants.add('token', APPLICATION, DEVICE, 'first state', 'yes')).toBe(grant);
    expect(grants.find('token', APPLICATION, DEVICE)).toBe(grant);
    expect(grants.sendersOf(grant.device)).toEqual([grant]);
  });

  it('once it may, is not taken for less by a later yes to something else', () => {
    const grants = createGrants();
    const grant = grants.add('token', APPLICATION, DEVICE, 'first state', 'yes');
    grants.confirm(grant, 'read');
    grants.add('token', APPLICATION, DEVICE, 'log-in', 'unknown');
    expect(grants.find('token', APPLICATION, DEVICE)).toBe(grant);
  });
});

describe('what is noted for ageing', () => {
  it('is the use of a grant since it was last confirmed', () => {
    const grants = createGrants();
    const grant = grants.add('token', APPLICATION, DEVICE, 'read', 'yes');
    expect(grant.isUsed).toBe(false);
    grants.find('other', APPLICATION, DEVICE);
    grants.find('token', APPLICATION, OTHER_DEVICE);
    expect(grant.isUsed).toBe(false);
    grants.find('token', APPLICATION, DEVICE);
    expect(grant.isUsed).toBe(true);
    grants.confirm(grant, 'read');
    expect(grant.isUsed).toBe(false);
  });

  it('is whether anyone watches for its end', () => {
    const grant = createGrants().add('token', APPLICATION, DEVICE, 'read', 'yes');
    expect(grant.isWatched).toBe(false);
    const stops = [grant.onEnd(() => {}), grant.onEnd(() => {})];
    stops[0]?.();
    stops[0]?.();
    expect(grant.isWatched).toBe(true);
    stops[1]?.();
    expect(grant.isWatched).toBe(false);
  });
});

describe('the end of a grant', () => {
  it('is told to who keeps it first, then to who watches, and once', () => {
    const grants = createGrants();
    const grant = grants.add('token', APPLICATION, DEVICE, 'read', 'yes');
    const atHandWhenTold: unknown[] = [];
    grant.onEnd(() => atHandWhenTold.push(grants.find('token', APPLICATION, DEVICE)));
    grant.end(REASON);
    grant.end(REASON);
    expect(ended).toEqual([[grant, REASON]]);
    expect(atHandWhenTold).toEqual([undefined]);
  });

  it('that is no verdict of the cloud is no refusal of the triple', () => {
    const grant = createGrants().add('token', APPLICATION, DEVICE, 'read', 'yes');
    for (let times = 0; times < 2; times++) grant.lapse();
    expect(ended).toEqual([[grant, expect.objectContaining({ code: 'STATEWAY_CLOUD_UNREACHABLE' })]]);
    expect(grant.isLapsed).toBe(true);
    expect(denials.find(tripleOf('token', grant.device))).toBeUndefined();
  });

  it('removes it alone, and is remembered as a refusal of its triple', () => {
    const grants = createGrants();
    const ended = grants.add('token1', APPLICATION, DEVICE, 'read', 'yes');
    const other = grants.add('token2', APPLICATION, DEVICE, 'read', 'yes');
    ended.end(REASON);
    ended.lapse();
    expect([ended.isLapsed, ended.endedBy]).toEqual([false, REASON]);
    expect(grants.find('token1', APPLICATION, DEVICE)).toBeUndefined();
    expect(grants.find('token2', APPLICATION, DEVICE)).toBe(other);
    expect(grants.size).toBe(1);
    expect(denials.find(tripleOf('token1', ended.device))).toBe(REASON);
    expect(denials.find(tripleOf('token2', ended.device))).toBeUndefined();
  });

  it('leaves nothing of a device that has no other', () => {
    const grants = createGrants();
    grants.add('token', APPLICATION, DEVICE, 'read', 'yes').end(REASON);
    expect(grants.size).toBe(0);
  });

  it('does not touch a newer grant of the same triple', () => {
    const grants = createGrants(1);
    const old = grants.add('token', APPLICATION, DEVICE, 'read', 'yes');
    grants.add('token', APPLICATION, OTHER_DEVICE, 'read', 'yes');
    const renewed = grants.add('token', APPLICATION, DEVICE, 'read', 'yes');
    old.end(REASON);
    expect(grants.find('token', APPLICATION, DEVICE)).toBe(renewed);
  });

  it('lets the triple be granted again', () => {
    const grants = createGrants();
    grants.add('token', APPLICATION, DEVICE, 'read', 'yes').end(REASON);
    const again = grants.add('token', APPLICATION, DEVICE, 'read', 'yes');
    expect(grants.find('token', APPLICATION, DEVICE)).toBe(again);
  });
});
