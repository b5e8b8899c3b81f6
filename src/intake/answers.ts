import { StatewayError } from '../core/errors.js';
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
