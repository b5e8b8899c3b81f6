import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Clock } from '../../core/clock.js';
import { networkOf } from '../../core/network.js';
import type { StrangerLine, StrangerLines } from './stranger-lines.js';
import { TcpLine } from './tcp-line.js';

/** A client that has not ended its handshake by then has said nothing (contract 1.9.1, as for CONNECT). */
const HANDSHAKE_WITHIN_MS = 10_000;
/** Connections that the kernel keeps until they are accepted: a whole plant comes back at once. */
const BACKLOG = 4_096;

export interface TcpListenerOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** PEM files; undefined: plain TCP. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly clock: Clock;
  readonly strangers: StrangerLines;
  /** Takes over a line that is ready. */
  readonly onLine: (line: TcpLine) => void;
}

/** A port for MQTT over TCP, or over TLS 1.2 and newer. */
export class TcpListener {
  readonly #options: TcpListenerOptions;
  readonly #server: Server;
  /** Sockets that were handed on as lines, and are not closed. */
  readonly #sockets = new Set<Socket>();
  /** Sockets whose handshake is not over. */
  readonly #shaking = new Map<string, ShakingSocket>();

  /** @throws Error when the TLS files cannot be used */
  constructor(options: TcpListenerOptions) {
    const { tls } = options;
    this.#options = options;
    if (tls === undefined) {
      this.#server = createServer((socket) => this.#handOn(socket, 'mqtt'));
      return;
    }
    this.#server = createTlsServer({ ...readTls(tls), minVersion: 'TLSv1.2', handshakeTimeout: HANDSHAKE_WITHIN_MS });
    this.#server.on('connection', (socket: Socket) => this.#shake(socket));
    this.#server.on('secureConnection', (socket: Socket) => {
      this.#shaking.get(nameOf(socket))?.end();
      this.#handOn(socket, 'mqtts');
    });
    // A client that speaks no TLS, or not ours, is nothing to tell of: its socket is closed.
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy());
  }

  /**
   * @returns the port
   * @throws Error when the address cannot be had
   */
  listen(): Promise<number> {
    const { host, port, tls } = this.#options;
    const option = tls === undefined ? 'STATEWAY_MQTT_LISTEN' : 'STATEWAY_MQTT_TLS_LISTEN';
    return new Promise((resolve, reject) => {
      const refuse = (cause: Error): void => {
        reject(new Error(`cannot listen on ${host}:${port} (${option}): ${cause.message}`, { cause }));
      };
      this.#server.once('error', refuse);
      this.#server.listen({ host, port, backlog: BACKLOG, exclusive: true }, () => {
        this.#server.off('error', refuse);
        // From now on it is of one connection that could not be accepted, and the port goes on (nodejs.org, "net.Server").
        this.#server.on('error', () => {});
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Accepts nothing more. */
  close(): void {
    if (this.#server.listening) this.#server.close();
    for (const shaking of this.#shaking.values()) shaking.giveWay();
  }

  /** Sockets that are open. */
  get openSockets(): number {
    return this.#sockets.size;
  }

  /** Whoever has not closed its end by now is not waited for: an open socket keeps the process from ending. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #handOn(socket: Socket, transport: 'mqtt' | 'mqtts'): void {
    const { clock, onLine } = this.#options;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    onLine(new TcpLine(socket, transport, clock));
  }

  #shake(socket: Socket): void {
    const name = nameOf(socket);
    const shaking = new ShakingSocket(socket, this.#options.strangers, () => this.#shaking.delete(name));
    this.#shaking.set(name, shaking);
    socket.once('close', () => shaking.end());
  }
}

/** A socket counts among those that have said nothing from its first byte on, also while it only negotiates. */
class ShakingSocket implements StrangerLine {
  readonly address: string;
  readonly #socket: Socket;
  readonly #strangers: StrangerLines;
  readonly #onEnd: () => void;

  constructor(socket: Socket, strangers: StrangerLines, onEnd: () => void) {
    this.address = networkOf(socket.remoteAddress);
    this.#socket = socket;
    this.#strangers = strangers;
    this.#onEnd = onEnd;
    strangers.add(this);
  }

  giveWay(): void {
    this.end();
    this.#socket.destroy();
  }

  end(): void {
    this.#strangers.remove(this);
    this.#onEnd();
  }
}

/** The same for a socket and what TLS makes of it. */
function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function readTls({ certFile, keyFile }: { readonly certFile: string; readonly keyFile: string }): {
  cert: Buffer;
  key: Buffer;
} {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) };
}
