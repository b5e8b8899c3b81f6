import { parser } from 'mqtt-packet';
import type { ReadPacket } from './recorded-packets.js';

/** What mqtt-packet makes of bytes, in the form of {@link ReadPacket}; undefined where it refuses them. */
export function oracle(stream: Uint8Array): ReadPacket[] | undefined {
  const packets: ReadPacket[] = [];
  let isRefused = false;
  const reading = parser();
  reading.on('error', () => {
    isRefused = true;
  });
  reading.on('packet', (read) => packets.push(plain(read as unknown as Record<string, unknown>)));
  reading.parse(Buffer.from(stream));
  return isRefused ? undefined : packets;
}

function plain(read: Record<string, unknown>): ReadPacket {
  const hexOf = (value: unknown): string => Buffer.from(value as string).toString('hex');
  switch (read.cmd) {
    case 'connect': {
      const will = read.will as { topic: string; payload: Uint8Array; qos: number } | undefined;
      return {
        kind: 'connect',
        clientId: read.clientId,
        keepAliveSeconds: read.keepalive,
        will: will && { topic: will.topic, payload: hexOf(will.payload), qos: will.qos },
        userName: read.username,
        password: read.password === undefined ? undefined : hexOf(read.password),
      };
    }
    case 'publish':
      return {
        kind: 'publish',
        qos: read.qos,
        packetId: read.qos === 0 ? 0 : read.messageId,
        topic: hexOf(read.topic),
        payload: hexOf(read.payload),
      };
    case 'subscribe': {
      const filters = (read.subscriptions as { topic: string }[]).map(({ topic }) => topic);
      return { kind: 'subscribe', packetId: read.messageId, filters };
    }
    case 'unsubscribe':
      return { kind: 'unsubscribe', packetId: read.messageId, filters: read.unsubscriptions };
    case 'pingreq':
      return { kind: 'ping' };
    default:
      return { kind: read.cmd };
  }
}
