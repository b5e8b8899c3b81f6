import { connect, type Socket } from 'node:net';
import { upgradeHead } from './raw-websocket.js';

/** What a slow client says: all of `atOnce`, what follows the first answer at once, then one byte a second of `slowly`. */
interface Manner {
  readonly atOnce: string;
  readonly onAnswer?: string;
  readonly slowly: string;
}

const SECOND_MS = 1_000;
/** The crowd speaks in so many turns a second, so that its bytes do not all come at once. */
const TURNS_A_SECOND = 100;
/** Clients whose connections are closed on them come back after a while, and not all at once. */
const COME_BACK_MS = { least: 250, most: 2_000 };

/** Clients that hold a connection each and get nowhere: half-open ones, and ones that send a byte a second. */
export class SlowCrowd {
  readonly #port: number;
  readonly #manners: readonly Manner[];
  /** `said`: bytes of `slowly`; null while the answer is waited for. */
  readonly #members: { socket: Socket; manner: Manner; said: number | null }[] = [];
  readonly #timer: NodeJS.Timeout;
  #turn = 0;
  #isOver = false;
  /** Connections that the proxy has closed. */
  turnedAway = 0;

  /**
   * @param path of a device's state
   * @param token good for it
   */
  constructor(port: number, path: string, token: string, size: number) {
    const head = `POST ${path} HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer ${token}\r\n`;
    const socketHead = upgradeHead(path, { Authorization: `Bearer ${token}` });
    this.#port = port;
    this.#manners = [
      { atOnce: '', slowly: '' },
      { atOnce: '', slowly: `${head}X-Padding: ${'x'.repeat(2_000)}` },
      { atOnce: `${head}Content-Type: application/json\r\nContent-Length: 4000\r\n\r\n`, slowly: ' '.repeat(3_000) },
      { atOnce: socketHead.slice(0, -20), slowly: '' },
      // A text frame of 4,000 bytes, masked with zeros, that takes an hour. Before the answer to its opening handshake a
      // client must not send any of it (RFC 6455, 4.1), and uWebSockets.js forgets what came with the handshake.
      { atOnce: socketHead, onAnswer: '\x81\xfe\x0f\xa0\0\0\0\0', slowly: ' '.repeat(3_000) },
    ];
    for (let i = 0; i < size; i++) this.#join(i);
    this.#timer = setInterval(() => this.#speak(), SECOND_MS / TURNS_A_SECOND);
  }

  /** Connections at the moment. */
  get size(): number {
    return this.#members.filter(({ socket }) => socket.readyState === 'open').length;
  }

  close(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
    for (const { socket } of this.#members) socket.destroy();
  }

  #join(index: number): void {
    const manner = this.#manners[index % this.#manners.length] as Manner;
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    const member = { socket, manner, said: manner.onAnswer === undefined ? 0 : null };
    this.#members[index] = member;
    socket.on('connect', () => {
      if (manner.atOnce !== '') socket.write(manner.atOnce, 'latin1');
    });
    socket.once('data', () => {
      if (manner.onAnswer === undefined) return;
      socket.write(manner.onAnswer, 'latin1');
      member.said = 0;
    });
    socket.on('error', () => {});
    socket.resume();
    socket.on('close', () => {
      if (this.#isOver) return;
      this.turnedAway++;
      const { least, most } = COME_BACK_MS;
      setTimeout(() => this.#isOver || this.#join(index), least + Math.random() * (most - least));
    });
  }

  /** A byte each of those whose turn it is. */
  #speak(): void {
    for (let index = this.#turn; index < this.#members.length; index += TURNS_A_SECOND) {
      const member = this.#members[index];
      if (member === undefined || member.said === null || member.socket.readyState !== 'open') continue;
      const byte = member.manner.slowly[member.said++];
      if (byte !== undefined) member.socket.write(byte);
    }
    this.#turn = (this.#turn + 1) % TURNS_A_SECOND;
  }
}
