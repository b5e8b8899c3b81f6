import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { KeepAlive } from '../../../src/front/mqtt/keep-alive.js';
import { FakeClock } from '../../helpers/fake-clock.js';

/** A keep-alive of 10 s whose alarm the test lets go off. */
function tenSeconds() {
  const clock = new FakeClock();
  const flow = { isEnded: false, isHalted: false, readAgainAtMs: Number.NEGATIVE_INFINITY };
  const alarm = { waitsMs: [] as number[], goOff: () => {} };
  const set = (delayMs: number, task: () => void): void => {
    alarm.waitsMs.push(delayMs);
    alarm.goOff = task;
  };
  let silences = 0;
  const keepAlive = new KeepAlive(clock, { set }, flow, () => silences++);
  keepAlive.start(10);
  return { clock, flow, alarm, keepAlive, silences: () => silences };
}

it('takes a client for silent when its time is over and nothing of it waits to be read', async () => {
  const { clock, alarm, silences } = tenSeconds();
  await clock.advance(15_000);
  alarm.goOff();
  await turn();
  expect([alarm.waitsMs, silences()]).toEqual([[15_000], 1]);
});

it('reads first what came while the whole process stood still', async () => {
  const { clock, alarm, keepAlive, silences } = tenSeconds();
  await clock.advance(60_000);
  alarm.goOff();
  keepAlive.heard();
  await turn();
  expect([alarm.waitsMs, silences()]).toEqual([[15_000, 15_000], 0]);
});

it('sets no alarm any more for a connection that has ended meanwhile', async () => {
  const { clock, flow, alarm, keepAlive, silences } = tenSeconds();
  await clock.advance(60_000);
  alarm.goOff();
  keepAlive.heard();
  flow.isEnded = true;
  await turn();
  expect([alarm.waitsMs, silences()]).toEqual([[15_000], 0]);
});
