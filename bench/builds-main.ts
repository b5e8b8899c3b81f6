import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { addAccounts } from './account.js';
import type { BenchContext } from './benches/bench.js';
import { CONNECTIONS, LOADS, type LoadName, type LoadSize } from './benches/one-load.js';
import { closedTool } from './loads/closed-loop.js';
import { Recorder } from './measure/recorder.js';
import { wholeNumber } from './options.js';
import { benchReport } from './report/bench-table.js';
import { withRunDirectory } from './run-directory.js';
import { Site } from './site.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DEVICES = 1_000;
const WARM_UP_SECONDS = 2;
const EXIT_BAD_USAGE = 2;
const DEFAULTS = { runs: 5, seconds: 3, connections: CONNECTIONS, rate: 10_000 };
const USAGE = `usage: npm run bench:builds -- DIST… [options]
  DIST          folders that \`npm run build\` has made, such as dist and a copy of it under bench/data
  --load        one of ${Object.keys(LOADS).join(', ')}: HTTP as fast as it goes (the default), the same with bodies of 64 KB, 500 sockets with a state or 20 a frame, or HTTP requests at a constant rate
  --connections N  of HTTP (default ${DEFAULTS.connections})
  --rate N      of arrivals, a second (default ${DEFAULTS.rate})
  --runs N      of each build, by turns (default ${DEFAULTS.runs})
  --seconds N   of each run (default ${DEFAULTS.seconds})`;

interface Options {
  readonly builds: readonly string[];
  readonly load: LoadName;
  readonly runs: number;
  readonly seconds: number;
  readonly size: LoadSize;
}

/** `npm run bench:builds`: builds of the proxy under the same load by turns, for a change on the hot path. */
async function main(args: readonly string[]): Promise<number> {
  let options: Options;
  try {
    options = optionsOf(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}\n`);
    return EXIT_BAD_USAGE;
  }
  const chosen = options;
  return withRunDirectory(ROOT, (directory) => measure(chosen, directory));
}

async function measure({ builds, load, size, ...options }: Options, directory: string): Promise<number> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const context: BenchContext = { ...options, scale: 1, directory, closedTool: closedTool(), say };
  const recorder = new Recorder();
  const sites: Site[] = [];
  try {
    for (const build of builds) {
      const program = join(build, 'src', 'main.js');
      sites.push(await Site.open(context, { kind: 'light', devices: DEVICES, equalLengths: true }, { program }));
    }
    const run = (index: number, seconds: number, scenario: string | undefined) =>
      LOADS[load]({ ...context, seconds }, sites[index] as Site, size, scenario, recorder);
    for (const index of builds.keys()) await run(index, WARM_UP_SECONDS, undefined);
    for (let turn = 0; turn < context.runs; turn++) {
      for (let place = 0; place < builds.length; place++) {
        const index = (turn + place) % builds.length;
        say(`run ${turn + 1} of ${context.runs}: ${builds[index]}`);
        await run(index, context.seconds, builds[index] as string);
      }
    }
    const account = addAccounts(sites.map((site) => site.account()));
    const cpu = sites.flatMap((site) => site.costs());
    const notes = sites.flatMap((site) => site.complaints());
    process.stdout.write(`${benchReport({ measures: recorder.measures(), cpu, account, notes, panels: [] })}\n`);
    return account.lost > 0 ? 1 : 0;
  } finally {
    for (const site of sites) await site.close();
  }
}

function optionsOf(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      load: { type: 'string', default: 'http' },
      runs: { type: 'string' },
      seconds: { type: 'string' },
      connections: { type: 'string' },
      rate: { type: 'string' },
    },
  });
  if (positionals.length === 0) throw new Error('name at least one build');
  for (const build of positionals) {
    if (!existsSync(join(build, 'src', 'main.js'))) throw new Error(`${build} holds no src/main.js`);
  }
  if (!(values.load in LOADS)) throw new Error(`--load must be one of ${Object.keys(LOADS).join(', ')}`);
  return {
    builds: positionals.map((build) => resolve(build)),
    load: values.load as LoadName,
    runs: wholeNumber('--runs', values.runs, DEFAULTS.runs),
    seconds: wholeNumber('--seconds', values.seconds, DEFAULTS.seconds),
    size: {
      connections: wholeNumber('--connections', values.connections, DEFAULTS.connections, 10_000),
      rate: wholeNumber('--rate', values.rate, DEFAULTS.rate, 1_000_000),
    },
  };
}

process.exitCode = await main(process.argv.slice(2));
