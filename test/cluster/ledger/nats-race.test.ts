import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from 'vitest';
import { type Claim, Claimant } from '../../../src/cluster/ledger/claimant.js';
import { decodeEntry, type LedgerEntry } from '../../../src/cluster/ledger/entry.js';
import type { LedgerTimes } from '../../../src/cluster/ledger/ledger-parts.js';
import type { Tenure } from '../../../src/cluster/ledger/tenure.js';
import type { KeepStream } from '../../../src/cluster/ledger-log.js';
import { NatsKeepStream } from '../../../src/cluster/nats/keep-stream.js';
import { NatsLink } from '../../../src/cluster/nats/link.js';
import { prepareStreams } from '../../../src/cluster/nats/streams.js';
import { KEEP_STREAM, ledgerSubject } from '../../../src/cluster/subjects.js';
import { systemClock } from '../../../src/core/time/clock.js';
import { NatsServers, whyNoNats } from '../../helpers/nats-servers.js';
import { atEnd, expect } from '../../helpers/test-scope.js';

/** Short ones, so that the partition often goes from one to another. */
const TIMES: LedgerTimes = {
  leaseMs: 1_500,
  marginMs: 300,
  startMarginMs: 100,
  renewMs: 200,
  lookMs: 50,
  retryMs: 20,
};
const SUBJECT = ledgerSubject(0);
const WRITE_EVERY_MS = 5;
const ROUNDS = 3;

interface Written {
  readonly owner: string;
  readonly sequence: number;
}

interface Interval {
  readonly owner: string;
  readonly fromMs: number;
  untilMs: number;
}

interface Race {
  readonly written: Written[];
  readonly intervals: Interval[];
}

/** Wants the partition, and writes to its ledger while it has it, over a connection of its own. */
class Racer {
  readonly owner: string;
  tenure: Tenure | undefined;
  readonly #claimant: Claimant;
  readonly #race: Race;

  constructor(number: number, log: KeepStream, race: Race) {
    this.owner = number.toString(16).padStart(32, '0');
    this.#race = race;
    this.#claimant = new Claimant({
      log,
      clock: systemClock,
      subject: SUBJECT,
      owner: this.owner,
      layout: () => 2,
      times: TIMES,
      onClaimed: (claim) => void this.#own(claim),
      onUnreadable: () => {},
    });
    this.#claimant.start();
  }

  /** As a process that is killed: nothing is written any more, and nothing is released. */
  stop(): void {
    this.#claimant.stop();
    this.tenure?.end();
  }

  async #own({ tenure }: Claim): Promise<void> {
    this.tenure = tenure;
    tenure.onLost = () => this.#claimant.start();
    for (let fromMs = systemClock.monotonicMs(); tenure.isHeld; ) {
      try {
        this.#note(fromMs, tenure.mayStartUntilMs);
        const sequence = await tenure.append({ kind: 'settle', body: Buffer.from('x') });
        this.#race.written.push({ owner: this.owner, sequence });
        fromMs = systemClock.monotonicMs();
        await sleep(WRITE_EVERY_MS);
      } catch {
        return;
      }
    }
  }

  /** One that begins where the one before has not ended is the same. */
  #note(fromMs: number, untilMs: number): void {
    const last = this.#race.intervals.findLast(({ owner }) => owner === this.owner);
    if (last !== undefined && fromMs <= last.untilMs) last.untilMs = Math.max(last.untilMs, untilMs);
    else if (untilMs > fromMs) this.#race.intervals.push({ owner: this.owner, fromMs, untilMs });
  }
}

describe.skipIf(whyNoNats() !== undefined)('on three servers', () => {
  it('three who race never write past one another, while leaders and owners die', async () => {
    const servers = await NatsServers.start({ count: 3 });
    const links = await Promise.all(
      servers.urls.map((url) => NatsLink.open({ urls: [url, ...servers.urls], name: 'test' })),
    );
    atEnd(async () => {
      await Promise.all(links.map((link) => link.close()));
    });
    const [first] = links as [NatsLink];
    await prepareStreams(first, { partitions: 1, replicas: 3, maxIntakeBytes: 2 ** 20 });
    const logs = await Promise.all(links.map((link) => NatsKeepStream.open(link)));
    const race: Race = { written: [], intervals: [] };
    const racers = logs.map((log, i) => new Racer(i + 1, log, race));
    atEnd(() => {
      for (const racer of racers) racer.stop();
    });
    const writes = async (more: number) => {
      const before = race.written.length;
      await expect.poll(() => race.written.length, { timeout: 60_000 }).toBeGreaterThan(before + more);
    };
    await writes(50);
    for (let round = 0; round < ROUNDS; round++) {
      const leader = await servers.leaderOf(KEEP_STREAM);
      await leader.kill();
      await writes(50);
      await leader.start();
      const owner = racers.findIndex(({ tenure }) => tenure?.isHeld);
      racers[owner]?.stop();
      racers[owner] = new Racer(racers.length + round + 1, logs[owner] as KeepStream, race);
      await writes(50);
    }
    for (const racer of racers) racer.stop();
    // One that is under way may be acknowledged while the ledger is being read.
    await expectOneChain(logs[0] as KeepStream, [...race.written]);
    expect(new Set(race.written.map(({ owner }) => owner)).size).toBeGreaterThan(ROUNDS);
    expectApart(race.intervals);
  }, 240_000);
});

/** Each entry stands behind the one that its writer saw last, and what was acknowledged stands there. */
async function expectOneChain(keep: KeepStream, written: readonly Written[]): Promise<void> {
  const owners = new Map<number, string>();
  let before: LedgerEntry | undefined;
  for await (const { payload, sequence } of keep.readFrom(SUBJECT, 0)) {
    const entry = decodeEntry(payload) as LedgerEntry;
    owners.set(sequence, entry.owner);
    if (entry.kind === 'claim') expect(entry.term).toBe((before?.term ?? 0) + 1);
    else expect(entry).toMatchObject({ owner: before?.owner, term: before?.term, counter: (before?.counter ?? 0) + 1 });
    before = entry;
  }
  for (const { owner, sequence } of written) expect(owners.get(sequence)).toBe(owner);
}

function expectApart(intervals: readonly Interval[]): void {
  const sorted = intervals.toSorted((a, b) => a.fromMs - b.fromMs);
  sorted.forEach(({ owner, fromMs }, i) => {
    for (const earlier of sorted.slice(0, i)) {
      if (earlier.owner !== owner) expect(earlier.untilMs).toBeLessThanOrEqual(fromMs);
    }
  });
}
