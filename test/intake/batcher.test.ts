import { beforeEach, describe, expect, it } from 'vitest';
import { BATCH_BYTES, MAX_BATCH_ENTRIES } from '../../src/intake/batch-buffer.js';
import { BatcherBench, INVALID, VALID } from './batcher-bench.js';
import { endOfTurn, grantFor, json } from './fakes.js';

let bench: BatcherBench;

beforeEach(() => {
  bench = new BatcherBench();
});

describe('whoever waits for what was accepted', () => {
  /** Whether it is answered by now. */
  function watch(waiting: Promise<void>): { isOver: boolean } {
    const watched = { isOver: false };
    void waiting.finally(() => {
      watched.isOver = true;
    });
    return watched;
  }

  it('goes on at once where nothing is open', async () => {
    await bench.batcher.answered();
  });

  it('goes on when all of it is answered, the refused included, and not for what came later', async () => {
    bench = new BatcherBench({ isSinkInstant: false });
    bench.accept(0);
    await endOfTurn();
    bench.accept(1, INVALID);
    const waiting = watch(bench.batcher.answered());
    bench.accept(2);
    const later = watch(bench.batcher.answered());
    await bench.finish(0);
    await endOfTurn();
    expect(waiting.isOver).toBe(false);
    bench.record(0).finish();
    await endOfTurn();
    await bench.finish(1);
    bench.record(1).finish();
    await endOfTurn();
    await endOfTurn();
    expect([bench.log.answers.length, waiting.isOver, later.isOver]).toEqual([3, true, true]);
    bench.accept(3);
    expect(watch(bench.batcher.answered()).isOver).toBe(false);
  });
});

describe('which batch a body goes with', () => {
  it('is the one being filled while it fits, and another once that has left', async () => {
    const { batcher } = bench;
    const first = batcher.batchOf(VALID.length);
    bench.accept(1);
    expect([batcher.batchOf(VALID.length), batcher.batchOf(BATCH_BYTES)]).toEqual([first, first + 1]);
    await endOfTurn();
    expect(batcher.batchOf(VALID.length)).toBe(first + 1);
    bench.accept(2);
    expect(batcher.batchOf(VALID.length)).toBe(first + 1);
    await endOfTurn();
    // There is one thread: it waits, and is filled meanwhile.
    expect(batcher.batchOf(VALID.length)).toBe(first + 1);
  });
});

