import { expect, it } from 'vitest';
import { BatcherBench, INVALID, VALID } from './batcher-bench.js';
import { endOfTurn, grantFor } from './fakes.js';

const idOf = (i: number) => grantFor(i).device.deviceId;

it('tells when a body of a followed device arrives and when it is on the disk, and of no other', async () => {
  const bench = new BatcherBench();
  bench.followed.follow([idOf(1)]);
  bench.accept(1);
  bench.batcher.accept(grantFor(2), 'json', VALID, bench.log, 2);
  await endOfTurn();
  const arrived = [1, 'arrived', { transport: 'http', bytes: VALID.byteLength }];
  expect(bench.steps).toEqual([arrived]);
  await bench.finish(0);
  expect(bench.steps).toEqual([arrived, [1, 'stored', { record: 0, states: 1 }]]);
});

it('says nothing more of one that is refused: whoever refuses it does', async () => {
  const bench = new BatcherBench();
  bench.followed.follow([idOf(1)]);
  bench.accept(1, INVALID);
  bench.accept(2);
  await endOfTurn();
  await bench.finish(0);
  expect(bench.steps.map((step) => (step as unknown[])[1])).toEqual(['arrived', 'arrived', 'stored']);
});

it('tells of a frame of a gateway for each of its devices that is followed', async () => {
  const bench = new BatcherBench();
  bench.followed.follow([idOf(1), idOf(3)]);
  const frame = [1, 2, 3].map((i) => ({ deviceId: idOf(i), data: { n: i } }));
  const bytes = new TextEncoder().encode(JSON.stringify(frame));
  bench.batcher.acceptForMany([grantFor(1), grantFor(2), grantFor(3)], 'json', bytes, bench.log, 1);
  await endOfTurn();
  await bench.finish(0);
  expect(bench.steps.map((step) => (step as unknown[]).slice(0, 2))).toEqual([
    [1, 'arrived'],
    [3, 'arrived'],
    [1, 'stored'],
    [3, 'stored'],
  ]);
});
