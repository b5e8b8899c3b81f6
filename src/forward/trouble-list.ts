import { Device } from '../core/device.js';
import type { Trouble, TroubleCause, TroubledDevice } from '../core/device-report.js';
import type { OutOfWindow } from '../core/time/cloud-window.js';
import type { WrongClock } from '../core/time/device-clocks.js';
import type { Lane } from './lane/lane.js';
import type { LaneTrouble } from './lane/lane-faults.js';
import type { LastSeen } from './lane/last-seen.js';
import type { Refusals } from './lane/refusals.js';
import type { HeldSummary } from './send/held-apart.js';

/** Devices that are named at most; of the rest there is a count. */
export const MAX_LISTED = 100;

/** A device may show another token within this time, or the cloud fail for a moment. */
const NOTHING_FOR_MS = 10_000;

const WRONG_CLOCK_REASONS: Readonly<Record<OutOfWindow, string>> = {
  forward: 'its states have times over 30 days past or over a day ahead, and the cloud ignores such states',
  arrival: 'its states have times over 30 days past or over a day ahead, and are sent with that of their arrival',
  refuse: 'its states have times over 30 days past or over a day ahead, and are refused for that',
};

const HOLDING: ReadonlySet<Trouble> = new Set(['parked', 'failing', 'refused']);

/** What is told of a device beside itself; times are wall-clock milliseconds. */
type Told = Omit<TroubledDevice, 'device' | 'trouble'> & {
  /** What of the reason may be others' as well. */
  readonly cause: string;
};

/** The devices in trouble of one report: counts all, keeps the first of each kind, and groups them by why. */
export class TroubleList {
  readonly counts: Record<Trouble, number> = {
    wrong_clock: 0,
    parked: 0,
    throttled: 0,
    failing: 0,
    refused: 0,
    silent: 0,
  };
  /** Devices in no trouble that deliver. */
  delivering = 0;
  /** Whether one in trouble delivers all the same. */
  #isOneDelivering = false;
  /** Wall-clock milliseconds since when the first of those is held that nothing but work or a better answer helps. */
  #heldSinceMs = Number.POSITIVE_INFINITY;
  readonly #kept: Record<Trouble, TroubledDevice[]> = {
    wrong_clock: [],
    parked: [],
    throttled: [],
    failing: [],
    refused: [],
    silent: [],
  };
  readonly #causes = new TroubleCauses();
  readonly #nowMs: number;
  readonly #nowWallMs: number;

  /** @param nowMs monotonic, as `nowWallMs` is by the wall clock */
  constructor(nowMs: number, nowWallMs: number) {
    this.#nowMs = nowMs;
    this.#nowWallMs = nowWallMs;
  }

  addWrongClock({ device, states, lastTimeMs, sinceMs }: WrongClock, outOfWindow: OutOfWindow, waiting: number): void {
    const reason = WRONG_CLOCK_REASONS[outOfWindow];
    this.#add('wrong_clock', () => device, {
      reason,
      cause: reason,
      sinceMs: this.#wallMs(sinceMs),
      nextTryMs: undefined,
      waitingStates: waiting,
      wrongClock: { lastTimeMs, states },
    });
  }

  addLane(lane: Lane, { kind, reason, sinceMs }: LaneTrouble): void {
    this.#add(kind, () => lane.device, {
      reason,
      cause: reason,
      sinceMs: this.#wallMs(sinceMs),
      nextTryMs: this.#nextTryMs(lane.holdUntilMs),
      waitingStates: lane.waitingStates,
    });
  }

  addRefused(deviceKey: string, { reason, sinceMs, inARow }: Refusals, waitingStates: number): void {
    // It falls behind, and yet some of its states are taken.
    if (inARow === 0) this.#isOneDelivering = true;
    const which = inARow > 1 ? `its states, the last ${inARow} without exception` : 'many of its states';
    this.#add('refused', () => Device.fromKey(deviceKey), {
      reason: `the cloud refuses ${which}: ${reason}`,
      cause: reason,
      sinceMs: this.#wallMs(sinceMs),
      nextTryMs: undefined,
      waitingStates,
    });
  }

  /** @param hasDelivered whether the cloud has taken others of its states */
  addHeld(
    { device, states, reason, sinceMs, nextTryMs }: HeldSummary,
    waitingStates: number,
    hasDelivered = false,
  ): void {
    if (hasDelivered) this.#isOneDelivering = true;
    this.#add('failing', () => device, {
      reason: `${states === 1 ? 'one of its states is' : `${states} of its states are`} ${reason}`,
      cause: reason,
      sinceMs: this.#wallMs(sinceMs),
      nextTryMs: this.#nextTryMs(nextTryMs),
      waitingStates,
    });
  }

  addSilent(deviceKey: string, lastSeen: LastSeen, waitingStates: number): void {
    const reason = 'nothing has come from it for longer than it used to pause';
    this.#add('silent', () => Device.fromKey(deviceKey), {
      reason,
      cause: reason,
      sinceMs: this.#wallMs(lastSeen.lastMs),
      nextTryMs: undefined,
      waitingStates,
    });
  }

  listed(): TroubledDevice[] {
    return Object.values(this.#kept).flat().slice(0, MAX_LISTED);
  }

  causes(): TroubleCause[] {
    return this.#causes.listed();
  }

  /** As in a {@link DeviceReport}, where the cloud is there. What is throttled goes on by itself, and soon. */
  deliversNothing(): boolean {
    if (this.#nowWallMs - this.#heldSinceMs < NOTHING_FOR_MS) return false;
    return this.delivering + this.counts.silent === 0 && !this.#isOneDelivering;
  }

  #add(trouble: Trouble, device: () => Device, { cause, ...told }: Told): void {
    this.#causes.add(trouble, cause, told.waitingStates, told.sinceMs);
    if (HOLDING.has(trouble)) this.#heldSinceMs = Math.min(this.#heldSinceMs, told.sinceMs);
    if (++this.counts[trouble] <= MAX_LISTED) this.#kept[trouble].push({ device: device(), trouble, ...told });
  }

  /** What is over and has not been followed by a try waits for the cloud, or for its turn. */
  #nextTryMs(holdUntilMs: number): number | undefined {
    return holdUntilMs > this.#nowMs && Number.isFinite(holdUntilMs) ? this.#wallMs(holdUntilMs) : undefined;
  }

  #wallMs(monotonicMs: number): number {
    return Math.round(this.#nowWallMs + monotonicMs - this.#nowMs);
  }
}

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
