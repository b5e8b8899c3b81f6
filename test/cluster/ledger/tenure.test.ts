import { beforeEach, describe, expect, it } from 'vitest';
import { type Claim, Claimant, type ClaimantParts } from '../../../src/cluster/ledger/claimant.js';
import { encodeEntry, type LedgerEntry } from '../../../src/cluster/ledger/entry.js';
import { LEDGER_TIMES } from '../../../src/cluster/ledger/ledger-parts.js';
import type { Tenure } from '../../../src/cluster/ledger/tenure.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { type Fate, FaultyLog, NO_FAULT } from './faulty-log.js';
import { RecordingKeep, SUBJECT } from './race.js';

const BODY = Buffer.from('body');
const ONE = '1'.repeat(32);
const OTHER = '2'.repeat(32);
const { leaseMs, marginMs, renewMs, startMarginMs } = LEDGER_TIMES;

describe('who has a partition', () => {
  let clock: FakeClock;
  let keep: RecordingKeep;
  let fates: Fate[];

  beforeEach(() => {
    clock = new FakeClock();
    keep = new RecordingKeep();
    fates = [];
  });

  interface Site {
    readonly claimant: Claimant;
    readonly claims: Claim[];
    readonly unreadable: string[];
  }

  function claimantOf(owner: string): Site {
    const claims: Claim[] = [];
    const unreadable: string[] = [];
    const parts: ClaimantParts = {
      log: new FaultyLog(clock, keep, () => fates.shift() ?? NO_FAULT),
      clock,
      subject: SUBJECT,
      owner,
      layout: () => 1,
      times: LEDGER_TIMES,
      onClaimed: (claim) => claims.push(claim),
      onUnreadable: (sequence, reason) => unreadable.push(`${sequence}: ${reason}`),
    };
    return { claimant: new Claimant(parts), claims, unreadable };
  }

  async function claimed(owner: string): Promise<Tenure> {
    const { claimant, claims } = claimantOf(owner);
    claimant.start();
    await clock.advance(100);
    return (claims[0] as Claim).tenure;
  }

  const entries = () =>
    keep.entries.map(({ entry: { owner, kind, term } }) => `${owner === ONE ? 'one' : 'other'} ${kind} ${term}`);

  it('is the first who claims what nobody has had', async () => {
    const tenure = await claimed(ONE);
    expect(entries()).toEqual(['one claim 1']);
    expect(tenure.isHeld).toBe(true);
  });

  it('stays the same as long as it says that it is there', async () => {
    const tenure = await claimed(ONE);
    const { claimant, claims } = claimantOf(OTHER);
    claimant.start();
    await clock.advance(60_000);
    expect(claims).toEqual([]);
    expect(keep.entries.length).toBeGreaterThanOrEqual(Math.floor(60_000 / (renewMs + 10)));
    expect(tenure.mayStartUntilMs).toBeGreaterThan(clock.monotonicMs() + leaseMs - startMarginMs - 2 * renewMs);
  });

  it('is another when it was not heard of for a lease and a margin', async () => {
    const tenure = await claimed(ONE);
    tenure.end();
    const { claimant, claims } = claimantOf(OTHER);
    claimant.start();
    await clock.advance(leaseMs + marginMs - 100);
    expect(claims).toEqual([]);
    await clock.advance(500);
    expect(claims).toMatchObject([{ releasedMs: undefined }]);
    expect(entries()).toEqual(['one claim 1', 'other claim 2']);
  });

  it('is another at once when it was released, with what the last one knew', async () => {
    const tenure = await claimed(ONE);
    const { claimant, claims } = claimantOf(OTHER);
    claimant.start();
    await clock.advance(5_000);
    tenure.cursor = 77;
    const released = tenure.release(BODY);
    expect(tenure.mayStartUntilMs).toBe(Number.NEGATIVE_INFINITY);
    const atMs = clock.monotonicMs();
    await clock.advance(LEDGER_TIMES.lookMs + 100);
    await released;
    expect(claims).toHaveLength(1);
    expect(claims[0]?.tenure.cursor).toBe(77);
    expect(claims[0]?.releasedMs).toBeGreaterThan(atMs);
    expect(entries().slice(-2)).toEqual(['one release 1', 'other claim 2']);
    expect(keep.entries.at(-2)?.entry.body).toEqual(BODY);
  });

  it('may start until its lease is over, which counts from before the last entry was sent', async () => {
    const tenure = await claimed(ONE);
    fates.push({ kind: 'stored', thereMs: 700, backMs: 700 });
    const sentMs = clock.monotonicMs();
    const written = tenure.append({ kind: 'settle', body: BODY });
    await clock.advance(1_401);
    await written;
    expect(tenure.mayStartUntilMs).toBe(sentMs + leaseMs - startMarginMs);
  });

  it('goes on from an entry that was stored though nobody said so', async () => {
    const tenure = await claimed(ONE);
    fates.push({ ...NO_FAULT, kind: 'ack lost' });
    const sentMs = clock.monotonicMs();
    const written = [
      tenure.append({ kind: 'settle', body: BODY }),
      tenure.append({ kind: 'settle', body: Buffer.from('next') }),
    ];
    await clock.advance(3_000);
    expect(await Promise.all(written)).toEqual([2, 3]);
    expect(keep.entries.map(({ entry }) => entry.counter)).toEqual([0, 1, 2]);
    expect(tenure.isHeld).toBe(true);
    expect(tenure.mayStartUntilMs).toBeGreaterThan(sentMs + leaseMs - startMarginMs);
  });

  it('writes again what was not stored, whatever the reason, and stores it once', async () => {
    const tenure = await claimed(ONE);
    for (const kind of ['lost', 'conflict', 'late'] as const) {
      fates.push({ ...NO_FAULT, kind });
      const before = keep.entries.length;
      const written = tenure.append({ kind: 'settle', body: BODY });
      await clock.advance(2_100);
      await written;
      expect(keep.entries.slice(before).filter(({ entry }) => entry.body.byteLength > 0)).toHaveLength(1);
    }
  });

  it('has what is written beside an entry right before it', async () => {
    const tenure = await claimed(ONE);
    const beside = [
      { subject: 'sw.dead.0', payload: Buffer.of(1) },
      { subject: 'sw.dead.0', payload: Buffer.of(2) },
    ];
    const written = tenure.append({ kind: 'settle', body: BODY, beside });
    await clock.advance(10);
    const sequence = await written;
    expect(keep.messages.slice(-3).map((message) => [message.sequence - sequence, message.subject])).toEqual([
      [-2, 'sw.dead.0'],
      [-1, 'sw.dead.0'],
      [0, SUBJECT],
    ]);
  });

  it('is told once that another has it, and all that waits is refused', async () => {
    const tenure = await claimed(ONE);
    let losses = 0;
    tenure.onLost = () => losses++;
    const taken = encodeEntry(
      { kind: 'claim', term: 2, counter: 0, cursor: 0, owner: OTHER, body: new Uint8Array(0) },
      1,
    );
    keep.appendNow({ subject: SUBJECT, payload: taken });
    const written = [tenure.append({ kind: 'settle', body: BODY }), tenure.append({ kind: 'settle', body: BODY })].map(
      (promise) => promise.catch((error) => error.code),
    );
    await clock.advance(100);
    expect(await Promise.all(written)).toEqual(['STATEWAY_PARTITION_LOST', 'STATEWAY_PARTITION_LOST']);
    await clock.advance(10_000);
    expect(losses).toBe(1);
    expect(tenure.mayStartUntilMs).toBe(Number.NEGATIVE_INFINITY);
    expect(entries()).toEqual(['one claim 1', 'other claim 2']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('is who has written last, even when its lease ran out before', async () => {
    const tenure = await claimed(ONE);
    for (let i = 0; i < 20; i++) fates.push({ ...NO_FAULT, kind: 'lost' });
    const written = tenure.append({ kind: 'settle', body: BODY });
    await clock.advance(leaseMs);
    expect(tenure.mayStartUntilMs).toBeLessThan(clock.monotonicMs());
    fates.length = 0;
    await clock.advance(2_100);
    await written;
    expect(tenure.mayStartUntilMs).toBeGreaterThan(clock.monotonicMs() - leaseMs);
    expect(tenure.isHeld).toBe(true);
  });

  it('has claimed, too, when nobody said so; the lease counts from the first time it was sent', async () => {
    fates.push(NO_FAULT, { ...NO_FAULT, kind: 'ack lost' });
    const { claimant, claims } = claimantOf(ONE);
    claimant.start();
    await clock.advance(2_500);
    expect(entries()[0]).toBe('one claim 1');
    expect(claims).toHaveLength(1);
    expect(keep.entries.filter(({ entry }) => entry.kind === 'claim')).toHaveLength(1);
  });

  it('claims nothing whose last entry cannot be read, and says so once', async () => {
    keep.appendNow({ subject: SUBJECT, payload: encodeEntry(newerEntry(), 3) });
    const { claimant, claims, unreadable } = claimantOf(ONE);
    claimant.start();
    await clock.advance(60_000);
    expect(claims).toEqual([]);
    expect(unreadable).toEqual(['1: its layout is 3; 1 to 2 can be read']);
    claimant.stop();
    await clock.advance(100);
    expect(clock.pendingTimers).toBe(0);
  });

  it('is told of a claim that was written when it was not wanted any more', async () => {
    fates.push(NO_FAULT, { kind: 'stored', thereMs: 50, backMs: 50 });
    const { claimant, claims } = claimantOf(ONE);
    claimant.start();
    await clock.advance(20);
    claimant.stop();
    await clock.advance(200);
    expect(claims).toHaveLength(1);
  });

  it('ends the writing of what was never stored when it ends', async () => {
    const tenure = await claimed(ONE);
    for (let i = 0; i < 9; i++) fates.push({ ...NO_FAULT, kind: 'conflict' }, { ...NO_FAULT, kind: 'lost' });
    const written = tenure.append({ kind: 'settle', body: BODY }).catch((error) => error.code);
    await clock.advance(10);
    tenure.end();
    await clock.advance(2_100);
    expect(await written).toBe('STATEWAY_PARTITION_LOST');
    expect(clock.pendingTimers).toBe(0);
  });
});

function newerEntry(): LedgerEntry {
  return { kind: 'settle', term: 1, counter: 1, cursor: 0, owner: OTHER, body: new Uint8Array(0) };
}
