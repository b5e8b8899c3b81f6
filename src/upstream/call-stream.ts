import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Clock } from '../core/clock.js';
import type { CallStream, PassedAnswer, PassedCall } from '../core/passed-call.js';
import { TimeLimit } from '../core/time-limit.js';
import { wordsOf } from './failure-reason.js';
import { endToEnd, gathered } from './passed-fields.js';

/**
 * For the next sign of progress of a call: a connection, a piece of its body taken by the cloud, the head of the answer,
 * a piece of the answer. Longer than the 30 s after which common load balancers in front of a cloud answer 504 themselves.
 */
export const PROGRESS_TIMEOUT_MS = 60_000;

/** Safe methods (RFC 9110, 9.2.1): asked once more, such a request does nothing that it had not done. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** The connections that calls go out on. */
export interface CallConnections {
  /** Keeps connections for later calls. */
  readonly kept: Dispatcher;
  /** For event streams, so that nobody looks for a free connection among thousands that are not. */
  readonly streams: Dispatcher;
  /** Each call gets a connection that none has used before. */
  readonly fresh: Dispatcher;
}

export interface CallStreamOptions {
  /** The cloud; a path in it goes before every path (`STATEWAY_UPSTREAM_URL`). */
  readonly url: URL;
  readonly progressTimeoutMs?: number;
}

/**
 * Passes calls through to the cloud, over connections of its own, so that long streams never hold up the forwarding of
 * states. Follows no redirect, decodes nothing, drops trailers; what it frames itself, it frames anew.
 */
export class HttpCallStream implements CallStream {
  readonly #connections: CallConnections;
  readonly #clock: Clock;
  readonly #origin: string;
  readonly #pathPrefix: string;
  readonly #progressTimeoutMs: number;

  constructor(connections: CallConnections, clock: Clock, options: CallStreamOptions) {
    this.#connections = connections;
    this.#clock = clock;
    this.#origin = options.url.origin;
    this.#pathPrefix = options.url.pathname.replace(/\/+$/, '');
    this.#progressTimeoutMs = options.progressTimeoutMs ?? PROGRESS_TIMEOUT_MS;
  }

  pass(call: PassedCall, answer: PassedAnswer): Promise<void> {
    return new Promise((resolve) => {
      const { kept, streams, fresh } = this.#connections;
      const passing = new PassingCall(this.#clock, this.#progressTimeoutMs, call, answer, resolve, () => {
        // Told to close it, undici does not keep the connection.
        fresh.dispatch({ ...request, reset: true }, passing);
      });
      const request: Dispatcher.DispatchOptions = {
        origin: this.#origin,
        path: this.#pathPrefix + call.target,
        // Any token will do as a method; the type lists the usual ones.
        method: call.method as Dispatcher.HttpMethod,
        headers: gathered(call.headers),
        // The type asks for a stream, yet an iterable is what undici reads one piece at a time.
        body: (passing.body() ?? null) as unknown as Readable | null,
      };
      (call.isStream ? streams : kept).dispatch(request, passing);
    });
  }

  /** Ends every connection at once; calls under way fail. */
  async close(): Promise<void> {
    const { kept, streams, fresh } = this.#connections;
    await Promise.all([kept, streams, fresh].map((each) => each.destroy()));
  }
}

/** One call from its dispatch to the last word of undici, which comes exactly once, as an end or an error. */
class PassingCall implements Dispatcher.DispatchHandler {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #call: PassedCall;
  readonly #answer: PassedAnswer;
  readonly #resolve: () => void;
  readonly #sendAgain: () => void;
  readonly #abort = (): void => this.#giveUp(new Error('the device is gone'));
  #controller: Dispatcher.DispatchController | undefined = undefined;
  #limit: TimeLimit | undefined = undefined;
  #hasTimeout = true;
  #hasHead = false;
  #maySendAgain: boolean;
  /** The answer has had its last word. */
  #isOver = false;

