import { beforeEach, describe, expect, it } from 'vitest';
import type { Lane } from '../../../src/forward/lane/lane.js';
import { ReadyQueue } from '../../../src/forward/schedule/queues.js';
import { deviceOf, newLane } from '../harness.js';

let queue: ReadyQueue;
let lanes: Lane[];

beforeEach(() => {
  queue = new ReadyQueue();
  lanes = Array.from({ length: 6 }, (_, n) => newLane(deviceOf(n)));
});

function numbers(): number[] {
  const taken: number[] = [];
  for (let lane = queue.shift(); lane !== undefined; lane = queue.shift()) taken.push(lanes.indexOf(lane));
  return taken;
}

describe('the ready queue', () => {
  it('gives out in the order in which lanes came', () => {
    for (const lane of lanes) queue.push(lane, false);
    expect(queue.length).toBe(6);
    expect(numbers()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(queue.length).toBe(0);
  });

  it('lets those that were quiet take turns with the others, whichever came first', () => {
    for (const lane of lanes.slice(0, 4)) queue.push(lane, false);
    for (const lane of lanes.slice(4)) queue.push(lane, true);
    expect(numbers()).toEqual([4, 0, 5, 1, 2, 3]);
  });

  it('starves none of the others, however many are quiet', () => {
    for (const lane of lanes.slice(0, 5)) queue.push(lane, true);
    queue.push(lanes[5] as Lane, false);
    expect(numbers().indexOf(5)).toBeLessThanOrEqual(1);
  });

  it('says of a lane that it is queued while it is', () => {
    const [first, second] = lanes as [Lane, Lane];
    queue.push(first, true);
    queue.push(second, false);
    expect([first.isQueued, second.isQueued]).toEqual([true, true]);
    queue.shift();
    expect([first.isQueued, second.isQueued]).toEqual([false, true]);
    expect(queue.clear()).toEqual(new Set([second]));
    expect(second.isQueued).toBe(false);
    expect(queue.length).toBe(0);
  });

  it('keeps the order of thousands, however they come and go', () => {
    const many = Array.from({ length: 5_000 }, (_, n) => newLane(deviceOf(n % 100)));
    const taken: (Lane | undefined)[] = [];
    for (const lane of many.slice(0, 4_000)) queue.push(lane, false);
    for (let n = 0; n < 3_500; n++) taken.push(queue.shift());
    for (const lane of many.slice(4_000)) queue.push(lane, false);
    for (let n = 0; n < 1_000; n++) taken.push(queue.shift());
    expect(queue.length).toBe(500);
    taken.push(...queue.clear());
    expect(taken.map((lane) => many.indexOf(lane as Lane))).toEqual(many.map((_, n) => n));
    expect(queue.shift()).toBeUndefined();
  });
});
