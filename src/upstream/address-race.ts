import { connect, type Socket } from 'node:net';
import type { Clock } from '../core/time/clock.js';
import type { AddressMemory } from './address-memory.js';

export interface RaceParts {
  readonly clock: Clock;
  readonly memory: AddressMemory;
  /** In the order in which they are tried; at least one. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** From the start of one attempt to the next, as long as none has ended. */
  readonly attemptDelayMs: number;
  /** Called once: with the connection, or with why there is none at any address. Not after {@link AddressRace.abandon}. */
  readonly onEnd: (error: Error | undefined, connected: Connected | undefined) => void;
}

export interface Connected {
  readonly socket: Socket;
  readonly address: string;
  /** From the start of its attempt. */
  readonly tookMs: number;
}

/** As undici has them. */
const SOCKET_OPTIONS = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
  highWaterMark: 65_536,
} as const;

/** Node's words for what failed, and its code. */
type ConnectError = Error & { code?: string };

/**
 * One connection to whichever address takes it first. The next address is tried when an attempt fails, or has taken a
 * while; **those begun go on beside it** (RFC 8305, 5). Node's own (`autoSelectFamily`, in 20 and 24) ends an attempt after
 * 250 ms before it begins the next, so where a round trip takes longer only the last address can ever be connected to.
 */
export class AddressRace {
  readonly #parts: RaceParts;
  readonly #attempts = new Map<Socket, { readonly address: string; readonly startedMs: number }>();
  readonly #errors: ConnectError[] = [];
  #nextAddress = 0;
  #cancelNext: () => void = () => {};

  constructor(parts: RaceParts) {
    this.#parts = parts;
    this.#tryNext();
  }

  /** Ends all attempts, which have failed; returns what happened, for people. */
  abandon(): string {
    const silent = [...this.#attempts.values()].map(({ address }) => address);
    for (const address of silent) this.#parts.memory.noteFailed(address);
    this.#endAttempts();
    const words = this.#errors.map(({ message }) => message);
    return [...(silent.length > 0 ? [`no answer from ${silent.join(', ')}`] : []), ...words].join('; ');
  }

  #tryNext(): void {
    this.#cancelNext();
    const { addresses, port, clock, attemptDelayMs } = this.#parts;
    const address = addresses[this.#nextAddress++];
    if (address === undefined) return;
    const socket = connect({ host: address, port, ...SOCKET_OPTIONS });
    this.#attempts.set(socket, { address, startedMs: clock.monotonicMs() });
    socket.on('connect', () => this.#onConnect(socket));
    socket.on('error', (error) => this.#onError(socket, error));
    if (this.#nextAddress === addresses.length) return;
    this.#cancelNext = clock.schedule(attemptDelayMs, () => this.#tryNext());
  }

  #onConnect(socket: Socket): void {
    const attempt = this.#attempts.get(socket);
    if (attempt === undefined) return;
    const { clock, memory, onEnd } = this.#parts;
    const { address, startedMs } = attempt;
    this.#attempts.delete(socket);
    // Those begun before it were slower by more than the delay.
    for (const other of this.#attempts.values()) if (other.startedMs < startedMs) memory.noteFailed(other.address);
    this.#endAttempts();
    memory.noteConnected(address);
    onEnd(undefined, { socket, address, tookMs: clock.monotonicMs() - startedMs });
  }

  #onError(socket: Socket, error: ConnectError): void {
    const attempt = this.#attempts.get(socket);
    if (attempt === undefined) return;
    this.#attempts.delete(socket);
    this.#errors.push(error);
    this.#parts.memory.noteFailed(attempt.address);
    if (this.#nextAddress < this.#parts.addresses.length) this.#tryNext();
    else if (this.#attempts.size === 0) this.#parts.onEnd(this.#failure(), undefined);
  }

  #failure(): Error {
    const { code } = this.#errors[0] as ConnectError;
    return Object.assign(new Error(this.#errors.map(({ message }) => message).join('; ')), { code });
  }

  #endAttempts(): void {
    this.#cancelNext();
    const sockets = [...this.#attempts.keys()];
    this.#attempts.clear();
    for (const socket of sockets) socket.destroy();
  }
}
