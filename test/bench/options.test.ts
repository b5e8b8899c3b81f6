import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../bench/options.js';

const KNOWN = ['http', 'drain'];

describe('the command line of the bench', () => {
  it('runs everything three times when nothing is said', () => {
    const everything = { names: KNOWN, runs: 3, seconds: 2, quick: false, outFile: undefined };
    expect(parseOptions([], KNOWN)).toEqual(everything);
  });

  it('takes names and numbers', () => {
    const args = ['drain', '--runs', '5', '--seconds', '10', '--out', 'x.json'];
    const asked = { names: ['drain'], runs: 5, seconds: 10, quick: false, outFile: 'x.json' };
    expect(parseOptions(args, KNOWN)).toEqual(asked);
  });

  it('is short when it is to be quick', () => {
    expect(parseOptions(['--quick'], KNOWN)).toMatchObject({ runs: 1, seconds: 1, quick: true });
  });

  it.each([[['htp']], [['--runs', '0']], [['--seconds', '1.5']], [['--fast']]])('refuses %j', (args) => {
    expect(() => parseOptions(args, KNOWN)).toThrow();
  });
});
