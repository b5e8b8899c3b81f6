import { move, transferableSymbol, valueSymbol } from 'piscina';
import type { BatchRequest, BatchResult } from '../src/state/batch-layout.js';
import { processBatch } from '../src/state/process-batch.js';

/** The task of a worker thread. The buffers of the result are transferred, not copied. */
export default function runBatch(request: BatchRequest): BatchResult {
  const result = processBatch(request);
  const { stateCounts, record, chunkSlots, entries, bodies, spare } = result;
  const buffers = [stateCounts.buffer, chunkSlots.buffer, entries, bodies];
  if (record !== undefined) buffers.push(record.buffer);
  if (spare !== undefined) buffers.push(spare);
  return move({ [transferableSymbol]: buffers, [valueSymbol]: result }) as unknown as BatchResult;
}

/** Tells that the thread is up (`STARTED_TASK`). */
export function started(): void {}
