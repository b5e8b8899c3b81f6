import { expect, it } from 'vitest';
import { AddressMemory, FORGOTTEN_AFTER_MS } from '../../src/upstream/address-memory.js';
import { FakeClock } from '../helpers/fake-clock.js';

const NAMES = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
const [A, B, C] = NAMES as [string, string, string];

it('gives both families by turns, beginning with the one that the resolver prefers', () => {
  const memory = new AddressMemory(new FakeClock());
  expect(memory.inOrder([A, B, C, '2001:db8::1', '2001:db8::2'])).toEqual([A, '2001:db8::1', B, '2001:db8::2', C]);
  expect(memory.inOrder(['2001:db8::1', A])).toEqual(['2001:db8::1', A]);
  expect(memory.inOrder([])).toEqual([]);
});

it('puts what failed last, what failed longest ago before the others, until it is forgotten or works', async () => {
  const clock = new FakeClock();
  const memory = new AddressMemory(clock);
  memory.noteFailed(B);
  await clock.advance(1);
  memory.noteFailed(A);
  expect(memory.inOrder(NAMES)).toEqual([C, B, A]);
  memory.noteConnected(A);
  expect(memory.inOrder(NAMES)).toEqual([A, C, B]);
  await clock.advance(FORGOTTEN_AFTER_MS - 1);
  expect(memory.inOrder(NAMES)).toEqual(NAMES);
});

it('forgets after a while what failed', async () => {
  const clock = new FakeClock();
  const memory = new AddressMemory(clock);
  memory.noteFailed(A);
  await clock.advance(FORGOTTEN_AFTER_MS - 1);
  expect(memory.inOrder(NAMES)).toEqual([B, C, A]);
  await clock.advance(1);
  expect(memory.inOrder(NAMES)).toEqual(NAMES);
});

it('distrusts what connections were made to since it did so last', () => {
  const memory = new AddressMemory(new FakeClock());
  memory.noteConnected(A);
  memory.distrust();
  expect(memory.inOrder(NAMES)).toEqual([B, C, A]);
  memory.noteConnected(A);
  memory.noteConnected(B);
  memory.noteConnected(A);
  memory.distrust();
  expect(memory.inOrder(NAMES)).toEqual([C, A, B]);
  memory.noteConnected(A);
  memory.noteConnected(B);
  expect(memory.inOrder(NAMES)).toEqual(NAMES);
});

it('is bounded: the longest known goes first', () => {
  const memory = new AddressMemory(new FakeClock());
  memory.noteFailed(A);
  for (let n = 0; n < 64; n++) memory.noteFailed(`10.1.0.${n}`);
  expect(memory.inOrder(['10.1.0.0', A])).toEqual([A, '10.1.0.0']);
});
