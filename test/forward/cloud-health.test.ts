import { expect, it } from 'vitest';
import { CloudHealth } from '../../src/forward/cloud-health.js';
import { answer, LOST, REFUSED } from './harness.js';

it('is up until a request shows otherwise, and again with the next answer below 500', () => {
  const health = new CloudHealth();
  const seen = [health.isUp];
  for (const result of [answer(500), answer(429), LOST, answer(200), REFUSED, answer(404)]) {
    health.record(result);
    seen.push(health.isUp);
  }
  expect(seen).toEqual([true, false, true, false, true, false, true]);
});
