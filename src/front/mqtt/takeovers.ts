import type { Clock } from '../../core/time/clock.js';

/** More takeovers of one id than these within a minute are two devices that share it (contract 1.9.6). */
const MOST_IN_A_MINUTE = 5;
const MINUTE_MS = 60_000;
const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 10_000;
/** Shared, as nearly every device has none. */
const NO_TAKEOVERS: readonly number[] = [];

/** A connection that has been accepted for a device. */
export interface AcceptedConnection {
  readonly peer: string;
  /** Another connection of the same device has been accepted. */
  takenOver(): void;
}

interface Holder {
  connection: AcceptedConnection | undefined;
  /** Monotonic, of the takeovers of the last minute; rising. */
  takeoversMs: readonly number[];
}

/** Two clients that use one id. Addresses as people write them. */
export interface FlappingId {
  readonly deviceId: string;
  readonly takeovers: number;
  readonly addresses: readonly [string, string];
}

/** Which connection is a device's: the newest one, on whatever transport (contract 1.9.6). */
export class Takeovers {
  readonly #clock: Clock;
  readonly #onFlapping: (flapping: FlappingId) => void;
  readonly #holders = new Map<string, Holder>();

  /** @param onFlapping told with each takeover that is one too many */
  constructor(clock: Clock, onFlapping: (flapping: FlappingId) => void) {
    this.#clock = clock;
    this.#onFlapping = onFlapping;
  }

  /** Devices with a connection. */
  get size(): number {
    return this.#holders.size;
  }

  /** The connection of a device. @param deviceId lower case */
  holderOf(deviceId: string): AcceptedConnection | undefined {
    return this.#holders.get(deviceId)?.connection;
  }

  /** For how long the next connection of a device has to wait for its CONNACK: 0, or 1 s to 10 s. */
  delayMs(deviceId: string): number {
    const holder = this.#holders.get(deviceId);
    if (holder?.connection === undefined) return 0;
    const tooMany = this.#recent(holder) - MOST_IN_A_MINUTE;
    return tooMany < 0 ? 0 : Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** tooMany);
  }

  /** Makes a connection the device's; returns whether it took that over from another, which has been told. */
  accept(deviceId: string, connection: AcceptedConnection): boolean {
    const holder = this.#holders.get(deviceId) ?? { connection: undefined, takeoversMs: NO_TAKEOVERS };
    this.#holders.set(deviceId, holder);
    const before = holder.connection;
    holder.connection = connection;
    if (before === undefined) return false;
    holder.takeoversMs = [...holder.takeoversMs, this.#clock.monotonicMs()];
    const takeovers = this.#recent(holder);
    if (takeovers > MOST_IN_A_MINUTE) {
      this.#onFlapping({ deviceId, takeovers, addresses: [before.peer, connection.peer] });
    }
    before.takenOver();
    return true;
  }

  /** A connection is gone; where it is not the device's any more, that changes nothing. */
  release(deviceId: string, connection: AcceptedConnection): void {
    if (this.#holders.get(deviceId)?.connection === connection) this.#holders.delete(deviceId);
  }

  #recent(holder: Holder): number {
    const sinceMs = this.#clock.monotonicMs() - MINUTE_MS;
    holder.takeoversMs = holder.takeoversMs.filter((atMs) => atMs > sinceMs);
    return holder.takeoversMs.length;
  }
}
