import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { getHeapStatistics } from 'node:v8';
import type { Worker } from 'node:worker_threads';
import { oldBytes } from '../../core/machine/heap-watch.js';

/** What this process may take. */
export interface MemoryLimits {
  /** Of all its memory; beyond it the kernel ends the process. */
  readonly bytes: number;
  /** Where that is from: the control group of a container or service, or what the machine has. */
  readonly source: 'container' | 'machine';
  /** Of V8's heap, young objects included, which Node derives from both unless `--max-old-space-size` says otherwise. */
  readonly heapBytes: number;
}

/** One kind of control groups: how its line in `/proc/self/cgroup` and its mount are known, and the file with the limit. */
interface Hierarchy {
  readonly isLine: (id: string, controllers: readonly string[]) => boolean;
  readonly isMount: (type: string, options: readonly string[]) => boolean;
  readonly limitFile: string;
}

/** cgroups(7). A machine with both has the memory controller in one of them. */
const HIERARCHIES: readonly Hierarchy[] = [
  {
    isLine: (id) => id === '0',
    isMount: (type) => type === 'cgroup2',
    limitFile: 'memory.max',
  },
  {
    isLine: (_id, controllers) => controllers.includes('memory'),
    isMount: (type, options) => type === 'cgroup' && options.includes('memory'),
    limitFile: 'memory.limit_in_bytes',
  },
];

/** @param read the text of a file; undefined where there is none that can be read */
export function readMemoryLimits(read = readText, machineBytes = totalmem()): MemoryLimits {
  const heapBytes = getHeapStatistics().heap_size_limit;
  const limits = HIERARCHIES.flatMap((hierarchy) => limitsOf(hierarchy, read));
  const containerBytes = Math.min(Number.POSITIVE_INFINITY, ...limits);
  return containerBytes < machineBytes
    ? { bytes: containerBytes, source: 'container', heapBytes }
    : { bytes: machineBytes, source: 'machine', heapBytes };
}

/**
 * Tells what of V8's heap objects may take that live: beyond it V8 ends the process. Node says it of threads alone, and all have the
 * same; so it is told when the next thread that is started is up.
 */
export function onOldHeapBytes(tell: (bytes: number) => void): void {
  process.once('worker', (worker: Worker) =>
    worker.once('online', () => tell(oldBytes(undefined, worker.resourceLimits))),
  );
}

/** The limits of the group of this process and of all above it that it can see: each holds for all below. */
function limitsOf({ isLine, isMount, limitFile }: Hierarchy, read: typeof readText): number[] {
  const path = lines(read('/proc/self/cgroup'))
    .map((line) => line.split(':'))
    .find(([id = '', controllers = '']) => isLine(id, controllers.split(',')))
    ?.slice(2)
    .join(':');
  const mount = lines(read('/proc/self/mountinfo'))
    .map(mountOf)
    .find(({ type, options }) => isMount(type, options));
  if (path === undefined || mount === undefined) return [];
  const limits: number[] = [];
  for (let folder = within(mount, path); folder.startsWith(mount.point); folder = dirname(folder)) {
    // "max" is none.
    const bytes = Number.parseInt(read(join(folder, limitFile)) ?? '', 10);
    if (bytes > 0) limits.push(bytes);
    if (folder === mount.point) break;
  }
  return limits;
}

interface Mount {
  /** The group that stands at the mount point; of a container without a namespace of its own that is its own. */
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** proc(5), `mountinfo`: root and mount point are the fourth and fifth field, type and options stand behind a hyphen. */
function mountOf(line: string): Mount {
  const [before = '', after = ''] = line.split(' - ');
  const [, , , root = '', point = ''] = before.split(' ');
  const [type = '', , options = ''] = after.split(' ');
  return { root, point, type, options: options.split(',') };
}

/** The folder of a group; the mount point where it is not below that. */
function within({ root, point }: Mount, path: string): string {
  const below =
    root === '/' || path === root || path.startsWith(`${root}/`) ? path.slice(root === '/' ? 0 : root.length) : '';
  return below.includes('..') ? point : join(point, below).replace(/\/$/, '');
}

function lines(text: string | undefined): string[] {
  return text === undefined ? [] : text.split('\n').filter((line) => line !== '');
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return undefined;
  }
}
