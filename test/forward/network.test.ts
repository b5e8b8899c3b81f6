import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { SendResult } from '../../src/core/cloud-port.js';
import { answer, deviceOf, Harness, LOST, mostInWindow, REFUSED, range } from './harness.js';

/** The largest body that the cloud takes when it takes any: no single state is too large. */
const MANY_STATES = 2;

/** What the adversary does to one request. */
const fates = fc.record({
  delayMs: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 4_000 })),
  /** From 0 to 1: where it arrives between its start and its answer, or, lost, the end of what may still come. */
  arrival: fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true })),
  result: fc.oneof(
    { weight: 8, arbitrary: fc.constant(answer(200)) },
    { weight: 1, arbitrary: fc.constant(LOST) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<SendResult>(REFUSED, answer(503), answer(429), answer(429, 700), answer(413)),
    },
  ),
});

it('whatever the network does: never over the limit, in order, one at a time, nothing lost', async () => {
  const rateLimit = { requests: 5, windowMs: 3_000 };
  const device = deviceOf(1);
  const property = fc.asyncProperty(
    fc.array(fates, { minLength: 1, maxLength: 60 }),
    fc.array(fc.integer({ min: 1, max: 800 }), { minLength: 1, maxLength: 60 }),
    async (network, pauses) => {
      const harness = new Harness({ rateLimit, windowMs: 100 });
      const { clock, cloud } = harness;
      const arrivedMs: number[] = [];
      const taken: (number | undefined)[] = [];
      cloud.respond = (request, number) => {
        let fate = network[number] ?? { delayMs: 5, arrival: 1, result: answer(200) };
        const isTooLarge = fate.result.kind === 'answer' && fate.result.status === 413;
        if (isTooLarge && request.states.length < MANY_STATES) fate = { ...fate, result: answer(503) };
        const lateMs = fate.result === LOST ? rateLimit.windowMs : 0;
        if (fate.result !== REFUSED) arrivedMs.push(request.atMs + fate.arrival * (fate.delayMs + lateMs));
        if (fate.result.kind === 'answer' && fate.result.status === 200) taken.push(...request.values);
        return new Promise((resolve) => clock.schedule(fate.delayMs, () => resolve(fate.result)));
      };
      for (const pauseMs of pauses) {
        harness.push(device);
        await clock.advance(pauseMs);
      }
      // Long enough for the longest back-off and throttling after each request.
      await clock.advance(network.length * 30_000 + 60_000);
      expect(taken).toEqual(range(0, pauses.length));
      expect(cloud.mostInFlight).toBe(1);
      expect(mostInWindow(arrivedMs, rateLimit.windowMs)).toBeLessThanOrEqual(rateLimit.requests);
      expect(harness.lanes.heldBytes()).toBe(0);
      expect(clock.pendingTimers).toBe(0);
    },
  );
  await fc.assert(property, { numRuns: 60 });
});
