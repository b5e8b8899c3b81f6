import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { arch, cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { pickUws } from '../../src/front/uws.js';
import { INSTALLED, versionLineOf } from '../subjects/installed-server.js';

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

/** What the proxy runs on, which decides how fast it is. */
export interface Pair {
  /** Such as `Node 24`, with more of the version where it is known. */
  readonly node: string;
  /** Package and version. */
  readonly uWebSockets: string;
}

/** Of every program whose speed shows in the figures, as it says it itself; null where it is not installed. */
export function versionsIn(): Record<string, string | null> {
  const programs = [...Object.values(INSTALLED), { command: 'wrk', versionArgument: '-v' }];
  return {
    node: process.version,
    uWebSockets: pickUws().name,
    ...Object.fromEntries(programs.map((of) => [of.command, versionLineOf(of.command, of.versionArgument) ?? null])),
  };
}

/** Which pair the figures come from, and whether it is the one that ships in the image. */
export function pairLine(running: Pair, shipped: Pair): string {
  const pair = `${running.node} with ${running.uWebSockets}`;
  const isShipped = `${running.node}.`.startsWith(`${shipped.node}.`) && running.uWebSockets === shipped.uWebSockets;
  return isShipped ? `${pair}, as in the image` : `${pair}; the image has ${shipped.node} with ${shipped.uWebSockets}`;
}

/** The pair that runs here. */
export function runningPair(): Pair {
  return { node: `Node ${process.versions.node}`, uWebSockets: pickUws().name };
}

/** The pair of the image, as its Dockerfile and package.json have it. */
export function shippedPair(root: string): Pair {
  const major = /^FROM node:(\d+)/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8'))?.[1] ?? 'of no version';
  const text = readFileSync(join(root, 'package.json'), 'utf8');
  const manifest = JSON.parse(text) as { optionalDependencies: { 'uws-current': string } };
  return { node: `Node ${major}`, uWebSockets: manifest.optionalDependencies['uws-current'].replace(/^npm:/, '') };
}
