import type { HttpResponse } from 'uws-current';
import type { StatewayError } from '../../core/errors.js';
import type { ArrivingBodies, ArrivingBody } from './arriving-bodies.js';
import type { Framing } from './head-fields.js';
import { answerLast, writeError, writeErrorWithoutBody, writeHeldError } from './reply.js';

export interface RefusedHead {
  /** Whether it is a HEAD request. */
  readonly isHead: boolean;
  readonly framing: Framing;
}

/**
 * Refuses a request by its head, from within its handler. A body that came with the head is read past and the connection
 * goes on, unless the head cannot be read for certain, or the body came in chunks. A client that is still sending gets the answer at once, and the
 * rest of its body is read and dropped before the connection closes (contract 1.3).
 */
export function refuseHead(
  bodies: ArrivingBodies,
  res: HttpResponse,
  error: StatewayError,
  { isHead, framing }: RefusedHead,
): void {
  const closes =
    framing === 'chunked' || error.code === 'STATEWAY_MALFORMED_REQUEST' || error.code === 'STATEWAY_BODY_TOO_LARGE';
  if (framing !== 'none' && !isHead) {
    new RefusedBody(bodies, res, error, closes).read();
    return;
  }
  const write = isHead ? writeErrorWithoutBody : writeError;
  if (!closes) {
    write(res, error);
    return;
  }
  let isGone = false;
  res.onAborted(() => {
    isGone = true;
  });
  answerLast(
    res,
    () => isGone,
    () => write(res, error, true),
  );
}

/** The body of a request that is refused already. */
class RefusedBody {
  readonly #bodies: ArrivingBodies;
  readonly #res: HttpResponse;
  readonly #error: StatewayError;
  readonly #closes: boolean;
  #isGone = false;
  #isWhole = false;
  /** What was not there when the head was. */
  #rest: ArrivingBody | undefined = undefined;

  constructor(bodies: ArrivingBodies, res: HttpResponse, error: StatewayError, closes: boolean) {
    this.#bodies = bodies;
    this.#res = res;
    this.#error = error;
    this.#closes = closes;
  }

  read(): void {
    this.#res.onAborted(() => {
      this.#isGone = true;
      this.#rest?.end();
    });
    this.#res.onData((chunk, isLast) => this.#take(chunk.byteLength, isLast));
    setImmediate(() => this.#afterRead());
  }

  #take(bytes: number, isLast: boolean): void {
    if (this.#rest !== undefined) {
      this.#rest.note(bytes, isLast);
      return;
    }
    if (!isLast || this.#isWhole) return;
    this.#isWhole = true;
    if (!this.#closes) this.#res.cork(() => writeError(this.#res, this.#error));
  }

  /** All that came with the head has been seen. */
  #afterRead(): void {
    if (this.#isGone) return;
    if (!this.#isWhole) {
      this.#rest = this.#bodies.watch(this.#res, () => {});
      this.#res.cork(() => writeHeldError(this.#res, this.#error));
      this.#rest.drop(() => this.#res.close());
    } else if (this.#closes) {
      this.#res.cork(() => writeError(this.#res, this.#error, true));
    }
  }
}
