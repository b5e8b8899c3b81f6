import { readFileSync } from 'node:fs';
import { arch, cpus, release, totalmem, type } from 'node:os';

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
  return fileSystemIn(readFileSync('/proc/self/mountinfo', 'utf8'), directory);
}

/** @param mountInfo as in proc(5); of two mounts in one place the later counts */
export function fileSystemIn(mountInfo: string, directory: string): string {
  let found = { mountPoint: '', fileSystem: 'unknown' };
  for (const line of mountInfo.trim().split('\n')) {
    const [mount = '', source = ''] = line.split(' - ');
    const mountPoint = mount.split(' ')[4] ?? '';
    const isAbove = mountPoint === '/' || directory === mountPoint || directory.startsWith(`${mountPoint}/`);
    if (!isAbove || mountPoint.length < found.mountPoint.length) continue;
    found = { mountPoint, fileSystem: source.split(' ')[0] ?? 'unknown' };
  }
  return found.fileSystem;
}
