import { together } from '../account.js';
import { Child } from '../processes/child.js';
import { versionLineOf } from '../subjects/installed-server.js';
import type { Load, LoadRun } from './load-process.js';
import type { LoadResult, Target } from './load-result.js';
import { runWrk } from './wrk.js';

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
