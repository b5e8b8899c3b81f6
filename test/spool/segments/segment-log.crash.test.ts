import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Random } from '../../helpers/fault-random.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { type Durable, LogSite } from './log-site.js';

/** Runs at the least, each of several lives of a log that all end in a kill. */
const RUNS = 10;
const LIVES = 4;
const STEPS = 120;

/** What devices and lanes know of the log, and so what has to come back. */
class Expectation {
  /** By sequence: all that was ever appended. */
  readonly texts = new Map<number, string>();
  readonly stored = new Set<number>();
  /** Refused, and known to the log as refused. */
  readonly takenBack = new Set<number>();
  readonly refused = new Set<number>();
  readonly settling = new Set<number>();
  readonly settled = new Set<number>();
  lastSequence = 0;

  /** Those that may be settled. */
  get open(): number[] {
    return [...this.stored].filter((sequence) => !this.settling.has(sequence));
  }

  /** A block is on disk that says what does not count. */
  takeBack(): void {
    for (const sequence of this.refused) this.takenBack.add(sequence);
    this.refused.clear();
  }
}

/** What happened over all runs: each has to have. */
const counts = { torn: 0, acknowledged: 0, failedWrites: 0, refusedBlocks: 0, shortWrites: 0, large: 0 };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** One life: random doings, then a kill in the middle of them. */
class Life {
  readonly #site: LogSite;
  readonly #random: Random;
  readonly #expected: Expectation;
  #isFailed = false;

  constructor(site: LogSite, random: Random, expected: Expectation) {
    this.#site = site;
    this.#random = random;
    this.#expected = expected;
    site.disk.isFree = false;
    site.confirm = () => {
      if (!this.#random.chance(0.05)) return;
      counts.refusedBlocks++;
      throw new Error('the names are gone');
    };
  }

  async live(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      await this.#step();
      await new Promise(setImmediate);
    }
  }

  /** Until a block of several pages is being written. */
  async beginWrite(): Promise<void> {
    const site = this.#site;
    const { disk } = site;
    if (this.#isFailed) await this.#recover();
    while ((disk.held?.bytes.byteLength ?? 0) < 4 * 4096) {
      if (disk.held !== undefined) disk.finish();
      if (site.underWay !== undefined) site.commitCheckpoint();
      else if (site.isShort) site.beginCheckpoint();
      this.#append(this.#random.whole(1, 9_000));
      await new Promise(setImmediate);
    }
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const site = this.#site;
    site.isServed = random.chance(0.8);
    if (random.chance(0.5)) for (let count = random.whole(1, 4); count > 0; count--) this.#appendSome();
    if (random.chance(0.5)) for (let count = random.whole(1, 4); count > 0; count--) this.#settle();
    if (random.chance(0.3)) vi.advanceTimersByTime(1);
    if (random.chance(0.2)) this.#checkpoint();
    if (site.disk.held !== undefined && random.chance(0.8)) this.#endWrite();
    if (this.#isFailed && random.chance(0.5)) await this.#recover();
  }

  #appendSome(): void {
    const random = this.#random;
    const isLarge = random.chance(0.005);
    if (isLarge) counts.large++;
    this.#append(isLarge ? 50_000 : random.pick([random.whole(1, 300), random.whole(3_000, 9_000)]));
  }

  #append(bytes: number): void {
    const random = this.#random;
    const expected = this.#expected;
    const sequence = ++expected.lastSequence;
    const text = `${sequence} `.padEnd(bytes, String.fromCharCode(random.whole(32, 126)));
    expected.texts.set(sequence, text);
    this.#site.append(sequence, text).then(
      () => {
        expected.stored.add(sequence);
        counts.acknowledged++;
        expected.takeBack();
      },
      () => expected.refused.add(sequence),
    );
  }

  #settle(): void {
    const expected = this.#expected;
    if (expected.open.length === 0) return;
    // Mostly the oldest, now and then one of the others, so that some stay for long.
    const sequence = this.#random.chance(0.7) ? expected.open[0] : this.#random.pick(expected.open);
    expected.settling.add(sequence as number);
    this.#site.settle(sequence as number).then(
      () => {
        expected.settled.add(sequence as number);
        expected.takeBack();
      },
      // It is settled all the same, as the cloud has it, and may be written down by a checkpoint.
      () => {},
    );
  }

  #checkpoint(): void {
    const site = this.#site;
    if (site.underWay === undefined) site.beginCheckpoint();
    else if (this.#random.chance(0.9)) site.commitCheckpoint();
    else site.failCheckpoint();
  }

  #endWrite(): void {
    const { disk } = this.#site;
    if (this.#random.chance(0.02)) {
      counts.failedWrites++;
      disk.fail(new Error('EIO'), () => this.#random.chance(0.5));
      this.#isFailed = true;
    } else if (this.#random.chance(0.1)) {
      counts.shortWrites++;
      disk.finish(this.#random.whole(1, disk.held?.bytes.byteLength ?? 1));
    } else {
      disk.finish();
    }
  }

  async #recover(): Promise<void> {
    this.#site.disk.isFree = true;
    await this.#site.log.recover();
    this.#site.disk.isFree = false;
    this.#isFailed = false;
    this.#expected.takeBack();
  }
}

