import { readFileSync } from 'node:fs';
import { type CpuTime, threadTimes } from './proc.js';

/** What a thread of the proxy is for. `pool` is libuv's: commits of LMDB with their fdatasync, and files. */
export const ROLES = ['main', 'worker', 'sender', 'pool', 'v8'] as const;
export type Role = (typeof ROLES)[number];

/** Processor time by role. */
export type RoleTimes = Readonly<Record<Role, CpuTime>>;

/** Processor time of the proxy so far, by what its threads are for (`subjects/thread-notes.cts`). */
export function roleTimes(pid: number, threadsFile: string): RoleTimes {
  const roles = rolesIn(readFileSync(threadsFile, 'latin1'));
  const sums = zeroTimes();
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
  const between = zeroTimes();
  for (const role of ROLES) {
    between[role].userMs = after[role].userMs - before[role].userMs;
    between[role].systemMs = after[role].systemMs - before[role].systemMs;
  }
  return between;
}

function zeroTimes(): Record<Role, { userMs: number; systemMs: number }> {
  const zero = () => ({ userMs: 0, systemMs: 0 });
  return { main: zero(), worker: zero(), sender: zero(), pool: zero(), v8: zero() };
}
