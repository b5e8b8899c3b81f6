import { expect, it } from 'vitest';
import { MOST_UNANSWERED_BATCHES } from '../../src/intake/batcher.js';
import { BatcherBench } from './batcher-bench.js';
import { endOfTurn, json } from './fakes.js';

const LARGE = json({ data: { note: 'x'.repeat(900) } });
const LARGE_BODIES = 100;
const SPARE_BYTES = 128 * 1024;

/** A batch of some 90 KB on its way, with what memory there was. */
async function benchWithLargeBatch(spare: ArrayBuffer, body = LARGE): Promise<BatcherBench> {
  const bench = new BatcherBench();
  bench.recordMemory.giveBack(spare);
  for (let ticket = 0; ticket < LARGE_BODIES; ticket++) bench.accept(ticket, body);
  await endOfTurn();
  return bench;
}

it('gives a thread memory for the record, and has the record in it', async () => {
  const bench = await benchWithLargeBatch(new ArrayBuffer(SPARE_BYTES));
  expect(bench.recordMemory.spareBytes).toBe(0);
  await bench.finish(0);
  const { bytes, chunks } = bench.record(0);
  expect([bytes.byteOffset, bytes.buffer.byteLength]).toEqual([0, SPARE_BYTES]);
  expect(bytes.byteLength).toBeLessThan(SPARE_BYTES);
  expect(chunks[0]?.states).toHaveLength(LARGE_BODIES);
  // The lanes give it back, not the intake.
  expect(bench.recordMemory.spareBytes).toBe(0);
});

it('takes memory back in which there is no record after all', async () => {
  const refused = json({ data: { 'not a name': 'x'.repeat(900) } });
  const bench = await benchWithLargeBatch(new ArrayBuffer(SPARE_BYTES), refused);
  await bench.finish(0);
  expect(bench.sink.records).toEqual([]);
  expect(bench.recordMemory.spareBytes).toBe(SPARE_BYTES);
});

it('asks for none that the bodies alone would not fit in', async () => {
  const bench = await benchWithLargeBatch(new ArrayBuffer(64 * 1024));
  expect(bench.batch(0).request.spare).toBeUndefined();
  await bench.finish(0);
  expect(bench.record(0).chunks[0]?.states).toHaveLength(LARGE_BODIES);
});

it('lets no more batches leave than the disk may have to wait for, and the next when one is answered', async () => {
  const bench = new BatcherBench({ isSinkInstant: false });
  for (let batch = 0; batch < MOST_UNANSWERED_BATCHES + 3; batch++) {
    bench.accept(batch);
    await endOfTurn();
    if (bench.runner.batches.length === batch + 1) await bench.finish(batch);
  }
  expect(bench.batchSizes()).toEqual(Array.from({ length: MOST_UNANSWERED_BATCHES }, () => 1));
  bench.record(0).finish();
  await endOfTurn();
  // What came meanwhile has gathered.
  expect(bench.batchSizes().slice(MOST_UNANSWERED_BATCHES)).toEqual([3]);
});
