import type { TemplatedApp } from 'uws-current';

/** What the newer build of uWebSockets.js has, and the older one lacks (its types have another parameter). */
interface FilteredApp {
  filter?: (callback: (res: unknown, change: number) => void) => unknown;
}

/**
 * How many connections of devices are open that speak HTTP, idle ones too. The newer build of uWebSockets.js tells when one
 * opens (1) and closes (-1), and not when one becomes a WebSocket, nor when such a one closes (uWebSockets.js 20.57).
 * The older build tells nothing: there requests in flight stand for them (docs/decisions.md).
 */
export class HttpSockets {
  #open = 0;
  #isTold = false;

  /** To be called before `app` listens. */
  follow(app: TemplatedApp): void {
    const filtered = app as unknown as FilteredApp;
    if (filtered.filter === undefined) return;
    this.#isTold = true;
    const note = (_res: unknown, change: number): void => {
      this.#open += change;
    };
    filtered.filter(note);
  }

  /** One of them is a WebSocket from now on, and to its end. */
  upgraded(): void {
    this.#open--;
  }

  /** @param requestsInFlight what is counted instead where the web server does not tell */
  count(requestsInFlight: number): number {
    return this.#isTold ? this.#open : requestsInFlight;
  }
}
