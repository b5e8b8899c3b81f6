import { StatewayError } from '../core/errors.js';
import type { Encoding } from '../core/ports.js';
import { decode } from './decode.js';
import { bodyProblem, findDeviceProblem, type NamedState, statesOf } from './validate.js';

/**
 * The devices that a gateway frame names (contract 1.3), so that their grants can be looked up before it is accepted. The
 * rest of the states is checked later, by the worker.
 * @returns distinct ids in lower case, in order of their first state; none for an empty array
 * @throws StatewayError STATEWAY_MALFORMED_BODY, or STATEWAY_INVALID_STATE for a state without a device id
 */
export function namedDevices(encoding: Encoding, bytes: Uint8Array): string[] {
  const body = decode(encoding, bytes);
  const states = statesOf(body);
  if (states === undefined) throw new StatewayError('STATEWAY_INVALID_STATE', bodyProblem(body));
  const single = states !== body;
  const ids = new Set<string>();
  for (let i = 0; i < states.length; i++) {
    const problem = findDeviceProblem(states[i], single ? -1 : i);
    if (problem !== undefined) throw new StatewayError('STATEWAY_INVALID_STATE', problem);
    ids.add((states[i] as NamedState).deviceId.toLowerCase());
  }
  return [...ids];
}
