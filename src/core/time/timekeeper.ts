import type { CloudDate } from '../cloud-port.js';
import { type ArrivalClock, type Clock, MAX_STAMP_AHEAD_MS } from './clock.js';
import { type TimeWindow, windowAt } from './cloud-window.js';
import {
  type Corrections,
  correctionsOf,
  decided,
  type HeardClock,
  MAX_TIMEBASE,
  NOTED_EVERY_MS,
  noCorrections,
  type Timebase,
  type Timebases,
  withTimebase,
} from './timebase.js';

/** When this was written: a clock that shows less is wrong. */
const WRITTEN_AT_MS = Date.UTC(2026, 0, 1);
/**
 * A wall clock is believed while it is no further than this from what the cloud's `Date` says: that has whole seconds, and
 * was under way for some more. Beyond, the cloud ignores states or shows them at a wrong time.
 */
export const TOLERANCE_MS = MAX_STAMP_AHEAD_MS;
/**
 * An answer that took longer says too little of when its `Date` was. Of one that took so long the middle is off by half of
 * what is tolerated at the most; a shorter one that says otherwise takes its place. A cloud that is slow for good is asked by
 * nothing else.
 */
const LONGEST_EXCHANGE_MS = TOLERANCE_MS;
/** After so many that took longer, a cloud counts as one that does not say what time it is: nobody waits for that for good. */
const MOST_SLOW_ANSWERS = 3;
/** Differences below this are the noise of two readings, or a clock that is slewed. */
const STEP_MS = 1_000;
/** How often it is written down what the cloud's clock says. */
const HEARD_NOTED_EVERY_MS = 3_600_000;

/** Where timebases outlive the process. */
export interface TimebaseStore {
  /** As the last run left them. */
  readonly timebases: Timebases;
  /** Whether no state is left that a timebase could be needed for. */
  readonly isEmpty: boolean;
  /** Whether what the last run left could not be read. */
  readonly isDamaged: boolean;
  /** Monotonic: when the data was first opened in this boot. */
  readonly firstOpenedMs: number;
  /** To be written in the transaction of the next record, or before. */
  noteTimebases(timebases: Timebases): void;
  /** Resolves when they are on stable storage. */
  saveTimebases(timebases: Timebases): Promise<void>;
}

/**
 * What time it is, as far as the machine and the cloud together know (contract 1.5).
 *
 * The wall clock is believed unless the cloud, by the `Date` of an answer of its own, has shown that it is more than
 * {@link TOLERANCE_MS} off; then the time is the cloud's, moved on by the monotonic clock. So {@link Timekeeper.wallMs} is
 * right soon after the first answer, though the machine's clock be wrong for ever.
 *
 * Times that were counted before are corrected by the monotonic distance when the first of them is about to be sent
 * ({@link Timekeeper.decide}), which needs the right time: an answer of the cloud, in this boot, with a `Date`; or without
 * one, and a wall clock that can be right.
 */
export class Timekeeper implements ArrivalClock {
  readonly #clock: Clock;
  readonly #bootTag: number;
  readonly #onSkew: (skewMs: number, isTooMuch: boolean) => void;
  #store: TimebaseStore | undefined = undefined;
  #bases: Timebase[] = [];
  #current: Timebase | undefined = undefined;
  #corrections: Corrections = noCorrections();
  #heard: HeardClock | undefined = undefined;
  /** Of a timebase, the highest used. */
  #lastNumber = 0;
  /** The cloud has answered without a `Date`. */
  #isCloudDateless = false;
  #slowAnswers = 0;
  #isSkewed = false;
  #deciding: Promise<boolean> | undefined = undefined;

  /** @param onSkew told by how much the machine's clock is ahead of the cloud's, when that comes to be too much or no more */
  constructor(clock: Clock, bootTag: number, onSkew: (skewMs: number, isTooMuch: boolean) => void = () => {}) {
    this.#clock = clock;
    this.#bootTag = bootTag;
    this.#onSkew = onSkew;
  }

