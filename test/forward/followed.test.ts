import { expect, it } from 'vitest';
import { answer, deviceOf, Harness, LOST } from './harness.js';

const ONE = deviceOf(1);
const TWO = deviceOf(2);

function following(): Harness {
  const harness = new Harness();
  harness.followed.follow([ONE.deviceId]);
  return harness;
}

it('says what is sent, what the cloud answers and after how long, and that it is written down', async () => {
  const harness = following();
  const { clock, cloud } = harness;
  cloud.respond = () => new Promise((resolve) => clock.schedule(40, () => resolve(answer(200, undefined, ''))));
  harness.push(ONE, 3);
  harness.push(TWO);
  await clock.advance(1_000);
  const bytes = cloud.requests[0]?.body.length;
  expect(harness.steps).toEqual([
    ['01', 'queued', { record: 1 }],
    ['01', 'sent', { attempt: 1, states: 3, bytes }],
    ['01', 'answered', { status: 200, reason: 'the cloud answered 200', tookMs: 40 }],
    ['01', 'settled', { states: 3 }],
  ]);
});

it('counts attempts while the cloud fails', async () => {
  const harness = following();
  harness.cloud.respond = (_request, number) => (number === 0 ? LOST : answer(200));
  harness.push(ONE);
  await harness.clock.advance(20_000);
  expect(harness.steps).toMatchObject([
    ['01', 'queued', { record: 1 }],
    ['01', 'sent', { attempt: 1 }],
    ['01', 'answered', { status: 0, reason: 'no answer' }],
    ['01', 'sent', { attempt: 2 }],
    ['01', 'answered', { status: 200 }],
    ['01', 'settled', { states: 1 }],
  ]);
});

it('says why a lane is parked, and that states are given up, and why', async () => {
  const harness = following();
  harness.cloud.respond = (_request, number) => answer(number === 0 ? 404 : 400, undefined, 'no such attribute');
  harness.push(ONE);
  await harness.clock.advance(300_000);
  expect(harness.steps).toMatchObject([
    ['01', 'queued', { record: 1 }],
    ['01', 'sent', {}],
    ['01', 'answered', { status: 404 }],
    ['01', 'parked', { reason: 'the cloud knows no such device (404)' }],
    ['01', 'sent', {}],
    ['01', 'answered', { status: 400, reason: 'no such attribute' }],
    ['01', 'settled', { states: 1 }],
    ['01', 'given up', { states: 1, status: 400, reason: 'no such attribute' }],
  ]);
});
