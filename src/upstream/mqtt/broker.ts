import type { UplinkDevice } from '../../core/uplink-ports.js';

/**
 * Why a connection to the broker has ended.
 * - `unreachable`: there was none
 * - `refused`: CONNACK with a code other than 0
 * - `hung up`: it was closed before CONNACK
 * - `lost`: it had been accepted
 */
export type BrokerEnd =
  | { readonly kind: 'unreachable'; readonly words: string }
  | { readonly kind: 'refused'; readonly code: number }
  | { readonly kind: 'hung up' }
  | { readonly kind: 'lost' };

/** Whom a connection tells; not within the call that makes it. */
export interface BrokerUser {
  onOpen(): void;
  /** @param payload the user's to read within the call */
  onMessage(topic: string, payload: Uint8Array): void;
  /** The broker does not grant a filter. */
  onDenied(filter: string): void;
  /** Called once, unless {@link BrokerConnection.end} was called before. */
  onClosed(end: BrokerEnd): void;
}

/** One connection of one device to the broker. It is not made again when it is lost. */
export interface BrokerConnection {
  /** Once it is open. At QoS 0. */
  subscribe(filters: readonly string[]): void;
  unsubscribe(filters: readonly string[]): void;
  /**
   * @param payload the connection's from then on
   * @param onGone called when it has left, at QoS 1 with its PUBACK; not after the connection has closed
   */
  publish(topic: string, payload: Uint8Array, qos: 0 | 1, onGone: () => void): void;
  /** Says DISCONNECT where there is somebody to say it to, and closes. */
  end(): void;
}

/** The cloud's broker. */
export interface Broker {
  /** Begins a connection with the device's id, key and secret, clean session and no will. */
  connect(device: UplinkDevice, user: BrokerUser): BrokerConnection;
  /** Waits a moment for connections that are ending, then cuts all. */
  close(): Promise<void>;
}