  /**
   * @param resolve called when the call is over
   * @param sendAgain dispatches it a second time, on another connection
   */
  constructor(
    clock: Clock,
    timeoutMs: number,
    call: PassedCall,
    answer: PassedAnswer,
    resolve: () => void,
    sendAgain: () => void,
  ) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#call = call;
    this.#answer = answer;
    this.#resolve = resolve;
    this.#sendAgain = sendAgain;
    this.#maySendAgain = call.body === undefined && SAFE_METHODS.has(call.method);
    if (call.signal.aborted) this.#abort();
    else call.signal.addEventListener('abort', this.#abort, { once: true });
    this.#noteProgress();
  }

  body(): AsyncIterable<Uint8Array> | undefined {
    return this.#call.body === undefined ? undefined : this.#bodyInPieces(this.#call.body);
  }

  async *#bodyInPieces(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of body) {
      this.#noteProgress();
      yield piece;
    }
    this.#noteProgress();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Given up while it waited for a connection: aborted here it is never written.
    if (this.#isOver) controller.abort(new Error('given up'));
    else this.#noteProgress();
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    statusText?: string,
  ): void {
    // An interim answer (RFC 9110, 15.2) is none.
    if (status < 200 || this.#isOver) return;
    this.#hasHead = true;
    const headers = endToEnd(controller.rawHeaders as Buffer[]);
    // Between two events as much time may pass as likes to (WHATWG HTML, 9.2).
    this.#hasTimeout = !headers.some(([name, value]) => isEventStream(name, value));
    this.#noteProgress();
    this.#answer.onHead(status, statusText ?? '', headers);
    // It has no body (RFC 9110, 15.4.5), yet undici would wait for one of the length that it may name.
    if (status === 304 && headers.some(([name]) => name.toLowerCase() === 'content-length') && this.#finish()) {
      this.#answer.onEnd();
      controller.abort(new Error('the answer is whole'));
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) return;
    const taken = this.#answer.onChunk(chunk);
    if (taken === undefined) {
      this.#noteProgress();
      return;
    }
    // What now takes its time is the device: nothing to blame the cloud for.
    this.#limit?.cancel();
    controller.pause();
    void taken.then(() => {
      if (this.#isOver) return;
      this.#noteProgress();
      controller.resume();
    });
  }

  onResponseEnd(): void {
    if (this.#finish()) this.#answer.onEnd();
    this.#resolve();
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#maySendAgain && !this.#isOver && !this.#hasHead && this.#wasKeptTooLong(error)) {
      this.#maySendAgain = false;
      this.#controller = undefined;
      this.#sendAgain();
      return;
    }
    if (this.#finish()) this.#answer.onFailure(wordsOf(error));
    this.#resolve();
  }

  /** Whether the request went to a connection that the cloud was closing just then. */
  #wasKeptTooLong(error: Error & { code?: string; socket?: { bytesRead?: number } }): boolean {
    if (this.#controller === undefined) return false;
    // Where undici tells what the connection had brought before, one that had brought nothing was a new one.
    if (error.code === 'UND_ERR_SOCKET') return (error.socket?.bytesRead ?? 0) > 0;
    return error.code === 'ECONNRESET' || error.code === 'EPIPE';
  }

  #noteProgress(): void {
    this.#limit?.cancel();
    if (!this.#hasTimeout || this.#isOver) return;
    this.#limit = new TimeLimit(this.#clock, this.#timeoutMs, () => {
      this.#giveUp(new Error(`no progress within ${this.#timeoutMs} ms`));
    });
  }

  /** Tells the device at once; undici's own last word comes when it has let go of the request. */
  #giveUp(error: Error): void {
    if (!this.#finish()) return;
    this.#answer.onFailure(error.message);
    this.#controller?.abort(error);
  }

  /** Whether it was not finished before. */
  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#limit?.cancel();
    this.#call.signal.removeEventListener('abort', this.#abort);
    return true;
  }
}

function isEventStream(name: string, value: string): boolean {
  return name.toLowerCase() === 'content-type' && /^text\/event-stream\s*(?:;|$)/i.test(value);
}
