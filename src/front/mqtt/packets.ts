import { StatewayError } from '../../core/errors.js';

/** The packets of MQTT 3.1.1 that a device sends, as far as they are served (contract 1.9). */

/** Packet types: the upper four bits of the first byte (MQTT 3.1.1, 2.2.1). */
export const CONNECT = 1;
export const PUBLISH = 3;
export const PUBACK = 4;
export const SUBSCRIBE = 8;
export const UNSUBSCRIBE = 10;
export const PINGREQ = 12;
export const DISCONNECT = 14;

/** What is published for a device when its connection ends without DISCONNECT (MQTT 3.1.1, 3.1.2.5). */
export interface Will {
  /** Well-formed UTF-8, and no more is known of it. */
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
}

/** A CONNECT of a version that is served. Its bytes are its own. */
export interface ConnectPacket {
  readonly kind: 'connect';
  readonly clientId: string;
  /** 0: none. */
  readonly keepAliveSeconds: number;
  readonly will: Will | undefined;
  readonly userName: string | undefined;
  readonly password: Uint8Array | undefined;
}

/** What a CONNECT takes of memory, about: its texts and its will. */
export function connectBytes({ clientId, will, userName = '', password }: ConnectPacket): number {
  const ofWill = will === undefined ? 0 : will.topic.length + will.payload.length;
  return clientId.length + userName.length + (password?.length ?? 0) + ofWill;
}

/** A CONNECT of a version that is not served. What follows the version may have any form. */
export interface OtherVersion {
  readonly kind: 'other version';
  /** '' where it cannot be read. Hostile text. */
  readonly clientId: string;
}

/**
 * Takes the packets of one connection, in order. Topics and payloads are views of the memory that was read: they are the
 * source's again when the call returns, unless the source says otherwise.
 */
export interface PacketReceiver {
  onConnect(packet: ConnectPacket | OtherVersion): void;
  /**
   * @param packetId 0 at QoS 0
   * @param topic well-formed, not empty, without wildcards; the same array as the last time where it is the same topic
   */
  onPublish(qos: 0 | 1, packetId: number, topic: Uint8Array, payload: Uint8Array): void;
  /** A PUBLISH with a payload larger than is taken has come to its end; nothing of the payload was kept. */
  onOversize(qos: 0 | 1, packetId: number, topic: Uint8Array, payloadBytes: number): void;
  onSubscribe(packetId: number, filters: readonly string[]): void;
  onUnsubscribe(packetId: number, filters: readonly string[]): void;
  onPing(): void;
  /** A PUBACK: for nothing that was sent here, since all of it goes at QoS 0. */
  onPuback(): void;
  onDisconnect(): void;
  /**
   * What came is not MQTT 3.1.1, or not served by closing the connection. Nothing is read any more.
   * @param error has a cause where it was taking a packet that failed, and not reading it
   */
  onMalformed(error: StatewayError): void;
}

/** @param what begins with the name of the packet, and ends with the clause of MQTT 3.1.1 */
export function malformed(what: string): StatewayError {
  return new StatewayError('STATEWAY_MQTT_MALFORMED', what);
}

/** Why a connection is refused, where neither its bytes nor the cloud say so: for the list of refusals. */
export const CONNECT_ERRORS = {
  version: new StatewayError('STATEWAY_MQTT_MALFORMED', 'CONNECT: its version is none of MQTT 3.1 and 3.1.1'),
  clientId: new StatewayError('STATEWAY_INVALID_ID', 'CONNECT: the client id must be the device id, 24 hex digits'),
  credentials: new StatewayError(
    'STATEWAY_INVALID_CREDENTIALS',
    'CONNECT: the user name must be an access key, and the password its secret, both together at most 16 KiB',
  ),
  full: new StatewayError('STATEWAY_OVERLOADED', 'CONNECT: there are as many MQTT connections as may be'),
  stuck: new StatewayError('STATEWAY_OVERLOADED', 'CONNECT: what has come with it finds no room'),
  unchecked: new StatewayError('STATEWAY_CLOUD_UNREACHABLE', 'CONNECT: its credentials cannot be checked'),
} as const;

/** Why a PUBLISH is dropped. */
export function payloadTooLarge(maxBodyBytes: number): StatewayError {
  return new StatewayError('STATEWAY_BODY_TOO_LARGE', `a payload must not be larger than ${maxBodyBytes} bytes`);
}
