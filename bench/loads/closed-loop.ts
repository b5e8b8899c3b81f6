import { spawnSync } from 'node:child_process';
import { runAutocannon } from './autocannon.js';
import type { ClosedLoad, ClosedResult } from './closed-load.js';
import { runWrk } from './wrk.js';

export type ClosedTool = 'wrk' | 'autocannon';

/** The better of the generators that are installed. */
export function closedTool(): ClosedTool {
  return wrkVersion() === undefined ? 'autocannon' : 'wrk';
}

/** Such as `wrk 4.1.0`; undefined where it is not installed. */
export function wrkVersion(): string | undefined {
  const { error, stdout } = spawnSync('wrk', ['-v'], { encoding: 'utf8' });
  return error === undefined ? /^wrk \S+/.exec(stdout)?.[0] : undefined;
}

/** @param directory for what the generator reads */
export function runClosed(tool: ClosedTool, load: ClosedLoad, directory: string): Promise<ClosedResult> {
  return tool === 'wrk' ? runWrk(load, directory) : runAutocannon(load);
}
