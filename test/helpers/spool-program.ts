import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { MAIN_FILE } from './program.js';

const run = promisify(execFile);

/** How a command ended, and all it said. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built `stateway spool ...` in a process of its own. */
export async function spool(...args: string[]): Promise<Outcome> {
  const env = { PATH: process.env.PATH };
  return run(process.execPath, [MAIN_FILE, 'spool', ...args], { env }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: Outcome) => ({ code, stdout, stderr }),
  );
}

/** What a command printed or wrote as lines of JSON. */
export function linesOf(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
