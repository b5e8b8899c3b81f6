import { expect, it } from 'vitest';
import { LONGEST_ANSWER_MS, Patience } from '../../src/upstream/patience.js';
import { FakeClock } from '../helpers/fake-clock.js';

const NORMAL_MS = 15_000;

function patient() {
  const clock = new FakeClock();
  return { clock, patience: new Patience(clock, NORMAL_MS) };
}

it('waits the normal time, whatever the time that answers took in it', () => {
  const { patience } = patient();
  patience.noteAnswer('a', NORMAL_MS);
  expect([patience.limitMs('a', true), patience.overtimeLimitMs('a', true)]).toEqual([NORMAL_MS, NORMAL_MS]);
});

it('waits twice as long as the last answer took for whom it was, and no longer than two minutes', () => {
  const { patience } = patient();
  patience.noteAnswer('a', 18_000);
  expect([patience.limitMs('a', true), patience.limitMs('b', true)]).toEqual([36_000, NORMAL_MS]);
  patience.noteAnswer('a', 100_000);
  expect(patience.limitMs('a', true)).toBe(LONGEST_ANSWER_MS);
});

it('waits the normal time again after an answer in normal time', () => {
  const { patience } = patient();
  patience.noteAnswer('a', 18_000);
  patience.noteAnswer('a', 200);
  expect(patience.limitMs('a', true)).toBe(NORMAL_MS);
});

it('lets others go on waiting whose time is over soon after', async () => {
  const { clock, patience } = patient();
  patience.noteAnswer('a', 18_000);
  await clock.advance(30_000);
  expect(patience.overtimeLimitMs('b', true)).toBe(36_000);
  await clock.advance(1);
  expect(patience.overtimeLimitMs('b', true)).toBe(NORMAL_MS);
});

it('doubles where nobody listens, since nothing else would ever show it', () => {
  const { patience } = patient();
  const limits = [];
  for (let tries = 0; tries < 5; tries++) {
    patience.noteUnheard('a');
    limits.push(patience.limitMs('a', false));
  }
  expect(limits).toEqual([30_000, 60_000, LONGEST_ANSWER_MS, LONGEST_ANSWER_MS, LONGEST_ANSWER_MS]);
});

it('waits the normal time where it may listen, though it could not before: the line may be dead', () => {
  const { patience } = patient();
  patience.noteUnheard('a');
  expect([patience.limitMs('a', true), patience.overtimeLimitMs('a', true)]).toEqual([NORMAL_MS, NORMAL_MS]);
  patience.noteAnswer('a', 200);
  expect(patience.limitMs('a', false)).toBe(NORMAL_MS);
});

it('listens to so many connections, and until two minutes after the request', () => {
  const { patience } = patient();
  expect(patience.startListening(LONGEST_ANSWER_MS)).toBe(0);
  let listened = 0;
  while (patience.startListening(NORMAL_MS) === LONGEST_ANSWER_MS - NORMAL_MS) listened++;
  expect(listened).toBe(32);
  patience.stopListening();
  expect(patience.startListening(NORMAL_MS)).toBeGreaterThan(0);
});

it('forgets the longest known of very many', () => {
  const { patience } = patient();
  for (let n = 0; n <= 10_000; n++) patience.noteAnswer(String(n), 20_000);
  expect([patience.limitMs('0', true), patience.limitMs('10000', true)]).toEqual([NORMAL_MS, 40_000]);
});
