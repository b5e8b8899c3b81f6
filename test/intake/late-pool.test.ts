import { expect, it } from 'vitest';
import { allocateBatchMemory, BatchBuffer } from '../../src/intake/batch-buffer.js';
import { LatePool, type StartedPool } from '../../src/intake/late-pool.js';
import type { BatchRequest, BatchResult } from '../../src/state/batch-layout.js';
import { endOfTurn, TIMES } from './fakes.js';

const RESULT = {} as BatchResult;

/** A pool whose threads are up when the test says so, and one that starts it late. */
function lateStart() {
  const told: string[] = [];
  let up = (): void => {};
  const isUp = new Promise<void>((resolve) => {
    up = resolve;
  });
  const pool: StartedPool = {
    started: () => isUp,
    async run() {
      told.push('run');
      return RESULT;
    },
    async close() {
      told.push('closed');
    },
  };
  const late = new LatePool(2, async () => {
    told.push('started');
    return pool;
  });
  return { late, told, up };
}

const request = (): BatchRequest => new BatchBuffer(allocateBatchMemory()).toRequest(1_000, TIMES);

it('starts its threads when they are asked for, once, and says when they are up', async () => {
  const { late, told, up } = lateStart();
  expect([late.threads, told]).toEqual([2, []]);
  expect([late.isReady(), late.isReady()]).toEqual([false, false]);
  await endOfTurn();
  expect(told).toEqual(['started']);
  expect(late.isReady()).toBe(false);
  up();
  await endOfTurn();
  expect(late.isReady()).toBe(true);
  expect(await late.run(request())).toBe(RESULT);
  await late.close();
  expect(told).toEqual(['started', 'run', 'closed']);
});

it('has a batch wait that comes before they are up', async () => {
  const { late, told, up } = lateStart();
  const running = late.run(request());
  await endOfTurn();
  expect(told).toEqual(['started']);
  up();
  expect(await running).toBe(RESULT);
});

it('is closed when its threads are up, and at once where none was started', async () => {
  const idle = lateStart();
  await idle.late.close();
  expect(idle.told).toEqual([]);
  const { late, told, up } = lateStart();
  late.isReady();
  const closed = late.close();
  await endOfTurn();
  expect(told).toEqual(['started']);
  up();
  await closed;
  expect(told).toEqual(['started', 'closed']);
});
