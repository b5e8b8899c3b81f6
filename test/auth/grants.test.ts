import { beforeEach, describe, expect, it } from 'vitest';
import { Grants } from '../../src/auth/grants.js';
import { Refusals, tripleOf } from '../../src/auth/refusals.js';
import { StatewayError } from '../../src/core/errors.js';
import type { Grant } from '../../src/core/grant.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { tokenExpiringAt } from './tokens.js';

const APPLICATION = 'abcdef0123456789abcdef01';
const OTHER_APPLICATION = 'abcdef0123456789abcdef02';
const DEVICE = 'fedcba9876543210fedcba98';
const OTHER_DEVICE = 'fedcba9876543210fedcba99';
const REASON = new StatewayError('STATEWAY_TOKEN_REFUSED', 'the cloud no longer accepts this token');

let clock: FakeClock;
let refusals: Refusals;
let granted: Grant[];

beforeEach(() => {
  clock = new FakeClock();
  refusals = new Refusals(100, clock);
  granted = [];
});

function createGrants(maxGrants = 100): Grants {
  return new Grants({ maxGrants, clock, refusals, onGranted: (grant) => granted.push(grant) });
}

/** The id of device number `i`. */
function deviceId(i: number): string {
  return i.toString(16).padStart(24, '0');
}

describe('find', () => {
  it('finds what was added, and is asked in vain before', () => {
    const grants = createGrants();
    expect(grants.find('token', APPLICATION, DEVICE)).toBeUndefined();
    const grant = grants.add('token', APPLICATION, DEVICE);
    expect(grants.find('token', APPLICATION, DEVICE)).toBe(grant);
    expect(grant).toMatchObject({ token: 'token', device: { applicationId: APPLICATION, deviceId: DEVICE } });
  });

  it('takes ids in either case, when adding as when finding', () => {
    const grants = createGrants();
    const upper = grants.add('token', APPLICATION.toUpperCase(), DEVICE.toUpperCase());
    expect(grants.find('token', APPLICATION, DEVICE)).toBe(upper);
    expect(grants.find('token', APPLICATION.toUpperCase(), DEVICE.toUpperCase())).toBe(upper);
    expect(grants.add('token', APPLICATION, DEVICE)).toBe(upper);
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
    grants.add('token', APPLICATION, DEVICE);
    expect(grants.find(token, applicationId, device)).toBeUndefined();
  });

  it('keeps the grants of one device apart by token, and of one token by device', () => {
    const grants = createGrants();
    const first = grants.add('token1', APPLICATION, DEVICE);
    const second = grants.add('token2', APPLICATION, DEVICE);
    const other = grants.add('token1', APPLICATION, OTHER_DEVICE);
    expect(grants.find('token1', APPLICATION, DEVICE)).toBe(first);
    expect(grants.find('token2', APPLICATION, DEVICE)).toBe(second);
    expect(grants.find('token1', APPLICATION, OTHER_DEVICE)).toBe(other);
    expect(grants.find('token2', APPLICATION, OTHER_DEVICE)).toBeUndefined();
  });

  it('finds a grant until its token expires by the wall clock', async () => {
    const grants = createGrants();
    const token = tokenExpiringAt(clock.wallMs() + 5_000);
    const grant = grants.add(token, APPLICATION, DEVICE);
    await clock.advance(4_999);
    expect(grants.find(token, APPLICATION, DEVICE)).toBe(grant);
    await clock.advance(1);
    expect(grants.find(token, APPLICATION, DEVICE)).toBeUndefined();
  });
});

describe('add', () => {
  it('tells of each new grant once, and of a known one not again', () => {
    const grants = createGrants();
    const first = grants.add('token1', APPLICATION, DEVICE);
    grants.add('token1', APPLICATION, DEVICE);
    const second = grants.add('token2', APPLICATION, DEVICE);
    expect(granted).toEqual([first, second]);
  });

  it('lets the grant be found by whoever it tells', () => {
    let found: Grant | undefined;
    const grants: Grants = new Grants({
      maxGrants: 5,
      clock,
      refusals,
      onGranted: (grant) => {
        found = grants.find(grant.token, APPLICATION, DEVICE);
      },
    });
    const grant = grants.add('token', APPLICATION, DEVICE);
    expect(found).toBe(grant);
  });

  it('needs nobody to tell', () => {
    const grants = new Grants({ maxGrants: 5, clock, refusals });
    expect(grants.add('token', APPLICATION, DEVICE).token).toBe('token');
  });

  it('drops what has expired of the same device', async () => {
    const grants = createGrants();
    grants.add(tokenExpiringAt(clock.wallMs() + 1_000), APPLICATION, DEVICE);
    grants.add('lasting', APPLICATION, DEVICE);
    await clock.advance(1_000);
    grants.add('new', APPLICATION, DEVICE);
    expect(grants.size).toBe(2);
  });

  it('drops what was known of a device that the cloud now grants in another application', () => {
    const grants = createGrants();
    grants.add('token', APPLICATION, DEVICE);
    const moved = grants.add('token', OTHER_APPLICATION, DEVICE);
    expect(grants.find('token', APPLICATION, DEVICE)).toBeUndefined();
    expect(grants.find('token', OTHER_APPLICATION, DEVICE)).toBe(moved);
    expect(grants.size).toBe(1);
  });
});

