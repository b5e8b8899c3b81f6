import { readFileSync } from 'node:fs';
import type { RunningProxy } from './running-proxy.js';

/** Port of the device side. */
export function portOf(proxy: RunningProxy): number {
  return Number(new URL(proxy.url).port);
}

/** Memory of a running process, as the kernel counts it. */
export interface ProcessMemory {
  readonly residentBytes: number;
  /** The part of it that is pages of files, which the kernel takes back when it needs them. */
  readonly filePageBytes: number;
  /** The most that was ever resident. */
  readonly peakBytes: number;
}

export function memoryOf(proxy: RunningProxy): ProcessMemory {
  const text = readFileSync(`/proc/${proxy.process.pid}/status`, 'utf8');
  return {
    residentBytes: kibibytes(text, 'VmRSS'),
    filePageBytes: kibibytes(text, 'RssFile'),
    peakBytes: kibibytes(text, 'VmHWM'),
  };
}

function kibibytes(text: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text);
  if (match === null) throw new Error(`no ${name} in /proc`);
  return Number(match[1]) * 1024;
}
