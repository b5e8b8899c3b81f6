import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { afterAll, describe, expect, it } from 'vitest';
import type { BatchResult } from '../../src/state/batch-layout.js';
import { RecordView } from '../../src/state/record-layout.js';
import { batchOf, statesByDevice } from '../state/batch.js';

/** The worker as `npm test` has just built it. */
const filename = fileURLToPath(new URL('../../dist/workers/batch-worker.js', import.meta.url));
const pool = new Piscina({ filename, minThreads: 1, maxThreads: 1 });

afterAll(() => pool.destroy());

async function run(bodies: readonly string[]): Promise<{ result: BatchResult; sent: ArrayBuffer[] }> {
  const request = batchOf(bodies.map((body, number) => ({ body, devices: [number] })));
  const sent = [request.entries, request.bodies];
  return { result: (await pool.run(request, { transferList: sent })) as BatchResult, sent };
}

describe('batch worker', () => {
  it('answers a batch, and hands its buffers over to be filled again', async () => {
    const bodies = ['{"data":{"t":21.5},"time":1767225600000}', '{"data":{"t":null}}'];
    const { result, sent } = await run(bodies);
    expect(sent.map((buffer) => buffer.byteLength)).toEqual([0, 0]);
    expect([...result.stateCounts]).toEqual([1, 0]);
    expect(result.refusals).toEqual([
      {
        entry: 1,
        code: 'STATEWAY_INVALID_STATE',
        message: 'data.t: a value must be a number, a string or a boolean, not null',
      },
    ]);
    expect([...statesByDevice(result)]).toEqual([[0, [{ time: 1_767_225_600_000, json: '{"data":{"t":21.5}}' }]]]);
    expect(result.entries.byteLength).toBe(64);
    expect(Buffer.from(result.bodies).toString()).toBe(bodies.join(''));
  });

  it('gives a record that fills a buffer of its own and can be stamped and sealed', async () => {
    const { result } = await run(['{"data":{"n":1}}', '{"data":{"n":2}}']);
    const record = result.record as Uint8Array;
    expect([record.byteOffset, record.byteLength]).toEqual([0, record.buffer.byteLength]);
    const view = new RecordView(record);
    view.times[0] = 1;
    view.seal(5);
    expect(RecordView.open(record)).toBeInstanceOf(RecordView);
  });

  it('answers a batch of which nothing is accepted', async () => {
    const { result } = await run(['', '[]']);
    expect(result.record).toBeUndefined();
    expect([...result.stateCounts]).toEqual([0, 0]);
    expect(result.refusals).toHaveLength(1);
    expect(result.chunkSlots).toHaveLength(0);
  });

  it('carries nothing over from one batch to the next', async () => {
    const batches = Array.from({ length: 20 }, (_, n) => [
      `{"data":{"n":${n}}}`,
      n % 2 === 0 ? '{}' : '{"data":{"s":"é"}}',
    ]);
    const results = await Promise.all(batches.map(run));
    results.forEach(({ result }, n) => {
      const states = [...statesByDevice(result).values()].flat().map(({ json }) => json);
      expect(states).toEqual(n % 2 === 0 ? [`{"data":{"n":${n}}}`] : batches[n]);
    });
  });
});
