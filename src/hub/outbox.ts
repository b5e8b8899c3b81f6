/** Where messages go: a port, or a worker. */
export interface Poster {
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void;
}

/** Gathers what one turn of the event loop has to say to another thread, so that it is one message. */
export class Outbox<Item> {
  readonly #poster: Poster;
  #items: Item[] = [];
  #moved: ArrayBuffer[] = [];
  #isQueued = false;
  readonly #endTurn = (): void => {
    this.#isQueued = false;
    this.post();
  };

  constructor(poster: Poster) {
    this.#poster = poster;
  }

  /** Says something at the end of the turn. @param moved memory of it that moves with it */
  add(item: Item, moved?: ArrayBuffer): void {
    this.#items.push(item);
    if (moved !== undefined) this.#moved.push(moved);
    if (this.#isQueued) return;
    this.#isQueued = true;
    setImmediate(this.#endTurn);
  }

  /** Says something at once, behind what waits: it is what the turn was for. */
  addLast(item: Item, moved?: ArrayBuffer): void {
    this.#items.push(item);
    if (moved !== undefined) this.#moved.push(moved);
    this.post();
  }

  /** Posts what waits, if anything does. */
  post(): void {
    if (this.#items.length === 0) return;
    const items = this.#items;
    const moved = this.#moved;
    this.#items = [];
    this.#moved = [];
    this.#poster.postMessage(items, moved);
  }
}
