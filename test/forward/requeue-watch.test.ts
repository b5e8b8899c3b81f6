import { expect, it } from 'vitest';
import type { BacklogSummary } from '../../src/core/spool-ports.js';
import { LOOK_EVERY_MS, RequeueWatch } from '../../src/forward/requeue-watch.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { deviceOf } from './harness.js';
import { NotedSpool } from './noted-spool.js';

const ADDED: BacklogSummary = { device: deviceOf(1), pieces: 1, states: 2, bytes: 100, oldestStoredAtMs: 0 };

function watched(take: () => Promise<readonly BacklogSummary[]>) {
  const clock = new FakeClock();
  const spool = new NotedSpool();
  spool.takeRequeued = take;
  const handed: (readonly BacklogSummary[])[] = [];
  const errors: unknown[] = [];
  const onRequeued = (added: readonly BacklogSummary[]) => handed.push(added);
  const watch = new RequeueWatch({ spool, clock, onRequeued, onError: (error) => errors.push(error) });
  return { clock, handed, errors, watch };
}

it('looks every second and hands on what was added', async () => {
  let looks = 0;
  const { clock, handed, watch } = watched(async () => (++looks % 2 === 0 ? [ADDED] : []));
  watch.start();
  await clock.advance(4 * LOOK_EVERY_MS);
  expect(looks).toBe(4);
  expect(handed).toEqual([[ADDED], [ADDED]]);
  await watch.stop();
  expect(clock.pendingTimers).toBe(0);
});

it('tells of a look that failed and looks again', async () => {
  let looks = 0;
  const { clock, errors, handed, watch } = watched(async () => {
    if (++looks === 1) throw new Error('disk');
    return [ADDED];
  });
  watch.start();
  await clock.advance(2 * LOOK_EVERY_MS);
  expect(errors).toHaveLength(1);
  expect(handed).toEqual([[ADDED]]);
});

it('has one look under way at a time, and stop waits for it', async () => {
  let looks = 0;
  let end: (added: readonly BacklogSummary[]) => void = () => {};
  const { clock, handed, watch } = watched(() => {
    looks++;
    return new Promise((resolve) => (end = resolve));
  });
  watch.start();
  await clock.advance(10 * LOOK_EVERY_MS);
  expect(looks).toBe(1);
  const stopped = watch.stop().then(() => handed.length);
  end([ADDED]);
  expect(await stopped).toBe(1);
  await clock.advance(10 * LOOK_EVERY_MS);
  expect(looks).toBe(1);
  expect(clock.pendingTimers).toBe(0);
});
