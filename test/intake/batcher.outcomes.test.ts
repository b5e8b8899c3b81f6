import { beforeEach, describe, expect, it } from 'vitest';
import { StatewayError } from '../../src/core/errors.js';
import { RecordView } from '../../src/state/record-layout.js';
import { BatcherBench, INVALID, VALID } from './batcher-bench.js';
import { endOfTurn, grantFor, json } from './fakes.js';

let bench: BatcherBench;

beforeEach(() => {
  bench = new BatcherBench();
});

it('counts attributes that are left out once the state without them is stored', async () => {
  bench = new BatcherBench({ isSinkInstant: false });
  const body = json({ data: { a: null, b: 1 } });
  for (const ticket of [1, 2]) {
    bench.batcher.accept(grantFor(1), 'extended-json', body, bench.log, ticket);
    await endOfTurn();
    await bench.finish(ticket - 1);
    expect(bench.meters.leftOut).toBe(0);
    if (ticket === 1) bench.record(0).fail(new StatewayError('STATEWAY_SPOOL_FULL', 'no room'));
    else bench.record(1).finish();
    await endOfTurn();
  }
  expect(bench.meters.leftOut).toBe(1);
});

describe('what is stored', () => {
  it('is sealed, stamped and handed over with the grant of each chunk', async () => {
    const [one, two, twoAgain] = [grantFor(1), grantFor(2, 'older'), grantFor(2, 'newer')];
    bench.batcher.accept(
      one,
      'json',
      json([{ data: { n: 1 } }, { data: { n: 2 }, time: 1_700_000_000_000 }]),
      bench.log,
      1,
    );
    bench.batcher.accept(two, 'json', json({ data: { n: 3 } }), bench.log, 2);
    const arrivalMs = bench.clock.wallMs();
    bench.clock.jumpWall(30);
    bench.batcher.accept(twoAgain, 'json', json({ data: { n: 4 } }), bench.log, 3);
    await endOfTurn();
    bench.clock.jumpWall(30);
    await bench.finish(0);
    await endOfTurn();
    expect(bench.sink.records).toHaveLength(1);
    const { bytes, grants, chunks } = bench.record(0);
    expect(chunks).toEqual([
      {
        deviceKey: one.device.key,
        states: [
          { time: arrivalMs, data: { n: 1 } },
          { time: 1_700_000_000_000, data: { n: 2 } },
        ],
      },
      {
        deviceKey: two.device.key,
        states: [
          { time: arrivalMs, data: { n: 3 } },
          { time: arrivalMs + 30, data: { n: 4 } },
        ],
      },
    ]);
    expect(grants).toEqual([one, twoAgain]);
    const opened = RecordView.open(bytes);
    expect(opened instanceof RecordView && opened.storedAtMs).toBe(arrivalMs);
  });

  it('keeps the grants of a chunk apart from those of devices of which nothing was accepted', async () => {
    const [one, two, three] = [grantFor(1), grantFor(2), grantFor(3)];
    bench.batcher.accept(one, 'json', INVALID, bench.log, 1);
    bench.batcher.accept(two, 'json', VALID, bench.log, 2);
    bench.batcher.accept(three, 'json', VALID, bench.log, 3);
    await endOfTurn();
    await bench.finish(0);
    await endOfTurn();
    expect(bench.record(0).grants).toEqual([two, three]);
    expect(bench.record(0).chunks.map(({ deviceKey }) => deviceKey)).toEqual([two.device.key, three.device.key]);
  });

  it('holds the states of a gateway frame under the devices they name', async () => {
    const grants = [grantFor(1), grantFor(2)];
    const [first, second] = grants.map(({ device }) => device.deviceId);
    const frame = [
      { deviceId: second, data: { n: 1 } },
      { deviceId: first?.toUpperCase(), data: { n: 2 } },
    ];
    bench.batcher.acceptForMany(grants, 'json', json(frame), bench.log, 1);
    bench.batcher.acceptForMany(
      grants,
      'json',
      json([{ deviceId: grantFor(3).device.deviceId, data: {} }]),
      bench.log,
      2,
    );
    await endOfTurn();
    await bench.finish(0);
    expect(bench.log.answers).toEqual([
      [1, 2],
      [2, 'STATEWAY_NOT_GRANTED'],
    ]);
    const byDevice = new Map(bench.record(0).chunks.map(({ deviceKey, states }) => [deviceKey, states[0]?.data]));
    expect(byDevice.get(grants[0]?.device.key as string)).toEqual({ n: 2 });
    expect(byDevice.get(grants[1]?.device.key as string)).toEqual({ n: 1 });
  });

  it('is what the body held when it was accepted', async () => {
    const body = Buffer.from(VALID);
    bench.accept(1, body);
    body.fill('x');
    await endOfTurn();
    await bench.finish(0);
    expect(bench.record(0).chunks[0]?.states[0]?.data).toEqual({ n: 1 });
  });

  it('gets different stamps in batches that come back the wrong way round', async () => {
    bench = new BatcherBench({ threads: 2 });
    for (const ticket of [1, 2]) {
      bench.accept(ticket);
      await endOfTurn();
    }
    await bench.finish(1);
    await bench.finish(0);
    const times = bench.sink.records.map(({ chunks }) => chunks[0]?.states[0]?.time);
    expect(times).toEqual([bench.clock.wallMs(), bench.clock.wallMs() + 1]);
  });
});

