import type { HttpResponse } from 'uws-current';
import { StatewayError } from '../../core/errors.js';
import type { PassedAnswer } from '../../core/passed-call.js';
import type { Clock } from '../../core/time/clock.js';
import { asBytes, headerOf, writePassedHeader } from '../http/answer-fields.js';
import { heldTotal } from '../http/reply.js';
import type { AnswerEnd } from './answer-end.js';

/** A device that takes nothing for so long is gone; uWebSockets.js itself waits 8 to 12 s, too short for a slow line. */
const STALLED_AFTER_MS = 60_000;
const PATIENCE_MS = 4_000;
/** After a write that did not fit, so much is tried first, lest the buffer grows faster than it is emptied. */
const PROBE_BYTES = 1_024;
/**
 * Chunks are written in pieces that fit with their heads into the 16 KiB that uWebSockets.js gathers in one `cork`. Of a
 * larger one it drops the body where the socket has no room for the head (`AsyncSocket::uncork`, up to 20.79 at least).
 */
const MOST_CORKED_BYTES = 15 * 1_024;
/**
 * uWebSockets.js sends the head of a chunked answer with its first chunk. An event stream that is quiet for so long gets
 * a comment as its first, so that the device learns that the stream stands.
 */
const QUIET_AFTER_MS = 100;
const EVENT_STREAM = /^text\/event-stream\s*(?:;|$)/i;

/** Statuses of answers that have no body whatever their headers say (RFC 9110, 15.3.5 and 15.4.5). */
const WITHOUT_BODY = new Set([204, 304]);

export interface PassedAnswerOptions {
  readonly res: HttpResponse;
  readonly clock: Clock;
  readonly isHead: boolean;
  readonly end: AnswerEnd;
  /**
   * Where the cloud does not answer, the connection is cut: an EventSource takes every status but 200 as final, and a lost
   * connection as a reason to come back (WHATWG HTML, 9.2.3).
   */
  readonly cutsOnFailure: boolean;
  /** Told once how the cloud answered: its status code, or `error`. Not of a device that left before. */
  readonly onCode: (code: string) => void;
}

/**
 * The cloud's answer on its way to the device: sized where the cloud gave a length, else in chunks; written no faster
 * than the device reads. `Date` is the one header that cannot be kept: uWebSockets.js always writes its own.
 */
export class AnswerToDevice implements PassedAnswer {
  readonly #res: HttpResponse;
  readonly #clock: Clock;
  readonly #isHead: boolean;
  readonly #end: AnswerEnd;
  readonly #cutsOnFailure: boolean;
  readonly #onCode: (code: string) => void;
  /** Nothing more can be written: the answer is whole, or the device is gone. */
  #isOver = false;
  #hasHead = false;
  #isEventStream = false;
  /** Length of the body; undefined for one in chunks. */
  #totalBytes: number | undefined = undefined;
  /** A sized answer is kept from being over for uWebSockets.js when it is whole (see `writeHeldError`). */
  #holds = false;
  #isSizeWritten = false;
  /** Bytes of a sized body up to and with the chunk under way. */
  #takenBytes = 0;
  /** What is still to be written of the chunk under way. */
  #rest: Buffer | undefined = undefined;
  #isFull = false;
  #onRoom: (() => void) | undefined = undefined;
  #cancelQuiet: () => void = () => {};
  #cancelStall: () => void = () => {};

  constructor({ res, clock, isHead, end, cutsOnFailure, onCode }: PassedAnswerOptions) {
    this.#res = res;
    this.#clock = clock;
    this.#isHead = isHead;
    this.#end = end;
    this.#cutsOnFailure = cutsOnFailure;
    this.#onCode = onCode;
  }

  /** Whether the answer has no end of its own. */
  get isEventStream(): boolean {
    return this.#isEventStream;
  }

  onHead(status: number, statusText: string, headers: readonly (readonly [name: string, value: string])[]): void {
    if (this.#isOver) return;
    this.#hasHead = true;
    this.#onCode(String(status));
    this.#end.begin();
    const length = headerOf(headers, 'content-length');
    const hasBody = !this.#isHead && !WITHOUT_BODY.has(status);
    this.#totalBytes = length === undefined ? undefined : Number(length);
    const write = (): void => {
      this.#res.writeStatus(asBytes(`${status} ${statusText}`));
      for (const [name, value] of headers) writePassedHeader(this.#res, name, value);
    };
    const announceClose = (): void => {
      if (this.#end.closes) this.#res.writeHeader('Connection', 'close');
    };
    if (!hasBody || this.#totalBytes === 0) {
      this.#writeLast(() => {
        write();
        if (hasBody) {
          this.#res.end('', this.#end.closes);
          return;
        }
        announceClose();
        // By hand, as uWebSockets.js 20.30 would wait for as many bytes.
        if (length !== undefined) this.#res.writeHeader('Content-Length', length);
        this.#res.endWithoutBody();
      });
      return;
    }
    this.#holds = this.#end.holds;
    this.#res.cork(() => {
      write();
      announceClose();
    });
    this.#res.onWritable(() => this.#onWritable());
    this.#isEventStream = EVENT_STREAM.test(headerOf(headers, 'content-type') ?? '');
    const isPlain = this.#totalBytes === undefined && headerOf(headers, 'content-encoding') === undefined;
    if (this.#isEventStream && isPlain) this.#announceWhenQuiet();
  }

