import {
  type ChildProcess,
  type ChildProcessByStdio,
  type ChildProcessWithoutNullStreams,
  type SpawnOptions,
  type SpawnOptionsWithoutStdio,
  type SpawnOptionsWithStdioTuple,
  type StdioNull,
  type StdioPipe,
  spawn,
} from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { later } from './promises.js';

/** The built program, as `npm test` leaves it. */
export const MAIN_FILE = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));

/**
 * A command before another: the kernel kills what runs when its parent is gone (prctl(2), PR_SET_PDEATHSIG). That
 * outlives the exec of the other command, and so nothing of a test goes on where the run of the tests is killed.
 */
const ENDING_WITH_US = ['setpriv', '--pdeathsig', 'KILL', '--'] as const;

// A worker of Vitest's outlives the killed run; all it notices is that its channel is closed.
process.once('disconnect', () => process.exit(1));

/** How Node begins each warning it prints: `(node:PID) Name: …` or `(node:PID) [CODE] Name: …`. */
const WARNING_OF_NODE = /^\(node:\d+\) /;

export interface ProgramOptions {
  /** All of its environment but `PATH`. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** A command that runs the one that follows it in its own place, such as `prlimit`. */
  readonly under?: readonly string[];
}

/**
 * Starts the built program. It ends with this process, however that ends, and a warning of Node on its standard error
 * fails the run of the tests, with the place where it came about.
 */
export function startProgram(
  args: readonly string[],
  { env, cwd, under = [] }: ProgramOptions = {},
): ChildProcessByStdio<null, Readable, Readable> {
  const [command, ...rest] = [...ENDING_WITH_US, ...under, MAIN_FILE, ...args];
  const nodeOptions = `--trace-warnings ${env?.NODE_OPTIONS ?? ''}`.trim();
  const child = spawn(command as string, rest, {
    env: { PATH: process.env.PATH, ...env, NODE_OPTIONS: nodeOptions },
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  failOnWarnings(child.stderr);
  return child;
}

/** Starts any command so that it ends with this process, as {@link startProgram} does. */
export function startChild(words: readonly string[], options: SpawnOptionsWithoutStdio): ChildProcessWithoutNullStreams;
export function startChild(
  words: readonly string[],
  options: SpawnOptionsWithStdioTuple<StdioNull, StdioPipe, StdioPipe>,
): ChildProcessByStdio<null, Readable, Readable>;
export function startChild(
  words: readonly string[],
  options: SpawnOptionsWithStdioTuple<StdioNull, StdioPipe, StdioNull>,
): ChildProcessByStdio<null, Readable, null>;
export function startChild(words: readonly string[], options: SpawnOptions): ChildProcess;
export function startChild(words: readonly string[], options: SpawnOptions): ChildProcess {
  const [command, ...rest] = [...ENDING_WITH_US, ...words];
  return spawn(command as string, rest, options);
}

/** Kills a process unless it has ended, and waits until it is gone: from then on it writes nothing anywhere. */
export async function endNow(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = later(once(child, 'exit'));
  child.kill('SIGKILL');
  await gone;
}

/** Vitest counts an error that nobody catches as a failure of the run. */
function failOnWarnings(stderr: Readable): void {
  let told: string[] = [];
  const fail = (): never => {
    const lines = told;
    told = [];
    throw new Error(`Node warned on the standard error of the program:\n${lines.join('\n')}`);
  };
  createInterface({ input: stderr }).on('line', (line) => {
    const isOfTrace = told.length > 0 && /^\s+at /.test(line);
    if (!isOfTrace && !WARNING_OF_NODE.test(line)) return;
    // A warning is written as one piece: with the turn, all of its trace is read.
    if (told.length === 0) setImmediate(fail);
    told.push(line);
  });
}
