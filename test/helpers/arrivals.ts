/** Things that come one by one, and a way to wait for the next; nothing is lost when nobody waits. */
export class Arrivals<T> {
  readonly #come: T[] = [];
  readonly #waiting: ((item: T) => void)[] = [];

  add(item: T): void {
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#come.push(item);
    else waiter(item);
  }

  /** The oldest that nobody has taken, or the next to come. */
  next(): Promise<T> {
    const item = this.#come.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** All that have come and nobody has taken. */
  takeAll(): T[] {
    return this.#come.splice(0);
  }

  /** How many have come that nobody has taken. */
  get untaken(): number {
    return this.#come.length;
  }
}
