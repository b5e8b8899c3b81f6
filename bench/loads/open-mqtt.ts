import { MqttSocket } from './mqtt-socket.js';

/** Connections being made at a time, unless it says otherwise: as those of a WebSocket (`open-sockets.ts`). */
const AT_ONCE = 200;

/**
 * Opens a connection for each of so many devices, in their order.
 * @param onAck told of a connection's number and how many more of its publishes are settled
 */
export async function openMqtt(
  port: number,
  count: number,
  onAck: (connection: number, publishes: number) => void,
  atOnce = AT_ONCE,
): Promise<MqttSocket[]> {
  const sockets: MqttSocket[] = [];
  while (sockets.length < count) {
    const first = sockets.length;
    const opening = Array.from({ length: Math.min(atOnce, count - first) }, (_, i) =>
      MqttSocket.open(port, first + i, (publishes) => onAck(first + i, publishes)),
    );
    sockets.push(...(await Promise.all(opening)));
  }
  return sockets;
}
