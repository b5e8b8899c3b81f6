import { readdirSync, readFileSync } from 'node:fs';

/** Processor time used so far. */
export interface CpuTime {
  readonly userMs: number;
  readonly systemMs: number;
}

/** Memory of processes, as the kernel counts it. */
export interface Memory {
  readonly residentBytes: number;
  /** The part of it that is pages of files, which the kernel takes back when it needs them. */
  readonly filePageBytes: number;
}

/** The kernel counts in hundredths of a second wherever Linux shows them to programs (USER_HZ). */
const MS_PER_TICK = 10;

/** Processor time of each thread of a process, by thread id. Threads that have ended are not there. */
export function threadTimes(pid: number): Map<number, CpuTime> {
  const threads = readdirSync(`/proc/${pid}/task`);
  return new Map(threads.map((thread) => [Number(thread), timeIn(`/proc/${pid}/task/${thread}/stat`)]));
}

/** Processor time of whole processes so far, user and system, ended threads included; of one that is gone none. */
export function totalMs(pids: readonly number[]): number {
  const times = pids.map((pid) => timeIn(`/proc/${pid}/stat`));
  return times.reduce((sum, { userMs, systemMs }) => sum + userMs + systemMs, 0);
}

function timeIn(file: string): CpuTime {
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch {
    return { userMs: 0, systemMs: 0 };
  }
  // The name, in parentheses, may hold blanks; the fields after it are counted from 3 (proc(5)).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { userMs: Number(fields[11]) * MS_PER_TICK, systemMs: Number(fields[12]) * MS_PER_TICK };
}

/** Memory of processes together. */
export function memoryOf(pids: readonly number[]): Memory {
  const status = pids.map((pid) => readFileSync(`/proc/${pid}/status`, 'latin1'));
  const bytes = (name: string) => status.reduce((sum, text) => sum + kibibytes(text, name) * 1024, 0);
  return { residentBytes: bytes('VmRSS'), filePageBytes: bytes('RssFile') };
}

function kibibytes(text: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text);
  if (match === null) throw new Error(`no ${name} in /proc`);
  return Number(match[1]);
}

/** Direct children of a process. */
export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter(Boolean).map(Number);
}
