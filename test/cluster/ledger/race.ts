import { type Claim, Claimant } from '../../../src/cluster/ledger/claimant.js';
import { decodeEntry, type LedgerEntry } from '../../../src/cluster/ledger/entry.js';
import { LEDGER_TIMES, type LedgerParts } from '../../../src/cluster/ledger/ledger-parts.js';
import type { Tenure } from '../../../src/cluster/ledger/tenure.js';
import type { Append, AppendOutcome } from '../../../src/cluster/ledger-log.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { type Fate, FaultyLog } from './faulty-log.js';
import { MemoryKeep } from './memory-keep.js';
import { OwnClock } from './own-clock.js';

export const SUBJECT = 'sw.ledger.0';
/** Between two entries of an owner, and two looks at who may start requests. */
const WRITE_EVERY_MS = 300;
const STEP_MS = 10;

/** What happens to one of the racers. */
export interface RaceEvent {
  readonly atMs: number;
  readonly who: number;
  readonly what: 'kill' | 'freeze' | 'release';
  /** How long it is frozen. */
  readonly forMs: number;
}

/** From when to when a process took itself for the one that may start requests; of the world's clock. */
export interface Interval {
  readonly owner: string;
  readonly fromMs: number;
  untilMs: number;
}

/** Keeps what was written, whatever is removed of it. */
export class RecordingKeep extends MemoryKeep {
  readonly entries: { readonly sequence: number; readonly entry: LedgerEntry }[] = [];

  override appendNow(append: Append): AppendOutcome {
    const outcome = super.appendNow(append);
    if (outcome.outcome === 'stored') {
      const { sequence } = outcome;
      this.entries.push({ sequence, entry: decodeEntry(Uint8Array.from(append.payload)) as LedgerEntry });
    }
    return outcome;
  }
}

/** A process that wants the partition, and writes to its ledger while it has it. */
class Racer {
  readonly clock: OwnClock;
  readonly owner: string;
  tenure: Tenure | undefined;
  readonly #race: Race;
  readonly #claimant: Claimant;

  constructor(race: Race, number: number, speed: number) {
    this.#race = race;
    this.owner = number.toString(16).padStart(32, '0');
    this.clock = new OwnClock(race.world, number * 1e6, speed);
    const line = new FaultyLog(race.world, race.keep, race.nextFate);
    const log: LedgerParts['log'] = {
      append: (append) => this.clock.arrival(line.append(append)),
      last: (subject) => this.clock.arrival(line.last(subject)),
    };
    this.#claimant = new Claimant({
      log,
      clock: this.clock,
      subject: SUBJECT,
      owner: this.owner,
      layout: () => 1 + (number % 2),
      times: LEDGER_TIMES,
      onClaimed: (claim) => this.#claimed(claim),
      onUnreadable: () => {
        throw new Error('an entry cannot be read');
      },
    });
    this.#claimant.start();
  }

  release(): void {
    const { tenure } = this;
    if (tenure === undefined) return;
    const released = tenure.release(new Uint8Array(0));
    released.then(
      () => this.clock.schedule(2_000, () => this.#claimant.start()),
      () => {},
    );
  }

  kill(): void {
    this.clock.kill();
    this.tenure = undefined;
  }

  #claimed({ tenure }: Claim): void {
    this.tenure = tenure;
    let losses = 0;
    tenure.onLost = () => {
      if (++losses > 1) throw new Error('a loss is told twice');
      this.#claimant.start();
    };
    const write = () => {
      if (!tenure.isHeld) return;
      const kind = this.#race.keep.entries.length % 7 === 0 ? 'snapshot' : 'settle';
      tenure.append({ kind, body: Buffer.from(this.owner) }).then(
        (sequence) => {
          this.#race.acknowledged.push({ owner: this.owner, sequence });
          this.clock.schedule(WRITE_EVERY_MS, write);
        },
        () => {},
      );
    };
    write();
  }
}

/** Three processes that race for a partition, on machines of which none has the other's clock. */
export class Race {
  readonly world = new FakeClock();
  readonly keep = new RecordingKeep();
  readonly acknowledged: { readonly owner: string; readonly sequence: number }[] = [];
  readonly intervals: Interval[] = [];
  readonly nextFate: () => Fate;
  readonly #racers: Racer[];
  #racersMade = 0;

  /** @param speeds of the clocks */
  constructor(speeds: readonly number[], nextFate: () => Fate) {
    this.nextFate = nextFate;
    this.#racers = speeds.map((speed) => new Racer(this, ++this.#racersMade, speed));
  }

  async run(forMs: number, events: readonly RaceEvent[]): Promise<void> {
    const startMs = this.world.monotonicMs();
    for (const event of events) this.world.schedule(event.atMs, () => this.#happen(event));
    while (this.world.monotonicMs() < startMs + forMs) {
      const beforeMs = this.world.monotonicMs();
      await this.world.advance(STEP_MS);
      this.#look(beforeMs);
    }
  }

  /** Processes that may start requests now. */
  get owners(): string[] {
    const nowMs = this.world.monotonicMs();
    return this.#racers.filter((racer) => untilOf(racer) > nowMs).map(({ owner }) => owner);
  }

  #happen({ who, what, forMs }: RaceEvent): void {
    const at = who % this.#racers.length;
    const racer = this.#racers[at] as Racer;
    if (what === 'release') racer.release();
    if (what === 'freeze') {
      racer.clock.freeze();
      this.world.schedule(forMs, () => racer.clock.thaw());
    }
    if (what !== 'kill') return;
    racer.kill();
    this.#racers[at] = new Racer(this, ++this.#racersMade, 1);
  }

  /** @param sinceMs of the look before: whatever has changed since may have done so at once */
  #look(sinceMs: number): void {
    const nowMs = this.world.monotonicMs();
    for (const racer of this.#racers) {
      const untilMs = untilOf(racer);
      const last = this.intervals.findLast(({ owner }) => owner === racer.owner);
      if (untilMs <= nowMs) {
        // Released: from the call on nothing starts.
        if (last !== undefined && untilMs === Number.NEGATIVE_INFINITY) last.untilMs = Math.min(last.untilMs, nowMs);
      } else if (last !== undefined && last.untilMs >= sinceMs) last.untilMs = Math.max(last.untilMs, untilMs);
      else this.intervals.push({ owner: racer.owner, fromMs: sinceMs, untilMs });
    }
  }
}

function untilOf({ tenure, clock }: Racer): number {
  return tenure === undefined ? Number.NEGATIVE_INFINITY : clock.worldMs(tenure.mayStartUntilMs);
}
