import { Duplex } from 'node:stream';
import type { PlannedDevice } from '../fleet-plan.js';
import { SlidingWindow } from '../sliding-window.js';
import type { TopicAccess } from './topic-access.js';

/**
 * What lies between a device and the broker, as the broker has it: a line that can fall silent, as where the network
 * between them has become a black hole. A silent line takes all that either side sends and hands nothing on, also not
 * that the broker has closed it.
 */
export class BrokerLine extends Duplex {
  readonly #socket: Duplex;
  #isSilent = false;

  /** @param socket a byte stream to the device: TCP, TLS, or what lies in WebSocket frames */
  constructor(socket: Duplex) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      if (!this.#isSilent && !this.push(chunk)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.destroy());
  }

  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** Hands nothing on from now on, in neither direction. */
  fallSilent(): void {
    this.#isSilent = true;
    this.#socket.resume();
  }

  /** Cuts the connection, also one that is silent. */
  cut(): void {
    this.destroy();
    this.#socket.destroy();
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#isSilent || this.#socket.destroyed) done();
    else this.#socket.write(chunk, done);
  }

  /** The parts of a packet leave as one piece. */
  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'binary', done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#isSilent || this.#socket.destroyed) done();
    else this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#isSilent) this.#socket.destroy();
    done(error);
  }
}

/** One device's connection, from its log-in on. */
export class BrokerSession {
  readonly device: PlannedDevice;
  readonly line: BrokerLine;
  readonly access: TopicAccess;
  /** Whether the broker is closing it for what it did. */
  hasOffended = false;
  readonly #messages: SlidingWindow;
  readonly #subscriptions = new Set<string>();

  constructor(device: PlannedDevice, line: BrokerLine, access: TopicAccess, windowMs: number) {
    this.device = device;
    this.line = line;
    this.access = access;
    this.#messages = new SlidingWindow(windowMs);
  }

  get subscriptions(): readonly string[] {
    return [...this.#subscriptions];
  }

  /** @returns messages of either direction in the window that ends now, this one included */
  noteMessage(nowMs: number): number {
    return this.#messages.add(nowMs);
  }

  subscribe(filter: string): void {
    this.#subscriptions.add(filter);
  }

  unsubscribe(filters: readonly string[]): void {
    for (const filter of filters) this.#subscriptions.delete(filter);
  }
}
