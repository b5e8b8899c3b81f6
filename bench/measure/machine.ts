import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { arch, cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';

/** What the figures were measured on. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  /** Of the proxy's data. */
  readonly fileSystem: string;
}

export function describeMachine(directory: string): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryBytes: totalmem(),
    kernel: `${type()} ${release()} ${arch()}`,
    fileSystem: fileSystemOf(directory),
  };
}

/** File systems that keep everything in memory, where a sync costs nothing. */
const IN_MEMORY = new Set(['tmpfs', 'ramfs', 'devtmpfs']);

/** @throws Error when what is written there is in memory only: figures of durable answers would be worth nothing */
export function assertRealDisk(directory: string): void {
  const fileSystem = fileSystemOf(directory);
  if (IN_MEMORY.has(fileSystem)) throw new Error(`${directory} is on ${fileSystem}, which is no disk`);
}

/** The type of the file system that a directory is on, such as `ext4`. */
export function fileSystemOf(directory: string): string {
  const table = execFileSync('df', ['--output=fstype', directory], { encoding: 'utf8' });
  return table.trim().split('\n').at(-1) as string;
}

/**
 * Runs something with a directory of its own under `bench/data`, which goes when it ends.
 * @param root of the project
 * @throws Error when it is on no real disk
 */
export async function withRunDirectory<T>(root: string, run: (directory: string) => Promise<T>): Promise<T> {
  mkdirSync(join(root, 'bench', 'data'), { recursive: true });
  const directory = mkdtempSync(join(root, 'bench', 'data', 'run-'));
  try {
    assertRealDisk(directory);
    return await run(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