async function verify(site: LogSite, expected: Expectation, tornPosition: number | undefined): Promise<void> {
  const waiting = site.waiting();
  const sequences = waiting.map(({ sequence }) => sequence);
  expect(sequences, 'in order, each once').toEqual([...new Set(sequences)].sort((a, b) => a - b));
  for (const { sequence, text } of waiting) {
    expect(text === expected.texts.get(sequence), `record ${sequence} as it was`).toBe(true);
    expect(expected.settled.has(sequence), `record ${sequence} was settled`).toBe(false);
    expect(expected.takenBack.has(sequence), `record ${sequence} was refused`).toBe(false);
  }
  const found = new Set(sequences);
  const lost = expected.open.filter((sequence) => !found.has(sequence));
  expect(lost, 'acknowledged and lost').toEqual([]);
  const reports = site.damaged.filter(({ name }) => !name.includes(`block ${tornPosition},`));
  expect(reports, 'damaged though it is not').toEqual([]);
  if (site.damaged.length > 0) counts.torn++;
  // What was on its way has come through, or it has not.
  expected.stored.clear();
  for (const sequence of sequences) expected.stored.add(sequence);
  for (const sequence of expected.settling) if (!found.has(sequence)) expected.settled.add(sequence);
  expected.settling.clear();
  for (const sequence of expected.settled) expected.settling.add(sequence);
  expected.refused.clear();
}

async function run(seed: string): Promise<void> {
  const random = new Random(seed);
  const directory = temporaryDirectory();
  const expected = new Expectation();
  const durable: Durable = { manifest: undefined, rows: new Map() };
  let tornPosition: number | undefined;
  for (let life = 0; life <= LIVES; life++) {
    const site = await LogSite.open(directory, durable);
    await verify(site, expected, tornPosition);
    if (life < LIVES) {
      const doings = new Life(site, random, expected);
      await doings.live();
      if (random.chance(0.8)) await doings.beginWrite();
    }
    tornPosition = site.log.durablePosition + 1;
    const share = random.pick([0, 0.1, 0.5, 0.9, 1]);
    await site.kill(() => random.chance(share));
  }
}

it('gives back all that was acknowledged and nothing that was settled or refused, wherever it is killed', async () => {
  const isAllSeen = () => Object.values(counts).every((count) => count > 0);
  for (let number = 0; number < RUNS || !isAllSeen(); number++) {
    const seed = `${Date.now()}-${number}`;
    await run(seed).catch((error: unknown) => {
      throw new Error(`with the seed ${seed}`, { cause: error });
    });
  }
  expect(
    Object.values(counts).every((count) => count > 0),
    JSON.stringify(counts),
  ).toBe(true);
});
