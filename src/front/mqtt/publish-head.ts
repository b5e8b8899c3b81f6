import { textOf } from './packet-fields.js';
import { malformed } from './packets.js';

/** Contract 1.9.1. */
export const MAX_TOPIC_BYTES = 1_024;
/** Length of the topic, topic and packet identifier. */
export const MAX_PUBLISH_HEAD_BYTES = 2 + MAX_TOPIC_BYTES + 2;

/** What a topic may not hold beside U+0000 (MQTT 3.1.1, 3.3.2-2). */
const PLUS = 0x2b;
const HASH = 0x23;

/** What stands before the payload of a PUBLISH. */
export interface PublishHead {
  readonly qos: 0 | 1;
  /** 0 at QoS 0. */
  readonly packetId: number;
  /** A view of what was read. */
  readonly topic: Uint8Array;
}

/**
 * Bytes of the head of a PUBLISH: of the topic's length, the topic and the packet identifier.
 * @param header first byte of the packet
 * @param at where its head begins
 * @returns undefined where the length of the topic is not there yet
 */
export function publishHeadBytes(header: number, bytes: Uint8Array, at: number, end: number): number | undefined {
  if (at + 2 > end) return undefined;
  const topicBytes = (bytes[at] as number) * 256 + (bytes[at + 1] as number);
  return 2 + topicBytes + ((header & 0x06) === 0 ? 0 : 2);
}

/**
 * Reads a head that is whole.
 * @throws StatewayError STATEWAY_MQTT_MALFORMED
 */
export function readPublishHead(header: number, head: Uint8Array): PublishHead {
  const qos = (header & 0x06) === 0 ? 0 : 1;
  const topicEnd = head.length - 2 * qos;
  const topic = head.subarray(2, topicEnd);
  const packetId = qos === 0 ? 0 : packetIdAt(head, topicEnd);
  assertTopic(topic);
  return { qos, packetId, topic };
}

/** @throws StatewayError STATEWAY_MQTT_MALFORMED */
export function packetIdAt(bytes: Uint8Array, at: number): number {
  const packetId = (bytes[at] as number) * 256 + (bytes[at + 1] as number);
  if (packetId === 0) throw malformed('PUBLISH: its packet identifier is 0 (2.3.1-1)');
  return packetId;
}

/**
 * The topic of a head: where it is the same as the one before, that one itself, which has been looked at.
 * @param last the topic before
 * @throws StatewayError STATEWAY_MQTT_MALFORMED
 */
export function topicAt(bytes: Uint8Array, start: number, end: number, last: Uint8Array): Uint8Array {
  if (isAt(bytes, start, end, last)) return last;
  const topic = bytes.slice(start, end);
  assertTopic(topic);
  return topic;
}

function isAt(bytes: Uint8Array, start: number, end: number, topic: Uint8Array): boolean {
  if (end - start !== topic.length || topic.length === 0) return false;
  for (let at = 0; at < topic.length; at++) if (bytes[start + at] !== topic[at]) return false;
  return true;
}

function assertTopic(topic: Uint8Array): void {
  if (topic.length === 0) throw malformed('PUBLISH: its topic is empty (4.7.3-1)');
  if (topic.length > MAX_TOPIC_BYTES) throw malformed(`PUBLISH: its topic is longer than ${MAX_TOPIC_BYTES} bytes`);
  let isAscii = true;
  for (const byte of topic) {
    if (byte === PLUS || byte === HASH) throw malformed('PUBLISH: its topic holds a wildcard (3.3.2-2)');
    if (byte === 0) throw malformed('PUBLISH: its topic holds U+0000 (4.7.3-2)');
    if (byte > 0x7f) isAscii = false;
  }
  if (!isAscii && textOf(topic) === undefined) throw malformed('PUBLISH: its topic is not UTF-8 (1.5.3-1)');
}