describe('batches', () => {
  it('are of one body when idle, and leave when the turn ends', async () => {
    bench.accept(1);
    expect(bench.batchSizes()).toEqual([]);
    await endOfTurn();
    expect(bench.batchSizes()).toEqual([1]);
    await bench.finish(0);
    bench.accept(2);
    await endOfTurn();
    expect(bench.batchSizes()).toEqual([1, 1]);
  });

  it('hold what one turn brought', async () => {
    for (let ticket = 0; ticket < 5; ticket++) bench.accept(ticket);
    await endOfTurn();
    expect(bench.batchSizes()).toEqual([5]);
  });

  it('grow while every thread is busy, and leave when one is free', async () => {
    bench.accept(0);
    await endOfTurn();
    for (let ticket = 1; ticket <= 300; ticket++) {
      bench.accept(ticket);
      if (ticket % 100 === 0) await endOfTurn();
    }
    expect(bench.batchSizes()).toEqual([1]);
    await bench.finish(0);
    expect(bench.batchSizes()).toEqual([1, 300]);
  });

  it('use every thread and no more', async () => {
    bench = new BatcherBench({ threads: 3 });
    for (let ticket = 0; ticket < 5; ticket++) {
      bench.accept(ticket);
      await endOfTurn();
    }
    expect(bench.batchSizes()).toEqual([1, 1, 1]);
    await bench.finish(1);
    expect(bench.batchSizes()).toEqual([1, 1, 1, 2]);
  });

  it('are cut where they are full, and leave in order', async () => {
    for (let ticket = 0; ticket < 2 * MAX_BATCH_ENTRIES + 1; ticket++) bench.accept(ticket);
    await endOfTurn();
    await bench.finish(0);
    await bench.finish(1);
    await bench.finish(2);
    expect(bench.batchSizes()).toEqual([MAX_BATCH_ENTRIES, MAX_BATCH_ENTRIES, 1]);
    expect(bench.log.answers.map(([ticket]) => ticket)).toEqual(
      Array.from({ length: 2 * MAX_BATCH_ENTRIES + 1 }, (_, i) => i),
    );
  });

  it('tell a worker when a body arrived and how large a state may be', async () => {
    bench.accept(1);
    const acceptedMs = bench.clock.wallMs();
    bench.clock.jumpWall(50);
    await endOfTurn();
    expect(new DataView(bench.batch(0).request.entries).getFloat64(0, true)).toBe(acceptedMs);
    expect(bench.batch(0).request.maxStateBytes).toBe(1_000);
  });

  it('have their buffers filled again when they come back', async () => {
    bench.accept(1);
    await endOfTurn();
    const marked = bench.batch(0).request.bodies;
    new Uint8Array(marked)[BATCH_BYTES - 1] = 42;
    await bench.finish(0);
    bench.accept(2);
    await endOfTurn();
    expect(new Uint8Array(bench.batch(1).request.bodies)[BATCH_BYTES - 1]).toBe(42);
    await bench.finish(1);
    expect(bench.log.answers).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });

  it('are made larger for a body that fits in none, and such buffers are not kept', async () => {
    const padding = 'x'.repeat(BATCH_BYTES);
    bench.accept(1);
    bench.accept(2, Buffer.from(`{"data":{"n":2}${' '.repeat(BATCH_BYTES)}}`));
    bench.accept(3, json({ data: { text: padding } }));
    await endOfTurn();
    for (const number of [0, 1, 2]) await bench.finish(number);
    bench.accept(4);
    await endOfTurn();
    await bench.finish(3);
    expect(bench.batchSizes()).toEqual([1, 1, 1, 1]);
    expect(bench.log.answers).toEqual([
      [1, 1],
      [2, 1],
      [3, 'STATEWAY_INVALID_STATE'],
      [4, 1],
    ]);
    expect(bench.batch(3).request.bodies.byteLength).toBe(BATCH_BYTES);
  });
});

describe('the backlog', () => {
  it('is what has no answer yet, and comes back to nothing', async () => {
    bench = new BatcherBench({ threads: 1, isSinkInstant: false });
    expect(bench.batcher.backlog()).toEqual({ bodies: 0, bytes: 0 });
    bench.accept(1);
    bench.batcher.acceptForMany([grantFor(1)], 'json', INVALID, bench.log, 2);
    const both = { bodies: 2, bytes: VALID.byteLength + INVALID.byteLength };
    expect(bench.batcher.backlog()).toEqual(both);
    await endOfTurn();
    bench.accept(3);
    await bench.finish(0);
    expect(bench.batcher.backlog()).toEqual({ bodies: 3, bytes: both.bytes + VALID.byteLength });
    bench.record(0).finish();
    await endOfTurn();
    expect(bench.batcher.backlog()).toEqual({ bodies: 1, bytes: VALID.byteLength });
    bench.batch(1).fail(new Error('the thread died'));
    await endOfTurn();
    expect(bench.batcher.backlog()).toEqual({ bodies: 0, bytes: 0 });
  });
});

describe('close', () => {
  it('ends the workers at once when nothing is open', async () => {
    await bench.batcher.close();
    expect(bench.runner.isClosed).toBe(true);
  });

  it('waits until everything is answered, what has not left yet too', async () => {
    bench = new BatcherBench({ threads: 1, isSinkInstant: false });
    bench.accept(1);
    await endOfTurn();
    bench.accept(2);
    let isClosed = false;
    const closing = bench.batcher.close().then(() => {
      isClosed = true;
    });
    await bench.finish(0);
    bench.record(0).finish();
    await bench.finish(1);
    expect([bench.log.answers.length, isClosed, bench.runner.isClosed]).toEqual([1, false, false]);
    bench.record(1).finish();
    await closing;
    expect([bench.log.answers.length, bench.runner.isClosed]).toEqual([2, true]);
  });

  it('may be called again while it waits', async () => {
    bench.accept(1);
    const closings = [bench.batcher.close(), bench.batcher.close()];
    await endOfTurn();
    await bench.finish(0);
    await Promise.all(closings);
    expect(bench.runner.isClosed).toBe(true);
  });
});
