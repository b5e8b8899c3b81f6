import type { Clock } from '../../../src/core/time/clock.js';
import type { FakeClock } from '../../helpers/fake-clock.js';

/** The clock of one machine: it started at some other time, runs a little faster or slower, and stands still for its process while that is frozen. */
export class OwnClock implements Clock {
  readonly #world: FakeClock;
  readonly #startedMs: number;
  /** Its milliseconds in one of the world's. */
  readonly #speed: number;
  #isFrozen = false;
  #isDead = false;
  #held: (() => void)[] = [];

  constructor(world: FakeClock, startedMs: number, speed: number) {
    this.#world = world;
    this.#startedMs = startedMs;
    this.#speed = speed;
  }

  wallMs(): number {
    return this.#world.wallMs();
  }

  monotonicMs(): number {
    return this.#startedMs + this.#world.monotonicMs() * this.#speed;
  }

  schedule(delayMs: number, task: () => void): () => void {
    let isCancelled = false;
    const run = () => {
      if (isCancelled || this.#isDead) return;
      if (this.#isFrozen) this.#held.push(run);
      else task();
    };
    const cancel = this.#world.schedule(Math.max(0, delayMs) / this.#speed, run);
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  /** What the process waits for reaches it when it runs. */
  async arrival<T>(promise: Promise<T>): Promise<T> {
    const settled = await promise.then(
      (value) => () => value,
      (error: unknown) => () => {
        throw error;
      },
    );
    await new Promise<void>((resolve) => this.schedule(0, resolve));
    return settled();
  }

  freeze(): void {
    this.#isFrozen = true;
  }

  thaw(): void {
    this.#isFrozen = false;
    const held = this.#held;
    this.#held = [];
    for (const run of held) run();
  }

  /** Killed: nothing runs any more. */
  kill(): void {
    this.#isDead = true;
  }

  /** When the world's clock shows what this one shows at `ownMs`. */
  worldMs(ownMs: number): number {
    return (ownMs - this.#startedMs) / this.#speed;
  }
}
