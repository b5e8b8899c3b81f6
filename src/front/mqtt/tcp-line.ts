import type { Socket } from 'node:net';
import { networkOf } from '../../core/machine/network.js';
import type { MqttTransport } from '../../core/metering/meters.js';
import type { Clock } from '../../core/time/clock.js';
import { Alarm } from '../../core/time/time-limit.js';
import type { Line, LineUser } from './line.js';

/** The kernel asks after a silent end so often, and gives it up after some minutes (contract 1.9.6). */
const TCP_KEEP_ALIVE_MS = 60_000;
/** What was written last may take so long to leave; then the socket is closed all the same. */
const END_WITHIN_MS = 5_000;

/** Shared by all. */
const doNothing = (): void => {};

/** A line over TCP, or TLS over it. */
export class TcpLine implements Line {
  readonly transport: MqttTransport;
  readonly peer: string;
  readonly address: string;
  readonly canHalt = true;
  readonly #socket: Socket;
  readonly #clock: Clock;
  #ending: Alarm | undefined = undefined;

  constructor(socket: Socket, transport: MqttTransport, clock: Clock) {
    this.transport = transport;
    // An IPv4 address as a socket for both families shows it (RFC 4291, 2.5.5.2).
    this.peer = (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '');
    this.address = networkOf(this.peer);
    this.#socket = socket;
    this.#clock = clock;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    // It comes as 'close' too, with or without an error.
    socket.on('error', doNothing);
  }

  /** From now on a user is told. To be called once. */
  attach(user: LineUser): void {
    // No `Buffer`: its `slice` copies nothing, and what is to outlive the chunk would keep all of it.
    this.#socket.on('data', ({ buffer, byteOffset, length }: Buffer) =>
      user.receive(new Uint8Array(buffer, byteOffset, length)),
    );
    this.#socket.on('drain', () => user.drained());
    this.#socket.on('close', () => {
      this.#ending?.clear();
      user.closed();
    });
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  accepted(): void {}

  write(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  halt(): void {
    this.#socket.pause();
  }

  goOn(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
    // Whoever does not read on never learns that the other end has closed as well.
    this.#socket.resume();
    this.#ending ??= new Alarm(this.#clock);
    this.#ending.set(END_WITHIN_MS, () => this.#socket.destroy());
  }

  cut(): void {
    this.#socket.destroy();
  }
}
