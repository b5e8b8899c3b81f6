import { readFileSync } from 'node:fs';
import { type CpuTime, threadTimes } from './proc.js';
import { median } from './recorder.js';

/** What a thread of the proxy is for. `pool` is libuv's: commits of LMDB with their fdatasync, and files. */
export const ROLES = ['main', 'front', 'worker', 'sender', 'pool', 'v8'] as const;
export type Role = (typeof ROLES)[number];

/** Processor time by role. */
export type RoleTimes = Readonly<Record<Role, CpuTime>>;

/** What one run cost the proxy, from its first request until the cloud had taken all of it. */
export interface CpuRun {
  readonly states: number;
  readonly times: RoleTimes;
}

/** Microseconds of processor a state, by what the thread is for. */
export interface CpuCost {
  readonly scenario: string;
  readonly usPerState: Readonly<Record<Role, { readonly user: number; readonly system: number }>>;
  readonly runs: readonly CpuRun[];
}

/** The medians over the runs of a scenario. */
export function cpuCost(scenario: string, runs: readonly CpuRun[]): CpuCost {
  const usPerState = byRole((role) => {
    const per = (kind: keyof CpuTime) => median(runs.map(({ times, states }) => (times[role][kind] * 1000) / states));
    return { user: per('userMs'), system: per('systemMs') };
  });
  return { scenario, usPerState, runs };
}

/** Microseconds of all threads for a state. */
export function totalUs({ states, times }: CpuRun): number {
  return ROLES.reduce((sum, role) => sum + times[role].userMs + times[role].systemMs, 0) * (1000 / states);
}

/** Processor time of the proxy so far, by what its threads are for (`subjects/thread-notes.cts`). */
export function roleTimes(pid: number, threadsFile: string): RoleTimes {
  const roles = rolesIn(readFileSync(threadsFile, 'latin1'));
  const sums = byRole(() => ({ userMs: 0, systemMs: 0 }));
  for (const [tid, { userMs, systemMs }] of threadTimes(pid)) {
    const sum = sums[roles.get(tid) ?? 'pool'];
    sum.userMs += userMs;
    sum.systemMs += systemMs;
  }
  return sums;
}

/** Roles by thread id; a thread that is not noted is one of libuv's pool. */
export function rolesIn(notes: string): Map<number, Role> {
  const lines = notes.trim().split('\n');
  return new Map(lines.map((line) => [Number(line.split(' ')[1]), line.split(' ')[0] as Role]));
}

/** What was used between two looks. */
export function timesBetween(before: RoleTimes, after: RoleTimes): RoleTimes {
  return byRole((role) => ({
    userMs: after[role].userMs - before[role].userMs,
    systemMs: after[role].systemMs - before[role].systemMs,
  }));
}

function byRole<T>(of: (role: Role) => T): Record<Role, T> {
  return Object.fromEntries(ROLES.map((role) => [role, of(role)])) as Record<Role, T>;
}
