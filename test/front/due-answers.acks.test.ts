import { expect, test } from 'vitest';
import { DueAcks } from '../../src/front/due-answers.js';

function noted(log: string[], name: string) {
  return { sendAck: () => void log.push(name) };
}

test('has each socket send its ack once what runs is done, in the order in which they became due', async () => {
  const dueAcks = new DueAcks();
  const log: string[] = [];
  dueAcks.add(noted(log, 'a'));
  dueAcks.add(noted(log, 'b'));
  expect(log).toEqual([]);
  await Promise.resolve();
  expect(log).toEqual(['a', 'b']);
});

test('serves what becomes due while acks are sent, and later, and nothing twice', async () => {
  const dueAcks = new DueAcks();
  const log: string[] = [];
  dueAcks.add({
    sendAck() {
      log.push('first');
      dueAcks.add(noted(log, 'meanwhile'));
    },
  });
  await Promise.resolve();
  await Promise.resolve();
  expect(log).toEqual(['first', 'meanwhile']);
  dueAcks.add(noted(log, 'later'));
  await Promise.resolve();
  expect(log).toEqual(['first', 'meanwhile', 'later']);
});
