import { beforeEach, describe, expect, it } from 'vitest';
import { BatcherBench, INVALID } from './batcher-bench.js';
import { endOfTurn } from './fakes.js';

let bench: BatcherBench;
/** What happened, in order: answers by ticket, and records that went to the lanes. */
let events: string[];

beforeEach(() => {
  bench = new BatcherBench({ threads: 3, isSinkInstant: false });
  events = [];
  const { log, sink } = bench;
  const [onStored, handOver] = [log.onStored.bind(log), sink.handOver.bind(sink)];
  log.onStored = (ticket, states) => {
    events.push(`answer ${ticket}`);
    onStored(ticket, states);
  };
  sink.handOver = (sequence, record, grants) => {
    events.push(`hand over ${sequence}`);
    handOver(sequence, record, grants);
  };
});

/** Has `count` batches of one body each wait for the disk. */
async function waitForDisk(count: number): Promise<void> {
  for (let ticket = 0; ticket < count; ticket++) {
    bench.accept(ticket);
    await endOfTurn();
  }
  await bench.finish(...Array.from({ length: count }, (_, number) => number));
}

async function whenOver(waiting: Promise<void>): Promise<string[]> {
  await waiting;
  return [...events];
}

describe('what is stored', () => {
  it('goes to the lanes when all that one commit brought is answered', async () => {
    await waitForDisk(3);
    for (const number of [0, 1, 2]) bench.record(number).finish();
    await endOfTurn();
    await endOfTurn();
    expect(events).toEqual(['answer 0', 'answer 1', 'answer 2', 'hand over 0', 'hand over 1', 'hand over 2']);
  });

  it('goes there when the next batch has left for the disk', async () => {
    bench = new BatcherBench({ isSinkInstant: false, inPlaceBelowBytes: 10_000 });
    bench.accept(0);
    await endOfTurn();
    bench.accept(1);
    await endOfTurn();
    expect(bench.sink.records).toHaveLength(1);
    let storedBefore = 0;
    bench.sink.handOver = () => {
      storedBefore = bench.sink.records.length;
    };
    bench.record(0).finish();
    await endOfTurn();
    await endOfTurn();
    expect(storedBefore).toBe(2);
  });

  it('is with the lanes for whoever waits for what was accepted', async () => {
    await waitForDisk(2);
    const waiting = whenOver(bench.batcher.answered());
    bench.record(0).finish();
    bench.record(1).finish();
    expect((await waiting).slice(-2)).toEqual(['hand over 0', 'hand over 1']);
  });

  it('is with the lanes when the intake has closed', async () => {
    await waitForDisk(1);
    const closing = whenOver(bench.batcher.close());
    bench.record(0).finish();
    expect(await closing).toEqual(['answer 0', 'hand over 0']);
    expect(bench.runner.isClosed).toBe(true);
  });
});

it('what was refused, or never stored, goes to no lane and lets nobody wait', async () => {
  bench.accept(0, INVALID);
  await endOfTurn();
  bench.accept(1);
  await endOfTurn();
  await bench.finish(0, 1);
  const waiting = bench.batcher.answered();
  bench.record(0).fail(new Error('EIO'));
  await waiting;
  expect(bench.log.answers.map(([ticket]) => ticket)).toEqual([0, 1]);
  expect(bench.sink.handedOver).toEqual([]);
});
