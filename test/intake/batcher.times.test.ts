import { beforeEach, describe, expect, it } from 'vitest';
import { BatcherBench, INVALID, VALID } from './batcher-bench.js';
import { endOfTurn, grantFor, json } from './fakes.js';

const DAY_MS = 86_400_000;

let bench: BatcherBench;

beforeEach(() => {
  bench = new BatcherBench();
});

describe('of times that the cloud does not keep a batch', () => {
  it('counts the states, once they are stored', async () => {
    bench = new BatcherBench({ threads: 1, isSinkInstant: false });
    const old = json({ data: { n: 1 }, time: bench.clock.wallMs() - 31 * DAY_MS });
    for (const ticket of [1, 2]) {
      bench.accept(ticket, old);
      await endOfTurn();
      await bench.finish(ticket - 1);
    }
    bench.record(0).fail(new Error('disk'));
    bench.record(1).finish();
    await endOfTurn();
    await endOfTurn();
    expect(bench.meters.outOfWindow).toBe(1);
    expect([...bench.deviceClocks.wrong()]).toMatchObject([{ device: grantFor(1).device, states: 1 }]);
  });

  it('says of whose clock the times are, and when it is right again', async () => {
    const oldMs = bench.clock.wallMs() - 31 * DAY_MS;
    const wrong = () => [...bench.deviceClocks.wrong()].map(({ device, states }) => [device, states]);
    const [one, two] = [grantFor(1), grantFor(2)];
    const ids = [one, two].map(({ device }) => device.deviceId);
    const frame = ids.map((deviceId) => ({ deviceId, data: { n: 1 }, time: oldMs }));
    bench.batcher.acceptForMany([one, two], 'json', json(frame), bench.log, 1);
    await endOfTurn();
    await bench.finish(0);
    expect(wrong()).toEqual([
      [one.device, 1],
      [two.device, 1],
    ]);
    bench.batcher.accept(two, 'json', VALID, bench.log, 2);
    bench.batcher.accept(one, 'json', INVALID, bench.log, 3);
    await endOfTurn();
    await bench.finish(1);
    expect(wrong()).toEqual([[one.device, 1]]);
  });

  it('names the device of a body that is refused for its times', async () => {
    bench = new BatcherBench({ outOfWindow: 'refuse' });
    bench.accept(1, json({ data: { n: 1 }, time: 12_000 }));
    await endOfTurn();
    await bench.finish(0);
    expect(bench.log.answers).toEqual([[1, 'STATEWAY_TIME_OUT_OF_WINDOW']]);
    expect([...bench.deviceClocks.wrong()]).toMatchObject([{ states: 1, lastTimeMs: 12_000_000 }]);
  });
});
