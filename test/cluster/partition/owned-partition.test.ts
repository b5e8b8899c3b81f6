import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeEntry, encodeEntry, type LedgerEntry } from '../../../src/cluster/ledger/entry.js';
import { askForLetters } from '../../../src/cluster/partition/asked-letters.js';
import type { OwnedPartition } from '../../../src/cluster/partition/owned-partition.js';
import { backlogSubject, ledgerSubject, orderSubject } from '../../../src/cluster/subjects.js';
import { Device } from '../../../src/core/device.js';
import type { ReadRecord, Settlement, Spill } from '../../../src/core/spool-ports.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { DEVICE_A, DEVICE_B, recordOf, wholeChunk } from '../../spool/contract.js';
import { letterOf } from '../../spool/contract-dead-letters.js';
import { WaitingDevice } from '../../spool/waiting-device.js';
import { memoryStreams, type OpenOptions, PartitionOwners, waitingClock } from './partition-site.js';

const WINDOW_MS = 15_000;
const LEDGER = ledgerSubject(0);

describe('the owner of a partition', () => {
  let clock: FakeClock;
  let streams: ReturnType<typeof memoryStreams>;
  let owners: PartitionOwners;
  let open: OwnedPartition[];
  let read: ReadRecord[];

  beforeEach(() => {
    clock = new FakeClock();
    streams = memoryStreams();
    owners = new PartitionOwners(streams, waitingClock(clock));
    open = [];
  });

  afterEach(() => {
    for (const partition of open) partition.end();
  });

  /** Takes the partition over and reads what is there. */
  async function takeOver(options?: OpenOptions): Promise<OwnedPartition> {
    const partition = await owners.next(options);
    open.push(partition);
    read = [];
    await partition.open();
    await partition.read((record) => read.push(record)).caughtUp;
    return partition;
  }

  /** As {@link takeOver}, when the owner before was not heard of any more. */
  async function takeOverFrom(dead: OwnedPartition, options?: OpenOptions): Promise<OwnedPartition> {
    dead.end();
    const next = takeOver(options);
    // Seen first, and then unchanged for a lease and a margin.
    await new Promise((resolve) => setTimeout(resolve, 50));
    await clock.advance(14_000);
    return next;
  }

  async function store(partition: OwnedPartition, record: Uint8Array, writer = 'w', counter?: number): Promise<number> {
    const sequence = streams.intake.append(0, record, writer, counter);
    while (partition.lastRead < sequence) await new Promise(setImmediate);
    return sequence;
  }

  const one = (device = DEVICE_A) => recordOf(new Map([[device, 1]]), 1);
  const sequences = () => read.map(({ sequence }) => sequence);

  it('knows after the end of the one before what was settled, and of its requests the worst', async () => {
    const first = await takeOver();
    const settled = await store(first, one());
    const left = await store(first, one());
    const sends = { count: 17, windowMs: WINDOW_MS, untilMs: clock.monotonicMs() };
    await first.settle({ ...wholeChunk(DEVICE_A, settled, 1), sends });
    const next = await takeOverFrom(first);
    expect(sequences()).toEqual([left]);
    const nowMs = clock.monotonicMs();
    expect(next.history(DEVICE_A)).toEqual({
      watermark: { sequence: settled + 1, states: 0 },
      sends: { ...sends, untilMs: nowMs },
    });
  });

  it('counts requests that may arrive yet from the take-over on', async () => {
    const first = await takeOver();
    const settled = await store(first, one());
    const sends = { count: 3, windowMs: WINDOW_MS, untilMs: clock.monotonicMs() + WINDOW_MS };
    await first.settle({ ...wholeChunk(DEVICE_A, settled, 1), sends });
    const next = await takeOverFrom(first);
    expect(next.history(DEVICE_A)?.sends.untilMs).toBe(clock.monotonicMs() + WINDOW_MS);
  });

  it('knows after a release how long ago requests were, however long it took to be claimed', async () => {
    const first = await takeOver();
    const settled = await store(first, one());
    const untilMs = clock.monotonicMs();
    await first.settle({ ...wholeChunk(DEVICE_A, settled, 1), sends: { count: 3, windowMs: WINDOW_MS, untilMs } });
    await clock.advance(4_000);
    await first.release();
    const next = await takeOver();
    expect(next.history(DEVICE_A)?.sends.untilMs).toBe(untilMs);
  });

  it('settles nothing any more when another has it', async () => {
    const first = await takeOver();
    const sequence = await store(first, one());
    steal();
    const code = first.settle(wholeChunk(DEVICE_A, sequence, 1)).catch((error) => error.code);
    expect(await code).toBe('STATEWAY_PARTITION_LOST');
    expect(first.mayStartUntilMs).toBe(Number.NEGATIVE_INFINITY);
  });

  /** Another writes to the ledger, as one does that has waited. */
  function steal(): void {
    const claim = { ...lastEntry(), kind: 'claim', counter: 0, owner: 'f'.repeat(32) } as const;
    streams.keep.appendNow({ subject: LEDGER, payload: encodeEntry({ ...claim, term: claim.term + 1 }, 1) });
  }

  const lastEntry = () => decodeEntry(streams.keep.lastNow(LEDGER)?.payload as Uint8Array) as LedgerEntry;

  it('passes over what a writer has stored twice, before and after it was settled, whoever reads', async () => {
    const first = await takeOver();
    const stored = await store(first, one(), 'w', 5);
    streams.intake.append(0, one(), 'w', 5);
    streams.intake.append(0, one(), 'w', 4);
    const other = await store(first, one(), 'v', 1);
    expect(sequences()).toEqual([stored, other]);
    await first.settle({ ...wholeChunk(DEVICE_A, other, 1), finishedSequences: [stored, other], states: 2 });
    await first.release();
    streams.intake.append(0, one(), 'w', 5);
    const next = await takeOver();
    expect(sequences()).toEqual([]);
    const newer = await store(next, one(), 'w', 6);
    expect(sequences()).toEqual([newer]);
  });

  it('writes the cursor, and the writers that it has passed, without anything else to write', async () => {
    const first = await takeOver();
    const stored = await store(first, one(), 'w', 5);
    await first.settle(wholeChunk(DEVICE_A, stored, 1));
    await expect.poll(() => lastEntry().cursor, { timeout: 20_000 }).toBe(stored + 1);
    streams.intake.append(0, one(), 'w', 5);
    const next = await takeOverFrom(first);
    expect(sequences()).toEqual([]);
    expect(next.status().states).toBe(0);
  });

  it('keeps the ledger short, and all that it says', async () => {
    const first = await takeOver({ layout: 1 });
    const devices = Array.from({ length: 40 }, (_, i) => new Device('a'.repeat(24), i.toString(16).padStart(24, '0')));
    const settled: number[] = [];
    for (let round = 0; round < 60; round++) {
      const record = recordOf(new Map(devices.map((device) => [device, 1])), 1);
      settled.push(await store(first, record));
      await Promise.all(devices.map((device) => first.settle(wholeChunk(device, settled.at(-1) as number, 1))));
    }
    const bytes = streams.keep.messages.reduce((sum, { payload }) => sum + payload.byteLength, 0);
    expect(bytes).toBeLessThan(2 * 64 * 1024);
    const next = await takeOverFrom(first, { layout: 2 });
    for (const device of devices) {
      expect(next.history(device)?.watermark.sequence).toBe((settled.at(-1) as number) + 1);
    }
    expect(sequences()).toEqual([]);
  });

  it('forgets devices that are settled and quiet', async () => {
    const first = await takeOver();
    const stored = await store(first, one());
    await first.settle(wholeChunk(DEVICE_A, stored, 1));
    await clock.advance(700_000);
    await first.release();
    const next = await takeOver();
    expect(next.history(DEVICE_A)).toBeUndefined();
  });

  it('reads no more than may wait in memory, and goes on when it has room', async () => {
    const bytes = one().byteLength;
    const first = await takeOver({ maxOpenBytes: 3 * bytes });
    for (let i = 0; i < 10; i++) streams.intake.append(0, one());
    await expect.poll(() => read.length, { timeout: 20_000 }).toBe(4);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(read).toHaveLength(4);
    for (const { sequence } of [...read]) await first.settle(wholeChunk(DEVICE_A, sequence, 1));
    await expect.poll(() => read.length, { timeout: 20_000 }).toBe(7);
  });

  it('removes pieces that are settled, those of an owner that did not live to do so too', async () => {
    const first = await takeOver();
    const a = new WaitingDevice(DEVICE_A);
    const record = one();
    a.add(await store(first, record), record);
    await first.spill(a.spill(1) as Spill);
    await first.settle((await a.settleBacklog(first, 1)) as Settlement);
    const pieces = async () => (await streams.keep.counts(backlogSubject(0, '*'))).size;
    expect(await pieces()).toBe(1);
    const next = await takeOverFrom(first);
    expect(await next.firstPiece(DEVICE_A)).toBeUndefined();
    await next.takeRequeued();
    expect(await pieces()).toBe(0);
  });

  it('passes over a piece that cannot be read back, and goes on with the next', async () => {
    const first = await takeOver();
    const a = new WaitingDevice(DEVICE_A);
    for (const storedAtMs of [1, 2]) {
      const record = recordOf(new Map([[DEVICE_A, 1]]), storedAtMs);
      a.add(await store(first, record), record);
      await first.spill(a.spill(1) as Spill);
    }
    const message = await streams.keep.first(backlogSubject(0, DEVICE_A));
    const { payload } = message ?? { payload: new Uint8Array(0) };
    payload[60] = (payload[60] as number) ^ 1;
    const piece = await first.firstPiece(DEVICE_A);
    expect(piece?.sequence).toBeGreaterThan(message?.sequence as number);
    expect(owners.unreadable).toEqual([{ what: 'piece', sequence: message?.sequence }]);
    expect(first.status()).toMatchObject({ states: 1, unreadableRecords: 1 });
  });

  it('ends the oldest dead letters beyond the bound', async () => {
    const first = await takeOver({ maxDeadLetterBytes: 450 });
    const letters = [1, 2, 3, 4].map((n) => ({ ...letterOf(DEVICE_A, n, n), fragment: new Uint8Array(100) }));
    for (const letter of letters) {
      const stored = await store(first, one());
      await first.settle({ ...wholeChunk(DEVICE_A, stored, 1), deadLetters: [letter] });
    }
    expect((await first.deadLettersFrom(0, 9)).map(({ timeMs }) => timeMs)).toEqual([3, 4]);
    expect(first.status().deadLetters).toBe(2);
  });

  it('discards dead letters that an operator gives up, and no others', async () => {
    const first = await takeOver();
    for (const n of [1, 2, 3]) {
      const stored = await store(first, one());
      await first.settle({ ...wholeChunk(DEVICE_A, stored, 1), deadLetters: [letterOf(DEVICE_B, n, n)] });
    }
    const numbers = (await first.deadLettersFrom(0, 9)).map(({ number }) => number);
    const asked = await askForLetters(
      streams.keep,
      1,
      'discard',
      new Set([numbers[0] as number, numbers[2] as number]),
    );
    expect(asked).toEqual({ requested: 2, noStates: 0 });
    for (let order = 0; order < 2; order++) expect(await first.takeRequeued()).toEqual([]);
    expect((await first.deadLettersFrom(0, 9)).map(({ timeMs }) => timeMs)).toEqual([2]);
    expect(first.status().states).toBe(0);
    expect(await streams.keep.first(orderSubject(0))).toBeUndefined();
  });

  it('passes over an order that is none', async () => {
    const first = await takeOver();
    streams.keep.appendNow({ subject: orderSubject(0), payload: Buffer.from('{"kind":"destroy"}') });
    expect(await first.takeRequeued()).toEqual([]);
    expect(await streams.keep.first(orderSubject(0))).toBeUndefined();
  });
});
