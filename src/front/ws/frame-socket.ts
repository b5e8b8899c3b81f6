import type { WebSocket } from 'uws-current';
import { StatewayError } from '../../core/errors.js';
import type { Refused } from '../../core/metering/refusal-ring.js';
import type { BodyReceiver, Encoding } from '../../core/ports.js';
import type { AckSender } from '../due-answers.js';
import type { FrontContext } from '../front-context.js';
import type { StrangerPlace } from '../stranger-sockets.js';
import type { ServedSocket, SocketData } from '../uws.js';
import { CumulativeAck } from './cumulative-ack.js';

/** Close codes of RFC 6455 7.4.1; 1013 of the registry that it begins (IANA, "WebSocket Close Code Number Registry"). */
export const CLOSE_GOING_AWAY = 1001;
export const CLOSE_POLICY = 1008;
export const CLOSE_TOO_LARGE = 1009;
export const CLOSE_TRY_AGAIN_LATER = 1013;
/** A close frame holds 125 bytes, two of them the code (RFC 6455 5.5). */
const MAX_REASON_BYTES = 123;

/**
 * What a frame counts for beside its bytes: a batch has room for 2,048 bodies in 576 KiB, and who is told of them takes
 * some more. Without it, frames of no bytes would never reach the front's bound.
 */
const FRAME_OVERHEAD_BYTES = 320;

/** What `send` returns for a message that was dropped, as too much waits unread. */
const DROPPED = 2;

/**
 * Frames that a socket has refused for want of room without saying so yet. Told one at a time, each costs a system call
 * here and one at the client, which is more than reading it did.
 */
const MOST_UNTOLD = 64;

const OVERLOADED = new StatewayError('STATEWAY_OVERLOADED', 'the proxy is overloaded; send this frame again');
/** What need only be sent again is counted, and its sender not asked for. */
const NOBODY: Refused = { applicationId: '', deviceId: '', address: '', isKnown: false };
const OVERLOADED_HEAD = `{"error":${JSON.stringify(OVERLOADED.toBody())},"frame":`;

/**
 * One WebSocket: numbers its frames, bounds them, and answers them (contract 1.3). What is done with a frame is left to
 * the kind of socket.
 *
 * uWebSockets.js cannot stop reading a WebSocket, so frames beyond the front's bound are refused as Unavailable, each
 * by its number, while the connection stays open: the client keeps what is not acknowledged and sends it again.
 */
export abstract class FrameSocket implements BodyReceiver, AckSender, ServedSocket {
  readonly transport = 'websocket';
  protected readonly context: FrontContext;
  readonly #acks = new CumulativeAck();
  /** While its token has proven nothing: what it sends counts as a stranger's. */
  #place: StrangerPlace | undefined;
  readonly #address: string;
  /** Up to this number frames count as a stranger's. */
  #strangerFrames = 0;
  #ws: WebSocket<SocketData> | undefined = undefined;
  /** Numbers of the frames refused for want of room that the client is still to be told of. */
  #untold: number[] = [];
  #ackSent = 0;
  #ackQueued = false;

  /** @param place of one whose token has proven nothing yet */
  constructor(context: FrontContext, place: StrangerPlace | undefined) {
    this.context = context;
    this.#place = place;
    this.#address = place?.address ?? '';
  }

  /** Gives a frame to the intake; its outcome comes back through `onStored` or `onRefused`. */
  protected abstract take(frame: number, encoding: Encoding, bytes: Uint8Array): void;

  /** Whose frames these are, for whoever looks for a device that is refused. */
  protected abstract sender(): Refused;

  /** Of its one device, or of the gateway that it is of; lower case. '' where its token names none. */
  get deviceId(): string {
    return this.sender().deviceId.toLowerCase();
  }

  /** Called once, when the socket has opened. */
  open(ws: WebSocket<SocketData>): void {
    this.#ws = ws;
    const place = this.#place;
    if (place === undefined) return;
    place.onGiveWay = () =>
      this.end(CLOSE_TRY_AGAIN_LATER, 'its token has proven nothing yet, and others want the room');
  }

  /** Called once, when the socket is gone, whoever closed it. */
  closed(): void {
    this.#ws = undefined;
    this.#place?.leave();
  }

  drained(): void {}

  /** The token has turned out to be good: from now on what comes does not count as a stranger's. */
  protected noteProven(): void {
    this.#place?.leave();
    this.#place = undefined;
  }

  /** Called about once a second while the socket is open. */
  tick(): void {}

  get isOpen(): boolean {
    return this.#ws !== undefined;
  }

  /** Whether every frame has been answered. */
  get isSettled(): boolean {
    return this.#ackSent === this.#acks.begun;
  }

