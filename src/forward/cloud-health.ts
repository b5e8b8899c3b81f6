import type { SendResult } from '../core/ports.js';

/** What the requests of all lanes together say of the cloud: the place to ask before a request and to tell after it. */
export class CloudHealth {
  #isUp = true;
  #sinceMs: number | undefined = undefined;

  /** Whether the last request had an answer below 500; true before the first. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Wall-clock milliseconds since when that is so; undefined before the first request. */
  get sinceMs(): number | undefined {
    return this.#sinceMs;
  }

  record(result: SendResult, wallMs: number): void {
    const isUp = result.kind === 'answer' && result.status < 500;
    if (this.#sinceMs !== undefined && isUp === this.#isUp) return;
    this.#isUp = isUp;
    this.#sinceMs = wallMs;
  }
}
