import { StatewayError } from '../../core/errors.js';
import type { Encoding } from '../../core/ports.js';
import { decode } from '../../state/decode.js';
import { findProblem, type NamedState, statesOf } from '../../state/validate.js';

/** A frame of a gateway, of which some devices are to be settled each by itself. */
export class SplitFrame {
  readonly #states: readonly NamedState[];
  /** Whether the frame is one state, and no array. */
  readonly #isSingle: boolean;

  /**
   * @param bytes of a frame that has been through `namedDevices`
   * @throws StatewayError STATEWAY_INVALID_STATE: a frame is refused whole, so nothing of it may leave before all is well
   */
  constructor(encoding: Encoding, bytes: Uint8Array) {
    const frame = decode(encoding, bytes);
    const states = statesOf(frame) as readonly NamedState[];
    this.#isSingle = states !== frame;
    for (let i = 0; i < states.length; i++) {
      const problem = findProblem(states[i], this.#isSingle ? -1 : i, true);
      if (problem !== undefined) throw new StatewayError('STATEWAY_INVALID_STATE', problem);
    }
    this.#states = states;
  }

  /** What a device's states would be as a body of its own: JSON without their `deviceId`. */
  bodyOf(deviceId: string): Uint8Array {
    const bare = this.#states.filter((state) => isOf(state, deviceId)).map(({ deviceId: _, ...rest }) => rest);
    return Buffer.from(JSON.stringify(this.#isSingle ? bare[0] : bare));
  }

  /** The frame without the states of these devices, in JSON. */
  without(deviceIds: ReadonlySet<string>): Uint8Array {
    return Buffer.from(JSON.stringify(this.#states.filter((state) => !deviceIds.has(state.deviceId.toLowerCase()))));
  }
}

function isOf(state: NamedState, deviceId: string): boolean {
  return state.deviceId.toLowerCase() === deviceId;
}
