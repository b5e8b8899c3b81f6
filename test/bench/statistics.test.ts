import { describe, expect, it } from 'vitest';
import { median, Recorder } from '../../bench/measure/recorder.js';

describe('the median', () => {
  it.each([
    [[3], 3],
    [[9, 1, 5], 5],
    [[4, 1, 10, 2], 3],
    [[100, 20, 3], 20],
  ])('of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  it('is not made up where there are no values', () => {
    expect(() => median([])).toThrow('no values');
  });
});

describe('the recorder', () => {
  it('sums runs up as median and range, with the ratio to each peer that was measured', () => {
    const recorder = new Recorder();
    for (const value of [90, 120, 100]) recorder.add('64 connections', 'requests a second', 'stateway', value);
    for (const value of [50, 40, 80]) recorder.add('64 connections', 'requests a second', 'nginx', value);
    recorder.add('1 connection', 'requests a second', 'nginx', 7);
    const measure = { scenario: '64 connections', metric: 'requests a second' };
    expect(recorder.measures()).toEqual([
      { ...measure, subject: 'stateway', runs: [90, 120, 100], median: 100, min: 90, max: 120, ratios: { nginx: 2 } },
      { ...measure, subject: 'nginx', runs: [50, 40, 80], median: 50, min: 40, max: 80, ratios: {} },
      { ...measure, scenario: '1 connection', subject: 'nginx', runs: [7], median: 7, min: 7, max: 7, ratios: {} },
    ]);
  });
});
