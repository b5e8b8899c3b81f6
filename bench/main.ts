import { fileURLToPath } from 'node:url';
import type { Account } from './account.js';
import type { Bench, BenchContext } from './benches/bench.js';
import { connections } from './benches/connections.js';
import { disk } from './benches/disk.js';
import { drain } from './benches/drain.js';
import { growth } from './benches/growth.js';
import { http } from './benches/http.js';
import { login } from './benches/login.js';
import { mixed } from './benches/mixed.js';
import { mqtt } from './benches/mqtt.js';
import { outage } from './benches/outage.js';
import { websocket } from './benches/websocket.js';
import { workers } from './benches/workers.js';
import { closedTool } from './loads/closed-loop.js';
import { describeMachine } from './measure/machine.js';
import { type BenchOptions, parseOptions, USAGE } from './options.js';
import { benchReport } from './report/bench-table.js';
import { commitOf, defaultFile, type ResultFile, writeResult } from './report/result-file.js';
import { withRunDirectory } from './run-directory.js';
import { pairLine, runningPair, shippedPair, versionsIn } from './versions.js';

const BENCHES: readonly Bench[] = [
  http,
  disk,
  websocket,
  mqtt,
  mixed,
  login,
  drain,
  outage,
  connections,
  growth,
  workers,
];
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const QUICK_SCALE = 0.01;
const EXIT_BAD_USAGE = 2;

/** `npm run bench`: runs benches, prints tables, writes result and charts; exits 1 when a state was lost. */
async function main(args: readonly string[]): Promise<number> {
  let options: BenchOptions;
  try {
    options = parseOptions(
      args,
      BENCHES.map(({ name }) => name),
    );
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}\n`);
    return EXIT_BAD_USAGE;
  }
  const chosen = options;
  return withRunDirectory(ROOT, (directory) => runAll(chosen, directory));
}

async function runAll(options: BenchOptions, directory: string): Promise<number> {
  const startedAtMs = Date.now();
  const { runs, seconds, quick } = options;
  const context: BenchContext = {
    runs,
    seconds,
    scale: quick ? QUICK_SCALE : 1,
    directory,
    closedTool: closedTool(),
    say: (line) => process.stderr.write(`${line}\n`),
  };
  const versions = versionsIn(ROOT);
  const pair = pairLine(runningPair(), shippedPair(ROOT));
  print(`the proxy on ${pair}`);
  print(`load from ${context.closedTool === 'wrk' ? versions.wrk : `autocannon, since wrk is not installed`}`);
  const benches: Record<string, ResultFile['benches'][string]> = {};
  for (const bench of BENCHES.filter(({ name }) => options.names.includes(name))) {
    print(`\n${bench.name}: ${bench.title}\n`);
    benches[bench.name] = { title: bench.title, ...(await bench.run(context)) };
    print(benchReport(benches[bench.name] as ResultFile['benches'][string]));
  }
  const startedAt = new Date(startedAtMs).toISOString();
  const commit = commitOf(ROOT);
  const isWhole = options.names.length === BENCHES.length && !quick;
  const file = options.outFile ?? defaultFile(ROOT, startedAt, commit, isWhole ? undefined : partOf(options));
  const machine = describeMachine(directory);
  const charts = writeResult(file, {
    startedAt,
    commit,
    machine,
    versions,
    pair,
    options: { runs, seconds, quick },
    benches,
  });
  print(`\n${((Date.now() - startedAtMs) / 1000).toFixed(0)} s in all; written: ${[file, ...charts].join(' ')}`);
  return verdict(benches);
}

function partOf({ names, quick }: BenchOptions): string[] {
  const part = names.length === BENCHES.length ? [] : [...names];
  return quick ? ['quick', ...part] : part;
}

function verdict(benches: ResultFile['benches']): number {
  const failed = Object.entries(benches).filter(([, { account }]) => isBroken(account));
  for (const [name, { account }] of failed) {
    const { lost, strange, throttled } = account;
    print(`FAILED: ${name}: ${lost} states lost, ${strange} of the wrong device, ${throttled} requests over the limit`);
  }
  return failed.length === 0 ? 0 : 1;
}

/** A figure is worth nothing if a promise was broken for it. */
function isBroken({ lost, strange, throttled }: Account): boolean {
  return lost > 0 || strange > 0 || throttled > 0;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

process.exitCode = await main(process.argv.slice(2));
