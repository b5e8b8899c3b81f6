import type { Encoding } from '../core/ports.js';
import { decode } from '../state/decode.js';
import { statesOf } from '../state/validate.js';

/**
 * A frame of a gateway as the one device that it names would have sent it: JSON without the `deviceId` of its states.
 * The frame must have been through `namedDevices`.
 */
export function withoutDeviceIds(encoding: Encoding, bytes: Uint8Array): Uint8Array {
  const frame = decode(encoding, bytes);
  const states = statesOf(frame) as readonly Record<string, unknown>[];
  const bare = states.map(({ deviceId: _, ...rest }) => rest);
  return Buffer.from(JSON.stringify(states === frame ? bare : bare[0]));
}
