import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type SecureContextOptions, type Server as TlsServer } from 'node:tls';
import { MAX_HANDSHAKES } from '../../core/bounds.js';
import type { TlsFiles } from '../../core/machine/certificate-watch.js';
import { networkOf } from '../../core/machine/network.js';
import type { Clock } from '../../core/time/clock.js';
import { Alarm } from '../../core/time/time-limit.js';
import { type Handshake, HandshakeGate } from './handshake-gate.js';
import type { StrangerLine, StrangerLines } from './stranger-lines.js';
import { TcpLine } from './tcp-line.js';

/** A client whose handshake is not over by then has said nothing (contract 1.9.1, as for CONNECT). */
const HANDSHAKE_WITHIN_MS = 10_000;
/** Connections that the kernel keeps until they are accepted: a whole plant comes back at once. */
const LONGEST_BACKLOG = 4_096;
const SHORTEST_BACKLOG = 128;

export interface TcpListenerOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** PEM files; undefined: plain TCP. */
  readonly tls: TlsFiles | undefined;
  readonly clock: Clock;
  readonly strangers: StrangerLines;
  /** Takes over a line that is ready. */
  readonly onLine: (line: TcpLine) => void;
  /** Told of a client that said something, and with which there is no TLS connection. @param code of the error, where there was one */
  readonly onNoHandshake: (address: string, code: string | undefined) => void;
}

/** A port for MQTT over TCP, or over TLS 1.2 and newer. */
export class TcpListener {
  readonly #options: TcpListenerOptions;
  readonly #server: Server;
  /** Undefined where it is plain TCP. It listens nowhere: it is given each socket when its handshake may begin. */
  readonly #tlsServer: TlsServer | undefined;
  /** Sockets that were handed on as lines, and are not closed. */
  readonly #sockets = new Set<Socket>();
  /** Sockets whose handshake is not over. */
  readonly #shaking = new Map<string, ShakingSocket>();
  readonly #gate: HandshakeGate;

  /** @throws Error when the TLS files cannot be used */
  constructor(options: TcpListenerOptions) {
    const { clock, tls } = options;
    this.#options = options;
    this.#gate = new HandshakeGate(MAX_HANDSHAKES, clock);
    if (tls === undefined) {
      this.#tlsServer = undefined;
      this.#server = createServer((socket) => this.#handOn(socket, 'mqtt'));
      return;
    }
    const tlsServer = createTlsServer(secureContextOf(tls));
    this.#tlsServer = tlsServer;
    tlsServer.on('secureConnection', (socket: Socket) => {
      this.#shaking.get(nameOf(socket))?.end(true);
      this.#handOn(socket, 'mqtts');
    });
    tlsServer.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      this.#shaking.get(nameOf(socket))?.failed(error.code);
      socket.destroy();
    });
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#shake(socket, tlsServer));
  }

  /**
   * @returns the port
   * @throws Error when the address cannot be had
   */
  listen(): Promise<number> {
    const { host, port, tls, strangers } = this.#options;
    // All of them are accepted at once: more than may be strangers would push out the first before their CONNECT is read.
    const backlog = Math.max(SHORTEST_BACKLOG, Math.min(LONGEST_BACKLOG, strangers.most));
    const option = tls === undefined ? 'STATEWAY_MQTT_LISTEN' : 'STATEWAY_MQTT_TLS_LISTEN';
    return new Promise((resolve, reject) => {
      const refuse = (cause: Error): void => {
        reject(new Error(`cannot listen on ${host}:${port} (${option}): ${cause.message}`, { cause }));
      };
      this.#server.once('error', refuse);
      this.#server.listen({ host, port, backlog, exclusive: true }, () => {
        this.#server.off('error', refuse);
        // From now on it is of one connection that could not be accepted, and the port goes on (nodejs.org, "net.Server").
        this.#server.on('error', () => {});
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /**
   * Handshakes that begin from now on show what stands in the files.
   * @throws Error when it cannot be used; then the former stays
   */
  renewCertificate(): void {
    const { tls } = this.#options;
    if (tls !== undefined) this.#tlsServer?.setSecureContext(secureContextOf(tls));
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
    // Not `once`: it comes once, and a wrapper would be held for as long as the connection.
    socket.on('close', () => this.#sockets.delete(socket));
    onLine(new TcpLine(socket, transport, clock));
  }

  #shake(socket: Socket, tlsServer: TlsServer): void {
    const name = nameOf(socket);
    const shaking = new ShakingSocket(socket, this.#gate, this.#options, {
      onBegin: () => tlsServer.emit('connection', socket),
      onEnd: () => this.#shaking.delete(name),
    });
    this.#shaking.set(name, shaking);
    this.#gate.add(shaking);
  }
}

/** A socket counts among those that have said nothing from the first moment on, also while it waits and negotiates. */
class ShakingSocket implements StrangerLine, Handshake {
  readonly address: string;
  readonly #socket: Socket;
  readonly #gate: HandshakeGate;
  readonly #strangers: StrangerLines;
  readonly #tooLong: Alarm;
  readonly #told: { readonly onBegin: () => void; readonly onEnd: () => void };
  readonly #onNoHandshake: TcpListenerOptions['onNoHandshake'];
  #isOver = false;

  constructor(
    socket: Socket,
    gate: HandshakeGate,
    { clock, strangers, onNoHandshake }: Pick<TcpListenerOptions, 'clock' | 'strangers' | 'onNoHandshake'>,
    told: { readonly onBegin: () => void; readonly onEnd: () => void },
  ) {
    this.address = networkOf(socket.remoteAddress);
    this.#socket = socket;
    this.#gate = gate;
    this.#strangers = strangers;
    this.#tooLong = new Alarm(clock);
    this.#told = told;
    this.#onNoHandshake = onNoHandshake;
    strangers.add(this);
    this.#tooLong.set(HANDSHAKE_WITHIN_MS, () => this.giveWay());
    // It comes as 'close' too.
    socket.on('error', () => {});
    socket.once('close', () => this.failed(undefined));
  }

  begin(): void {
    this.#told.onBegin();
  }

  giveWay(): void {
    this.end(false);
    this.#socket.destroy();
  }

  /** The client's doing. One that has said nothing is no client: whoever looks whether the port is open. */
  failed(code: string | undefined): void {
    if (this.#isOver) return;
    if (this.#socket.bytesRead > 0) this.#onNoHandshake(this.address, code);
    this.end(false);
  }

  /** @param isGood whether it has become a TLS connection */
  end(isGood: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#tooLong.clear();
    this.#strangers.remove(this);
    this.#told.onEnd();
    this.#gate.end(this, isGood);
  }
}

/** The same for a socket and what TLS makes of it. */
function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function secureContextOf({ certFile, keyFile }: TlsFiles): SecureContextOptions {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile), minVersion: 'TLSv1.2' };
}
