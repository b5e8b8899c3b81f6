import { median } from './statistics.js';
import { ROLES, type Role, type RoleTimes } from './thread-roles.js';

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
  const usPerState = Object.fromEntries(
    ROLES.map((role) => {
      const per = (kind: 'userMs' | 'systemMs') =>
        median(runs.map((run) => (run.times[role][kind] * 1000) / run.states));
      return [role, { user: per('userMs'), system: per('systemMs') }];
    }),
  ) as CpuCost['usPerState'];
  return { scenario, usPerState, runs };
}

/** Microseconds of all threads for a state. */
export function totalUs({ states, times }: CpuRun): number {
  return ROLES.reduce((sum, role) => sum + times[role].userMs + times[role].systemMs, 0) * (1000 / states);
}
