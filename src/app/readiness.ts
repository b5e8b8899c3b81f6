import type { Readiness } from '../admin/admin-sources.js';
import type { Shortage } from './stored-then-forwarded.js';

/** Why the proxy takes no states at the moment, where it does not. */
export type Phase = 'starting' | 'accepting states' | 'draining';

/** What decides whether devices should be sent here. */
export interface ReadinessFacts {
  readonly phase: Phase;
  readonly diskFault: { readonly words: string } | undefined;
  /** For want of what new states are refused. */
  readonly shortage: Shortage | undefined;
  readonly areNewDevicesRefused: boolean;
  /** Whether anything listens for devices, once states are accepted. */
  readonly isServing: boolean;
}

/** Whether devices should be sent here, and why not. */
export function readinessOf(facts: ReadinessFacts): Readiness {
  const { phase, diskFault, shortage, areNewDevicesRefused, isServing } = facts;
  const unready = (reason: string, isOnlyFull: boolean) => ({ ready: false, reason, isOnlyFull });
  if (phase !== 'accepting states') return unready(phase, false);
  if (!isServing) return unready('no front thread', false);
  if (diskFault !== undefined) return unready(`disk failing: ${diskFault.words}`, false);
  if (shortage !== undefined) return unready(`${shortage} full`, true);
  // Those that are known are served; in Kubernetes they would lose their proxy by the others.
  const reason = areNewDevicesRefused ? 'accepting states, but no new devices' : phase;
  return { ready: true, reason, isOnlyFull: false };
}
