import type { Lane } from './lane.js';
import { MAX_UNRECORDED_SENDS } from './outcome.js';

/** Whether something of a lane is to be written down before it may send: a settlement, or the count of its requests. */
export function mustSettle(lane: Lane): boolean {
  return lane.unsettled !== undefined || lane.unrecordedSends >= MAX_UNRECORDED_SENDS;
}
