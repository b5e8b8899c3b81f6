import type { HttpResponse } from 'uws-current';
import type { Admission } from './admission.js';
import { BodyBuffer } from './body-buffer.js';

/** When so much of a body waits for the cloud to take it, the device is kept from sending more. */
const PAUSE_ABOVE_BYTES = 65_536;

/**
 * The body of a call on its way to the cloud: what the device has sent and the cloud has not taken yet. Beside the
 * threshold it holds what one read of the socket brings, 512 KiB at most, all under the bound of the calls.
 */
export class PassedBody implements AsyncIterable<Uint8Array> {
  readonly #res: HttpResponse;
  readonly #admission: Admission;
  #held = new BodyBuffer();
  #isWhole = false;
  #isPaused = false;
  #mayPause = true;
  #isReadNoted = false;
  #ended: Error | undefined = undefined;
  #wake: () => void = () => {};

  /**
   * Must be made within the route handler.
   * @param onOverload told once when the bound is reached; the body has ended then
   */
  constructor(res: HttpResponse, admission: Admission, onOverload: () => void) {
    this.#res = res;
    this.#admission = admission;
    res.onData((chunk, isLast) => {
      if (this.#ended !== undefined) return;
      if (admission.admit(chunk.byteLength)) {
        this.#take(chunk, isLast);
        return;
      }
      this.#end(new Error('the proxy is overloaded'));
      onOverload();
    });
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
    this.#letFlow();
  }

  /** The device is gone. */
  abandon(): void {
    this.#end(new Error('the device is gone'));
  }

  /** The call is over: what the device still sends is read and dropped. To be called before the answer ends. */
  close(): void {
    if (this.#ended !== undefined) return;
    this.#end(new Error('the call is over'));
    this.#letFlow();
  }

  #take(chunk: ArrayBuffer, isLast: boolean): void {
    this.#held.append(chunk);
    this.#isWhole = isLast;
    this.#wake();
    if (this.#isReadNoted) return;
    this.#isReadNoted = true;
    // One read may bring many chunks; the last one must not find the socket paused.
    setImmediate(() => this.#afterRead());
  }

  #afterRead(): void {
    this.#isReadNoted = false;
    if (this.#isWhole || this.#ended !== undefined) return;
    this.#isPaused = this.#mayPause && this.#held.length > PAUSE_ABOVE_BYTES;
    // Both are called where nothing is to be paused, for the 10 s that a device may be silent to start anew: left alone,
    // uWebSockets.js starts them anew for each 160 KiB only, and the plant's line may be slower than that.
    this.#res.pause();
    if (!this.#isPaused) this.#res.resume();
  }

  #release(): Uint8Array {
    const { bytes } = this.#held;
    this.#forget();
    this.#letFlow();
    return bytes;
  }

  #letFlow(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#res.resume();
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
    this.#admission.release(this.#held.length);
    this.#held = new BodyBuffer();
  }
}
