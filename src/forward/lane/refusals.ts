/** States of a device that the cloud must have refused one by one, without one taken in between, before more go at a time. */
export const ALONE_IN_A_ROW = 16;
/** How far behind a device must be for that: as long as one by one keeps up, nothing is given up by guess. */
export const BEHIND_MS = 10_000;
/** So many in a row, over as long or longer, are no single mistake: people should know. */
export const TROUBLE_IN_A_ROW = 3;
/** Most states that are given up whole: one settlement's worth. */
export const MAX_WHOLE_STATES = 1_000;

/**
 * What the cloud has refused of a device lately. A device whose every state is refused would fall behind for ever at one
 * request for each state (contract 1.5), so after {@link ALONE_IN_A_ROW} single refusals for one reason, and
 * {@link BEHIND_MS} behind, a body may be given up whole if the cloud refuses it for that reason too. It is never larger
 * than the run of refused states before it, and each is followed by a single state again: so in a run the good states
 * given up with the bad ones are fewer than those, and a mixture shows itself by the first single state that is taken.
 */
export class Refusals {
  /** Whatever the reasons. */
  #inARow = 0;
  /** Of the last reason. */
  #ofKind = 0;
  #kind = '';
  #reason = '';
  #isAloneNext = false;
  #sinceMs = 0;
  #lastMs = Number.NEGATIVE_INFINITY;

  /** States refused, for whatever reasons, without one taken in between. */
  get inARow(): number {
    return this.#inARow;
  }

  /** The cloud's words for the last one, with its status. */
  get reason(): string {
    return this.#reason;
  }

  /** Monotonic: when the row began. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Whether it is so bad, or was in the last minute, that people should know: see `Trouble`. */
  isTrouble(waitedMs: number, nowMs: number): boolean {
    if (this.#inARow >= ALONE_IN_A_ROW) return true;
    if (this.#inARow >= TROUBLE_IN_A_ROW && nowMs - this.#sinceMs >= BEHIND_MS) return true;
    return waitedMs >= BEHIND_MS && nowMs - this.#lastMs < 60_000;
  }

  /** States that the next body may be given up with whole; 0: it may not. */
  wholeStates(waitedMs: number): number {
    if (this.#ofKind < ALONE_IN_A_ROW || this.#isAloneNext || waitedMs < BEHIND_MS) return 0;
    return Math.min(this.#ofKind, MAX_WHOLE_STATES);
  }

  /** Whether an answer gives the reason of the last ones. */
  isSame(status: number, reason: string): boolean {
    return this.#kind === kindOf(status, reason);
  }

  /** States were refused: one alone, or several whole. */
  refused(states: number, status: number, reason: string, nowMs: number): void {
    const kind = kindOf(status, reason);
    if (this.#inARow === 0) this.#sinceMs = nowMs;
    if (kind !== this.#kind) this.#ofKind = 0;
    this.#kind = kind;
    this.#ofKind += states;
    this.#inARow += states;
    this.#reason = `${reason} (${status})`;
    this.#isAloneNext = states > 1;
    this.#lastMs = nowMs;
  }

  /** The cloud took states. */
  taken(): void {
    this.#inARow = 0;
    this.#ofKind = 0;
    this.#isAloneNext = false;
  }
}

/** Answers that differ in numbers alone, as by the value that offends, give one reason. */
function kindOf(status: number, reason: string): string {
  return `${status} ${reason.replace(/\d+/g, '0')}`;
}
