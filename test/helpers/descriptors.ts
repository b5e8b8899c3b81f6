import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { whileThere } from './while-there.js';

/** Numbers of what a process has open at the moment (proc(5), "/proc/pid/fd"); none when it has ended. */
export function descriptorsOf(pid: number): number[] {
  return (whileThere(() => readdirSync(`/proc/${pid}/fd`)) ?? []).map(Number);
}

/** What a descriptor stands for; nothing when it was closed since it was listed. */
export function fileOf(pid: number, descriptor: number): string {
  return whileThere(() => readlinkSync(`/proc/${pid}/fd/${descriptor}`)) ?? '';
}

/** The flags that it was opened with; 0 when it was closed since it was listed. */
export function flagsOf(pid: number, descriptor: number): number {
  const info = whileThere(() => readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, 'utf8')) ?? '';
  return Number.parseInt(/^flags:\s+([0-7]+)$/m.exec(info)?.[1] ?? '0', 8);
}
