import { StatewayError } from '../core/errors.js';
import type { Encoding } from '../core/ports.js';
import { decode } from './decode.js';
import { bodyProblem, findDeviceProblem, findProblem, type NamedState, statesOf } from './validate.js';

/**
 * A frame of a gateway, whose states name their devices (contract 1.3). It is read for the devices before it is accepted, for its
 * states when it is stored, and between the two where some of it goes to the cloud first: each time from its bytes, as these are
 * what a bound counts while it waits, and each time by this.
 */
export class GatewayFrame {
  readonly #states: readonly unknown[];
  /** Whether it is one state, and no array. */
  readonly #isSingle: boolean;

  /**
   * @param body decoded
   * @throws StatewayError STATEWAY_INVALID_STATE where it is neither a state nor an array
   */
  constructor(body: unknown) {
    const states = statesOf(body);
    if (states === undefined) throw new StatewayError('STATEWAY_INVALID_STATE', bodyProblem(body));
    this.#states = states;
    this.#isSingle = states !== body;
  }

  /** @throws StatewayError STATEWAY_MALFORMED_BODY, or as the constructor */
  static decode(encoding: Encoding, bytes: Uint8Array): GatewayFrame {
    return new GatewayFrame(decode(encoding, bytes));
  }

  /** States, whatever is in them. */
  get length(): number {
    return this.#states.length;
  }

  /**
   * The devices that it names; of the states nothing else is looked at.
   * @returns distinct ids in lower case, in order of their first state; none for an empty array
   * @throws StatewayError STATEWAY_INVALID_STATE for a state without a device id
   */
  deviceIds(): string[] {
    const ids = new Set<string>();
    for (let i = 0; i < this.length; i++) {
      const problem = findDeviceProblem(this.#states[i], this.indexOf(i));
      if (problem !== undefined) throw new StatewayError('STATEWAY_INVALID_STATE', problem);
      ids.add(deviceIdOf(this.#states[i] as NamedState));
    }
    return [...ids];
  }

  /** The place of a state as a message names it: -1 of one that stands alone. */
  indexOf(place: number): number {
    return this.#isSingle ? -1 : place;
  }

  /** @throws StatewayError STATEWAY_INVALID_STATE where what stands there is no state */
  stateAt(place: number): NamedState {
    const problem = findProblem(this.#states[place], this.indexOf(place), true);
    if (problem !== undefined) throw new StatewayError('STATEWAY_INVALID_STATE', problem);
    return this.#states[place] as NamedState;
  }

  /** @throws StatewayError STATEWAY_INVALID_STATE unless all of it are states: a frame is refused whole */
  states(): NamedStates {
    const states = this.#states.map((_, place) => this.stateAt(place));
    return new NamedStates(states, this.#isSingle);
  }
}

/** The states of a gateway's frame, of which some devices are to be settled each by itself. */
export class NamedStates {
  readonly #states: readonly NamedState[];
  readonly #isSingle: boolean;

  constructor(states: readonly NamedState[], isSingle: boolean) {
    this.#states = states;
    this.#isSingle = isSingle;
  }

  /** What a device's states would be as a body of its own: JSON without their `deviceId`. @param deviceId lower case */
  bodyOf(deviceId: string): Uint8Array {
    const own = this.#states.filter((state) => deviceIdOf(state) === deviceId);
    const bare = own.map(({ deviceId: _, ...rest }) => rest);
    return Buffer.from(JSON.stringify(this.#isSingle ? bare[0] : bare));
  }

  /** The frame without the states of these devices, in JSON. */
  without(deviceIds: ReadonlySet<string>): Uint8Array {
    return Buffer.from(JSON.stringify(this.#states.filter((state) => !deviceIds.has(deviceIdOf(state)))));
  }
}

/** In lower case. */
export function deviceIdOf({ deviceId }: NamedState): string {
  return deviceId.toLowerCase();
}
