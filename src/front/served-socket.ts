import type { WebSocket } from 'uws-current';

/** A WebSocket as the routes of uWebSockets.js serve it. */
export interface ServedSocket {
  /** Once, when it has opened. */
  open(ws: WebSocket<SocketData>): void;
  /** @param message its memory is the library's again after the call */
  receive(message: ArrayBuffer, isBinary: boolean): void;
  /** Something of what waited to be taken by the other end has left. */
  drained(): void;
  /** Once, when it is gone, whoever closed it; of one that never opened too. */
  closed(): void;
}

/** What uWebSockets.js keeps with a connection: it copies the own properties of this, so that no class may stand here. */
export interface SocketData {
  readonly socket: ServedSocket;
}
