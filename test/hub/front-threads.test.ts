import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { FollowedDevices } from '../../src/core/followed-devices.js';
import { Meters } from '../../src/core/metering/meters.js';
import { RefusalRing } from '../../src/core/metering/refusal-ring.js';
import { RecordMemory } from '../../src/core/record-memory.js';
import { systemClock } from '../../src/core/time/clock.js';
import { FrontThreads, type FrontThreadsParts } from '../../src/hub/front-threads.js';
import { readClock } from '../../src/hub/hub-clock.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { ScriptedLogin } from '../helpers/front-doubles.js';
import { ScriptedAuthorizer } from '../helpers/scripted-authorizer.js';
import { atEnd } from '../helpers/test-scope.js';

const DOUBLE = fileURLToPath(new URL('front-double.mjs', import.meta.url));
const RULES = { earliestMs: 0, latestMs: Number.POSITIVE_INFINITY, outOfWindow: 'forward' } as const;

function threadsOf(parts: Partial<FrontThreadsParts> = {}) {
  const clock = new FakeClock();
  const told: string[] = [];
  let onBack = (): void => {};
  const back = new Promise<void>((resolve) => {
    onBack = resolve;
  });
  let onLost = (): void => {};
  const lost = new Promise<void>((resolve) => {
    onLost = resolve;
  });
  const unused = (): never => {
    throw new Error('the test uses none of this');
  };
  const threads = new FrontThreads({
    workerFile: DOUBLE,
    clock: systemClock,
    timers: systemClock,
    count: 2,
    data: {},
    readClock: () => readClock(clock, RULES),
    freePort: async () => 1_234,
    followedIds: () => [],
    authorizer: new ScriptedAuthorizer(),
    deviceLogin: new ScriptedLogin(),
    committer: { commit: unused, handOver: unused, handedOver: unused },
    recordMemory: new RecordMemory(),
    noteUse: unused,
    meters: new Meters(),
    refusals: new RefusalRing(clock),
    followed: new FollowedDevices(),
    openLine: unused,
    isFull: () => false,
    isActive: () => true,
    onCallTrouble: unused,
    onCallDoubt: unused,
    onTracingTrouble: unused,
    onLost: (front, reason) => {
      told.push(`${front} lost: ${reason}`);
      onLost();
    },
    onBack: (front) => {
      told.push(`${front} back`);
      onBack();
    },
    ...parts,
  });
  atEnd(() => threads.close(0));
  return { threads, told, back, lost };
}

test('of fronts that die each is told of, and another listens in its place', async () => {
  const { threads, told, back, lost } = threadsOf({ count: 1 });
  expect(threads.isServing).toBe(false);
  expect(await threads.listen()).toBe(1_234);
  expect(threads.isServing).toBe(true);
  threads.follow(['shot']);
  const answered = threads.answered();
  await lost;
  // Of one that has died, or that has taken its place, nobody waits for an answer in vain.
  await answered;
  await threads.answered();
  await back;
  expect(told).toEqual(['0 lost: Error: shot', '0 back']);
  expect(threads.isServing).toBe(true);
  await threads.close(0);
  expect(threads.isServing).toBe(false);
  expect(told).toHaveLength(2);
});

test('a front that cannot listen at the start is an error with its reason', async () => {
  const { threads, told } = threadsOf({ data: { fails: true } });
  await expect(threads.listen()).rejects.toThrow('no such address');
  expect(told).toEqual([]);
});

test('a port that is taken is an error before any front is started', async () => {
  const taken = new Error('the address is in use');
  const { threads } = threadsOf({ freePort: () => Promise.reject(taken) });
  await expect(threads.listen()).rejects.toBe(taken);
});

test('a certificate that a front cannot use is an error, and one that all can use is none', async () => {
  const good = threadsOf().threads;
  await good.listen();
  await good.renewCertificate();
  const bad = threadsOf({ data: { refusal: 'no such key' } }).threads;
  await bad.listen();
  await expect(bad.renewCertificate()).rejects.toThrow('no such key');
});
