import { expect, it } from 'vitest';
import { Device } from '../../src/core/device.js';
import { Grant } from '../../src/core/grant.js';
import { IN_PLACE_ENTRIES } from '../../src/intake/batcher.js';
import { BatcherBench, INVALID, VALID } from './batcher-bench.js';
import { endOfTurn, json } from './fakes.js';

const ROOM_FOR_TWO = 2 * VALID.byteLength + 1;

function ticketsIn(bench: BatcherBench): unknown[][] {
  return bench.sink.records.map(({ chunks }) => chunks.flatMap(({ states }) => states.map(({ data }) => data.ticket)));
}

it('decodes a small batch in place, once its turn ends', async () => {
  const bench = new BatcherBench({ inPlaceBelowBytes: ROOM_FOR_TWO });
  bench.accept(1);
  bench.accept(2, INVALID.subarray(0, 3));
  expect(bench.log.answers).toEqual([]);
  await endOfTurn();
  expect(bench.runner.batches).toEqual([]);
  expect(bench.log.answers).toEqual([
    [1, 1],
    [2, 'STATEWAY_MALFORMED_BODY'],
  ]);
  expect(bench.sink.records.map(({ chunks }) => chunks.length)).toEqual([1]);
  expect(bench.batcher.backlog()).toEqual({ bodies: 0, bytes: 0 });
});

it('leaves a batch of as many bytes to a thread', async () => {
  const bench = new BatcherBench({ inPlaceBelowBytes: 2 * VALID.byteLength });
  bench.accept(1);
  bench.accept(2);
  await endOfTurn();
  expect(bench.batchSizes()).toEqual([2]);
  await bench.finish(0);
  expect(bench.log.answers.map(([ticket]) => ticket)).toEqual([1, 2]);
});

it('leaves a batch of many bodies to a thread, however few bytes they have', async () => {
  const bench = new BatcherBench({ inPlaceBelowBytes: 1_000_000 });
  for (let ticket = 0; ticket < IN_PLACE_ENTRIES; ticket++) bench.accept(ticket);
  await endOfTurn();
  expect(bench.batchSizes()).toEqual([]);
  for (let ticket = 0; ticket <= IN_PLACE_ENTRIES; ticket++) bench.accept(ticket);
  await endOfTurn();
  expect(bench.batchSizes()).toEqual([IN_PLACE_ENTRIES + 1]);
});

it('decodes what is for a thread in place while none is up', async () => {
  const bench = new BatcherBench({ inPlaceBelowBytes: ROOM_FOR_TWO });
  bench.runner.isUp = false;
  for (let ticket = 0; ticket < 3; ticket++) bench.accept(ticket);
  await endOfTurn();
  expect(bench.batchSizes()).toEqual([]);
  expect(bench.log.answers.map(([ticket]) => ticket)).toEqual([0, 1, 2]);
  bench.runner.isUp = true;
  for (let ticket = 3; ticket < 6; ticket++) bench.accept(ticket);
  await endOfTurn();
  expect(bench.batchSizes()).toEqual([3]);
});

it('does not let a small batch overtake the one that a thread has', async () => {
  const bench = new BatcherBench({ inPlaceBelowBytes: ROOM_FOR_TWO });
  for (let ticket = 0; ticket < 3; ticket++) bench.accept(ticket, json({ data: { ticket } }));
  await endOfTurn();
  bench.accept(3, json({ data: { ticket: 3 } }));
  await endOfTurn();
  expect(bench.sink.records).toEqual([]);
  await bench.finish(0);
  expect(ticketsIn(bench)).toEqual([[0, 1, 2], [3]]);
  expect(bench.log.answers.map(([ticket]) => ticket)).toEqual([0, 1, 2, 3]);
});

it('gathers what comes while one is on its way to disk', async () => {
  const bench = new BatcherBench({ inPlaceBelowBytes: 10_000, isSinkInstant: false });
  for (let ticket = 0; ticket < 5; ticket++) {
    bench.accept(ticket, json({ data: { ticket } }));
    await endOfTurn();
  }
  expect(ticketsIn(bench)).toEqual([[0]]);
  bench.record(0).finish();
  await endOfTurn();
  expect(ticketsIn(bench)).toEqual([[0], [1, 2, 3, 4]]);
});

it('gives a thread what has gathered beyond the size meanwhile', async () => {
  const bench = new BatcherBench({ inPlaceBelowBytes: ROOM_FOR_TWO, isSinkInstant: false });
  for (let ticket = 0; ticket < 4; ticket++) {
    bench.accept(ticket);
    await endOfTurn();
  }
  expect(bench.batchSizes()).toEqual([3]);
});

it('refuses the bodies of a batch that cannot be processed, and stores those of the next', async () => {
  const bench = new BatcherBench({ inPlaceBelowBytes: ROOM_FOR_TWO });
  const broken = { ...new Device('a', 'b'), idBytes: new Uint8Array(1_000) };
  bench.batcher.accept(new Grant('token', broken, Number.POSITIVE_INFINITY), 'json', VALID, bench.log, 1);
  await endOfTurn();
  bench.accept(2);
  await endOfTurn();
  expect(bench.log.answers).toEqual([
    [1, 'STATEWAY_WORKER_FAILED'],
    [2, 1],
  ]);
});

it('has everything answered before it closes', async () => {
  const bench = new BatcherBench({ inPlaceBelowBytes: 10_000, isSinkInstant: false });
  bench.accept(1);
  let isClosed = false;
  const closed = bench.batcher.close().then(() => {
    isClosed = true;
  });
  await endOfTurn();
  expect([isClosed, bench.runner.isClosed]).toEqual([false, false]);
  bench.record(0).finish();
  await closed;
  expect([bench.log.answers, bench.runner.isClosed]).toEqual([[[1, 1]], true]);
});
