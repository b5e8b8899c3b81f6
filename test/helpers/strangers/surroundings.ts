import { inForm } from '../fault-form.js';
import type { CloudProcess } from './cloud.js';
import type { Errand, FleetTally } from './fleet-tally.js';

/** What the devices of a site share. */
export interface Surroundings {
  /** Of the proxy's device side. */
  readonly port: number;
  readonly cloud: CloudProcess;
  readonly tally: FleetTally;
  /** Whether the cloud is away, or was a moment ago: nothing that needs it is to be expected then. */
  readonly isCloudAway: () => boolean;
}

/** A device, a caller, a listener: whoever goes on until it is stopped. */
export interface Actor {
  /** Resolves when all it sent is settled. */
  stop(): Promise<void>;
}

/** One that has no answer for so long gives up. Beside other tests on the same machine all takes longer. */
export const ANSWER_WITHIN_MS = inForm({ short: 45_000, long: 15_000 });

const NEEDS_NO_CLOUD: ReadonlySet<Errand> = new Set<Errand>(['state', 'log-in']);

/** Counts a refusal, but for one that the cloud's being away explains. */
export function countRefusal({ tally, isCloudAway }: Surroundings, errand: Errand, why: string): void {
  if (NEEDS_NO_CLOUD.has(errand) || !isCloudAway()) tally.refused(errand, why);
}
