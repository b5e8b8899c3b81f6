import { describe, expect, test } from 'vitest';
import { STRANGER_SOCKET_KEEPS_MS } from '../../src/core/bounds.js';
import { StrangerSockets } from '../../src/front/stranger-sockets.js';
import { FakeClock } from '../helpers/fake-clock.js';

describe('StrangerSockets', () => {
  test('has so many places, and so many for an address', () => {
    const sockets = new StrangerSockets({ all: 3, each: 2 }, new FakeClock());
    const first = sockets.take('a');
    expect(sockets.take('a')).toBeDefined();
    expect(sockets.take('a')).toBeUndefined();
    expect(sockets.take('b')).toBeDefined();
    expect(sockets.take('b')).toBeUndefined();
    first?.leave();
    expect(sockets.take('b')).toBeDefined();
  });

  test('one that has stood for long gives way, the oldest of the address where that is full', async () => {
    const clock = new FakeClock();
    const sockets = new StrangerSockets({ all: 3, each: 2 }, clock);
    const gaveWay: string[] = [];
    const take = (name: string, address: string): boolean => {
      const place = sockets.take(address);
      if (place !== undefined) place.onGiveWay = () => gaveWay.push(name);
      return place !== undefined;
    };
    take('b1', 'b');
    take('a1', 'a');
    await clock.advance(1_000);
    take('a2', 'a');
    await clock.advance(STRANGER_SOCKET_KEEPS_MS - 1_001);
    expect(take('a3', 'a')).toBe(false);
    await clock.advance(1);
    expect(take('a3', 'a')).toBe(true);
    expect(gaveWay).toEqual(['a1']);
    expect(take('c1', 'c')).toBe(true);
    expect(gaveWay).toEqual(['a1', 'b1']);
    expect(take('c2', 'c')).toBe(false);
  });
});