describe('order', () => {
  beforeEach(() => (bench = new BatcherBench({ threads: 3, isSinkInstant: false })));

  /** Lets three batches leave, each with the bodies of one turn. */
  async function depart(...turns: Uint8Array[][]): Promise<void> {
    let ticket = 0;
    for (const bodies of turns) {
      for (const body of bodies) bench.accept(ticket++, body);
      await endOfTurn();
    }
  }

  function valueStored(number: number): unknown {
    return bench.sink.records[number]?.chunks[0]?.states[0]?.data.n;
  }

  it('of records is that of acceptance, whichever worker is done first', async () => {
    await depart([json({ data: { n: 0 } })], [json({ data: { n: 1 } })], [json({ data: { n: 2 } })]);
    await bench.finish(2, 1);
    expect(bench.sink.records).toHaveLength(0);
    await bench.finish(0);
    expect([0, 1, 2].map(valueStored)).toEqual([0, 1, 2]);
  });

  it('of answers is that of acceptance, whichever record is on disk first', async () => {
    await depart([VALID, VALID], [VALID], [VALID]);
    await bench.finish(0, 1, 2);
    bench.record(2).finish();
    bench.record(1).finish();
    await endOfTurn();
    expect(bench.log.answers).toEqual([]);
    bench.record(0).finish();
    await endOfTurn();
    expect(bench.log.answers.map(([ticket]) => ticket)).toEqual([0, 1, 2, 3]);
  });

  it('does not wait for what left later', async () => {
    await depart([VALID], [VALID]);
    await bench.finish(0);
    bench.record(0).finish();
    await endOfTurn();
    expect(bench.log.answers).toEqual([[0, 1]]);
  });

  it('lets a batch of which nothing is stored overtake neither a worker nor the disk', async () => {
    await depart([VALID], [INVALID], [json([])]);
    await bench.finish(1, 2);
    expect(bench.log.answers).toEqual([]);
    await bench.finish(0);
    expect(bench.log.answers).toEqual([]);
    bench.record(0).finish();
    await endOfTurn();
    expect(bench.log.answers).toEqual([
      [0, 1],
      [1, 'STATEWAY_INVALID_STATE'],
      [2, 0],
    ]);
    expect(bench.sink.records).toHaveLength(1);
  });

  it('holds for a batch whose worker failed', async () => {
    await depart([VALID], [VALID], [VALID]);
    bench.batch(1).fail(new Error('the thread died'));
    await bench.finish(2);
    expect(bench.log.answers).toEqual([]);
    await bench.finish(0);
    bench.record(1).finish();
    await endOfTurn();
    expect(bench.log.answers).toEqual([]);
    bench.record(0).finish();
    await endOfTurn();
    expect(bench.log.answers).toEqual([
      [0, 1],
      [1, 'STATEWAY_WORKER_FAILED'],
      [2, 1],
    ]);
  });
});

describe('answers', () => {
  it('tell what was stored, and why the rest was not', async () => {
    bench.accept(1, json([{ data: { n: 1 } }, { data: { n: 2 } }, { data: { n: 3 } }]));
    bench.accept(2, Buffer.from('{"data":'));
    bench.accept(3, json([]));
    bench.accept(4, json({ data: { text: 'x'.repeat(1_000) } }));
    await endOfTurn();
    await bench.finish(0);
    expect(bench.log.answers).toEqual([
      [1, 3],
      [2, 'STATEWAY_MALFORMED_BODY'],
      [3, 0],
      [4, 'STATEWAY_STATE_TOO_LARGE'],
    ]);
    expect(bench.record(0).chunks[0]?.states).toHaveLength(3);
  });

  it('refuse the bodies of a worker that failed, and those of the next are stored', async () => {
    bench.accept(1);
    bench.accept(2);
    await endOfTurn();
    bench.accept(3);
    bench.batch(0).fail(new Error('the thread died'));
    await endOfTurn();
    expect(bench.log.answers).toEqual([
      [1, 'STATEWAY_WORKER_FAILED'],
      [2, 'STATEWAY_WORKER_FAILED'],
    ]);
    expect(bench.log.errors[0]).toMatchObject({ status: 503, retryAfterSeconds: 1 });
    await bench.finish(1);
    expect(bench.log.answers.at(-1)).toEqual([3, 1]);
    expect(bench.sink.records).toHaveLength(1);
  });

  it('refuse all of a batch that could not be stored, and those of the next are stored', async () => {
    bench = new BatcherBench({ threads: 1, isSinkInstant: false });
    bench.accept(1);
    bench.accept(2, INVALID);
    await endOfTurn();
    await bench.finish(0);
    bench.accept(3);
    await endOfTurn();
    await bench.finish(1);
    bench.record(0).fail(new StatewayError('STATEWAY_SPOOL_FULL', 'the spool is full', { retryAfterSeconds: 10 }));
    bench.record(1).finish();
    await endOfTurn();
    expect(bench.log.answers).toEqual([
      [1, 'STATEWAY_SPOOL_FULL'],
      [2, 'STATEWAY_SPOOL_FULL'],
      [3, 1],
    ]);
    expect(bench.log.errors[0]?.retryAfterSeconds).toBe(10);
  });

  it('name the disk where the sink gave no code', async () => {
    bench = new BatcherBench({ threads: 1, isSinkInstant: false });
    bench.accept(1);
    await endOfTurn();
    await bench.finish(0);
    bench.record(0).fail(new Error('EIO'));
    await endOfTurn();
    expect(bench.log.answers).toEqual([[1, 'STATEWAY_SPOOL_FAILED']]);
  });
});