  /** Takes up what the last run left. To be called once, before anything arrives. */
  open(store: TimebaseStore): void {
    const { bases, heard } = store.timebases;
    this.#store = store;
    this.#heard = heard;
    this.#bases = store.isEmpty ? [] : [...bases];
    this.#corrections = correctionsOf(this.#bases);
    const last = this.#bases.at(-1);
    // Times may be marked with numbers that were lost: the new ones are others.
    this.#lastNumber = last?.number ?? (store.isDamaged && !store.isEmpty ? MAX_TIMEBASE >> 1 : 0);
    this.#current = last?.bootTag === this.#bootTag ? last : undefined;
  }

  wallMs(): number {
    return this.#wallOf(this.#clock.wallMs(), this.#clock.monotonicMs());
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  schedule(delayMs: number, task: () => void): () => void {
    return this.#clock.schedule(delayMs, task);
  }

  arrivalMs(): number {
    const nowMs = this.#clock.monotonicMs();
    const wallMs = this.#wallOf(this.#clock.wallMs(), nowMs);
    return withTimebase(wallMs, this.#baseFor(wallMs, nowMs));
  }

  /** Whether the time can be right. */
  get isCredible(): boolean {
    return this.#heardOffsetMs !== undefined || this.#clock.wallMs() >= this.#notBeforeMs;
  }

  /** By how much the machine's clock is ahead of the cloud's; undefined while the cloud has said nothing in this boot. */
  get skewMs(): number | undefined {
    const offsetMs = this.#heardOffsetMs;
    return offsetMs === undefined ? undefined : this.#clock.wallMs() - this.#clock.monotonicMs() - offsetMs;
  }

  /** What the cloud's clock shows; undefined while the cloud has said nothing in this boot. */
  get cloudNowMs(): number | undefined {
    const offsetMs = this.#heardOffsetMs;
    return offsetMs === undefined ? undefined : this.#clock.monotonicMs() + offsetMs;
  }

  /** By number of a timebase; replaced, not changed, when more is decided. */
  get corrections(): Corrections {
    return this.#corrections;
  }

  /** The timebase of a number, if there is one. */
  baseOf(number: number): Timebase | undefined {
    return this.#bases.find((base) => base.number === number);
  }

  /** Whether {@link Timekeeper.decide} may decide: otherwise the cloud has to be asked for the time first. */
  get canDecide(): boolean {
    return this.#heardOffsetMs !== undefined || (this.#isCloudDateless && this.isCredible);
  }

  /**
   * Which times of states the cloud keeps, by what is known of the right time: while that is nothing, only what no right
   * clock would call recent is told to be too old, and nothing to be ahead. So no wrong clock of this machine makes the
   * clocks of its devices look wrong.
   */
  get window(): TimeWindow {
    if (this.canDecide) return windowAt(this.wallMs());
    return { earliestMs: windowAt(this.#notBeforeMs).earliestMs, latestMs: Number.POSITIVE_INFINITY };
  }

  /**
   * An answer of the cloud's own has come. Its clock is read by the middle of what its `Date` allows.
   * However long ago it came, since the answer itself tells when that was.
   */
  hear({ dateMs, sentMs, heardMs }: CloudDate): void {
    if (dateMs === undefined) {
      this.#isCloudDateless = true;
      return;
    }
    if (heardMs - sentMs > LONGEST_EXCHANGE_MS) {
      this.#slowAnswers++;
      if (this.#slowAnswers >= MOST_SLOW_ANSWERS) this.#isCloudDateless = true;
      return;
    }
    // It was shown between the two, and cut to a second.
    const [leastMs, mostMs] = [dateMs - heardMs, dateMs + 1_000 - sentMs];
    const knownMs = this.#heardOffsetMs;
    if (knownMs === undefined || knownMs < leastMs - STEP_MS || knownMs > mostMs + STEP_MS) {
      this.#heard = { bootTag: this.#bootTag, offsetMs: Math.round((leastMs + mostMs) / 2), wallMs: dateMs };
      this.#note();
    }
    this.#judgeSkew();
  }

  #judgeSkew(): void {
    const skewMs = this.skewMs as number;
    const isSkewed = Math.abs(skewMs) > TOLERANCE_MS;
    if (isSkewed === this.#isSkewed) return;
    this.#isSkewed = isSkewed;
    this.#onSkew(skewMs, isSkewed);
  }

  /**
   * Decides how times counted so far are corrected, and writes that down.
   * @returns whether everything is decided; false when it cannot be, or could not be written
   */
  decide(): Promise<boolean> {
    this.#deciding ??= this.#decide().finally(() => {
      this.#deciding = undefined;
    });
    return this.#deciding;
  }

  async #decide(): Promise<boolean> {
    const store = this.#store;
    if (store === undefined || !this.canDecide) return false;
    const nowMs = this.#clock.monotonicMs();
    const wallMs = this.#wallOf(this.#clock.wallMs(), nowMs);
    // What is counted from now on is counted with it.
    const isCounted = this.#baseFor(wallMs, nowMs) > 0;
    const offsetMs = isCounted ? (this.#current as Timebase).offsetMs : Math.round(wallMs - nowMs);
    const { firstOpenedMs } = store;
    const right = { bootTag: this.#bootTag, offsetMs, firstOpenedMs, notBeforeMs: WRITTEN_AT_MS };
    const bases = decided(this.#bases, right);
    try {
      await store.saveTimebases({ bases, heard: this.#heard });
    } catch {
      return false;
    }
    this.#adopt(bases);
    return true;
  }

  /** Takes over what was decided; meanwhile a timebase may have been added. */
  #adopt(decidedBases: readonly Timebase[]): void {
    const byNumber = new Map(decidedBases.map((base) => [base.number, base]));
    this.#bases = this.#bases.map((base) => ({ ...base, correctionMs: byNumber.get(base.number)?.correctionMs }));
    if (this.#current !== undefined) this.#current = this.baseOf(this.#current.number);
    this.#corrections = correctionsOf(this.#bases);
  }

  #wallOf(machineMs: number, nowMs: number): number {
    const offsetMs = this.#heardOffsetMs;
    if (offsetMs === undefined) return machineMs;
    const cloudMs = nowMs + offsetMs;
    return Math.abs(machineMs - cloudMs) <= TOLERANCE_MS ? machineMs : Math.round(cloudMs);
  }

  get #heardOffsetMs(): number | undefined {
    return this.#heard?.bootTag === this.#bootTag ? this.#heard.offsetMs : undefined;
  }

  get #notBeforeMs(): number {
    return Math.max(WRITTEN_AT_MS, (this.#heard?.wallMs ?? 0) - TOLERANCE_MS);
  }

  /** The number of the timebase that a reading of both clocks counts with; 0 where none is left. */
  #baseFor(wallMs: number, nowMs: number): number {
    const current = this.#current;
    if (current !== undefined && Math.abs(wallMs - nowMs - current.offsetMs) <= STEP_MS) {
      if (nowMs - current.untilMs > NOTED_EVERY_MS) this.#extend(current, nowMs);
      return current.number;
    }
    if (this.#store === undefined || this.#lastNumber >= MAX_TIMEBASE) return 0;
    const offsetMs = Math.round(wallMs - nowMs);
    this.#add({ number: ++this.#lastNumber, offsetMs, fromMs: nowMs });
    return this.#lastNumber;
  }

  #add(base: Pick<Timebase, 'number' | 'offsetMs' | 'fromMs'>): void {
    const added = { ...base, bootTag: this.#bootTag, untilMs: base.fromMs, correctionMs: undefined };
    this.#current = added;
    this.#bases = [...this.#bases, added];
    this.#corrections = correctionsOf(this.#bases);
    this.#note();
  }

  #extend(current: Timebase, nowMs: number): void {
    const extended = { ...current, untilMs: nowMs };
    this.#current = extended;
    this.#bases = this.#bases.map((base) => (base === current ? extended : base));
    const heardOffsetMs = this.#heardOffsetMs;
    if (heardOffsetMs !== undefined && this.#heard !== undefined) {
      const wallMs = Math.round(nowMs + heardOffsetMs);
      if (wallMs - this.#heard.wallMs > HEARD_NOTED_EVERY_MS) this.#heard = { ...this.#heard, wallMs };
    }
    this.#note();
  }

  #note(): void {
    this.#store?.noteTimebases({ bases: this.#bases, heard: this.#heard });
  }
}
