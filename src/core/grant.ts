import type { Device } from './device.js';
import type { StatewayError } from './errors.js';

/**
 * The right of one token to send state for one device (contract 1.4). Shared by every stage that relies on it: the auth
 * stage makes it, sockets hold it, lanes forward with its token; whoever learns that it is void ends it, and all see it
 * at once.
 */
export class Grant {
  readonly token: string;
  readonly device: Device;
  /** Wall-clock milliseconds of the token's own `exp`; Infinity when it names none. */
  readonly expiresAtMs: number;
  /**
   * Whether the cloud has granted it though by this machine's clock the token was over: that clock is wrong, and says
   * nothing of it until the cloud has been asked again (contract 1.5).
   */
  isClockDisproved = false;
  #endedBy: StatewayError | undefined = undefined;
  #listeners: Set<(reason: StatewayError) => void> | undefined = undefined;

  constructor(token: string, device: Device, expiresAtMs: number) {
    this.token = token;
    this.device = device;
    this.expiresAtMs = expiresAtMs;
  }

  /** Why the grant ended; undefined while it is good. */
  get endedBy(): StatewayError | undefined {
    return this.#endedBy;
  }

  /** Whether the grant may be used at wall-clock time `nowMs` without asking the cloud again. */
  isGood(nowMs: number): boolean {
    return this.#endedBy === undefined && (nowMs < this.expiresAtMs || this.isClockDisproved);
  }

  /** Ends the grant for good and tells every listener once. Ending it again changes nothing. */
  end(reason: StatewayError): void {
    if (this.#endedBy !== undefined) return;
    this.#endedBy = reason;
    const listeners = this.#listeners;
    this.#listeners = undefined;
    for (const listener of listeners ?? []) listener(reason);
  }

  /** Calls `listener` when the grant ends; returns the way to stop listening. On an ended grant it is called at once. */
  onEnd(listener: (reason: StatewayError) => void): () => void {
    if (this.#endedBy !== undefined) {
      listener(this.#endedBy);
      return () => {};
    }
    this.#listeners ??= new Set();
    this.#listeners.add(listener);
    return () => this.#listeners?.delete(listener);
  }
}
