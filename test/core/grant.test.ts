import { describe, expect, it, vi } from 'vitest';
import { Device } from '../../src/core/device.js';
import { StatewayError } from '../../src/core/errors.js';
import { Grant } from '../../src/core/grant.js';

const DEVICE = new Device('0123456789abcdef01234567', 'fedcba9876543210fedcba98');
const REFUSED = new StatewayError('STATEWAY_TOKEN_REFUSED', 'the cloud refuses the token');

function grant(expiresAtMs = Number.POSITIVE_INFINITY): Grant {
  return new Grant('token', DEVICE, expiresAtMs);
}

describe('a grant', () => {
  it('is good until its token expires, to the millisecond', () => {
    expect([999, 1_000, 1_001].map((nowMs) => grant(1_000).isGood(nowMs))).toEqual([true, false, false]);
    expect(grant().isGood(Number.MAX_SAFE_INTEGER)).toBe(true);
  });

  it('is good beyond it where the cloud has shown that the clock is wrong, until it ends', () => {
    const doubted = grant(1_000);
    doubted.isClockDisproved = true;
    expect(doubted.isGood(5_000)).toBe(true);
    doubted.end(new StatewayError('STATEWAY_TOKEN_REFUSED', 'over'));
    expect(doubted.isGood(0)).toBe(false);
  });

  it('is no longer good once it ended, and says why', () => {
    const ended = grant();
    expect(ended.endedBy).toBeUndefined();
    ended.end(REFUSED);
    expect(ended.isGood(0)).toBe(false);
    expect(ended.endedBy).toBe(REFUSED);
  });

  it('keeps the first reason', () => {
    const ended = grant();
    ended.end(REFUSED);
    ended.end(new StatewayError('STATEWAY_TOKEN_EXPIRED', 'expired'));
    expect(ended.endedBy).toBe(REFUSED);
  });
});

describe('listeners', () => {
  it('are each told once', () => {
    const ended = grant();
    const [first, second] = [vi.fn(), vi.fn()];
    ended.onEnd(first);
    ended.onEnd(second);
    ended.end(REFUSED);
    ended.end(REFUSED);
    expect(first.mock.calls).toEqual([[REFUSED]]);
    expect(second.mock.calls).toEqual([[REFUSED]]);
  });

  it('are told at once when the grant has ended', () => {
    const ended = grant();
    ended.end(REFUSED);
    const listener = vi.fn();
    ended.onEnd(listener)();
    expect(listener.mock.calls).toEqual([[REFUSED]]);
  });

  it('are not told once they have stopped listening', () => {
    const ended = grant();
    const [stays, leaves] = [vi.fn(), vi.fn()];
    ended.onEnd(stays);
    ended.onEnd(leaves)();
    ended.end(REFUSED);
    expect([stays.mock.calls.length, leaves.mock.calls.length]).toEqual([1, 0]);
  });

  it('are told when the first of them has stopped, and another has come', () => {
    const ended = grant();
    const [leaves, stays, comes] = [vi.fn(), vi.fn(), vi.fn()];
    const stop = ended.onEnd(leaves);
    ended.onEnd(stays);
    stop();
    ended.onEnd(comes);
    ended.end(REFUSED);
    expect([leaves, stays, comes].map(({ mock }) => mock.calls.length)).toEqual([0, 1, 1]);
  });

  it('see the grant as ended, and may listen or stop while being told', () => {
    const ended = grant();
    const seen: unknown[] = [];
    const stop = ended.onEnd(() => {
      seen.push(ended.isGood(0));
      stop();
      ended.onEnd((reason) => seen.push(reason));
    });
    ended.end(REFUSED);
    expect(seen).toEqual([false, REFUSED]);
  });
});
