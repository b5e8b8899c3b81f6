import type { HttpResponse } from 'uws-current';
import type { StatewayError } from '../../core/errors.js';
import { askerOf } from '../../core/machine/network.js';
import { type Holding, overloaded } from '../admission.js';
import type { FrontContext } from '../front-context.js';
import type { ArrivingBody } from './arriving-bodies.js';
import { answerLast, readNoMore, writeError, writeHeldError } from './reply.js';
import { bodyStalled, bodyTooLarge } from './request-head.js';

/**
 * Gathers a body that comes in pieces. Grows by doubling, so that it takes at most twice the body's bytes: a list of
 * pieces would take some 500 bytes for each, and a client may send pieces of one byte.
 */
export class BodyBuffer {
  #memory = Buffer.alloc(0);
  #length = 0;

  /** Copies a piece behind those before it. */
  append(piece: ArrayBuffer): void {
    const needed = this.#length + piece.byteLength;
    if (needed > this.#memory.length) {
      const grown = Buffer.allocUnsafeSlow(this.#length === 0 ? needed : Math.max(needed, 2 * this.#memory.length));
      grown.set(this.bytes);
      this.#memory = grown;
    }
    this.#memory.set(new Uint8Array(piece), this.#length);
    this.#length = needed;
  }

  get length(): number {
    return this.#length;
  }

  /** What was gathered so far; good until the next piece. */
  get bytes(): Uint8Array {
    return this.#memory.subarray(0, this.#length);
  }
}

export interface BodyLimits {
  readonly maxBytes: number;
  /** The connection must end with the answer. */
  readonly closes: boolean;
  /** The client says that it ends there. */
  readonly saysClose: boolean;
}

/**
 * Reads a whole log-in under two bounds: its own and the front's, where it counts as a stranger's until it is whole. Must
 * be called within the route handler. A body that is refused is answered here, as its client may still be sending.
 * @returns the body, or undefined when there is nobody to answer any more; `onAborted` is taken by this call, and told
 *   when the client goes away
 */
export function readBody(
  context: FrontContext,
  res: HttpResponse,
  limits: BodyLimits,
  onAborted: () => void,
): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const reader = new BodyReader(context, res, limits, resolve);
    res.onAborted(() => {
      onAborted();
      reader.abort();
    });
    res.onData((chunk, isLast) => reader.take(chunk, isLast));
  });
}

class BodyReader {
  readonly #context: FrontContext;
  readonly #res: HttpResponse;
  readonly #limits: BodyLimits;
  readonly #resolve: (body: Uint8Array | undefined) => void;
  readonly #address: string;
  /** From the first piece on. */
  #holding: Holding | undefined = undefined;
  readonly #body = new BodyBuffer();
  #arriving: ArrivingBody | undefined = undefined;
  #isWhole = false;
  #isGone = false;
  #isOver = false;

  constructor(
    context: FrontContext,
    res: HttpResponse,
    limits: BodyLimits,
    resolve: (body: Uint8Array | undefined) => void,
  ) {
    this.#context = context;
    this.#res = res;
    this.#limits = limits;
    this.#resolve = resolve;
    this.#address = askerOf(res).address;
  }

  take(chunk: ArrayBuffer, isLast: boolean): void {
    this.#isWhole = isLast;
    this.#arriving?.note(chunk.byteLength, isLast);
    if (isLast && (this.#limits.closes || this.#limits.saysClose)) readNoMore(this.#res);
    if (this.#isOver) return;
    if (this.#body.length + chunk.byteLength > this.#limits.maxBytes) {
      this.#refuse(bodyTooLarge(this.#limits.maxBytes));
    } else if (!this.#admit(chunk.byteLength, isLast)) {
      this.#refuse(overloaded());
    } else {
      this.#body.append(chunk);
      if (isLast) this.#finish(this.#body.bytes);
      else this.#arriving ??= this.#context.bodies.watch(this.#res, () => this.#stall());
    }
  }

  abort(): void {
    this.#isGone = true;
    this.#arriving?.end();
    if (!this.#isOver) this.#finish(undefined);
  }

  #stall(): void {
    this.#finish(undefined);
    this.#res.cork(() => writeError(this.#res, bodyStalled(), true));
  }

  #refuse(error: StatewayError): void {
    this.#finish(undefined);
    const isGone = (): boolean => this.#isGone;
    // What this read of the socket has brought is seen by then.
    answerLast(this.#res, isGone, () => {
      if (this.#isWhole) {
        writeError(this.#res, error, this.#limits.closes);
        return;
      }
      writeHeldError(this.#res, error);
      this.#arriving ??= this.#context.bodies.watch(this.#res, () => {});
      this.#arriving.drop(() => this.#res.close());
    });
  }

  #admit(bytes: number, isLast: boolean): boolean {
    const { admission } = this.#context;
    if (!isLast) {
      this.#holding ??= admission.holdAsStranger(this.#address, 0);
      return this.#holding?.admit(bytes) ?? false;
    }
    this.#holding?.release();
    const bytesInAll = this.#body.length + bytes;
    // What waits for the cloud is bounded there.
    const fits = admission.admit(bytesInAll);
    if (fits) admission.release(bytesInAll);
    return fits;
  }

  #finish(body: Uint8Array | undefined): void {
    this.#isOver = true;
    this.#holding?.release();
    this.#resolve(body);
  }
}
