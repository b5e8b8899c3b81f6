import { expect, it } from 'vitest';
import type { TimeRules } from '../../src/core/time/cloud-window.js';
import { timebaseOf, withTimebase } from '../../src/core/time/timebase.js';
import { HubClock, readClock } from '../../src/hub/hub-clock.js';
import { FakeClock } from '../helpers/fake-clock.js';

const RULES: TimeRules = { earliestMs: 1_000, latestMs: 2_000, outOfWindow: 'refuse' };

/** The hub's clock, whose times are marked with a timebase. */
class MarkedClock extends FakeClock {
  timebase = 1;

  override arrivalMs(): number {
    return withTimebase(this.wallMs(), this.timebase);
  }
}

it('goes as the hub does, with its timebase', async () => {
  const hub = new MarkedClock();
  const clock = new HubClock(readClock(hub, RULES), hub);
  for (const byMs of [0, 1_234, 60_000]) {
    await hub.advance(byMs);
    expect([clock.wallMs(), clock.arrivalMs()]).toEqual([hub.wallMs(), hub.arrivalMs()]);
  }
  expect(clock.isCredible).toBe(true);
  expect(clock.rules).toEqual({ earliestMs: 62_234, latestMs: 63_234, outOfWindow: 'refuse' });
});

it('counts on by the monotonic clock with the timebase of before, until the hub has said that its clock was set', async () => {
  const hub = new MarkedClock();
  const clock = new HubClock(readClock(hub, RULES), hub);
  const beforeMs = hub.wallMs();
  hub.jumpWall(3_600_000);
  hub.timebase = 2;
  await hub.advance(50);
  expect([clock.wallMs(), timebaseOf(clock.arrivalMs())]).toEqual([beforeMs + 50, 1]);
  clock.set(readClock(hub, RULES));
  expect([clock.wallMs(), timebaseOf(clock.arrivalMs())]).toEqual([beforeMs + 3_600_050, 2]);
});

it('judges no time as too far ahead while the hub does not', async () => {
  const hub = new FakeClock();
  const open = { ...RULES, latestMs: Number.POSITIVE_INFINITY };
  const clock = new HubClock(readClock(hub, open), hub);
  await hub.advance(1_000);
  expect(clock.rules.latestMs).toBe(Number.POSITIVE_INFINITY);
});
