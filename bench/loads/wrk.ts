import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ShareWatch } from '../measure/share-watch.js';
import { endWithUs } from '../processes/ended-with-us.js';
import type { ClosedLoad, ClosedResult } from './closed-load.js';
import { type RequestPlan, requestLines } from './request-plan.js';

/** The script stands beside its source: the compiler leaves it there. */
const SCRIPT_FILE = fileURLToPath(new URL('../../../bench/loads/wrk.lua', import.meta.url));
const RESULT = /^RESULT (\{.*\})$/m;

interface WrkResult {
  readonly durationUs: number;
  readonly answers: number;
  readonly badAnswers: number;
  readonly made: number;
  readonly socketErrors: number;
  readonly timeouts: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Requests of plans written so far, by the plan they are of. */
const requestFiles = new WeakMap<RequestPlan, string>();
let filesWritten = 0;

/** Runs `wrk` with one thread. */
export async function runWrk(
  { port, connections, seconds, plan }: ClosedLoad,
  directory: string,
): Promise<ClosedResult> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', SCRIPT_FILE, `http://127.0.0.1:${port}`];
  const wrk = spawn('wrk', [...args, '--', requestFile(plan, directory)], { stdio: ['ignore', 'pipe', 'inherit'] });
  endWithUs(wrk);
  const watch = new ShareWatch(wrk.pid as number);
  let output = '';
  wrk.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const [code] = await once(wrk, 'close');
  const generatorShare = watch.stop();
  const match = RESULT.exec(output);
  if (match === null) throw new Error(`wrk ended with ${code}: ${output}`);
  const result = JSON.parse(match[1] as string) as WrkResult;
  return {
    seconds: result.durationUs / 1e6,
    answered: result.answers - result.badAnswers,
    refused: result.badAnswers,
    failures: result.socketErrors + result.timeouts,
    made: result.made,
    p50Ms: result.p50Us / 1000,
    p99Ms: result.p99Us / 1000,
    generatorShare,
  };
}

function requestFile(plan: RequestPlan, directory: string): string {
  const known = requestFiles.get(plan);
  if (known !== undefined) return known;
  const file = join(directory, `requests-${filesWritten++}`);
  writeFileSync(file, requestLines(plan));
  requestFiles.set(plan, file);
  return file;
}
