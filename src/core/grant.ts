import type { Device } from './device.js';
import type { StatewayError } from './errors.js';

/** Told why a grant has ended. */
export type GrantListener = (reason: StatewayError) => void;

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
  /** As a rule one, of the device's socket: a Set with one takes 200 bytes. */
  #listener: GrantListener | undefined = undefined;
  #furtherListeners: Set<GrantListener> | undefined = undefined;

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
    const [listener, further] = [this.#listener, this.#furtherListeners];
    this.#listener = undefined;
    this.#furtherListeners = undefined;
    listener?.(reason);
    for (const other of further ?? []) other(reason);
  }

  /** Calls `listener` when the grant ends; returns the way to stop listening. On an ended grant it is called at once. */
  onEnd(listener: GrantListener): () => void {
    if (this.#endedBy !== undefined) {
      listener(this.#endedBy);
      return () => {};
    }
    if (this.#listener === undefined) this.#listener = listener;
    else {
      this.#furtherListeners ??= new Set();
      this.#furtherListeners.add(listener);
    }
    return () => this.#forget(listener);
  }

  #forget(listener: GrantListener): void {
    if (this.#listener === listener) this.#listener = undefined;
    else this.#furtherListeners?.delete(listener);
  }
}
