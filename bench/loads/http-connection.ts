import type { Socket } from 'node:net';
import { connectReading } from './connect-reading.js';

const HEAD_END = Buffer.from('\r\n\r\n', 'latin1');
/** Of `HTTP/1.1 200`. */
const STATUS_AT = 9;
const ZERO = 0x30;

/**
 * A connection that carries one request at a time, with as little work a request as Node allows: bytes go out as they
 * were prepared, and of an answer only status and length are looked at.
 */
export class HttpConnection {
  readonly #socket: Socket;
  #onAnswer: (status: number, body: Buffer) => void = () => {};
  #lastStatus = 0;
  #lastLength = 0;
  #bodyStart = 0;

  private constructor(port: number, onBroken: () => void) {
    this.#socket = connectReading(port, (bytes) => this.#read(bytes), onBroken);
  }

  /**
   * Connects.
   * @param onBroken called once when the connection has ended, by whichever side
   * @throws Error when it cannot
   */
  static open(port: number, onBroken: () => void): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      let isOpen = false;
      const connection = new HttpConnection(port, () => {
        if (isOpen) onBroken();
        else reject(new Error(`no connection to port ${port}`));
      });
      connection.#socket.once('connect', () => {
        isOpen = true;
        resolve(connection);
      });
    });
  }

  /** Sends a request; the one before must be answered. `body` is only good during the call. */
  send(request: Buffer, onAnswer: (status: number, body: Buffer) => void): void {
    this.#onAnswer = onAnswer;
    this.#socket.write(request);
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(bytes: Buffer): number {
    // Answers of one server to one kind of request are alike: one as long as the last whole one is whole.
    if (bytes.length !== this.#lastLength || statusOf(bytes) !== this.#lastStatus) this.#measure(bytes);
    if (bytes.length < this.#lastLength || this.#lastLength === 0) return 0;
    this.#onAnswer(this.#lastStatus, bytes.subarray(this.#bodyStart, this.#lastLength));
    return bytes.length;
  }

  /** Finds out how long an answer is; 0 as long as its head is not there. */
  #measure(bytes: Buffer): void {
    const headEnd = bytes.indexOf(HEAD_END);
    const head = bytes.toString('latin1', 0, Math.max(0, headEnd));
    this.#bodyStart = headEnd + HEAD_END.length;
    this.#lastLength = headEnd < 0 ? 0 : this.#bodyStart + Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    this.#lastStatus = headEnd < 0 ? 0 : statusOf(bytes);
  }
}

function statusOf(answer: Buffer): number {
  const digit = (at: number) => (answer[STATUS_AT + at] as number) - ZERO;
  return 100 * digit(0) + 10 * digit(1) + digit(2);
}
