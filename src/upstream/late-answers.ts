import type { Clock } from '../core/time/clock.js';

/** As long as a refusal is remembered at least, and the longest pause between two checks of a grant while the cloud is away. */
const KEPT_MS = 60_000;
const MAX_KEPT = 256;

/**
 * Answers that came when their asker had gone, for the one who asks the same again: a device that is told 503 comes
 * again, and would never be let in by a cloud that takes longer than it is waited for. Each is given once.
 */
export class LateAnswers<T> {
  readonly #clock: Clock;
  readonly #kept = new Map<string, { readonly answer: T; readonly untilMs: number }>();
  readonly #waiting = new Map<string, Set<(answer: T) => void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The answer to a question: one that has come late, or the one to `ask`, whichever is there first. Never rejects. */
  async firstOf(key: string, ask: () => Promise<T>): Promise<T> {
    const kept = this.#kept.get(key);
    this.#kept.delete(key);
    if (kept !== undefined && this.#clock.monotonicMs() < kept.untilMs) return kept.answer;
    let take: (answer: T) => void = () => {};
    const late = new Promise<T>((resolve) => {
      take = resolve;
    });
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting.add(take));
    const answer = await Promise.race([ask(), late]);
    waiting.delete(take);
    if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key);
    return answer;
  }

  /** An answer whose asker has gone. */
  add(key: string, answer: T): void {
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) {
      for (const take of waiting) take(answer);
      return;
    }
    this.#kept.delete(key);
    this.#kept.set(key, { answer, untilMs: this.#clock.monotonicMs() + KEPT_MS });
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value as string);
  }
}
