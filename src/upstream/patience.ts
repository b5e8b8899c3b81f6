import type { Clock } from '../core/time/clock.js';
import type { ExchangeResult, Overtime } from './exchange.js';

/**
 * For the answer to a request, and on top of it what a slow line takes to carry the body there. A request that was under
 * way as the line went dead is what the drain after it waits for, and that has 30 s.
 */
export const ANSWER_TIMEOUT_MS = 15_000;
/** The longest that an answer is waited for, where answers are known to take so long. */
export const LONGEST_ANSWER_MS = 120_000;
/** The next answer may take so many times as long as the last. */
const MARGIN = 2;
/** Whoever got an answer late lately; the longest known goes first. */
const MAX_KNOWN = 10_000;
/** For so long one late answer shows that others may come late too. */
const FRESH_MS = 30_000;
/** Connections that are listened to though nobody waits any more: each may hold a slot for bodies, 8 MiB in all. */
const MAX_LISTENED = 32;

/**
 * How long answers are waited for, by whom they are for: a device with its states, or a question.
 *
 * A cloud that is slow and one that is gone look the same when the time is over, and must not be treated the same: to wait
 * longer for one that is gone would hold up what the line could carry by then. So the time stays short, and the connection
 * is listened to a while longer. A late answer shows that the cloud is slow; then, and only then, its asker waits longer
 * from the start, and others go on waiting whose time is over just then. An answer in normal time ends that.
 */
export class Patience {
  readonly #clock: Clock;
  readonly #normalMs: number;
  /** By late answers. */
  readonly #grown = new Map<string, number>();
  /** By guess, for what cannot be listened for. */
  readonly #guessed = new Map<string, number>();
  #listened = 0;
  /** Of the last late answer of any asker: when, and what it makes others wait. */
  #lateAtMs = Number.NEGATIVE_INFINITY;
  #lateLimitMs = 0;

  /** @param normalMs for which an answer is waited for, as long as none came late */
  constructor(clock: Clock, normalMs: number) {
    this.#clock = clock;
    this.#normalMs = normalMs;
  }

  /**
   * For an answer from its request on, without what its body takes.
   * @param mayListen whether one that is late may be listened for: then nothing need be guessed, on a dead line least of all
   */
  limitMs(key: string, mayListen: boolean): number {
    const guessedMs = mayListen ? undefined : this.#guessed.get(key);
    return Math.max(this.#grown.get(key) ?? this.#normalMs, guessedMs ?? 0);
  }

  /** For an answer whose time is over, in the light of what has come meanwhile. */
  overtimeLimitMs(key: string, mayListen: boolean): number {
    const isFresh = this.#clock.monotonicMs() - this.#lateAtMs <= FRESH_MS;
    return Math.max(this.limitMs(key, mayListen), isFresh ? this.#lateLimitMs : 0);
  }

  /** An answer came, in time or late. */
  noteAnswer(key: string, tookMs: number): void {
    this.#guessed.delete(key);
    if (tookMs <= this.#normalMs) {
      this.#grown.delete(key);
      return;
    }
    grow(this.#grown, key, tookMs * MARGIN);
    this.#lateAtMs = this.#clock.monotonicMs();
    this.#lateLimitMs = this.limitMs(key, true);
  }

  /** None came in time, and nobody listens for one that is late: what could be known of it has to be guessed. */
  noteUnheard(key: string): void {
    grow(this.#guessed, key, this.limitMs(key, false) * MARGIN);
  }

  /**
   * @param limitMs for which it was waited for
   * @returns for how long the connection of a request is to be listened to; 0: not at all
   */
  startListening(limitMs: number): number {
    if (limitMs >= LONGEST_ANSWER_MS || this.#listened >= MAX_LISTENED) return 0;
    this.#listened++;
    return LONGEST_ANSWER_MS - limitMs;
  }

  stopListening(): void {
    this.#listened--;
  }
}

function grow(limits: Map<string, number>, key: string, limitMs: number): void {
  limits.delete(key);
  limits.set(key, Math.min(LONGEST_ANSWER_MS, limitMs));
  if (limits.size > MAX_KNOWN) limits.delete(limits.keys().next().value as string);
}

/** A request whose answer may come late. */
export interface Patiently {
  /** Whom it is for. */
  readonly key: string;
  /** What its body may take on a slow line. */
  readonly bodyMs: number;
  readonly mayListen: boolean;
  /** Told of an answer that came when nobody waited for it any more, unless it says that the cloud is ill. */
  readonly onLate: ((result: ExchangeResult) => void) | undefined;
}

/** What {@link Patience} makes of a request that is over its time. */
export class PatientOvertime implements Overtime {
  readonly #patience: Patience;
  readonly #request: Patiently;

  constructor(patience: Patience, request: Patiently) {
    this.#patience = patience;
    this.#request = request;
  }

  moreMs(waitedMs: number): number {
    const { key, bodyMs, mayListen } = this.#request;
    return this.#patience.overtimeLimitMs(key, mayListen) + bodyMs - waitedMs;
  }

  listenMs(waitedMs: number): number {
    const { key, bodyMs, mayListen } = this.#request;
    if (mayListen) return this.#patience.startListening(waitedMs - bodyMs);
    this.#patience.noteUnheard(key);
    return 0;
  }

  onHeard(result: ExchangeResult, tookMs: number): void {
    const { key, bodyMs, onLate } = this.#request;
    this.#patience.stopListening();
    if (result.kind === 'failure' || result.status >= 500) return;
    this.#patience.noteAnswer(key, tookMs - bodyMs);
    onLate?.(result);
  }
}
