import type { FollowedDevices } from '../core/followed-devices.js';
import type { Grant } from '../core/grant.js';
import type { BatchResult } from '../state/batch-layout.js';
import type { BatchBuffer } from './batch-buffer.js';

/** A body of a followed device, or a gateway's frame for some. */
export interface FollowedBody {
  readonly entry: number;
  readonly grants: readonly Grant[];
}

/**
 * Tells what of a batch is of followed devices, before its memory goes to a thread.
 * @returns what is to be told of in the end; undefined for nothing
 */
export function tellArrived(followed: FollowedDevices, batch: BatchBuffer): readonly FollowedBody[] | undefined {
  if (followed.isIdle) return undefined;
  const bodies: FollowedBody[] = [];
  for (let entry = 0; entry < batch.entryCount; entry++) {
    const { grants, bytes } = batch.bodyOf(entry);
    const ofFollowed = grants.filter(({ device }) => followed.has(device.deviceId));
    if (ofFollowed.length === 0) continue;
    bodies.push({ entry, grants: ofFollowed });
    const transport = batch.receivers[entry]?.transport ?? 'http';
    for (const { device } of ofFollowed) followed.tell(device, 'arrived', { transport, bytes });
  }
  return bodies.length === 0 ? undefined : bodies;
}

/** Tells which bodies are on disk. Of those that are not, whoever refuses them tells. */
export function tellStored(
  followed: FollowedDevices,
  bodies: readonly FollowedBody[],
  record: number,
  { refusals, stateCounts }: BatchResult,
): void {
  const refused = new Set(refusals.map(({ entry }) => entry));
  for (const { entry, grants } of bodies) {
    if (refused.has(entry)) continue;
    const states = stateCounts[entry] as number;
    for (const { device } of grants) followed.tell(device, 'stored', { record, states });
  }
}
