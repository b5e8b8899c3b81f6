import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { later } from './promises.js';

/** Calls to the kernel that are to fail. */
export interface BrokenCalls {
  /** By name, with commas between. */
  readonly calls: string;
  /** As in `EIO`. */
  readonly error: string;
  /** Files that they are about. */
  readonly paths: readonly string[];
}

/** Makes calls of a running process fail, in all its threads, until what this resolves to is called. */
export async function breakCalls(pid: number, { calls, error, paths }: BrokenCalls): Promise<() => Promise<void>> {
  const about = paths.flatMap((path) => ['-P', path]);
  const inject = ['-e', `trace=${calls}`, '-e', `inject=${calls}:error=${error}`];
  const args = ['-f', '-p', String(pid), ...about, ...inject, '-o', '/dev/null'];
  const strace = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = later(once(strace, 'exit'));
  // It says "Process … attached" when it is in place.
  await once(strace.stderr, 'data');
  strace.stderr.resume();
  return async () => {
    strace.kill('SIGINT');
    await ended;
  };
}
