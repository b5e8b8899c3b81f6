/**
 * How a time that the proxy gave says by which clock it was counted. In the table of times of a record, a time that the
 * device itself named as an instant is a whole number. One that the proxy counted from its own clock (the arrival of a
 * state without a time, or a time relative to it) has in its fraction the number of a *timebase*: the difference between
 * wall clock and monotonic clock that it was counted with. So it can be corrected by the monotonic distance when the wall
 * clock turns out to have been wrong (contract 1.5), wherever it was moved to meanwhile, and costs no byte for that.
 */

/** A fraction is the number of a timebase in units of this, exact for times before the year 2109. */
const FRACTION_UNIT = 1 / 1024;
/** From here on a fraction of {@link FRACTION_UNIT} is not exact. */
const FRACTIONS_BELOW_MS = 2 ** 42;
/** Numbers go from 1 to this: half of a fraction is `UNSTAMPED` in the record layout. 0 is no timebase. */
export const MAX_TIMEBASE = 511;

/** What times of one number were counted with. */
export interface Timebase {
  readonly number: number;
  /** The boot whose monotonic clock is meant (`readBootTag`). */
  readonly bootTag: number;
  /** By how much the wall clock was taken to be ahead of the monotonic one; whole milliseconds. */
  readonly offsetMs: number;
  /** Monotonic: when it came into use. */
  readonly fromMs: number;
  /** Monotonic: up to when it was in use, as far as that was written down, {@link NOTED_EVERY_MS} late at most. */
  readonly untilMs: number;
  /**
   * What is added to its times when they are sent; undefined until the first of them is about to be. Decided once, so that
   * a state that is sent twice has the same time.
   */
  readonly correctionMs: number | undefined;
}

/** How often it is written down that a timebase is in use. */
export const NOTED_EVERY_MS = 60_000;

/** What the cloud's own clock said last. */
export interface HeardClock {
  readonly bootTag: number;
  /** By how much it was ahead of the monotonic clock of that boot. */
  readonly offsetMs: number;
  /** What it showed: no right clock shows less from then on. */
  readonly wallMs: number;
}

/** What is kept on disk of timebases. */
export interface Timebases {
  readonly bases: readonly Timebase[];
  readonly heard: HeardClock | undefined;
}

/** By number of a timebase: what is added to its times; NaN while that is not decided. */
export type Corrections = Float64Array;

/** For times that are sent as they are. */
export function noCorrections(): Corrections {
  return new Float64Array(MAX_TIMEBASE + 1);
}

/** A whole time, marked as counted with the timebase of this number. */
export function withTimebase(wholeMs: number, number: number): number {
  return Math.abs(wholeMs) < FRACTIONS_BELOW_MS ? wholeMs + number * FRACTION_UNIT : wholeMs;
}

/** The number in a marked time; 0 in one that the device named. */
export function timebaseOf(timeMs: number): number {
  return ((timeMs - Math.floor(timeMs)) / FRACTION_UNIT) & MAX_TIMEBASE;
}

/** The time that is sent to the cloud, whole milliseconds; NaN while that is not decided. */
export function timeToSend(timeMs: number, corrections: Corrections): number {
  const wholeMs = Math.floor(timeMs);
  if (wholeMs === timeMs) return timeMs;
  return wholeMs + (corrections[timebaseOf(timeMs)] as number);
}

/** As {@link timeToSend}; the time as it was counted while nothing is decided, for people. */
export function timeToShow(timeMs: number, corrections: Corrections): number {
  const sentMs = timeToSend(timeMs, corrections);
  return Number.isNaN(sentMs) ? Math.floor(timeMs) : sentMs;
}

/** The corrections that are decided. A number that no timebase has is not corrected. */
export function correctionsOf(bases: readonly Timebase[]): Corrections {
  const corrections = noCorrections();
  for (const { number, correctionMs } of bases) corrections[number] = correctionMs ?? Number.NaN;
  return corrections;
}

/** What is known of the right time when corrections are decided. */
export interface RightTime {
  readonly bootTag: number;
  /** By how much the right time is ahead of the monotonic clock. */
  readonly offsetMs: number;
  /** Monotonic: when the data was first opened in this boot: what is of another boot was stored before. */
  readonly firstOpenedMs: number;
  /** Wall clock: what is before cannot be right. */
  readonly notBeforeMs: number;
}

/**
 * Decides what is not decided yet. Timebases of one boot are linked by its monotonic clock, so those of this boot, and of
 * an earlier one whose right time was known at some point, get the exact distance.
 *
 * An earlier boot whose right time was never known is linked to nothing. Its times stay as they are where they may be
 * right: not before `notBeforeMs`, and over when the next boot began. Otherwise they keep their distances and end when the
 * next boot began, which is the latest that they can have been.
 */
export function decided(bases: readonly Timebase[], right: RightTime): Timebase[] {
  let nextBootAtMs = right.offsetMs + right.firstOpenedMs;
  const offsets = new Map([[right.bootTag, right.offsetMs]]);
  for (const { bootTag, fromMs } of [...bases].reverse()) {
    const offsetMs = offsets.get(bootTag) ?? offsetOfBoot(bases, bootTag, right.notBeforeMs, nextBootAtMs);
    offsets.set(bootTag, offsetMs);
    if (bootTag !== right.bootTag) nextBootAtMs = Math.min(nextBootAtMs, offsetMs + fromMs);
  }
  return bases.map((base) => {
    const correctionMs = base.correctionMs ?? Math.round((offsets.get(base.bootTag) as number) - base.offsetMs);
    return { ...base, correctionMs };
  });
}

/** By how much the right time was ahead of the monotonic clock of an earlier boot: known, or the least wrong. */
function offsetOfBoot(bases: readonly Timebase[], bootTag: number, notBeforeMs: number, nextBootAtMs: number): number {
  const ofBoot = bases.filter((base) => base.bootTag === bootTag);
  const known = ofBoot.findLast(({ correctionMs }) => correctionMs !== undefined);
  if (known !== undefined) return known.offsetMs + (known.correctionMs as number);
  const last = ofBoot.at(-1) as Timebase;
  const endMs = last.untilMs + NOTED_EVERY_MS;
  const mayBeRight = last.offsetMs + last.fromMs >= notBeforeMs && last.offsetMs + last.untilMs <= nextBootAtMs;
  return mayBeRight ? last.offsetMs : nextBootAtMs - endMs;
}
