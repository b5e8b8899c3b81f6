import type { HttpResponse } from 'uws-current';
import type { StatewayError } from '../../core/errors.js';
import { answerLast, writeError, writeErrorWithoutBody, writeHeldError } from '../http/reply.js';
import type { PassedBody } from './passed-body.js';

/**
 * An answer that leaves before its request is whole, and cannot be held, has its end held back until it is; not for long
 * where the device sends nothing more, since some send no more when they see an error, and wait for its end.
 */
const SILENT_BEFORE_END_MS = 2_000;

export interface AnswerEndOptions {
  readonly res: HttpResponse;
  /** The body of the request, if it has one. */
  readonly body: PassedBody | undefined;
  /** The device closes the connection behind the answer. */
  readonly saysClose: boolean;
  /** The connection must end with the answer. */
  readonly closes: boolean;
}

/**
 * The end of a passed answer: whether it ends the connection, and how. Nothing that the device sends behind is served
 * where it does, and the answer reaches a device that is still sending.
 */
export class AnswerEnd {
  readonly #res: HttpResponse;
  readonly #body: PassedBody | undefined;
  readonly #saysClose: boolean;
  #closes: boolean;
  #isGone = false;

  constructor({ res, body, saysClose, closes }: AnswerEndOptions) {
    this.#res = res;
    this.#body = body;
    this.#saysClose = saysClose;
    this.#closes = closes;
  }

  /** The device is still sending. */
  get isEarly(): boolean {
    return this.#body !== undefined && !this.#body.isWhole;
  }

  get closes(): boolean {
    return this.#closes;
  }

  /** Whether a sized answer is to be held (see `writeHeldError`), and the connection closed by `dropRest`. */
  get holds(): boolean {
    return this.#closes && !this.#isClosedByLibrary;
  }

  /** The answer begins. */
  begin(): void {
    // What reads past the rest of the body cannot be told to serve another request behind it.
    if (this.isEarly) this.#closes = true;
    this.#body?.neverPause();
  }

  /** Answers whole in the cloud's stead; a device that is still sending is told to stop. */
  refuse(error: StatewayError, isHead: boolean): void {
    this.begin();
    const write = isHead ? writeErrorWithoutBody : writeError;
    if (error.code === 'STATEWAY_BODY_STALLED') {
      this.#res.cork(() => write(this.#res, error, true));
    } else if (this.isEarly && !isHead) {
      this.#res.cork(() => writeHeldError(this.#res, error));
      this.dropRest();
    } else {
      this.writeLast(() => write(this.#res, error, this.#closes));
    }
  }

  /** Writes the last of an answer that cannot be held. */
  writeLast(write: () => void): void {
    if (this.isEarly) this.#body?.drop(() => this.#writeNow(write), SILENT_BEFORE_END_MS);
    else if (this.#closes) this.#writeOutside(write);
    else this.#res.cork(write);
  }

  /** A held answer is whole: reads past what the device still sends, waits for it to close, and closes. */
  dropRest(): void {
    this.#body?.drop(() => this.#res.close());
  }

  /** The device is gone; the response may not be touched any more. */
  abandon(): void {
    this.#isGone = true;
    this.#body?.abandon();
  }

  /** With its end uWebSockets.js closes the connection where the device said that it would. */
  get #isClosedByLibrary(): boolean {
    return this.#saysClose && !this.isEarly;
  }

  #writeOutside(write: () => void): void {
    answerLast(
      this.#res,
      () => this.#isGone,
      () => this.#writeNow(write),
    );
  }

  /** uWebSockets.js can be told to close only where it writes a whole answer at once: for the rest, nothing more is read. */
  #writeNow(write: () => void): void {
    if (this.holds) this.#res.pause();
    this.#res.cork(write);
  }
}
