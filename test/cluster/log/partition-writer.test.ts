import { describe, expect, it } from 'vitest';
import type { AppendOutcome } from '../../../src/cluster/ledger-log.js';
import { PartitionWriter } from '../../../src/cluster/log/partition-writer.js';
import { partsOf, type RecordPart } from '../../../src/cluster/log/record-parts.js';
import { Device } from '../../../src/core/device.js';
import { writerOf } from '../../../src/state/record-writer.js';
import { buildRecord, readRecord } from '../../helpers/records.js';

const WRITER = '0102030405060708';
const DEVICE = new Device('a'.repeat(24), 'b'.repeat(24));
const AGAIN: AppendOutcome = { outcome: 'again', reason: 'an election' };

/** A log whose outcomes the test decides, in the order of the calls. */
class DecidedLog {
  readonly published: Uint8Array[] = [];
  readonly #decisions: ((outcome: AppendOutcome) => void)[] = [];

  readonly publish = (record: Uint8Array): Promise<AppendOutcome> => {
    this.published.push(Uint8Array.from(record));
    return new Promise((resolve) => this.#decisions.push(resolve));
  };

  async decide(outcome: AppendOutcome): Promise<void> {
    await expect.poll(() => this.#decisions.length).toBeGreaterThan(0);
    this.#decisions.shift()?.(outcome);
  }

  /** `n` of each state, by message. */
  get states(): unknown[][] {
    return this.published.map((record) => readRecord(record).flatMap(({ states }) => states.map(({ data }) => data.n)));
  }
}

function part(n: number, paddingBytes = 0): RecordPart {
  const record = buildRecord(
    [{ device: DEVICE, states: [{ time: n, data: { n, text: 'x'.repeat(paddingBytes) } }] }],
    n,
  );
  return [...partsOf(record, 1).values()][0] as RecordPart;
}

function stored(sequence: number): AppendOutcome {
  return { outcome: 'stored', sequence };
}

describe('the writer of a partition', () => {
  it('has one message under way, and joins what comes meanwhile in its order', async () => {
    const log = new DecidedLog();
    const writer = new PartitionWriter({ writer: WRITER, publish: log.publish });
    const appended = [1, 2, 3].map((n) => writer.append(part(n)));
    await log.decide(stored(10));
    await log.decide(stored(17));
    expect(await Promise.all(appended)).toEqual([10, 17, 17]);
    expect(log.states).toEqual([[1], [2, 3]]);
    expect(log.published.map(writerOf)).toEqual([1, 2].map((counter) => ({ writer: WRITER, counter })));
  });

  it('joins no more than half a megabyte', async () => {
    const log = new DecidedLog();
    const writer = new PartitionWriter({ writer: WRITER, publish: log.publish });
    const appended = [1, 2, 3, 4].map((n) => writer.append(part(n, 200_000)));
    for (const sequence of [1, 2, 3]) await log.decide(stored(sequence));
    expect(await Promise.all(appended)).toEqual([1, 2, 2, 3]);
    expect(log.states).toEqual([[1], [2, 3], [4]]);
  });

  it('sends one whose fate is unknown again as it is', async () => {
    const log = new DecidedLog();
    const writer = new PartitionWriter({ writer: WRITER, publish: log.publish });
    const appended = writer.append(part(1));
    await log.decide(AGAIN);
    await log.decide(AGAIN);
    await log.decide(stored(5));
    expect(await appended).toBe(5);
    expect(log.published).toHaveLength(3);
    expect(new Set(log.published.map((record) => Buffer.from(record).toString('hex'))).size).toBe(1);
  });

  it('refuses all that wait when the first may not wait longer, and counts on', async () => {
    const log = new DecidedLog();
    const writer = new PartitionWriter({ writer: WRITER, publish: log.publish, heldMs: 0 });
    const refused = [1, 2, 3].map((n) => writer.append(part(n)));
    await log.decide(AGAIN);
    const codes = (await Promise.allSettled(refused)).map((result) => 'reason' in result && result.reason.code);
    expect(codes).toEqual(Array(3).fill('STATEWAY_NATS_AWAY'));
    const appended = writer.append(part(4));
    await log.decide(stored(9));
    expect(await appended).toBe(9);
    expect(log.states).toEqual([[1], [4]]);
    expect(log.published.map(writerOf).map(({ counter }) => counter)).toEqual([1, 2]);
  });

  it('refuses at once what a full stream does not take, and only that', async () => {
    const log = new DecidedLog();
    const writer = new PartitionWriter({ writer: WRITER, publish: log.publish });
    const [first, second] = [writer.append(part(1)), writer.append(part(2))];
    const refusal = expect(first).rejects.toMatchObject({ code: 'STATEWAY_SPOOL_FULL', retryAfterSeconds: 10 });
    await log.decide({ outcome: 'full' });
    await refusal;
    await log.decide(stored(2));
    expect(await second).toBe(2);
  });
});
