import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { allocateBatchMemory, BATCH_BYTES, BatchBuffer } from '../../src/intake/batch-buffer.js';
import { WorkerPool } from '../../src/intake/worker-pool.js';
import type { BatchRequest } from '../../src/state/batch-layout.js';
import { RecordView } from '../../src/state/record-layout.js';
import { startChild } from '../helpers/program.js';
import { later } from '../helpers/promises.js';
import { readRecord } from '../helpers/records.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { AnswerLog, grantFor, json, TIMES } from './fakes.js';

/** The built worker, as `npm test` leaves it. */
const WORKER_FILE = fileURLToPath(new URL('../../dist/workers/batch-worker.js', import.meta.url));
const ARRIVAL_MS = 1_767_225_600_000;

function startPool(workerFile = WORKER_FILE, threads = 1): WorkerPool {
  const pool = new WorkerPool({ workerFile, threads });
  onTestFinished(() => pool.close());
  return pool;
}

/** A batch with a body for each of the devices 1, 2, ... */
function requestOf(...bodies: Uint8Array[]): BatchRequest {
  const batch = new BatchBuffer(allocateBatchMemory());
  bodies.forEach((body, i) => {
    batch.add(grantFor(i + 1), 'json', body, ARRIVAL_MS, new AnswerLog(), i);
  });
  return batch.toRequest(1_000, TIMES);
}

describe('the built worker', () => {
  it('decodes and validates on its thread', async () => {
    const pool = startPool();
    const result = await pool.run(
      requestOf(json({ data: { n: 1 } }), Buffer.from('no JSON'), json([{ data: { n: 3 } }])),
    );
    expect([...result.stateCounts]).toEqual([1, 0, 1]);
    expect(result.refusals).toMatchObject([{ entry: 1, code: 'STATEWAY_MALFORMED_BODY' }]);
    expect([...result.chunkSlots]).toEqual([0, 2]);
    const record = result.record as Uint8Array;
    expect(readRecord(record)).toEqual([
      { deviceKey: grantFor(1).device.key, states: [{ time: ARRIVAL_MS + 0.5, data: { n: 1 } }] },
      { deviceKey: grantFor(3).device.key, states: [{ time: ARRIVAL_MS + 0.5, data: { n: 3 } }] },
    ]);
    // Ready to be sealed where it stands.
    new RecordView(record).seal(ARRIVAL_MS);
    expect(RecordView.open(record)).toBeInstanceOf(RecordView);
  });

  it('is moved the buffers, and moves them back', async () => {
    const pool = startPool();
    // One that is not up yet is moved them later.
    await pool.run(requestOf(json({ data: {} })));
    const request = requestOf(json({ data: { n: 1 } }));
    const running = pool.run(request);
    expect([request.bodies.byteLength, request.entries.byteLength, request.slotIds.byteLength]).toEqual([0, 0, 0]);
    const { bodies, entries } = await running;
    expect(bodies.byteLength).toBe(BATCH_BYTES);
    const batch = new BatchBuffer({ bodies, entries });
    batch.add(grantFor(9), 'json', json({ data: { n: 2 } }), ARRIVAL_MS, new AnswerLog(), 1);
    const again = await pool.run(batch.toRequest(1_000, TIMES));
    expect(readRecord(again.record as Uint8Array)[0]?.states[0]?.data).toEqual({ n: 2 });
  });

  it('answers a batch of which nothing is accepted without a record', async () => {
    const result = await startPool().run(requestOf(json({ data: 5 }), json([])));
    expect(result.record).toBeUndefined();
    expect(result.chunkSlots).toHaveLength(0);
    expect(result.refusals).toHaveLength(1);
  });

  it('keeps batches on several threads apart', async () => {
    const pool = startPool(WORKER_FILE, 2);
    expect(pool.threads).toBe(2);
    const results = await Promise.all(Array.from({ length: 20 }, (_, n) => pool.run(requestOf(json({ data: { n } })))));
    const values = results.map(({ record }) => readRecord(record as Uint8Array)[0]?.states[0]?.data.n);
    expect(values).toEqual(Array.from({ length: 20 }, (_, n) => n));
  });
});

describe('a thread', () => {
  /** A worker that dies of a batch of two bodies and answers any other with the number of its thread. */
  function mortalWorker(): string {
    const file = join(temporaryDirectory(), 'mortal-worker.mjs');
    const lines = [
      `import { threadId } from 'node:worker_threads';`,
      'export default ({ entryCount }) => (entryCount === 2 ? process.exit(3) : threadId);',
      'export const started = () => {};',
    ];
    writeFileSync(file, lines.join('\n'));
    return file;
  }

  it('that dies takes its batch with it, and is replaced', async () => {
    const pool = startPool(mortalWorker());
    const body = json({ data: {} });
    const first = await pool.run(requestOf(body));
    await expect(pool.run(requestOf(body, body))).rejects.toThrow();
    const next = await pool.run(requestOf(body));
    expect(next).not.toBe(first);
    expect(typeof next).toBe('number');
  });

  /** A worker whose threads take their time to load; `loaded` counts those that have. */
  function slowWorker(): { file: string; loaded: () => number } {
    const directory = temporaryDirectory();
    const file = join(directory, 'slow-worker.mjs');
    const lines = [
      `import { appendFileSync } from 'node:fs';`,
      'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);',
      `appendFileSync(${JSON.stringify(join(directory, 'loaded'))}, '.');`,
      'export default ({ entryCount }) => (entryCount === 2 ? process.exit(3) : 0);',
      'export const started = () => {};',
    ];
    writeFileSync(file, lines.join('\n'));
    const mark = join(directory, 'loaded');
    return { file, loaded: () => (existsSync(mark) ? readFileSync(mark).byteLength : 0) };
  }

  it('is never ended while it loads', async () => {
    const { file, loaded } = slowWorker();
    await startPool(file, 2).close();
    expect(loaded()).toBe(2);
  });

  it('that takes the place of a dead one is not ended while it loads', async () => {
    const { file, loaded } = slowWorker();
    const pool = startPool(file);
    const body = json({ data: {} });
    await expect(pool.run(requestOf(body, body))).rejects.toThrow();
    await pool.close();
    expect(loaded()).toBe(2);
  });

  it('that cannot be started ends the process', async () => {
    const file = join(temporaryDirectory(), 'broken-worker.mjs');
    writeFileSync(file, `throw new Error('broken worker');`);
    const pool = JSON.stringify(fileURLToPath(new URL('../../dist/src/intake/worker-pool.js', import.meta.url)));
    const program = `import { WorkerPool } from ${pool};
      new WorkerPool({ workerFile: ${JSON.stringify(file)}, threads: 2 });
      setInterval(() => {}, 1_000);`;
    const child = startChild([process.execPath, '--input-type=module', '-e', program], { stdio: 'ignore' });
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(1);
  });

  it('ends with close', async () => {
    const exits: Promise<unknown>[] = [];
    const onWorker = (worker: Worker) => exits.push(later(once(worker, 'exit')));
    process.on('worker', onWorker);
    onTestFinished(() => void process.off('worker', onWorker));
    const pool = startPool(WORKER_FILE, 2);
    await pool.run(requestOf(json({ data: {} })));
    await pool.close();
    await Promise.all(exits);
    expect(exits).toHaveLength(2);
  });
});
