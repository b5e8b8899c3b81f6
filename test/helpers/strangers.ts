import { connect, type Socket } from 'node:net';
import { upgradeHead } from './raw-websocket.js';
import { atEnd } from './test-scope.js';

/** A token that no cloud has given out. */
export const FORGED_TOKEN = 'forged.token.x';

export interface StrangerOptions {
  readonly port: number;
  /** Written at once. */
  readonly text: string | Uint8Array;
  /** Written when the answer to an upgrade has said yes. */
  readonly onceOpen?: Uint8Array;
  /** Whether what the proxy sends is read; it is unless this is false. */
  readonly reads?: boolean;
}

/** Connections of people who have no grant; they end with the running test. */
export class Strangers {
  readonly #sockets: Socket[] = [];
  /** Upgrades that were answered with 101. */
  opened = 0;
  /** Connections that the proxy has closed or refused to upgrade. */
  turnedAway = 0;

  constructor() {
    atEnd(() => this.leave());
  }

  join(count: number, options: StrangerOptions): void {
    for (let i = 0; i < count; i++) this.#joinOne(options);
  }

  /** Those whose connection is open. */
  get size(): number {
    return this.#sockets.filter(({ readyState }) => readyState === 'open').length;
  }

  leave(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #joinOne({ port, text, onceOpen, reads = true }: StrangerOptions): void {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#sockets.push(socket);
    socket.on('error', () => {});
    let isTurnedAway = false;
    const noteTurnedAway = () => {
      if (!isTurnedAway) this.turnedAway++;
      isTurnedAway = true;
    };
    socket.once('close', noteTurnedAway);
    socket.write(text);
    if (onceOpen === undefined) {
      socket.resume();
      return;
    }
    socket.once('data', (answer) => {
      if (!answer.toString('latin1').startsWith('HTTP/1.1 101 ')) {
        noteTurnedAway();
        return;
      }
      this.opened++;
      if (!reads) socket.pause();
      socket.write(onceOpen);
    });
  }
}

/** The head of an upgrade at a gateway's path. */
export function strangerUpgrade(path: string): string {
  return upgradeHead(path, { Authorization: `Bearer ${FORGED_TOKEN}` });
}