describe('the end of a grant', () => {
  it('removes it alone, and is remembered as a refusal of its triple', () => {
    const grants = createGrants();
    const ended = grants.add('token1', APPLICATION, DEVICE);
    const other = grants.add('token2', APPLICATION, DEVICE);
    ended.end(REASON);
    expect(grants.find('token1', APPLICATION, DEVICE)).toBeUndefined();
    expect(grants.find('token2', APPLICATION, DEVICE)).toBe(other);
    expect(grants.size).toBe(1);
    expect(refusals.find(tripleOf('token1', ended.device))).toBe(REASON);
    expect(refusals.find(tripleOf('token2', ended.device))).toBeUndefined();
  });

  it('leaves nothing of a device that has no other', () => {
    const grants = createGrants();
    grants.add('token', APPLICATION, DEVICE).end(REASON);
    expect(grants.size).toBe(0);
  });

  it('does not touch a newer grant of the same triple', () => {
    const grants = createGrants(1);
    const old = grants.add('token', APPLICATION, DEVICE);
    grants.add('token', APPLICATION, OTHER_DEVICE);
    const renewed = grants.add('token', APPLICATION, DEVICE);
    old.end(REASON);
    expect(grants.find('token', APPLICATION, DEVICE)).toBe(renewed);
  });

  it('lets the triple be granted again', () => {
    const grants = createGrants();
    grants.add('token', APPLICATION, DEVICE).end(REASON);
    const again = grants.add('token', APPLICATION, DEVICE);
    expect(grants.find('token', APPLICATION, DEVICE)).toBe(again);
  });
});

describe('the bound', () => {
  it('is exact, and the least recently used device goes first', () => {
    const grants = createGrants(3);
    for (const i of [1, 2, 3]) grants.add('token', APPLICATION, deviceId(i));
    grants.find('token', APPLICATION, deviceId(1));
    grants.add('token', APPLICATION, deviceId(4));
    expect(grants.size).toBe(3);
    const kept = [1, 2, 3, 4].filter((i) => grants.find('token', APPLICATION, deviceId(i)));
    expect(kept).toEqual([1, 3, 4]);
  });

  it('counts every grant of a device', () => {
    const grants = createGrants(4);
    for (const token of ['token1', 'token2', 'token3']) grants.add(token, APPLICATION, deviceId(1));
    grants.add('token', APPLICATION, deviceId(2));
    expect(grants.size).toBe(4);
    grants.add('token', APPLICATION, deviceId(3));
    // One more than fits: the device used longest ago goes, with all three of its grants.
    expect(grants.find('token1', APPLICATION, deviceId(1))).toBeUndefined();
    expect(grants.size).toBe(2);
  });

  it('holds for one device with many tokens, of which the oldest goes', () => {
    const grants = createGrants(2);
    for (const token of ['token1', 'token2', 'token3']) grants.add(token, APPLICATION, DEVICE);
    const kept = ['token1', 'token2', 'token3'].filter((token) => grants.find(token, APPLICATION, DEVICE));
    expect(kept).toEqual(['token2', 'token3']);
  });

  it('keeps the newest grant where there is room for one', () => {
    const grants = createGrants(1);
    grants.add('token1', APPLICATION, DEVICE);
    const newest = grants.add('token2', APPLICATION, DEVICE);
    expect(grants.find('token2', APPLICATION, DEVICE)).toBe(newest);
  });

  it('does not let a device that logs in again and again push the others out', () => {
    const grants = createGrants(1_000);
    grants.add('token', APPLICATION, OTHER_DEVICE);
    for (let i = 0; i < 1_000; i++) grants.add(`token${i}`, APPLICATION, DEVICE);
    expect(grants.find('token', APPLICATION, OTHER_DEVICE)).toBeDefined();
    expect(grants.size).toBeLessThan(100);
  });
});
