import { describe, expect, it } from 'vitest';
import { covers, overlap } from '../../../src/simulator/broker/topic-filter.js';

describe('covers', () => {
  it.each([
    ['a/b', 'a/b', true],
    ['a/b', 'a/c', false],
    ['a/b', 'A/b', false],
    ['a/+', 'a/b', true],
    ['a/+', 'a/b/c', false],
    ['a/+', 'a', false],
    ['a/+/b', 'a//b', true],
    ['+/b', 'a/b', true],
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['#', 'a/b', true],
    ['a/#', 'a/+', true],
    ['a/#', 'a/b/#', true],
    ['a/+', 'a/+', true],
    ['a/+', 'a/#', false],
    ['a/b', 'a/+', false],
    ['#', '#', true],
    ['+', '#', false],
    ['a/#', '#', false],
  ])('%s and %s: %s', (outer, inner, expected) => {
    expect(covers(outer, inner)).toBe(expected);
  });
});

describe('overlap', () => {
  it.each([
    ['a/b', 'a/b', true],
    ['a/+', '+/b', true],
    ['#', 'losant/x', true],
    ['+/+', 'losant/#', true],
    ['+', 'losant/#', true],
    ['a/#', 'losant/#', false],
    ['a', 'a/b', false],
    ['a', 'a/#', true],
    ['a/b/c', 'a/+', false],
  ])('%s and %s: %s', (one, other, expected) => {
    expect(overlap(one, other)).toBe(expected);
    expect(overlap(other, one)).toBe(expected);
  });
});