  receive(message: ArrayBuffer, isBinary: boolean): void {
    const { maxBodyBytes, stopping } = this.context;
    if (!this.isOpen || stopping) return;
    if (message.byteLength > maxBodyBytes) {
      this.#refuseTooLarge(maxBodyBytes);
      return;
    }
    const bytes = message.byteLength + FRAME_OVERHEAD_BYTES;
    const isStranger = this.#place !== undefined;
    const { admission } = this.context;
    const admitted = isStranger ? admission.strangers.admit(this.#address, bytes) : admission.admit(bytes);
    const frame = this.#acks.begin(admitted ? bytes : 0, this.context.clock.monotonicMs());
    if (isStranger) this.#strangerFrames = frame;
    if (admitted) this.take(frame, isBinary ? 'msgpack' : 'json', new Uint8Array(message));
    else this.#refuseUnread(frame);
  }

  onStored(frame: number, states: number): void {
    const { meters, clock } = this.context;
    meters.received.websocket.accepted += states;
    meters.ackSeconds.observe((clock.monotonicMs() - this.#acks.arrivedAtMs(frame)) / 1000);
    this.#settle(frame);
  }

  onRefused(frame: number, error: StatewayError): void {
    const { meters, refusals } = this.context;
    meters.refuse('websocket', error);
    refusals.note(error, this.sender());
    // Sent before the ack that covers it (contract 1.3); acks leave at the end of the turn at the earliest.
    this.#send(JSON.stringify({ error: error.toBody(), frame }));
    this.#settle(frame);
  }

  /**
   * What is refused for want of room must cost next to nothing, or refusing would be all there is time for. The client
   * is told with the next ack, or a moment later: it is to wait before it sends the frame again anyway.
   */
  #refuseUnread(frame: number): void {
    const { meters, refusals, dueRefusals } = this.context;
    meters.refuse('websocket', OVERLOADED);
    refusals.note(OVERLOADED, NOBODY);
    this.#acks.settle(frame);
    this.#untold.push(frame);
    if (this.#untold.length >= MOST_UNTOLD) this.sendAck();
    else dueRefusals.add(this);
  }

  #refuseTooLarge(maxBodyBytes: number): void {
    const { meters, refusals } = this.context;
    const error = new StatewayError('STATEWAY_BODY_TOO_LARGE', `a frame must not be larger than ${maxBodyBytes} bytes`);
    meters.refuse('websocket', error);
    refusals.note(error, this.sender());
    this.end(CLOSE_TOO_LARGE, error.message);
  }

  /** Gives up a frame of a socket that is gone: nothing of it is kept, and nobody is told. */
  protected drop(frame: number): void {
    this.#settle(frame);
  }

  /** Sends the acks that are due, then closes. */
  end(code: number, reason: string): void {
    this.sendAck();
    const ws = this.#ws;
    this.#ws = undefined;
    ws?.end(code, cutToFit(reason));
  }

  #settle(frame: number): void {
    const bytes = this.#acks.settle(frame);
    if (frame > this.#strangerFrames) this.context.admission.release(bytes);
    else this.context.admission.strangers.release(this.#address, bytes);
    if (this.#ackQueued || this.#acks.acknowledged === this.#ackSent) return;
    this.#ackQueued = true;
    this.context.dueAcks.add(this);
  }

  /** See {@link DueAcks} and {@link DueRefusals}. */
  sendAck(): void {
    this.#ackQueued = false;
    if (this.#untold.length === 0) this.#sendNumber();
    else this.#ws?.cork(() => this.#tellRefusals());
  }

  /** In one system call with the ack that covers them, which must come after them (contract 1.3). */
  #tellRefusals(): void {
    const untold = this.#untold;
    this.#untold = [];
    for (const frame of untold) this.#send(`${OVERLOADED_HEAD}${frame}}`);
    this.#sendNumber();
  }

  #sendNumber(): void {
    if (this.#ws === undefined || this.#acks.acknowledged === this.#ackSent) return;
    this.#ackSent = this.#acks.acknowledged;
    this.#send(`{"ack":${this.#ackSent}}`);
  }

  /** A client that does not read its answers is cut off before any of them is missing. */
  #send(text: string): void {
    if (this.#ws?.send(text) === DROPPED) this.#ws.close();
  }
}

/** As much of a reason as fits, whole characters only: a strict client takes half a character for a broken connection. */
function cutToFit(reason: string): string {
  return reason.slice(0, new TextEncoder().encodeInto(reason, new Uint8Array(MAX_REASON_BYTES)).read);
}

/** Told of a socket of a device, and of its end. @param change 1 or -1 */
export type SocketChange = (deviceId: string, change: number) => void;

/** The WebSockets that are open, but for those for MQTT. */
export class OpenSockets implements Iterable<FrameSocket> {
  readonly #sockets = new Set<FrameSocket>();
  readonly #onChange: SocketChange | undefined;

  /** @param onChange told of those of one device or gateway, if anybody wants to know */
  constructor(onChange?: SocketChange) {
    this.#onChange = onChange;
  }

  get size(): number {
    return this.#sockets.size;
  }

  add(socket: FrameSocket): void {
    this.#sockets.add(socket);
    this.#onChange?.(socket.deviceId, 1);
  }

  remove(socket: FrameSocket): void {
    if (this.#sockets.delete(socket)) this.#onChange?.(socket.deviceId, -1);
  }

  /** Those of one device, or of a gateway by its own id. @param deviceId lower case */
  of(deviceId: string): number {
    let open = 0;
    for (const socket of this.#sockets) if (socket.deviceId === deviceId) open++;
    return open;
  }

  [Symbol.iterator](): Iterator<FrameSocket> {
    return this.#sockets.values();
  }
}
