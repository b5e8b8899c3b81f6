import { parseArgs } from 'node:util';

/** What the command line asks for. */
export interface BenchOptions {
  /** All of them when none is named. */
  readonly names: readonly string[];
  readonly runs: number;
  readonly seconds: number;
  /** One short run of everything at a fraction of its size: it shows that the benches work, and no figure of it counts. */
  readonly quick: boolean;
  readonly outFile: string | undefined;
}

export const USAGE = `usage: npm run bench -- [NAME…] [options]
  --runs N      runs of everything, by turns; figures are their medians (default 3)
  --seconds N   of each run of a steady load (default 2)
  --quick       one short run at a fraction of the size, to see that everything works
  --out FILE    where the result goes (default bench/results/<date>-<commit>.json), with the charts beside it`;

const DEFAULTS = { runs: 3, seconds: 2 };
const QUICK = { runs: 1, seconds: 1 };

/** Reads the command line. @throws Error saying what is wrong with it */
export function parseOptions(args: readonly string[], known: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      runs: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      out: { type: 'string' },
    },
  });
  const stranger = positionals.find((name) => !known.includes(name));
  if (stranger !== undefined) throw new Error(`there is no bench "${stranger}"; there are ${known.join(', ')}`);
  const defaults = values.quick ? QUICK : DEFAULTS;
  return {
    names: positionals.length > 0 ? positionals : known,
    runs: wholeNumber('--runs', values.runs, defaults.runs),
    seconds: wholeNumber('--seconds', values.seconds, defaults.seconds),
    quick: values.quick,
    outFile: values.out,
  };
}

/** Reads a number of the command line. @throws Error naming what is allowed */
export function wholeNumber(name: string, text: string | undefined, fallback: number, most = 1000): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new Error(`${name} must be a whole number from 1 to ${most}`);
  return value;
}
