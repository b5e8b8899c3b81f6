import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { endWithUs } from '../processes/programs.js';
import type { ClosedHttpLoad } from './http-load.js';
import type { LoadResult, Target } from './load-result.js';
import { fewestStates, requestLines, statesAfter } from './request-plan.js';

/** The script stands beside its source: the compiler leaves it there. */
const SCRIPT_FILE = fileURLToPath(new URL('../../../bench/loads/wrk.lua', import.meta.url));
const RESULT = /^RESULT (\{.*\})$/m;

/** What the script says at the end. */
interface WrkResult extends Pick<LoadResult, 'refused' | 'unanswered' | 'figures'> {
  readonly answered: number;
  /** Requests that were made, in the plan's order, those under way at the end included. */
  readonly made: number;
}

/** What was last written for it to read: while it runs, the disk is the proxy's. */
let written = '';

/** Runs `wrk` with one thread. It knows which requests were sent, but not whose were answered. */
export async function runWrk(load: ClosedHttpLoad, { port, seconds }: Target, directory: string): Promise<LoadResult> {
  const file = join(directory, 'requests');
  const lines = requestLines(load);
  if (lines !== written) writeFileSync(file, lines);
  written = lines;
  const options = ['-t1', `-c${load.connections}`, `-d${seconds}s`, '-s', SCRIPT_FILE, `http://127.0.0.1:${port}`];
  const running = promisify(execFile)('wrk', [...options, '--', file]);
  endWithUs(running.child);
  const { stdout } = await running;
  const said = RESULT.exec(stdout)?.[1];
  if (said === undefined) throw new Error(`wrk has no result: ${stdout}`);
  const { answered, made, ...result } = JSON.parse(said) as WrkResult;
  const sent = statesAfter(load, made);
  return { ...result, acknowledged: undefined, acknowledgedTotal: answered * fewestStates(load), sent, doubts: [] };
}
