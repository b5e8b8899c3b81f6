import { CONNECT, DISCONNECT, PINGREQ, PUBACK, PUBLISH, SUBSCRIBE, UNSUBSCRIBE } from './packets.js';
import { MAX_PUBLISH_HEAD_BYTES } from './publish-head.js';

/** Contract 1.9.1. */
const MAX_CONNECT_BYTES = 64 * 1024;
const MAX_FILTERS_BYTES = 16 * 1024;
/** A payload that is larger than is taken is swallowed up to this (contract 1.9.4). */
const MAX_SWALLOWED_BYTES = 4 * 1024 * 1024;

/** A record of TLS that begins a handshake (RFC 8446, 5.1): its first byte, and its second, which would be a length here. */
const TLS_HANDSHAKE = 0x16;
const TLS_MAJOR_VERSION = 3;
const TLS_HERE =
  'the client speaks TLS, and this port is plain: give it the port of STATEWAY_MQTT_TLS_LISTEN, or switch its TLS off';

/**
 * What the fixed header alone is refused for (MQTT 3.1.1, 2.2.1 and 2.2.2; contract 1.9.1).
 * @param header its first byte: type and flags
 * @param length what it announces behind it
 * @param maxPayloadBytes of a PUBLISH that is taken
 * @returns words for whoever wrote the client; undefined where the packet may come
 */
export function objectionTo(header: number, length: number, maxPayloadBytes: number): string | undefined {
  const flags = header & 0x0f;
  switch (header >> 4) {
    case CONNECT:
      if (header === TLS_HANDSHAKE && length === TLS_MAJOR_VERSION) return TLS_HERE;
      return objection('CONNECT', flags === 0, length, MAX_CONNECT_BYTES);
    case PUBLISH:
      if ((flags & 0x06) > 0x02) return 'PUBLISH: its QoS is neither 0 nor 1, and no other is served (3.3.1-4)';
      if ((flags & 0x0a) === 0x08) return 'PUBLISH: it is marked as sent again at QoS 0 (3.3.1-2)';
      return objection(
        'PUBLISH',
        true,
        length,
        Math.max(MAX_SWALLOWED_BYTES, maxPayloadBytes) + MAX_PUBLISH_HEAD_BYTES,
      );
    case PUBACK:
      return objection('PUBACK', flags === 0, length, 2, 2);
    case SUBSCRIBE:
      return objection('SUBSCRIBE', flags === 2, length, MAX_FILTERS_BYTES);
    case UNSUBSCRIBE:
      return objection('UNSUBSCRIBE', flags === 2, length, MAX_FILTERS_BYTES);
    case PINGREQ:
      return objection('PINGREQ', flags === 0, length, 0);
    case DISCONNECT:
      return objection('DISCONNECT', flags === 0, length, 0);
    default:
      return `packets of type ${header >> 4} are not served from a device (2.2.1)`;
  }
}

/** Names the limits and not the length itself: what is told once for each message would be told for each length. */
function objection(
  packet: string,
  areFlagsRight: boolean,
  length: number,
  most: number,
  least = 0,
): string | undefined {
  if (!areFlagsRight) return `${packet}: its reserved flags are not as they must be (2.2.2-1, 2.2.2-2)`;
  if (length >= least && length <= most) return undefined;
  return `${packet}: its length must be ${least === most || most === 0 ? '' : 'at most '}${most} bytes`;
}
