import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BenchResult } from '../benches/bench-run.js';
import type { Machine } from '../measure/machine.js';

/** Files of another format are not read. */
const FORMAT = 1;

/** What a run of benches leaves behind. */
export interface ResultFile {
  readonly format: number;
  /** ISO 8601, in UTC. */
  readonly startedAt: string;
  /** That was built, with `+changes` where files differed from it. */
  readonly commit: string;
  readonly machine: Machine;
  /** Of everything that takes part; null where it is not installed. */
  readonly versions: Readonly<Record<string, string | null>>;
  /** What the proxy ran on, and what the image has; not in older files. */
  readonly pair?: string;
  readonly options: { readonly runs: number; readonly seconds: number; readonly quick: boolean };
  readonly benches: Readonly<Record<string, BenchResult & { readonly title: string }>>;
}

/** Where a result goes when nothing else is asked for. @param part what it holds, if it is not whole */
export function defaultFile(root: string, startedAt: Date, commit: string, part: readonly string[]): string {
  const name = [startedAt.toISOString().slice(0, 10), commit, ...part].join('-');
  return join(root, 'bench', 'results', `${name}.json`);
}

export function writeResult(file: string, result: Omit<ResultFile, 'format'>): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ format: FORMAT, ...result }, null, 1)}\n`);
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
