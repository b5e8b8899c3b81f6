import type { CallStream, PassedAnswer, PassedCall } from '../core/passed-call.js';
import type { HttpCallStream } from './call-stream.js';

/** What passes calls on, with its connections. */
type Calls = Pick<HttpCallStream, 'pass' | 'renewConnections' | 'close'>;

/**
 * Passes calls through to the cloud, by a client that is made when the first of them comes. To load one takes a thread 150 ms
 * and 10 MiB, and most devices send nothing but states.
 */
export class LateCalls implements CallStream {
  readonly #make: () => Promise<Calls>;
  #calls: Promise<Calls> | undefined = undefined;

  /** @param make loads and makes the client; a call for which it rejects fails, and the next one has it try again */
  constructor(make: () => Promise<Calls>) {
    this.#make = make;
  }

  async pass(call: PassedCall, answer: PassedAnswer): Promise<void> {
    let calls: Calls;
    try {
      this.#calls ??= this.#make();
      calls = await this.#calls;
    } catch (error) {
      this.#calls = undefined;
      answer.onFailure((error as Error).message);
      return;
    }
    await calls.pass(call, answer);
  }

  /** As that of the client; where there is none there is nothing to renew. */
  renewConnections(): void {
    void this.#withCalls((calls) => calls.renewConnections());
  }

  /** Ends every connection at once; calls under way fail. */
  async close(): Promise<void> {
    await this.#withCalls((calls) => calls.close());
  }

  async #withCalls(use: (calls: Calls) => void | Promise<void>): Promise<void> {
    // Why it could not be made the call was told that wanted it.
    const calls = await this.#calls?.catch(() => undefined);
    if (calls !== undefined) await use(calls);
  }
}
