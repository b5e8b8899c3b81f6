import { expect, it } from 'vitest';
import { StatewayError } from '../../src/core/errors.js';
import { allocateBatchMemory, BatchBuffer } from '../../src/intake/batch-buffer.js';
import { answerAll, refuseAll } from '../../src/intake/body-outcomes.js';
import type { BatchResult, Refusal } from '../../src/state/batch-layout.js';
import { AnswerLog, grantFor } from './fakes.js';

/** A batch with a body for each receiver, under the tickets 10, 11, ... */
function batchFor(receivers: readonly AnswerLog[]): BatchBuffer {
  const batch = new BatchBuffer(allocateBatchMemory());
  receivers.forEach((receiver, i) => {
    batch.add(grantFor(1), 'json', new Uint8Array(1), 1, receiver, 10 + i);
  });
  return batch;
}

function resultOf(stateCounts: readonly number[], refusals: readonly Refusal[]): BatchResult {
  return {
    stateCounts: Uint32Array.from(stateCounts),
    refusals,
    record: undefined,
    chunkSlots: new Uint32Array(0),
    ignoredTimes: [],
    leftOut: 0,
    entries: new ArrayBuffer(0),
    bodies: new ArrayBuffer(0),
  };
}

it('tells each receiver of its own bodies, in order: states stored, or why not', () => {
  const [one, two] = [new AnswerLog(), new AnswerLog()];
  const refusals: Refusal[] = [
    { entry: 0, code: 'STATEWAY_MALFORMED_BODY', message: 'not JSON' },
    { entry: 3, code: 'STATEWAY_STATE_TOO_LARGE', message: 'too long' },
  ];
  answerAll(batchFor([one, two, one, one, two]), resultOf([0, 3, 1, 0, 0], refusals));
  expect(one.answers).toEqual([
    [10, 'STATEWAY_MALFORMED_BODY'],
    [12, 1],
    [13, 'STATEWAY_STATE_TOO_LARGE'],
  ]);
  expect(two.answers).toEqual([
    [11, 3],
    [14, 0],
  ]);
  expect(one.errors.map(({ status, message }) => [status, message])).toEqual([
    [400, 'not JSON'],
    [413, 'too long'],
  ]);
});

it('tells every receiver of a batch that was lost', () => {
  const [one, two] = [new AnswerLog(), new AnswerLog()];
  const error = new StatewayError('STATEWAY_SPOOL_FULL', 'the spool is full');
  refuseAll(batchFor([one, two, one]), error);
  expect(one.answers).toEqual([
    [10, 'STATEWAY_SPOOL_FULL'],
    [12, 'STATEWAY_SPOOL_FULL'],
  ]);
  expect(two.errors).toEqual([error]);
});
