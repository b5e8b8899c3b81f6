import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { runBench } from './benches/bench-run.js';
import * as usual from './benches/usual-loads.js';
import { measureVariants } from './benches/variants.js';
import type { Load } from './loads/load-process.js';
import { withRunDirectory } from './measure/machine.js';
import { exitCodeOf, numberOption, parse } from './options.js';
import { benchReport } from './report/bench-table.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const WARM_UP_SECONDS = 2;

interface Options {
  readonly load: keyof typeof LOADS;
  readonly runs: number;
  readonly seconds: number;
  readonly connections: number;
  readonly rate: number;
}

/** The loads that builds may be measured under, as those of the benches. */
const LOADS = {
  http: ({ connections }) => usual.httpLoad(connections),
  large: ({ connections }) => usual.httpLoadOf(usual.LARGE_STATE_BYTES, connections),
  websocket: () => usual.ONE_A_FRAME,
  lists: () => usual.TWENTY_A_FRAME,
  arrivals: ({ connections, rate }) => usual.httpArrivals(rate, connections),
} as const satisfies Readonly<Record<string, (options: Options) => Load>>;

const COMMAND = new Command('npm run bench:builds --')
  .addArgument(
    new Argument(
      '<dist...>',
      'folders that `npm run build` has made, such as dist and a copy of it under bench/data',
    ).argParser<Record<string, string>>(addBuild),
  )
  .addOption(
    new Option(
      '--load <name>',
      'HTTP as fast as it goes, the same with bodies of 64 KB, sockets with a state or 20 a frame, or HTTP at a constant rate',
    )
      .choices(Object.keys(LOADS))
      .default('http'),
  )
  .addOption(numberOption('--connections <n>', 'of HTTP', 256, 10_000))
  .addOption(numberOption('--rate <n>', 'of arrivals, a second', 10_000, 1_000_000))
  .addOption(numberOption('--runs <n>', 'of each build, by turns', 5))
  .addOption(numberOption('--seconds <n>', 'of each run', 3));

/** `npm run bench:builds`: builds of the proxy under the same load by turns, for a change on the hot path. */
async function main(args: readonly string[]): Promise<number> {
  try {
    parse(COMMAND, args);
  } catch (error) {
    return exitCodeOf(error);
  }
  const builds = COMMAND.processedArgs[0] as Readonly<Record<string, string>>;
  const options = COMMAND.opts<Options>();
  const variants = Object.fromEntries(Object.entries(builds).map(([build, program]) => [build, { program }]));
  return withRunDirectory(ROOT, async (directory) => {
    const result = await runBench({ ...options, scale: 1, directory }, (run) =>
      measureVariants(run, variants, LOADS[options.load](options), WARM_UP_SECONDS),
    );
    process.stdout.write(`${benchReport(result)}\n`);
    return result.account.lost > 0 ? 1 : 0;
  });
}

/** @returns the program of each build */
function addBuild(build: string, others: Record<string, string> = {}): Record<string, string> {
  const program = resolve(build, 'src', 'main.js');
  if (!existsSync(program)) throw new InvalidArgumentError('It holds no src/main.js.');
  return { ...others, [build]: program };
}

process.exitCode = await main(process.argv.slice(2));
