import { StatewayError } from '../core/errors.js';
import { isIgnored, type TimeRules } from '../core/time/cloud-window.js';
import type { IgnoredTimesOfSlot } from './batch-layout.js';
import { fragmentOf, singleBodyBytes } from './fragment.js';
import type { StateList } from './state-list.js';
import type { StateTime } from './time.js';
import { beginAboutPart, type DeviceState } from './validate.js';

/** Under this name the `meta` of a state holds the time that its device gave it, where the proxy has given it another. */
export const DEVICE_TIME = 'deviceTime';

/** Any of 13 digits. */
const USUAL_TIME_MS = 1e12;

interface Tally {
  states: number;
  lastTimeMs: number;
  /** The device's states from this place of the list on came after the last of them. */
  goodFrom: number;
}

/** Which devices of a batch named times that the cloud does not keep. */
export class IgnoredTimesTally {
  readonly #bySlot = new Map<number, Tally>();

  /**
   * Counts those of a body.
   * @param first of its states in the list
   * @param willStay whether they are kept in the list as they are, or each replaced by another
   */
  add(list: StateList, first: number, arrivalMs: number, rules: TimeRules, willStay: boolean): void {
    for (let state = first; state < list.count; state++) {
      const timeMs = list.timeMs(state);
      if (!isIgnored(timeMs, arrivalMs, rules)) continue;
      const slot = list.slot(state);
      const tally = this.#bySlot.get(slot) ?? { states: 0, lastTimeMs: 0, goodFrom: 0 };
      tally.states++;
      tally.lastTimeMs = Math.floor(timeMs);
      tally.goodFrom = willStay ? state + 1 : first;
      this.#bySlot.set(slot, tally);
    }
  }

  /** @param list of all that the batch accepted */
  end(list: StateList): readonly IgnoredTimesOfSlot[] {
    if (this.#bySlot.size === 0) return [];
    const rightAgain = new Set<number>();
    for (let state = 0; state < list.count; state++) {
      const slot = list.slot(state);
      const tally = this.#bySlot.get(slot);
      if (tally !== undefined && state >= tally.goodFrom) rightAgain.add(slot);
    }
    return [...this.#bySlot].map(([slot, { states, lastTimeMs }]) => {
      return { slot, states, lastTimeMs, isRightAgain: rightAgain.has(slot) };
    });
  }
}

/**
 * A state without its time, that it can be stamped by its arrival. The device's time stands in its `meta`, beside what
 * stood there, but for a state that would be too large to be forwarded with it.
 */
export function withoutTime(state: DeviceState, maxStateBytes: number): DeviceState {
  const { time, ...untimed } = state;
  const noted = { ...untimed, meta: noting(time, untimed.meta) };
  return singleBodyBytes(Buffer.byteLength(fragmentOf(noted)), USUAL_TIME_MS) <= maxStateBytes ? noted : untimed;
}

function noting(time: StateTime | undefined, meta: unknown): unknown {
  if (meta === undefined) return { [DEVICE_TIME]: time };
  const hasPlace =
    typeof meta === 'object' && meta !== null && !Array.isArray(meta) && !Object.hasOwn(meta, DEVICE_TIME);
  return hasPlace ? { ...meta, [DEVICE_TIME]: time } : { [DEVICE_TIME]: time, meta };
}

/** Why a state is refused whose time the cloud does not keep. */
export function outOfWindowError(timeMs: number, index: number, { earliestMs, latestMs }: TimeRules): StatewayError {
  const upTo = Number.isFinite(latestMs) ? ` to ${isoTime(latestMs)}` : ' on';
  return new StatewayError(
    'STATEWAY_TIME_OUT_OF_WINDOW',
    `${beginAboutPart(index)}time: ${isoTime(timeMs)} is a time that the cloud does not keep; allowed is from ${isoTime(earliestMs)}${upTo}. Set the clock of the device right, or send no time`,
  );
}

function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
