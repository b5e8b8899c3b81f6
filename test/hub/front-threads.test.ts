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

/** How often something has come about. */
class Times {
  #count = 0;
  readonly #awaited: { readonly count: number; readonly resolve: () => void }[] = [];

  note(): void {
    this.#count++;
    for (const { count, resolve } of this.#awaited) if (count === this.#count) resolve();
  }

  /** Resolves when it has so often, from now on. */
  reached(count: number): Promise<void> {
    return new Promise((resolve) => this.#awaited.push({ count, resolve }));
  }
}

function threadsOf(parts: Partial<FrontThreadsParts> = {}) {
  const clock = new FakeClock();
  const told: string[] = [];
  const [lost, back] = [new Times(), new Times()];
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
      lost.note();
    },
    onBack: (front) => {
      told.push(`${front} back`);
      back.note();
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
  const wasLost = lost.reached(1);
  const isBack = back.reached(1);
  threads.follow(['shot']);
  const answered = threads.answered();
  await wasLost;
  // Of one that has died, or that has taken its place, nobody waits for an answer in vain.
  await answered;
  await threads.answered();
  await isBack;
  expect(told).toEqual(['0 lost: Error: shot', '0 back']);
  expect(threads.isServing).toBe(true);
  await threads.close(0);
  expect(threads.isServing).toBe(false);
  expect(told).toHaveLength(2);
});

test('another front is started at once, and with a pause where it took the place of one and dies soon itself', async () => {
  const timers = new FakeClock();
  const { threads, told, back, lost } = threadsOf({ count: 1, timers });
  await threads.listen();
  const whileItLives = timers.pendingTimers;
  // No timer goes off here: what is back needed none.
  const isBack = back.reached(1);
  threads.follow(['shot']);
  await isBack;

  const wasLost = lost.reached(2);
  threads.follow(['shot again']);
  await wasLost;
  await expect.poll(() => timers.pendingTimers).toBe(whileItLives + 1);
  expect(threads.isServing).toBe(false);
  const isBackAgain = back.reached(2);
  await timers.advance(500);
  await isBackAgain;
  expect(told).toEqual(['0 lost: Error: shot', '0 back', '0 lost: Error: shot again', '0 back']);
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
