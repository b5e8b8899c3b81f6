import type { HttpResponse } from 'uws-current';
import type { StatewayError } from '../../core/errors.js';
import { type Holding, overloaded } from '../admission.js';
import type { ArrivingBodies, ArrivingBody } from '../http/arriving-bodies.js';
import { BodyBuffer } from '../http/body-reader.js';
import { bodyStalled } from '../http/request-head.js';

/** When so much of a body waits for the cloud to take it, the device is kept from sending more. */
const PAUSE_ABOVE_BYTES = 65_536;
/** What is gathered in one piece: as much as one read of the socket brings. More would be copied each time it grows. */
const PIECE_BYTES = 524_288;

/**
 * The body of a call on its way to the cloud: what the device has sent and the cloud has not taken yet. Beside the
 * threshold it holds what one turn of the loop brings. With uWebSockets.js 20.30 this is one read of the socket, 512 KiB at
 * most. 20.57 reads again as long as a read fills its 512 KiB, and nothing stops it before the turn is over: that brings
 * what the kernel holds for the socket, and more only of a sender on this machine.
 */
export class PassedBody implements AsyncIterable<Uint8Array> {
  readonly #holding: Holding;
  readonly #arriving: ArrivingBody;
  /** In the order in which it came, the last piece still growing; and the bytes of all. */
  #pieces: BodyBuffer[] = [];
  #heldBytes = 0;
  #isWhole = false;
  #mayPause = true;
  #isReadNoted = false;
  #ended: Error | undefined = undefined;
  #wake: () => void = () => {};

  /**
   * Must be made within the route handler.
   * @param refuse told once when the bound is reached, or nothing comes any more; the body has ended then
   */
  constructor(res: HttpResponse, bodies: ArrivingBodies, holding: Holding, refuse: (error: StatewayError) => void) {
    this.#holding = holding;
    const fail = (error: StatewayError): void => {
      if (this.#ended !== undefined) return;
      this.#end(error);
      refuse(error);
    };
    this.#arriving = bodies.watch(res, () => fail(bodyStalled()));
    res.onData((chunk, isLast) => {
      this.#isWhole = isLast;
      this.#arriving.note(chunk.byteLength, isLast);
      if (this.#ended !== undefined) return;
      if (this.#admit(chunk.byteLength)) this.#take(chunk);
      else fail(overloaded());
    });
  }

  /** Whether all of it came from the device. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#ended !== undefined) throw this.#ended;
      const piece = this.#pieces.shift();
      if (piece !== undefined) yield this.#release(piece);
      else if (this.#isWhole) return;
      else await this.#more();
    }
  }

  /**
   * Keeps the device from sending no more, as its answer begins: uWebSockets.js stops writing too where it stops reading.
   */
  neverPause(): void {
    this.#mayPause = false;
    this.#arriving.resume();
  }

  /** The device is gone. */
  abandon(): void {
    this.#arriving.end();
    this.#end(new Error('the device is gone'));
  }

  /** Nobody wants any more of it. */
  end(): void {
    this.#end(new Error('the call is over'));
  }

  /**
   * The call is over: what the device still sends is read and dropped.
   * @param onOver as {@link ArrivingBody.drop} has it, and `silentForMs`
   */
  drop(onOver: () => void, silentForMs?: number): void {
    this.#end(new Error('the call is over'));
    this.#arriving.drop(onOver, silentForMs);
  }

  /** The share decides on the first bytes of a turn; the device could not be kept from sending the others. */
  #admit(bytes: number): boolean {
    return this.#isReadNoted ? this.#holding.admitPastShare(bytes) : this.#holding.admit(bytes);
  }

  #take(chunk: ArrayBuffer): void {
    // The last one may be empty, and only says that it is the last.
    if (chunk.byteLength > 0) this.#append(chunk);
    this.#wake();
    if (this.#isReadNoted) return;
    this.#isReadNoted = true;
    // One turn may bring many chunks; the last one must not find the socket paused.
    setImmediate(() => this.#afterRead());
  }

  #append(chunk: ArrayBuffer): void {
    let piece = this.#pieces.at(-1);
    if (piece === undefined || piece.length + chunk.byteLength > PIECE_BYTES) {
      piece = new BodyBuffer();
      this.#pieces.push(piece);
    }
    piece.append(chunk);
    this.#heldBytes += chunk.byteLength;
  }

  #afterRead(): void {
    this.#isReadNoted = false;
    if (this.#isWhole || this.#ended !== undefined) return;
    if (this.#mayPause && this.#heldBytes > PAUSE_ABOVE_BYTES) this.#arriving.pause();
  }

  #release({ bytes }: BodyBuffer): Uint8Array {
    this.#heldBytes -= bytes.length;
    this.#holding.forgetBytes(bytes.length);
    if (this.#heldBytes <= PAUSE_ABOVE_BYTES) this.#arriving.resume();
    return bytes;
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #end(reason: Error): void {
    this.#ended ??= reason;
    this.#forget();
    this.#wake();
  }

  #forget(): void {
    this.#holding.forgetBytes();
    this.#pieces = [];
    this.#heldBytes = 0;
  }
}
