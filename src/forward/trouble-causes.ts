import type { Trouble, TroubleCause } from '../core/device-report.js';

/** Causes that are told apart; devices with a further one are only counted by their trouble. */
const MOST_CAUSES = 100;
/** Causes that are told at most. */
export const MAX_CAUSES_LISTED = 20;

type Growing = { -readonly [Field in keyof TroubleCause]: TroubleCause[Field] };

/** Groups devices in trouble by why, so that what ails a thousand of them is told once. */
export class TroubleCauses {
  readonly #causes = new Map<string, Growing>();
  /** By trouble and the reason as it is: as a rule it is the same for all, and need not be looked through again. */
  readonly #byReason: Partial<Record<Trouble, Map<string, Growing>>> = {};

  /** @param sinceMs wall-clock milliseconds */
  add(trouble: Trouble, reason: string, waitingStates: number, sinceMs: number): void {
    const cause = this.#byReason[trouble]?.get(reason) ?? this.#find(trouble, reason);
    if (cause === undefined) return;
    cause.devices++;
    cause.waitingStates += waitingStates;
    cause.sinceMs = Math.min(cause.sinceMs, sinceMs);
  }

  listed(): TroubleCause[] {
    const all = [...this.#causes.values()];
    return all.sort((a, b) => b.devices - a.devices).slice(0, MAX_CAUSES_LISTED);
  }

  #find(trouble: Trouble, reason: string): Growing | undefined {
    const key = `${trouble} ${kindOf(reason)}`;
    let cause = this.#causes.get(key);
    if (cause === undefined && this.#causes.size < MOST_CAUSES) {
      cause = { trouble, reason, devices: 0, waitingStates: 0, sinceMs: Number.POSITIVE_INFINITY };
      this.#causes.set(key, cause);
      this.#byReason[trouble] ??= new Map();
      this.#byReason[trouble].set(reason, cause);
    }
    return cause;
  }
}

/** Reasons that differ in ids or numbers alone, as by the value that offends, are one; the status of an answer counts. */
function kindOf(reason: string): string {
  return reason.replace(/\b[0-9a-f]{24}\b/gi, '0').replace(/\d+(?![\d)])/g, '0');
}
