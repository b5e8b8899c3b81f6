import { fileURLToPath } from 'node:url';
import { builtCommit } from '../src/app/package-info.js';
import { type Bench, runBench } from './benches/bench-run.js';
import { connections } from './benches/connections.js';
import { disk } from './benches/disk.js';
import { drain } from './benches/drain.js';
import { growth } from './benches/growth.js';
import { login } from './benches/login.js';
import { mixed } from './benches/mixed.js';
import { mqtt } from './benches/mqtt.js';
import { http, websocket } from './benches/throughput.js';
import { workers } from './benches/variants.js';
import { HAS_WRK } from './loads/run-load.js';
import {
  describeMachine,
  pairLine,
  runningPair,
  shippedPair,
  versionsIn,
  withRunDirectory,
} from './measure/machine.js';
import { type BenchOptions, exitCodeOf, parseOptions } from './options.js';
import { benchReport } from './report/bench-table.js';
import { defaultFile, type ResultFile, writeResult } from './report/result-file.js';

const BENCHES: readonly Bench[] = [http, disk, websocket, mqtt, mixed, login, drain, connections, growth, workers];
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const QUICK_SCALE = 0.01;

/** `npm run bench`: runs benches, prints tables, writes the result; exits 1 when a promise was broken for a figure. */
async function main(args: readonly string[]): Promise<number> {
  const names = BENCHES.map(({ name }) => name);
  try {
    const options = parseOptions(args, names);
    return await withRunDirectory(ROOT, (directory) => runAll(options, directory));
  } catch (error) {
    return exitCodeOf(error);
  }
}

async function runAll(options: BenchOptions, directory: string): Promise<number> {
  const startedAt = new Date();
  const { runs, seconds, quick = false, names, fronts } = options;
  const context = { runs, seconds, scale: quick ? QUICK_SCALE : 1, directory, fronts };
  const pair = pairLine(runningPair(), shippedPair(ROOT));
  print(`the proxy on ${pair}`);
  print(`load from ${HAS_WRK ? 'wrk' : 'autocannon, since wrk is not installed'}`);
  const benches: Record<string, ResultFile['benches'][string]> = {};
  for (const { name, title, measure } of BENCHES.filter((bench) => names.includes(bench.name))) {
    print(`\n${name}: ${title}\n`);
    const result = await runBench(context, measure);
    benches[name] = { title, ...result };
    print(benchReport(result));
  }
  const commit = (builtCommit() ?? 'unknown').replace(/^(\w{7})\w*/, '$1');
  const part = [...(quick ? ['quick'] : []), ...(names.length < BENCHES.length ? names : [])];
  const file = options.out ?? defaultFile(ROOT, startedAt, commit, part);
  writeResult(file, {
    startedAt: startedAt.toISOString(),
    commit,
    machine: describeMachine(directory),
    versions: versionsIn(),
    pair,
    options: { runs, seconds, quick },
    benches,
  });
  print(`\n${((Date.now() - startedAt.getTime()) / 1000).toFixed(0)} s in all; written: ${file}`);
  return verdict(benches);
}

/** A figure is worth nothing if a promise was broken for it. */
function verdict(benches: ResultFile['benches']): number {
  let code = 0;
  for (const [name, { account }] of Object.entries(benches)) {
    const { lost, strange, throttled } = account;
    if (lost + strange + throttled === 0) continue;
    print(`FAILED: ${name}: ${lost} states lost, ${strange} of the wrong device, ${throttled} requests over the limit`);
    code = 1;
  }
  return code;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

process.exitCode = await main(process.argv.slice(2));
