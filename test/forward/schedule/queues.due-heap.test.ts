import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Lane } from '../../../src/forward/lane/lane.js';
import { DueHeap } from '../../../src/forward/schedule/queues.js';
import { deviceOf, newLane } from '../harness.js';

const lanes = Array.from({ length: 40 }, (_, n) => newLane(deviceOf(n)));

it('gives the lanes by the time they were last put for, whatever was moved or removed', () => {
  const steps = fc.array(fc.tuple(fc.nat(39), fc.oneof(fc.integer({ min: 0, max: 50 }), fc.constant(undefined))));
  fc.assert(
    fc.property(steps, (sequence) => {
      const heap = new DueHeap();
      const model = new Map<Lane, number>();
      for (const [index, dueAtMs] of sequence) {
        const lane = lanes[index] as Lane;
        if (dueAtMs === undefined) {
          heap.remove(lane);
          model.delete(lane);
        } else {
          heap.put(lane, dueAtMs);
          model.set(lane, dueAtMs);
        }
        expect(heap.first?.dueAtMs).toBe(model.size === 0 ? undefined : Math.min(...model.values()));
      }
      const drained: number[] = [];
      for (let lane = heap.first; lane !== undefined; lane = heap.first) {
        expect(lane.dueAtMs).toBe(model.get(lane));
        drained.push(lane.dueAtMs);
        heap.remove(lane);
      }
      expect(drained).toEqual([...model.values()].sort((a, b) => a - b));
    }),
  );
});
