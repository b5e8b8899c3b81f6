import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Status } from '../../src/admin/status-page/status-shape.js';
import type { RunningProxy } from './running-proxy.js';

const MIB = 1024 * 1024;

/** From now on {@link peakResidentBytes} of a process counts from what it holds now (proc(5), `clear_refs`). */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** The most memory a process has held. */
export function peakResidentBytes(pid: number): number {
  return bytesOf(pid, 'VmHWM');
}

/**
 * The memory of a proxy that has nothing to do yet: it has greeted its cloud, for which a thread loads what it works with.
 * That cloud must answer.
 */
export async function startedBytes({ adminUrl, process }: RunningProxy): Promise<number> {
  for (;;) {
    const { cloud } = (await (await fetch(`${adminUrl}/status`)).json()) as Status;
    if (cloud.since !== null) return residentBytes(process.pid as number);
    await pause(10);
  }
}

/** The memory a process holds. */
export function residentBytes(pid: number): number {
  return bytesOf(pid, 'VmRSS');
}

export function inMiB(bytes: number): number {
  return Math.round(bytes / MIB);
}

function bytesOf(pid: number, field: string): number {
  const [, kib] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1024;
}
