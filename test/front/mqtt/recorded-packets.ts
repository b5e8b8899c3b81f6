import type { StatewayError } from '../../../src/core/errors.js';
import { PacketReader } from '../../../src/front/mqtt/packet-reader.js';
import type { ConnectPacket, OtherVersion, PacketReceiver } from '../../../src/front/mqtt/packets.js';

/** A packet as it was read, in plain values. */
export type ReadPacket = Readonly<Record<string, unknown>>;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Writes down what a reader reads. */
export class RecordedPackets implements PacketReceiver {
  readonly packets: ReadPacket[] = [];
  error: StatewayError | undefined = undefined;
  /** Called with each packet, after it was written down. */
  onPacket: () => void = () => {};

  onConnect(packet: ConnectPacket | OtherVersion): void {
    if (packet.kind === 'other version') {
      this.#add({ kind: 'other version', clientId: packet.clientId });
      return;
    }
    const { clientId, keepAliveSeconds, will, userName, password } = packet;
    this.#add({
      kind: 'connect',
      clientId,
      keepAliveSeconds,
      will: will && { topic: will.topic, payload: hex(will.payload), qos: will.qos },
      userName,
      password: password && hex(password),
    });
  }

  onPublish(qos: 0 | 1, packetId: number, topic: Uint8Array, payload: Uint8Array): void {
    this.#add({ kind: 'publish', qos, packetId, topic: hex(topic), payload: hex(payload) });
  }

  onOversize(qos: 0 | 1, packetId: number, topic: Uint8Array, payloadBytes: number): void {
    this.#add({ kind: 'oversize', qos, packetId, topic: hex(topic), payloadBytes });
  }

  onSubscribe(packetId: number, filters: readonly string[]): void {
    this.#add({ kind: 'subscribe', packetId, filters });
  }

  onUnsubscribe(packetId: number, filters: readonly string[]): void {
    this.#add({ kind: 'unsubscribe', packetId, filters });
  }

  onPing(): void {
    this.#add({ kind: 'ping' });
  }

  onPuback(): void {
    this.#add({ kind: 'puback' });
  }

  onDisconnect(): void {
    this.#add({ kind: 'disconnect' });
  }

  onMalformed(error: StatewayError): void {
    if (this.error !== undefined) throw new Error('malformed twice');
    this.error = error;
  }

  #add(packet: ReadPacket): void {
    if (this.error !== undefined) throw new Error('a packet behind a malformed one');
    this.packets.push(packet);
    this.onPacket();
  }
}

/** What a reader makes of pieces. Each piece is wiped when it was read, as its source may. */
export function readPieces(pieces: readonly Uint8Array[], maxPayloadBytes = 1_000): RecordedPackets {
  const recorded = new RecordedPackets();
  const reader = new PacketReader(recorded, maxPayloadBytes);
  for (const piece of pieces) {
    const copy = Uint8Array.from(piece);
    reader.push(copy);
    copy.fill(0xff);
  }
  return recorded;
}
