import type { Lines } from '../loads/open-lines.js';
import type { Figures } from '../measure/metrics.js';
import { memoryOf } from '../measure/proc.js';
import { Child } from '../processes/child.js';
import type { Subject } from '../subjects/subject.js';

const SCRIPT = new URL('../loads/idle-process.js', import.meta.url);
export const MEGABYTE = 1_000_000;

/** Opens lines that say nothing, from a process of their own. */
export async function openIdle(lines: Omit<Lines, 'firstDevice'>): Promise<{ child: Child; openSeconds: number }> {
  const { child, ready } = await Child.start<number>(SCRIPT, 'the idle lines', { firstDevice: 0, ...lines });
  return { child, openSeconds: ready };
}

/** What a server holds in memory now. */
export function memoryFigures(subject: Pick<Subject, 'pids'>): Figures {
  const { residentBytes, filePageBytes } = memoryOf(subject.pids());
  return { 'resident memory': residentBytes / MEGABYTE, 'of it pages of files': filePageBytes / MEGABYTE };
}
