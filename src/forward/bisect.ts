/**
 * How many states the next body of a lane may hold while the cloud finds fault with its bodies.
 *
 * A refused body (400, 422) of n states holds at least one bad state: the next holds the first half of them, and so on,
 * a binary search that reaches the bad one after log2(n) requests and delivers all before it on the way. A body that was
 * too large (413) is halved, and the lane keeps to that size until it has caught up.
 */
export class BodyLimit {
  /** States at the head of the lane, at least one of which the cloud refuses; 0 when none is suspected. */
  #suspects = 0;
  #fitting = Number.POSITIVE_INFINITY;

  get maxStates(): number {
    const half = this.#suspects === 0 ? Number.POSITIVE_INFINITY : Math.max(1, this.#suspects >> 1);
    return Math.min(half, this.#fitting);
  }

  /** The cloud refused a body of the first `states` states. */
  refused(states: number): void {
    this.#suspects = states;
  }

  /** The cloud found a body of `states` states too large. */
  tooLarge(states: number): void {
    this.#fitting = Math.max(1, states >> 1);
  }

  /** The first state was refused alone and is gone: of the others nothing is known. */
  found(): void {
    this.#suspects = 0;
  }

  /** The first `states` states were taken. */
  delivered(states: number): void {
    this.#suspects = Math.max(0, this.#suspects - states);
  }

  /** Nothing waits any more: the next body may be of any size again. */
  caughtUp(): void {
    this.#fitting = Number.POSITIVE_INFINITY;
  }
}
