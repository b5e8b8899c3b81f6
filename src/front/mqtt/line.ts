import type { MqttTransport } from '../../core/metering/meters.js';

/** One socket, whatever it is made of, as a connection sees it. */
export interface Line {
  readonly transport: MqttTransport;
  /** Of the other end, for people. */
  readonly peer: string;
  /** What it counts under where something is shared out by address (`networkOf`). */
  readonly address: string;
  /** Bytes written that the other end has not taken; {@link LineUser.drained} is called when there are none again. */
  readonly unsentBytes: number;
  /** Sends bytes, which are the line's from then on. */
  write(bytes: Uint8Array): void;
  /** Whether {@link Line.halt} keeps bytes from coming. */
  readonly canHalt: boolean;
  /** The device at the other end has been accepted. */
  accepted(): void;
  /** Reads no more, as far as it can be kept from it; what comes all the same is handed on. */
  halt(): void;
  goOn(): void;
  /** Closes when what was written has left; {@link LineUser.closed} may be called within the call, as by `cut`. */
  end(): void;
  /** Closes at once. */
  cut(): void;
}

/** Whom a line tells. */
export interface LineUser {
  /** @param chunk its memory is the user's */
  receive(chunk: Uint8Array): void;
  drained(): void;
  /** It is gone, whoever closed it. Called once. */
  closed(): void;
}
