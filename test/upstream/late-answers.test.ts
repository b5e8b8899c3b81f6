import { expect, it } from 'vitest';
import { LateAnswers } from '../../src/upstream/late-answers.js';
import { FakeClock } from '../helpers/fake-clock.js';

const never = () => new Promise<string>(() => {});
const asked = async () => 'asked';

it('gives an answer once, to who asks the same', async () => {
  const answers = new LateAnswers<string>(new FakeClock());
  answers.add('a', 'late');
  expect(await answers.firstOf('b', asked)).toBe('asked');
  expect(await answers.firstOf('a', never)).toBe('late');
  expect(await answers.firstOf('a', asked)).toBe('asked');
});

it('gives it to all who wait for it, and then keeps nothing', async () => {
  const answers = new LateAnswers<string>(new FakeClock());
  const waiting = [answers.firstOf('a', never), answers.firstOf('a', never)];
  answers.add('a', 'late');
  expect(await Promise.all(waiting)).toEqual(['late', 'late']);
  expect(await answers.firstOf('a', asked)).toBe('asked');
});

it('keeps it when those who waited have their own', async () => {
  const answers = new LateAnswers<string>(new FakeClock());
  expect(await answers.firstOf('a', asked)).toBe('asked');
  answers.add('a', 'late');
  expect(await answers.firstOf('a', never)).toBe('late');
});

it('keeps it for a minute, and only so many', async () => {
  const clock = new FakeClock();
  const answers = new LateAnswers<string>(clock);
  answers.add('old', 'late');
  await clock.advance(60_000);
  expect(await answers.firstOf('old', asked)).toBe('asked');
  for (let n = 0; n <= 256; n++) answers.add(String(n), 'late');
  expect(await answers.firstOf('0', asked)).toBe('asked');
  expect(await answers.firstOf('256', never)).toBe('late');
});
