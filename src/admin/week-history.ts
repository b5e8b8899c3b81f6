import type { AdminSources } from './admin-sources.js';
import { type HistoryFile, type HistoryRow, MOST_ROWS, STEP_MS } from './history-file.js';
import type { WeekFacts } from './status-page/status-shape.js';

/** Looks between two writes of the row that is not over: a crash costs a minute of it. */
const LOOKS_A_WRITE = 6;

type Sources = Pick<AdminSources, 'clock' | 'cloud' | 'meters' | 'spoolStatus'>;
type Totals = Pick<HistoryRow, 'received' | 'forwarded' | 'refused'>;

/** The last week in rows of five minutes, which outlive the process where there is a file for them. */
export class WeekHistory {
  readonly #sources: Sources;
  readonly #file: HistoryFile | undefined;
  /** Rising, without the current one. */
  #rows: HistoryRow[];
  #current: HistoryRow;
  /** Counters at the last look. */
  #totals: Totals;

  /** @param file of the runs before; without one, a restart forgets */
  constructor(sources: Sources, file: HistoryFile | undefined) {
    this.#sources = sources;
    this.#file = file;
    const step = this.#stepNow();
    const known = (file?.rows ?? []).filter((row) => row.step > step - MOST_ROWS && row.step <= step);
    known.sort((a, b) => a.step - b.step);
    this.#current = known.at(-1)?.step === step ? (known.pop() as HistoryRow) : emptyRow(step);
    this.#rows = known;
    this.#totals = totalsOf(sources);
  }

  /** To be called every ten seconds or so. @throws what the sources throw when they cannot be read */
  look(): void {
    const sources = this.#sources;
    const step = this.#stepNow();
    if (step !== this.#current.step) this.#begin(step);
    const { bytes, states, deadLetters } = sources.spoolStatus();
    const totals = totalsOf(sources);
    const before = this.#totals;
    this.#totals = totals;
    const current = this.#current;
    this.#current = {
      step,
      states: Math.max(current.states, states),
      bytes: Math.max(current.bytes, bytes),
      received: current.received + totals.received - before.received,
      forwarded: current.forwarded + totals.forwarded - before.forwarded,
      refused: current.refused + totals.refused - before.refused,
      looks: current.looks + 1,
      looksUp: current.looksUp + (sources.cloud().isUp ? 1 : 0),
      deadLetters,
    };
    if (this.#current.looks % LOOKS_A_WRITE === 0) this.#file?.put(this.#current);
  }

  /** What was looked at in the last week. */
  facts(): WeekFacts {
    const rows = this.#current.looks > 0 ? [...this.#rows, this.#current] : this.#rows;
    const column = (read: (row: HistoryRow) => number) => rows.map(read);
    return {
      stepSeconds: STEP_MS / 1_000,
      endedAt: column(({ step }) => ((step + 1) * STEP_MS) / 1_000),
      states: column(({ states }) => states),
      bytes: column(({ bytes }) => bytes),
      received: column(({ received }) => received),
      forwarded: column(({ forwarded }) => forwarded),
      refused: column(({ refused }) => refused),
      cloudUp: column(({ looks, looksUp }) => Math.round((100 * looksUp) / looks) / 100),
      deadLetters: column(({ deadLetters }) => deadLetters),
    };
  }

  close(): void {
    this.#file?.close(this.#current);
  }

  /** A clock that was set back begins with rows of a time that was before: those beyond are wrong. */
  #begin(step: number): void {
    if (this.#current.looks > 0) {
      this.#rows.push(this.#current);
      this.#file?.put(this.#current);
    }
    this.#rows = this.#rows.filter((row) => row.step > step - MOST_ROWS && row.step < step);
    this.#current = emptyRow(step);
  }

  #stepNow(): number {
    return Math.max(0, Math.floor(this.#sources.clock.wallMs() / STEP_MS));
  }
}

function emptyRow(step: number): HistoryRow {
  const nothing = { states: 0, bytes: 0, received: 0, forwarded: 0, refused: 0, looks: 0, looksUp: 0, deadLetters: 0 };
  return { step, ...nothing };
}

function totalsOf({ meters }: Pick<AdminSources, 'meters'>): Totals {
  let [received, refused] = [0, 0];
  for (const results of Object.values(meters.received)) {
    received += results.accepted;
    refused += results.refused + results.unavailable;
  }
  return { received, forwarded: meters.forwarded, refused };
}
