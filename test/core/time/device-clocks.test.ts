import { beforeEach, describe, expect, it } from 'vitest';
import { Device } from '../../../src/core/device.js';
import { MAX_WRONG_CLOCKS, TOLD_EVERY_MS, WRONG_FOR_MS } from '../../../src/core/time/device-clocks.js';
import { deviceClocksBy } from '../../helpers/device-clocks.js';
import { FakeClock } from '../../helpers/fake-clock.js';

const OLD_MS = 12_000;

let clock: FakeClock;
let site: ReturnType<typeof deviceClocksBy>;

function deviceOf(number: number): Device {
  return new Device('a'.repeat(24), number.toString(16).padStart(24, '0'));
}

const ONE = deviceOf(1);

function ignored(states = 1, isRightAgain = false) {
  return { states, lastTimeMs: OLD_MS, isRightAgain };
}

function wrong(): [device: Device, states: number, lastTimeMs: number, sinceMs: number][] {
  const all = [...site.deviceClocks.wrong()];
  return all.map(({ device, states, lastTimeMs, sinceMs }) => [device, states, lastTimeMs, sinceMs]);
}

beforeEach(() => {
  clock = new FakeClock();
  site = deviceClocksBy(clock);
});

describe('a device that names times which the cloud does not keep', () => {
  it('is known with the last of them, their number and since when, and told of once', async () => {
    site.deviceClocks.noteIgnored(ONE, ignored(3));
    await clock.advance(5_000);
    site.deviceClocks.noteIgnored(ONE, { ...ignored(2), lastTimeMs: OLD_MS + 5_000 });
    expect(wrong()).toEqual([[ONE, 5, OLD_MS + 5_000, 0]]);
    expect(site.told).toEqual(['01 wrong: 3']);
    expect(site.meters.outOfWindow).toBe(5);
  });

  it('is well with the next state that the cloud keeps', () => {
    site.deviceClocks.noteIgnored(ONE, ignored());
    site.deviceClocks.noteKept(deviceOf(2).key);
    expect(wrong()).toHaveLength(1);
    site.deviceClocks.noteKept(ONE.key);
    site.deviceClocks.noteKept(ONE.key);
    expect(wrong()).toEqual([]);
    expect(site.told).toEqual(['01 wrong: 1', '01 right: 1']);
  });

  it('is well where a good state came behind them', () => {
    site.deviceClocks.noteIgnored(ONE, ignored(2, true));
    expect(wrong()).toEqual([]);
    expect(site.meters.outOfWindow).toBe(2);
  });

  it('is told of no more than once an hour, and counted anew each time', async () => {
    for (let n = 0; n < 5; n++) {
      site.deviceClocks.noteIgnored(ONE, ignored());
      site.deviceClocks.noteKept(ONE.key);
    }
    expect(site.told).toEqual(['01 wrong: 1', '01 right: 1']);
    await clock.advance(TOLD_EVERY_MS);
    site.deviceClocks.noteIgnored(ONE, ignored());
    expect(site.told.slice(2)).toEqual(['01 wrong: 1']);
    expect(wrong()).toMatchObject([[ONE, 1, OLD_MS, TOLD_EVERY_MS]]);
  });

  it('is told of again while it goes on', async () => {
    site.deviceClocks.noteIgnored(ONE, ignored());
    await clock.advance(TOLD_EVERY_MS);
    site.deviceClocks.noteIgnored(ONE, ignored());
    expect(site.told).toEqual(['01 wrong: 1', '01 wrong: 2']);
  });

  it('is forgotten when nothing more comes of it', async () => {
    site.deviceClocks.noteIgnored(ONE, ignored());
    await clock.advance(WRONG_FOR_MS - 1);
    expect(wrong()).toHaveLength(1);
    await clock.advance(1);
    expect(wrong()).toEqual([]);
    expect(site.deviceClocks.isIdle).toBe(true);
  });

  it('costs no memory once it is well and was told of long enough ago', async () => {
    site.deviceClocks.noteIgnored(ONE, ignored(1, true));
    expect(site.deviceClocks.isIdle).toBe(false);
    await clock.advance(TOLD_EVERY_MS);
    expect(wrong()).toEqual([]);
    expect(site.deviceClocks.isIdle).toBe(true);
  });
});

it('names so many devices at most, the latest', () => {
  for (let number = 0; number <= MAX_WRONG_CLOCKS; number++) site.deviceClocks.noteIgnored(deviceOf(number), ignored());
  const named = wrong().map(([{ deviceId }]) => Number.parseInt(deviceId, 16));
  expect([named.length, named[0], named.at(-1)]).toEqual([MAX_WRONG_CLOCKS, 1, MAX_WRONG_CLOCKS]);
  expect(site.meters.outOfWindow).toBe(MAX_WRONG_CLOCKS + 1);
});

it.each(['arrival', 'refuse'] as const)('with %s no state is counted as one that the cloud ignores', (outOfWindow) => {
  site = deviceClocksBy(clock, undefined, outOfWindow);
  site.deviceClocks.noteIgnored(ONE, ignored(3));
  expect(site.meters.outOfWindow).toBe(0);
  expect(wrong()).toMatchObject([[ONE, 3, OLD_MS, 0]]);
  expect(site.deviceClocks.rules.outOfWindow).toBe(outOfWindow);
});
