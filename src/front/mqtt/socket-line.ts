import type { WebSocket } from 'uws-current';
import type { Asker } from '../../core/auth-ports.js';
import { MAX_UNREAD_BYTES_OF_STRANGERS, MAX_UNSENT_COMMAND_BYTES } from '../../core/bounds.js';
import type { StrangerPlace } from '../stranger-sockets.js';
import type { ServedSocket, SocketData } from '../uws.js';
import type { Line, LineUser } from './line.js';

/** Close codes of RFC 6455, 7.4.1. */
const CLOSE_NORMAL = 1000;
const CLOSE_UNSUPPORTED = 1003;
/** What `send` returns for a message that was dropped, as too much waits unread. */
const DROPPED = 2;
/** The limit from which on it does, of a socket whose device was not known when it opened. */
const MAX_BUFFERED_BYTES = MAX_UNREAD_BYTES_OF_STRANGERS;
/** What is kept here beyond it: the commands that a device may leave unread, and as much again of answers. */
const MAX_KEPT_BYTES = 2 * MAX_UNSENT_COMMAND_BYTES;

/** A line over a WebSocket: its binary frames are a stream of bytes, cut anywhere (MQTT 3.1.1, 6.0.0-2). */
export class SocketLine implements Line, ServedSocket {
  readonly transport = 'mqtt-ws';
  readonly peer: string;
  readonly address: string;
  /** uWebSockets.js cannot stop reading a WebSocket. */
  readonly canHalt = false;
  readonly #place: StrangerPlace;
  readonly #connect: (line: SocketLine) => LineUser;
  #user: LineUser | undefined = undefined;
  #ws: WebSocket<SocketData> | undefined = undefined;
  /** In order; the library gets it when it has room. */
  #kept: Uint8Array[] = [];
  #keptBytes = 0;

  /** @param connect makes the connection, when the socket has opened */
  constructor(peer: string, { address }: Asker, place: StrangerPlace, connect: (line: SocketLine) => LineUser) {
    this.peer = peer;
    this.address = address;
    this.#place = place;
    this.#connect = connect;
  }

  open(ws: WebSocket<SocketData>): void {
    this.#ws = ws;
    this.#place.onGiveWay = () => this.cut();
    this.#user = this.#connect(this);
  }

  receive(message: ArrayBuffer, isBinary: boolean): void {
    // Its memory is the library's again after this call, and an MQTT packet in a text frame is none (6.0.0-1).
    if (isBinary) this.#user?.receive(new Uint8Array(message.slice(0)));
    else this.#ws?.end(CLOSE_UNSUPPORTED, 'MQTT comes in binary frames');
  }

  drained(): void {
    while (this.#kept.length > 0 && this.#hasRoom) {
      const bytes = this.#kept.shift() as Uint8Array;
      this.#keptBytes -= bytes.length;
      this.#send(bytes);
    }
    if (this.unsentBytes === 0) this.#user?.drained();
  }

  closed(): void {
    this.#ws = undefined;
    this.#place.leave();
    this.#user?.closed();
  }

  get unsentBytes(): number {
    return this.#keptBytes + (this.#ws?.getBufferedAmount() ?? 0);
  }

  accepted(): void {
    this.#place.leave();
  }

  write(bytes: Uint8Array): void {
    if (this.#ws === undefined) return;
    if (this.#kept.length === 0 && this.#hasRoom) {
      this.#send(bytes);
      return;
    }
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
    if (this.#keptBytes > MAX_KEPT_BYTES) this.cut();
  }

  halt(): void {}

  goOn(): void {}

  end(): void {
    const ws = this.#ws;
    this.#ws = undefined;
    ws?.end(CLOSE_NORMAL);
  }

  cut(): void {
    const ws = this.#ws;
    this.#ws = undefined;
    ws?.close();
  }

  get #hasRoom(): boolean {
    return (this.#ws?.getBufferedAmount() ?? 0) <= MAX_BUFFERED_BYTES;
  }

  #send(bytes: Uint8Array): void {
    if (this.#ws?.send(bytes, true) === DROPPED) this.cut();
  }
}
