import type { SendResult } from '../core/ports.js';

/** What the requests of all lanes together say of the cloud: the place to ask before a request and to tell after it. */
export class CloudHealth {
  #isUp = true;

  /** Whether the last request had an answer below 500; true before the first. */
  get isUp(): boolean {
    return this.#isUp;
  }

  record(result: SendResult): void {
    this.#isUp = result.kind === 'answer' && result.status < 500;
  }
}
