import type { Clock } from '../../core/time/clock.js';

/** How long who exceeds a limit stays away (docs/cloud.md, "The broker"). */
export interface BanRule {
  readonly firstMs: number;
  /** No ban is longer. */
  readonly maxMs: number;
  /** After this much time without a ban and without an offence the next ban is the first again. */
  readonly quietMs: number;
}

interface Ban {
  readonly untilMs: number;
  readonly lengthMs: number;
}

/** Who may not connect for a while: each ban twice as long as the one before it. */
export class BanList {
  readonly #rule: BanRule;
  readonly #clock: Clock;
  readonly #bans = new Map<string, Ban>();

  constructor(rule: BanRule, clock: Clock) {
    this.#rule = rule;
    this.#clock = clock;
  }

  /** @returns milliseconds for which the device is banned from now on */
  ban(deviceId: string): number {
    const nowMs = this.#clock.monotonicMs();
    const last = this.#bans.get(deviceId);
    const isRepeat = last !== undefined && nowMs < last.untilMs + this.#rule.quietMs;
    const lengthMs = isRepeat ? Math.min(this.#rule.maxMs, last.lengthMs * 2) : this.#rule.firstMs;
    this.#bans.set(deviceId, { untilMs: nowMs + lengthMs, lengthMs });
    return lengthMs;
  }

  /** Milliseconds until the device may connect again; 0 when it may. */
  remainingMs(deviceId: string): number {
    const untilMs = this.#bans.get(deviceId)?.untilMs ?? 0;
    return Math.max(0, untilMs - this.#clock.monotonicMs());
  }

  /** Forgets every ban. */
  clear(): void {
    this.#bans.clear();
  }
}
