import { expect, it } from 'vitest';
import { Standings } from '../../src/auth/standings.js';
import { FakeClock } from '../helpers/fake-clock.js';

it('an address stands badly after two refusals in a row, and well again 75 s after the last', async () => {
  const clock = new FakeClock();
  const standings = new Standings(clock);
  standings.note('a', false);
  expect(standings.isBad('a')).toBe(false);
  await clock.advance(1_000);
  standings.note('a', false);
  expect(standings.isBad('a')).toBe(true);
  for (let i = 0; i < 1_000; i++) standings.note('a', false);
  expect(standings.isBad('a')).toBe(true);
  expect(standings.isBad('b')).toBe(false);
  await clock.advance(74_000);
  expect(standings.isBad('a')).toBe(true);
  await clock.advance(1_000);
  expect(standings.isBad('a')).toBe(false);
});

it('a plant that brings good tokens stands well though a few of its devices come with an old one', async () => {
  const clock = new FakeClock();
  const standings = new Standings(clock);
  for (let round = 0; round < 100; round++) {
    for (let i = 0; i < 3; i++) standings.note('a', false);
    for (let i = 0; i < 20; i++) standings.note('a', true);
    expect(standings.isBad('a')).toBe(false);
  }
  for (let round = 0; round < 100; round++) {
    for (let i = 0; i < 3; i++) standings.note('a', false);
    await clock.advance(30_000);
    expect(standings.isBad('a')).toBe(false);
  }
});

it('holds a bounded number of addresses', () => {
  const clock = new FakeClock();
  const standings = new Standings(clock);
  for (let i = 0; i < 4; i++) standings.note('first', false);
  for (let i = 0; i < 20_000; i++) standings.note(`${i}`, false);
  expect(standings.isBad('first')).toBe(false);
});
