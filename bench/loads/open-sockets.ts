import { benchDevice } from '../devices.js';
import { DeviceSocket } from './device-socket.js';

/** Connections being made at a time, unless it says otherwise: as a plant comes up, not as an attack. */
const AT_ONCE = 200;

/**
 * Opens a socket for each of so many devices, in their order.
 * @param onAck told of a socket's number and how many more of its frames are settled
 */
export async function openSockets(
  port: number,
  firstDevice: number,
  count: number,
  onAck: (socket: number, frames: number) => void,
  atOnce = AT_ONCE,
): Promise<DeviceSocket[]> {
  const sockets: DeviceSocket[] = [];
  while (sockets.length < count) {
    const first = sockets.length;
    const opening = Array.from({ length: Math.min(atOnce, count - first) }, (_, i) => {
      const number = first + i;
      return DeviceSocket.open(port, benchDevice(firstDevice + number), (frames) => onAck(number, frames));
    });
    sockets.push(...(await Promise.all(opening)));
  }
  return sockets;
}
