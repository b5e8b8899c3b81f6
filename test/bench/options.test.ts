import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../bench/options.js';

const KNOWN = ['http', 'drain'];

describe('the command line of the bench', () => {
  it('runs everything three times when nothing is said', () => {
    expect(parseOptions([], KNOWN)).toEqual({ names: KNOWN, runs: 3, seconds: 2 });
  });

  it('takes names and numbers', () => {
    const args = ['drain', '--runs', '5', '--seconds', '10', '--out', 'x.json'];
    expect(parseOptions(args, KNOWN)).toEqual({ names: ['drain'], runs: 5, seconds: 10, out: 'x.json' });
  });

  it('takes a list of numbers of fronts', () => {
    expect(parseOptions(['--fronts', '0,1,2'], KNOWN)).toMatchObject({ fronts: [0, 1, 2] });
  });

  it('is short when it is to be quick', () => {
    expect(parseOptions(['--quick'], KNOWN)).toMatchObject({ runs: 1, seconds: 1, quick: true });
    expect(parseOptions(['--quick', '--runs', '2'], KNOWN)).toMatchObject({ runs: 2, seconds: 1, quick: true });
  });

  it.each([
    [['htp']],
    [['--runs', '0']],
    [['--seconds', '1.5']],
    [['--fast']],
    [['--fronts', '0,x']],
    [['--fronts', '']],
  ])('refuses %j', (args) => {
    expect(() => parseOptions(args, KNOWN)).toThrow();
  });
});