  onChunk(chunk: Uint8Array): Promise<void> | undefined {
    // undici hands over an empty piece now and then, and the newer uWebSockets.js takes one for the end of a sized answer.
    if (this.#isOver || chunk.length === 0) return undefined;
    this.#cancelQuiet();
    this.#takenBytes += chunk.length;
    this.#rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#writeRest();
    if (this.#isOver || !this.#isFull) return undefined;
    this.#watchForStall();
    return new Promise((resolve) => {
      this.#onRoom = resolve;
    });
  }

  onEnd(): void {
    // A sized answer ends with its last byte.
    if (!this.#isOver && this.#totalBytes === undefined) this.#writeLast(() => this.#res.end());
  }

  onFailure(reason: string): void {
    if (this.#isOver) return;
    if (this.#hasHead) {
      // Of an answer that has begun, only a broken connection says that it is not whole.
      this.close();
      return;
    }
    this.#onCode('error');
    if (this.#cutsOnFailure) {
      this.close();
      return;
    }
    this.refuse(new StatewayError('STATEWAY_CLOUD_ANSWER', `the cloud did not answer this call: ${reason}`));
  }

  /** Answers in the cloud's stead, where the cloud has not begun to; a device that is still sending is told to stop. */
  refuse(error: StatewayError): void {
    if (this.#isOver) return;
    if (this.#hasHead) {
      this.close();
      return;
    }
    this.#finish();
    this.#end.refuse(error, this.#isHead);
  }

  /** Cuts the connection. */
  close(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#res.close();
  }

  /** The device is gone; the response may not be touched any more. */
  abandon(): void {
    this.#end.abandon();
    this.#finish();
  }

  #writeLast(write: () => void): void {
    this.#finish();
    this.#end.writeLast(write);
  }

  #announceWhenQuiet(): void {
    this.#cancelQuiet = this.#clock.schedule(QUIET_AFTER_MS, () => {
      this.#res.cork(() => this.#res.write(':\n'));
    });
  }

  #writeRest(): void {
    const totalBytes = this.#totalBytes;
    if (totalBytes === undefined) this.#writeChunked();
    else this.#res.cork(() => this.#writeSized(totalBytes));
  }

  #writeSized(totalBytes: number): void {
    const rest = this.#rest as Buffer;
    if (this.#holds) {
      this.#writeHeld(rest, totalBytes);
      return;
    }
    const before = this.#res.getWriteOffset();
    const [ok, isDone] = this.#res.tryEnd(rest, totalBytes);
    this.#isFull = !ok;
    if (isDone) this.#finish();
    else this.#rest = rest.subarray(this.#res.getWriteOffset() - before);
  }

  #writeHeld(rest: Buffer, totalBytes: number): void {
    if (totalBytes === 1) {
      this.#writeLast(() => this.#res.end(rest));
      return;
    }
    // The call that writes the size must not be the one that writes the last byte.
    const isAll = !this.#isSizeWritten && rest.length >= totalBytes;
    const piece = isAll ? rest.subarray(0, -1) : rest;
    const before = this.#res.getWriteOffset();
    const [ok] = this.#res.tryEnd(piece, this.#isSizeWritten ? heldTotal(totalBytes) : totalBytes);
    this.#isSizeWritten = true;
    this.#isFull = !ok;
    this.#rest = rest.subarray(this.#res.getWriteOffset() - before);
    if (this.#rest.length > 0) {
      if (ok) this.#writeHeld(this.#rest, totalBytes);
    } else if (this.#takenBytes >= totalBytes) {
      this.#finish();
      this.#end.dropRest();
    }
  }

  /** What does not fit here is kept by uWebSockets.js, which says so with the piece after it, but not how much. */
  #writeChunked(): void {
    let rest = this.#rest as Buffer;
    let pieceBytes = this.#isFull ? PROBE_BYTES : MOST_CORKED_BYTES;
    while (rest.length > 0) {
      this.#writePiece(rest.subarray(0, pieceBytes));
      rest = rest.subarray(pieceBytes);
      if (this.#isFull) break;
      pieceBytes = MOST_CORKED_BYTES;
    }
    this.#rest = rest;
  }

  #writePiece(piece: Buffer): void {
    this.#res.cork(() => {
      this.#isFull = !this.#res.write(piece);
    });
  }

  #onWritable(): boolean {
    if (this.#isOver) {
      // A held answer: the last of it may still be here.
      this.#res.cork(() => {});
      return true;
    }
    if (this.#rest !== undefined && this.#rest.length > 0) {
      this.#writeRest();
    } else {
      // Sends on what uWebSockets.js keeps, which it leaves to us while we listen.
      this.#res.cork(() => {});
      if (this.#totalBytes !== undefined) this.#isFull = false;
    }
    if (this.#isOver || this.#rest === undefined || this.#rest.length === 0) this.#makeRoom();
    else this.#watchForStall();
    return !this.#isFull;
  }

  #makeRoom(): void {
    this.#cancelStall();
    const onRoom = this.#onRoom;
    this.#onRoom = undefined;
    onRoom?.();
  }

  /** Waits for the device to take something, `leftMs` more. */
  #watchForStall(leftMs = STALLED_AFTER_MS): void {
    this.#cancelStall();
    this.#cancelStall = this.#clock.schedule(PATIENCE_MS, () => {
      if (leftMs <= PATIENCE_MS) {
        this.close();
        return;
      }
      // Changes nothing but that the limit of uWebSockets.js starts anew.
      this.#res.pause();
      this.#res.resume();
      this.#watchForStall(leftMs - PATIENCE_MS);
    });
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelQuiet();
    this.#makeRoom();
  }
}
