import type { Device } from '../../src/core/device.js';
import { buildRecord } from '../helpers/records.js';
import { TIME_ZERO } from './harness.js';

/** A piece of backlog whose states have these values, their times as {@link Harness.nextState} gives them. */
export function pieceOf(device: Device, values: readonly number[], storedAtMs = TIME_ZERO): Uint8Array {
  return buildRecord([{ device, states: values.map((v) => ({ time: TIME_ZERO + v, data: { v } })) }], storedAtMs);
}
