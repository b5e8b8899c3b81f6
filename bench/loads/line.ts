import type { Socket } from 'node:net';
import { connectReading } from './connect-reading.js';

/**
 * A device's connection that stays, with as little work as Node allows: frames go out as they were prepared, and are
 * settled in their order.
 */
export abstract class Line {
  protected readonly socket: Socket;
  readonly #onSettled: (frames: number) => void;
  /** The line itself, once the server has taken the device. @throws Error when it is closed or refused before */
  readonly opened: Promise<this>;
  /** To be told what the server says first: why it refuses the device, or nothing. */
  protected answered: (refusal?: string) => void = () => {};
  /** As many frames as may be unsettled, one behind the other, twice: whichever is next, others stand behind it. */
  #frames: Buffer = Buffer.alloc(0);
  protected window = 1;
  sent = 0;
  /** Frames that are settled, refused ones included. */
  settled = 0;
  /** Frames refused by name. */
  refused = 0;

  /** @param onSettled told how many more frames are settled */
  constructor(port: number, hello: string | Buffer, onSettled: (frames: number) => void) {
    this.#onSettled = onSettled;
    this.opened = new Promise((resolve, reject) => {
      this.answered = (refusal) => (refusal === undefined ? resolve(this) : reject(new Error(refusal)));
    });
    const read = (bytes: Buffer) => this.read(bytes);
    this.socket = connectReading(port, read, () => this.answered('a connection was closed'));
    this.socket.once('connect', () => this.socket.write(hello));
  }

  /** Says what each frame from now on holds, of which so many may be unsettled. */
  prepare(payload: string | Uint8Array, window: number): void {
    this.window = window;
    this.#frames = this.framesOf(payload, 2 * window);
  }

  /** Sends so many frames in one write. */
  send(count: number): void {
    const frameBytes = this.#frames.length / (2 * this.window);
    const start = (this.sent % this.window) * frameBytes;
    this.socket.write(this.#frames.subarray(start, start + count * frameBytes));
    this.sent += count;
  }

  close(): void {
    this.socket.destroy();
  }

  protected settle(frames: number): void {
    this.settled += frames;
    this.#onSettled(frames);
  }

  /** So many frames, all of one length. */
  protected abstract framesOf(payload: string | Uint8Array, count: number): Buffer;

  /** Reads what has come, as of `connectReading`. */
  protected abstract read(bytes: Buffer): number;
}
