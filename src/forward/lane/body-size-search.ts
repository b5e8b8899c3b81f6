/**
 * How many states the next body of a lane may hold while the cloud finds fault with its bodies.
 *
 * A refused body (400, 422) of n states holds at least one bad state: the next holds the first half of them, and so on,
 * a binary search that reaches the bad one after log2(n) requests and delivers all before it on the way. Where one was
 * bad the next seldom is far: the body after it holds as many states as stood between the last two, and each that the
 * cloud takes doubles that. So a share of bad states costs for each about log2 of the distance between them, in requests
 * and in uploads of what lies there, however much waits behind. A body that was too large (413) is halved, and the lane
 * keeps to that size until it has caught up.
 */
export class BodySizeSearch {
  /** States at the head of the lane, at least one of which the cloud refuses; 0 when none is suspected. */
  #suspects = 0;
  /** States since the last bad one that the cloud has taken. Infinity before the first, of which there may be no more. */
  #takenSinceFound = Number.POSITIVE_INFINITY;
  /** By the distance between the last two bad ones; Infinity before the second. */
  #byDistance = Number.POSITIVE_INFINITY;
  #fitting = Number.POSITIVE_INFINITY;

  /** Whether a body was found fault with, and not yet what it is. */
  get isSearching(): boolean {
    return this.#suspects > 0;
  }

  get maxStates(): number {
    const sought = this.#suspects === 0 ? this.#byDistance : Math.max(1, this.#suspects >> 1);
    return Math.min(sought, this.#fitting);
  }

  /** The cloud refused a body of the first `states` states, or fails for it while it takes others. */
  refused(states: number): void {
    this.#suspects = states;
  }

  /** The cloud found a body of `states` states too large. */
  tooLarge(states: number): void {
    this.#fitting = Math.max(1, states >> 1);
  }

  /** The first state was found at fault alone and is gone: of the others nothing is known. */
  found(): void {
    this.#suspects = 0;
    this.#byDistance = this.#takenSinceFound + 1;
    this.#takenSinceFound = 0;
  }

  /** The first `states` states were taken. */
  delivered(states: number): void {
    this.#takenSinceFound += states;
    if (this.#suspects > 0) this.#suspects = Math.max(0, this.#suspects - states);
    // What was smaller for want of states shows nothing of a larger one.
    else if (states >= this.#byDistance) this.#byDistance *= 2;
  }

  /** Nothing waits any more: the next body may be of any size again. */
  caughtUp(): void {
    this.#fitting = Number.POSITIVE_INFINITY;
  }
}
