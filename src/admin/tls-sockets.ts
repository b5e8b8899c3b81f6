import type { Socket } from 'node:net';

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
