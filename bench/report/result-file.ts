import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BenchResult } from '../benches/bench.js';
import type { Machine } from '../measure/machine.js';
import { chart } from './chart.js';

/** Files of another format are not read. */
const FORMAT = 1;

/** What a run of benches leaves behind. */
export interface ResultFile {
  readonly format: number;
  /** ISO 8601, in UTC. */
  readonly startedAt: string;
  readonly commit: string;
  readonly machine: Machine;
  /** Of everything that takes part; null where it is not installed. */
  readonly versions: Readonly<Record<string, string | null>>;
  /** What the proxy ran on, and what the image has; not in older files. */
  readonly pair?: string;
  readonly options: { readonly runs: number; readonly seconds: number; readonly quick: boolean };
  readonly benches: Readonly<Record<string, BenchResult & { readonly title: string }>>;
}

/** The short name of the commit that is checked out, with `-changed` where files differ from it. */
export function commitOf(root: string): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no').trim() !== '';
    return git('rev-parse', '--short', 'HEAD').trim() + (changed ? '-changed' : '');
  } catch {
    return 'unknown';
  }
}

/** Where a result goes when nothing else is asked for; one that is not whole says what it holds. */
export function defaultFile(
  root: string,
  startedAt: string,
  commit: string,
  names: readonly string[] | undefined,
): string {
  const part = names === undefined ? '' : `-${names.join('-')}`;
  return join(root, 'bench', 'results', `${startedAt.slice(0, 10)}-${commit}${part}.json`);
}

/** Writes the result, and beside it a chart for each bench: `<name>-<bench>.svg`. @returns the charts' files */
export function writeResult(file: string, result: Omit<ResultFile, 'format'>): string[] {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ format: FORMAT, ...result }, null, 1)}\n`);
  const { machine, commit, startedAt, options, versions } = result;
  const where = `${machine.cpu}, ${machine.cores} cores shared by everything, ${machine.fileSystem}, Node ${versions.node}`;
  const measuredOn = `${where}; median of ${options.runs}; ${startedAt.slice(0, 10)}, ${commit}`;
  return Object.entries(result.benches).map(([name, bench]) => {
    const chartFile = `${file.replace(/\.json$/, '')}-${name}.svg`;
    writeFileSync(chartFile, chart({ name, title: bench.title, measuredOn }, bench.panels));
    return chartFile;
  });
}

/** @throws Error naming a file that cannot be read or is none of these */
export function readResult(file: string): ResultFile {
  let parsed: ResultFile;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8')) as ResultFile;
  } catch (error) {
    throw new Error(`${file} cannot be read: ${(error as Error).message}`);
  }
  if (parsed.format !== FORMAT) throw new Error(`${file} is no result of a bench of format ${FORMAT}`);
  return parsed;
}
