import type { Dispatcher } from 'undici';

/**
 * The connections that a client has to the cloud, all of which it may have to give up at once. A line that went dead takes
 * every connection with it, and none of them says so: each would cost the next request its whole time limit, after the
 * line is back. undici adds to them, since it connects anew for each request that is given up while nothing gets through,
 * and keeps that connection.
 */
export class CloudConnections {
  readonly #create: () => Dispatcher;
  #current: Dispatcher;
  /** Given up, and not yet without requests. */
  readonly #former = new Set<Dispatcher>();

  /** @param create makes connections; what it throws the first time is passed on */
  constructor(create: () => Dispatcher) {
    this.#create = create;
    this.#current = create();
  }

  /** What the next request is to go to. */
  get current(): Dispatcher {
    return this.#current;
  }

  /**
   * A request to `suspect` had no answer in time: from now on others are used. Those under way go on, each as long as its
   * own limit; of many that fail together the first is enough.
   */
  distrust(suspect: Dispatcher): void {
    if (suspect !== this.#current) return;
    try {
      this.#current = this.#create();
    } catch {
      // The file of certificates cannot be read any more: what was made with it is better than nothing.
      return;
    }
    this.#former.add(suspect);
    const forget = () => void this.#former.delete(suspect);
    suspect.close().then(forget, forget);
  }

  /** Ends every connection at once; requests that wait for an answer fail. */
  async close(): Promise<void> {
    await Promise.all([this.#current, ...this.#former].map((each) => each.destroy()));
  }
}
