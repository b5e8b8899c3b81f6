import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { AtEnd } from './fault-site.js';

/** The files of a control group of either version (cgroups(7)). */
const VERSIONS = [
  { root: '/sys/fs/cgroup/memory', limit: 'memory.limit_in_bytes', peak: 'memory.max_usage_in_bytes' },
  { root: '/sys/fs/cgroup', limit: 'memory.max', peak: 'memory.peak' },
];

/** A control group with a limit of memory, as a container has one. */
export interface MemoryGroup {
  /** A command that runs the one that follows it in the group. */
  readonly under: readonly string[];
  /** The most that was ever taken in it, pages of files included. */
  peakBytes(): number;
}

/** Makes one; undefined where this process may not. It is gone when the test is over. */
export function memoryGroup(atEnd: AtEnd, limitBytes: number): MemoryGroup | undefined {
  for (const { root, limit, peak } of VERSIONS) {
    if (!existsSync(`${root}/cgroup.procs`)) continue;
    const directory = `${root}/stateway-test-${process.pid}`;
    try {
      mkdirSync(directory);
    } catch {
      continue;
    }
    atEnd(() => remove(directory));
    try {
      writeFileSync(`${directory}/${limit}`, String(limitBytes));
    } catch {
      continue;
    }
    return {
      under: ['sh', '-c', `echo $$ > ${directory}/cgroup.procs && exec "$@"`, 'sh'],
      peakBytes: () => Number(readFileSync(`${directory}/${peak}`, 'utf8')),
    };
  }
  return undefined;
}

/** Its last process may be on its way out. */
async function remove(directory: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      rmdirSync(directory);
      return;
    } catch {
      await pause(50);
    }
  }
}
