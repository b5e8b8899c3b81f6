import type { FollowedStates } from '../core/commit-port.js';
import { StatewayError } from '../core/errors.js';
import type { FollowedDevices } from '../core/followed-devices.js';
import type { Grant } from '../core/grant.js';
import type { BatchResult } from '../state/batch-layout.js';
import type { BatchBuffer } from './batch-buffer.js';

/** Tells every receiver of a batch that is on disk what became of its body, in the order of arrival. */
export function answerAll(batch: BatchBuffer, result: BatchResult): void {
  const { refusals, stateCounts } = result;
  let nextRefusal = 0;
  for (let entry = 0; entry < batch.entryCount; entry++) {
    const receiver = batch.receivers[entry];
    const ticket = batch.tickets[entry] as number;
    const refusal = refusals[nextRefusal];
    if (refusal?.entry === entry) {
      nextRefusal++;
      receiver?.onRefused(ticket, new StatewayError(refusal.code, refusal.message));
    } else {
      receiver?.onStored(ticket, stateCounts[entry] as number);
    }
  }
}

/** Tells every receiver of a batch of which nothing was kept. */
export function refuseAll(batch: BatchBuffer, error: StatewayError): void {
  for (let entry = 0; entry < batch.entryCount; entry++) {
    batch.receivers[entry]?.onRefused(batch.tickets[entry] as number, error);
  }
}

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

/** What of a batch is of followed devices and accepted. Of what is not, whoever refuses it tells. */
export function statesOf(bodies: readonly FollowedBody[], { refusals, stateCounts }: BatchResult): FollowedStates[] {
  const refused = new Set(refusals.map(({ entry }) => entry));
  return bodies
    .filter(({ entry }) => !refused.has(entry))
    .flatMap(({ entry, grants }) =>
      grants.map(({ device: { applicationId, deviceId } }) => {
        return { device: { applicationId, deviceId }, states: stateCounts[entry] as number };
      }),
    );
}
