import { expect, it } from 'vitest';
import { CloudHealth } from '../../src/forward/cloud-health.js';
import { answer, LOST, REFUSED } from './harness.js';

it('is up until a request shows otherwise, and again with the next answer below 500', () => {
  const health = new CloudHealth();
  const seen = [health.isUp];
  for (const result of [answer(500), answer(429), LOST, answer(200), REFUSED, answer(404)]) {
    health.record(result, 0);
    seen.push(health.isUp);
  }
  expect(seen).toEqual([true, false, true, false, true, false, true]);
});

it('knows since when it is up or down, from the first request on', () => {
  const health = new CloudHealth();
  const seen = [health.sinceMs];
  for (const [result, wallMs] of [
    [answer(200), 10],
    [answer(429), 20],
    [LOST, 30],
    [answer(503), 40],
    [answer(404), 50],
  ] as const) {
    health.record(result, wallMs);
    seen.push(health.sinceMs);
  }
  expect(seen).toEqual([undefined, 10, 10, 30, 30, 50]);
});
