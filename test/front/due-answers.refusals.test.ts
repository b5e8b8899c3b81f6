import { expect, test } from 'vitest';
import { DueRefusals, TOLD_AFTER_MS } from '../../src/front/due-answers.js';
import { FakeClock } from '../helpers/fake-clock.js';

function noted(log: string[], name: string) {
  return { sendAck: () => void log.push(name) };
}

test('has each socket tell once, in the order in which they first had something to say, in time for the first', async () => {
  const clock = new FakeClock();
  const dueRefusals = new DueRefusals(clock);
  const log: string[] = [];
  const [a, b] = [noted(log, 'a'), noted(log, 'b')];
  dueRefusals.add(a);
  await clock.advance(TOLD_AFTER_MS - 1);
  dueRefusals.add(b);
  dueRefusals.add(a);
  expect(log).toEqual([]);
  await clock.advance(1);
  expect(log).toEqual(['a', 'b']);
  expect(clock.pendingTimers).toBe(0);
});

test('starts anew with what comes while it tells', async () => {
  const clock = new FakeClock();
  const dueRefusals = new DueRefusals(clock);
  const log: string[] = [];
  dueRefusals.add({
    sendAck() {
      log.push('first');
      dueRefusals.add(noted(log, 'meanwhile'));
    },
  });
  await clock.advance(TOLD_AFTER_MS);
  expect(log).toEqual(['first']);
  await clock.advance(TOLD_AFTER_MS);
  expect(log).toEqual(['first', 'meanwhile']);
});
