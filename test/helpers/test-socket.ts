import { WebSocket } from 'undici';
import { atEnd } from './test-scope.js';

/** What a proxy's socket answers. */
export type SocketAnswer =
  | { readonly ack: number }
  | { readonly error: { readonly type: string; readonly message: string }; readonly frame: number };

/** A WebSocket client that keeps every answer and waits for the one it is asked for. */
export class TestSocket {
  readonly #socket: WebSocket;
  readonly answers: SocketAnswer[] = [];
  /** Code of the close, once closed. */
  closeCode: number | undefined = undefined;
  #wake: () => void = () => {};

  private constructor(url: string, token: string) {
    this.#socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.addEventListener('message', ({ data }) => {
      this.answers.push(JSON.parse(String(data)) as SocketAnswer);
      this.#wake();
    });
    this.#socket.addEventListener('close', ({ code }) => {
      this.closeCode = code;
      this.#wake();
    });
    this.#socket.addEventListener('error', () => {});
  }

  /** Connects; the socket is closed when the running test is over. */
  static async open(url: string, token: string): Promise<TestSocket> {
    const client = new TestSocket(url, token);
    atEnd(() => client.close());
    await new Promise<void>((resolve, reject) => {
      client.#socket.addEventListener('open', () => resolve());
      client.#socket.addEventListener('error', () => reject(new Error('the socket did not open')));
    });
    return client;
  }

  /** Sends a text frame (string) or a binary one. */
  send(frame: string | Uint8Array): void {
    this.#socket.send(frame as string);
  }

  close(): void {
    this.#socket.close();
  }

  get acknowledged(): number {
    return this.answers.reduce((most, answer) => ('ack' in answer ? Math.max(most, answer.ack) : most), 0);
  }

  /** Waits until the first `frames` frames are acknowledged. */
  async untilAcknowledged(frames: number): Promise<void> {
    await this.#until(() => this.acknowledged >= frames);
  }

  async untilClosed(): Promise<number> {
    await this.#until(() => this.closeCode !== undefined);
    return this.closeCode as number;
  }

  async #until(isThere: () => boolean): Promise<void> {
    while (!isThere()) {
      if (this.closeCode !== undefined) throw new Error(`the socket closed with ${this.closeCode}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
