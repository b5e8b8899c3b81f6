import type { Append, AppendOutcome, KeptMessage } from '../../../src/cluster/ledger-log.js';
import type { FakeClock } from '../../helpers/fake-clock.js';
import type { MemoryKeep } from './memory-keep.js';

/** What happens to one append on its way. */
export interface Fate {
  readonly kind:
    | 'stored'
    /** Stored, and nobody says so. */
    | 'ack lost'
    /** Not stored, and nobody says so. */
    | 'lost'
    /** Stored when its sender has given up waiting. */
    | 'late'
    /** As the servers answer while another append is under way. */
    | 'conflict';
  /** Before it is at the servers. */
  readonly thereMs: number;
  /** Before its answer is back. */
  readonly backMs: number;
}

/** After which a client stops waiting. */
const TIMEOUT_MS = 2_000;

export const NO_FAULT: Fate = { kind: 'stored', thereMs: 1, backMs: 1 };

/** A log whose line is what a test says: `nextFate` is asked for each append, and `mayPass` whether anything comes through. */
export class FaultyLog {
  readonly #clock: FakeClock;
  readonly #keep: MemoryKeep;
  readonly #nextFate: () => Fate;

  constructor(clock: FakeClock, keep: MemoryKeep, nextFate: () => Fate = () => NO_FAULT) {
    this.#clock = clock;
    this.#keep = keep;
    this.#nextFate = nextFate;
  }

  async append(append: Append): Promise<AppendOutcome> {
    const { kind, thereMs, backMs } = this.#nextFate();
    const sent: Append = { ...append, payload: Uint8Array.from(append.payload) };
    if (kind === 'late') this.#clock.schedule(TIMEOUT_MS + thereMs, () => this.#keep.appendNow(sent));
    if (kind === 'lost' || kind === 'late') return this.#givesUp(TIMEOUT_MS);
    await this.#pause(thereMs);
    if (kind === 'conflict') return { outcome: 'conflict' };
    const outcome = this.#keep.appendNow(sent);
    if (kind === 'ack lost') return this.#givesUp(Math.max(0, TIMEOUT_MS - thereMs));
    await this.#pause(backMs);
    return outcome;
  }

  /** As the leader has it when the question is there. */
  async last(subject: string): Promise<KeptMessage | undefined> {
    const { kind, thereMs, backMs } = this.#nextFate();
    await this.#pause(thereMs);
    const last = this.#keep.lastNow(subject);
    if (kind === 'lost') {
      await this.#pause(TIMEOUT_MS);
      throw new Error('no leader answers');
    }
    await this.#pause(backMs);
    return last;
  }

  async #givesUp(afterMs: number): Promise<AppendOutcome> {
    await this.#pause(afterMs);
    return { outcome: 'again', reason: 'timeout' };
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.schedule(ms, resolve);
    });
  }
}
