import type { HttpResponse } from 'uws-current';
import type { StatewayError } from '../core/errors.js';
import { type Holding, overloaded } from './admission.js';
import type { ArrivingBodies, ArrivingBody } from './arriving-bodies.js';
import { BodyBuffer } from './body-buffer.js';
import { bodyStalled } from './request-head.js';

/** When so much of a body waits for the cloud to take it, the device is kept from sending more. */
const PAUSE_ABOVE_BYTES = 65_536;

/**
 * The body of a call on its way to the cloud: what the device has sent and the cloud has not taken yet. Beside the
 * threshold it holds what one read of the socket brings, 512 KiB at most, all under the bound of the calls.
 */
export class PassedBody implements AsyncIterable<Uint8Array> {
  readonly #holding: Holding;
  readonly #arriving: ArrivingBody;
  #held = new BodyBuffer();
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
      if (holding.admit(chunk.byteLength)) this.#take(chunk);
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
      if (this.#held.length > 0) yield this.#release();
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

  #take(chunk: ArrayBuffer): void {
    this.#held.append(chunk);
    this.#wake();
    if (this.#isReadNoted) return;
    this.#isReadNoted = true;
    // One read may bring many chunks; the last one must not find the socket paused.
    setImmediate(() => this.#afterRead());
  }

  #afterRead(): void {
    this.#isReadNoted = false;
    if (this.#isWhole || this.#ended !== undefined) return;
    if (this.#mayPause && this.#held.length > PAUSE_ABOVE_BYTES) this.#arriving.pause();
  }

  #release(): Uint8Array {
    const { bytes } = this.#held;
    this.#forget();
    this.#arriving.resume();
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
    this.#held = new BodyBuffer();
  }
}
