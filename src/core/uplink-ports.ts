/** What the MQTT front asks of the cloud's broker for the devices that it has accepted (contract 1.9.7). */

/** Whose session it is: with these a device would log in to the broker itself. In memory alone. */
export interface UplinkDevice {
  readonly applicationId: string;
  /** Lower case. */
  readonly deviceId: string;
  readonly key: string;
  readonly secret: string;
}

/** Whom a session tells. */
export interface UplinkUser {
  /**
   * A message of the broker's, in the order in which they came.
   * @param topic as the cloud spells it
   * @param payload to be read within the call
   */
  onMessage(topic: string, payload: Uint8Array): void;
  /** The broker refuses key and secret. Whether they are good, the log-in by REST says. */
  onRefused(): void;
}

/** A device's share in its session, from its first subscription or publish on. */
export interface Uplink {
  /** @param filters as the cloud spells them; the session holds them until they are given back */
  subscribe(filters: readonly string[]): void;
  unsubscribe(filters: readonly string[]): void;
  /**
   * Hands a message to the broker, soon or never: nothing waits for it. Counted as `upstream` or `unavailable`.
   * @param payload read within the call
   */
  publish(topic: string, payload: Uint8Array, qos: 0 | 1): void;
  /** The device is gone. The session lasts a little longer, for one that comes back. */
  release(): void;
}

/** The sessions of all devices at the cloud's broker. Calls return at once, and never throw. */
export interface Uplinks {
  /** Takes part in the session of a device, in the place of whoever did. */
  attach(device: UplinkDevice, user: UplinkUser): Uplink;
}

/**
 * Sessions by what they do.
 * - `connected`
 * - `waiting`: for the pace of new ones, for a place, or for the broker's CONNACK
 * - `backoff`: they will be tried again
 * - `refused`: the same, where the broker refuses the credentials
 */
export type UplinkCounts = Record<'connected' | 'waiting' | 'backoff' | 'refused', number>;

/** What came of a connection to the broker: `refused` are all refusals but those of key and secret. */
export type UplinkConnectResult = 'accepted' | 'credentials' | 'refused' | 'unreachable';
