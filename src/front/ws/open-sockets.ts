import type { FrameSocket } from './frame-socket.js';

/** Told of a socket of a device, and of its end. @param change 1 or -1 */
export type SocketChange = (deviceId: string, change: number) => void;

/** The WebSockets that are open, but for those for MQTT. */
export class OpenSockets implements Iterable<FrameSocket> {
  readonly #sockets = new Set<FrameSocket>();
  readonly #onChange: SocketChange | undefined;

  /** @param onChange told of those of one device or gateway, if anybody wants to know */
  constructor(onChange?: SocketChange) {
    this.#onChange = onChange;
  }

  get size(): number {
    return this.#sockets.size;
  }

  add(socket: FrameSocket): void {
    this.#sockets.add(socket);
    this.#onChange?.(socket.deviceId, 1);
  }

  remove(socket: FrameSocket): void {
    if (this.#sockets.delete(socket)) this.#onChange?.(socket.deviceId, -1);
  }

  /** Those of one device, or of a gateway by its own id. @param deviceId lower case */
  of(deviceId: string): number {
    let open = 0;
    for (const socket of this.#sockets) if (socket.deviceId === deviceId) open++;
    return open;
  }

  [Symbol.iterator](): Iterator<FrameSocket> {
    return this.#sockets.values();
  }
}
