/** What the proxy answers to packets of a device (MQTT 3.1.1, 3.2, 3.4, 3.9, 3.11 and 3.13), in bytes. */

/** Why a CONNECT is not accepted (MQTT 3.1.1, 3.2.2.3). 3, "server unavailable", is never said (contract 1.9.2). */
export type ConnackCode = 0 | 1 | 2 | 4 | 5;

/** Session present is always 0 (contract 1.9.2). */
export function connack(code: ConnackCode): Uint8Array {
  return Uint8Array.of(0x20, 2, 0, code);
}

export const PINGRESP: Uint8Array = Uint8Array.of(0xd0, 0);

export const PUBACK_BYTES = 4;

/** Writes a PUBACK into `bytes` at a place. */
export function writePuback(bytes: Uint8Array, at: number, packetId: number): void {
  bytes[at] = 0x40;
  bytes[at + 1] = 2;
  bytes[at + 2] = packetId >> 8;
  bytes[at + 3] = packetId & 0xff;
}

/** @param granted for each filter whether it is granted, which is at QoS 0; there are at most 64, so that one byte holds the length */
export function suback(packetId: number, granted: readonly boolean[]): Uint8Array {
  const codes = granted.map((isGranted) => (isGranted ? 0 : 0x80));
  return Uint8Array.of(0x90, 2 + codes.length, packetId >> 8, packetId & 0xff, ...codes);
}

export function unsuback(packetId: number): Uint8Array {
  return Uint8Array.of(0xb0, 2, packetId >> 8, packetId & 0xff);
}

/** @param topic of 65,535 bytes at most */
export function publishPacket(topic: string, payload: Uint8Array): Uint8Array {
  const topicBytes = Buffer.from(topic, 'utf8');
  const head: number[] = [0x30];
  // The remaining length: seven bits a byte, the lowest first (MQTT 3.1.1, 2.2.3).
  let left = 2 + topicBytes.length + payload.length;
  for (; left > 0x7f; left >>= 7) head.push((left & 0x7f) | 0x80);
  head.push(left, topicBytes.length >> 8, topicBytes.length & 0xff);
  const packet = new Uint8Array(head.length + topicBytes.length + payload.length);
  packet.set(head);
  packet.set(topicBytes, head.length);
  packet.set(payload, head.length + topicBytes.length);
  return packet;
}
