import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { together } from '../account.js';
import { Child } from '../processes/child.js';
import { endWithUs } from '../processes/programs.js';
import { versionLineOf } from '../subjects/installed-server.js';
import type { ClosedHttpLoad } from './http-load.js';
import type { Load, LoadRun } from './load-process.js';
import type { LoadResult, Target } from './load-result.js';
import { fewestStates, requestLines, statesAfter } from './request-plan.js';

/** Whether there is the better generator for HTTP as fast as it goes. */
export const HAS_WRK = versionLineOf('wrk') !== undefined;

const SCRIPT = new URL('./load-process.js', import.meta.url);

/**
 * Puts loads on a server at once, each from a process of its own.
 * @param directory for what a generator reads
 * @returns what came of them together; a figure that several have is the last one's
 */
export async function runLoads(loads: readonly Load[], target: Target, directory: string): Promise<LoadResult> {
  const results = await Promise.all(loads.map((load) => runLoad(load, target, directory)));
  const sum = (name: 'refused' | 'unanswered') => results.reduce((total, result) => total + result[name], 0);
  return {
    ...together(...results),
    refused: sum('refused'),
    unanswered: sum('unanswered'),
    figures: Object.assign({}, ...results.map(({ figures }) => figures)),
    doubts: results.flatMap(({ doubts }) => doubts),
  };
}

function runLoad(load: Load, target: Target, directory: string): Promise<LoadResult> {
  if (HAS_WRK && load.kind === 'http' && load.perSecond === undefined) return runWrk(load, target, directory);
  return Child.run(SCRIPT, 'the load', { load, target } satisfies LoadRun);
}

/** The script stands beside its source: the compiler leaves it there. */
const WRK_SCRIPT_FILE = fileURLToPath(new URL('../../../bench/loads/wrk.lua', import.meta.url));
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
async function runWrk(load: ClosedHttpLoad, { port, seconds }: Target, directory: string): Promise<LoadResult> {
  const file = join(directory, 'requests');
  const lines = requestLines(load);
  if (lines !== written) writeFileSync(file, lines);
  written = lines;
  const options = ['-t1', `-c${load.connections}`, `-d${seconds}s`, '-s', WRK_SCRIPT_FILE, `http://127.0.0.1:${port}`];
  const running = promisify(execFile)('wrk', [...options, '--', file]);
  endWithUs(running.child);
  const { stdout } = await running;
  const said = RESULT.exec(stdout)?.[1];
  if (said === undefined) throw new Error(`wrk has no result: ${stdout}`);
  const { answered, made, ...result } = JSON.parse(said) as WrkResult;
  const sent = statesAfter(load, made);
  return { ...result, acknowledged: undefined, acknowledgedTotal: answered * fewestStates(load), sent, doubts: [] };
}
