import type { Socket } from 'node:net';
import { networkOf } from '../core/machine/network.js';

/** In all. More than the system queues up for `accept` (511): no burst of others can push out a probe before it has asked. */
export const MAX_CONNECTIONS = 1_024;
/** Of one address. */
export const MAX_ADDRESS_CONNECTIONS = 256;

/**
 * The connections of the admin side. One that comes is always taken: where there are as many as may be, of its address or
 * in all, the one whose last request is the longest ago is closed for it. So a probe, which asks as soon as it is
 * connected, is answered whatever else is connected, and from wherever. Open status pages do not count, and are not
 * closed; they have a bound of their own.
 */
export class AdminConnections {
  /** The one whose last request is the longest ago first, in all and by address. */
  readonly #all = new Map<Socket, string>();
  readonly #byHolder = new Map<string, Set<Socket>>();

  /** Takes a new connection. */
  add(socket: Socket): void {
    // Gone already: its close may have been told.
    if (socket.destroyed) return;
    const holder = networkOf(socket.remoteAddress);
    const held = this.#byHolder.get(holder);
    if (held !== undefined && held.size >= MAX_ADDRESS_CONNECTIONS) this.#close(held.values().next().value);
    if (this.#all.size >= MAX_CONNECTIONS) this.#close(this.#all.keys().next().value);
    this.#all.set(socket, holder);
    const own = this.#byHolder.get(holder) ?? new Set();
    this.#byHolder.set(holder, own.add(socket));
    socket.once('close', () => this.remove(socket));
  }

  /** A request has come on it. */
  touch(socket: Socket): void {
    const holder = this.#all.get(socket);
    if (holder === undefined) return;
    this.#all.delete(socket);
    this.#all.set(socket, holder);
    const own = this.#byHolder.get(holder) as Set<Socket>;
    own.delete(socket);
    own.add(socket);
  }

  /** It is gone, or does not count any more. */
  remove(socket: Socket): void {
    const holder = this.#all.get(socket);
    if (holder === undefined) return;
    this.#all.delete(socket);
    const own = this.#byHolder.get(holder) as Set<Socket>;
    own.delete(socket);
    if (own.size === 0) this.#byHolder.delete(holder);
  }

  #close(socket: Socket | undefined): void {
    if (socket === undefined) return;
    this.remove(socket);
    socket.destroy();
  }
}

/**
 * The connection under each socket of TLS, which Node does not tell: a request has the one, and the server is told of the
 * other, before the handshake. Both have the same peer.
 */
export class TlsSockets {
  readonly #byPeer = new Map<string, Socket>();

  /** A connection that has come. */
  add(connection: Socket): void {
    const peer = peerOf(connection);
    this.#byPeer.set(peer, connection);
    connection.once('close', () => {
      if (this.#byPeer.get(peer) === connection) this.#byPeer.delete(peer);
    });
  }

  /** The connection under `socket`; itself where it is one. */
  under(socket: Socket): Socket {
    return this.#byPeer.get(peerOf(socket)) ?? socket;
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
