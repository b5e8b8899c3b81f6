import { readdirSync, readFileSync } from 'node:fs';

/** Processor time used so far. */
export interface CpuTime {
  readonly userMs: number;
  readonly systemMs: number;
}

/** The kernel counts in hundredths of a second wherever Linux shows them to programs (USER_HZ). */
const MS_PER_TICK = 10;

/** Processor time of each thread of a process, by thread id. Threads that have ended are not there. */
export function threadTimes(pid: number): Map<number, CpuTime> {
  const times = new Map<number, CpuTime>();
  for (const name of readdirSync(`/proc/${pid}/task`)) {
    const time = timeIn(`/proc/${pid}/task/${name}/stat`);
    if (time !== undefined) times.set(Number(name), time);
  }
  return times;
}

/** Processor time of a whole process, ended threads included; undefined when it is gone. */
export function processTime(pid: number): CpuTime | undefined {
  return timeIn(`/proc/${pid}/stat`);
}

/** Processor time of whole processes so far, user and system; of one that is gone none. */
export function totalMs(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const { userMs, systemMs } = processTime(pid) ?? { userMs: 0, systemMs: 0 };
    return sum + userMs + systemMs;
  }, 0);
}

function timeIn(file: string): CpuTime | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch {
    return undefined;
  }
  // The name, in parentheses, may hold blanks; the fields after it are counted from 3 (proc(5)).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { userMs: Number(fields[11]) * MS_PER_TICK, systemMs: Number(fields[12]) * MS_PER_TICK };
}

/** Memory of a process, as the kernel counts it. */
export interface Memory {
  readonly residentBytes: number;
  /** The part of it that is pages of files, which the kernel takes back when it needs them. */
  readonly filePageBytes: number;
}

export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1');
  return { residentBytes: kibibytes(text, 'VmRSS'), filePageBytes: kibibytes(text, 'RssFile') };
}

function kibibytes(text: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text);
  if (match === null) throw new Error(`no ${name} in /proc`);
  return Number(match[1]) * 1024;
}

/** Direct children of a process. */
export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter(Boolean).map(Number);
}
