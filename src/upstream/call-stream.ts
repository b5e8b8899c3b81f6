import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { CloudTrouble } from '../core/cloud-port.js';
import type { CallStream, PassedAnswer, PassedCall } from '../core/passed-call.js';
import type { Clock } from '../core/time/clock.js';
import { TimeLimit } from '../core/time/time-limit.js';
import type { CloudConnections } from './connections.js';
import { endToEnd, gathered } from './exchange.js';
import { GivenUp, troubleOf, wasKeptTooLong, wordsOf } from './failure-reason.js';

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
  readonly kept: CloudConnections;
  /** For event streams, so that nobody looks for a free connection among thousands that are not. */
  readonly streams: CloudConnections;
  /** Each call gets a connection that none has used before. */
  readonly fresh: CloudConnections;
}

export interface CallStreamOptions {
  /** The cloud; a path in it goes before every path (`STATEWAY_UPSTREAM_URL`). */
  readonly url: URL;
  readonly progressTimeoutMs?: number;
  /** Told of each call that was not answered, or by a server that has nothing to say; not of one whose device left. */
  readonly onTrouble?: (trouble: CloudTrouble) => void;
  /** Told of an answer that the cloud gives to few calls, and a portal to all: one to go elsewhere. */
  readonly onDoubt?: () => void;
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
  readonly #onTrouble: (trouble: CloudTrouble) => void;
  readonly #onDoubt: () => void;

  constructor(connections: CallConnections, clock: Clock, options: CallStreamOptions) {
    this.#connections = connections;
    this.#clock = clock;
    this.#origin = options.url.origin;
    this.#pathPrefix = options.url.pathname.replace(/\/+$/, '');
    this.#progressTimeoutMs = options.progressTimeoutMs ?? PROGRESS_TIMEOUT_MS;
    this.#onTrouble = options.onTrouble ?? (() => {});
    this.#onDoubt = options.onDoubt ?? (() => {});
  }

  pass(call: PassedCall, answer: PassedAnswer): Promise<void> {
    return new Promise((resolve) => {
      const connections = call.isStream ? this.#connections.streams : this.#connections.kept;
      const dispatcher = connections.forRequest();
      const passing = new PassingCall(this.#clock, this.#progressTimeoutMs, call, answer, {
        onOver: resolve,
        onWord: (isGood) => connections.note(dispatcher, isGood),
        onSilence: () => connections.distrust(dispatcher),
        onTrouble: this.#onTrouble,
        onDoubt: this.#onDoubt,
        // Told to close it, undici does not keep the connection.
        sendAgain: () => this.#connections.fresh.forRequest().dispatch({ ...request, reset: true }, passing),
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
      dispatcher.dispatch(request, passing);
    });
  }

  /** The next calls go to connections made anew by the cloud's name; those under way go on. */
  renewConnections(): void {
    this.#connections.kept.distrust();
    this.#connections.streams.distrust();
  }

  /** Ends every connection at once; calls under way fail. */
  async close(): Promise<void> {
    const { kept, streams, fresh } = this.#connections;
    await Promise.all([kept, streams, fresh].map((each) => each.close()));
  }
}

interface PassingParts {
  /** The call is over. */
  readonly onOver: () => void;
  /** What answered is the cloud, as far as the status says; or nothing did, by the cloud's fault or that of the way to it. */
  readonly onWord: (isGood: boolean) => void;
  /** There was no sign of it in time. */
  readonly onSilence: () => void;
  readonly onTrouble: (trouble: CloudTrouble) => void;
  readonly onDoubt: () => void;
  /** Dispatches it a second time, on another connection. */
  readonly sendAgain: () => void;
}

/** One call from its dispatch to the last word of undici, which comes exactly once, as an end or an error. */
class PassingCall implements Dispatcher.DispatchHandler {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #call: PassedCall;
  readonly #answer: PassedAnswer;
  readonly #parts: PassingParts;
  readonly #abort = (): void => this.#giveUp(new Error('the device is gone'));
  #controller: Dispatcher.DispatchController | undefined = undefined;
  #limit: TimeLimit | undefined = undefined;
  #hasTimeout = true;
  #hasHead = false;
  #maySendAgain: boolean;
  /** The answer has had its last word. */
  #isOver = false;

  constructor(clock: Clock, timeoutMs: number, call: PassedCall, answer: PassedAnswer, parts: PassingParts) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#call = call;
    this.#answer = answer;
    this.#parts = parts;
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
    this.#parts.onWord(status < 500);
    this.#tellStatus(status);
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
    this.#parts.onOver();
  }

  onResponseError(_controller: unknown, error: Error): void {
    const wasSent = this.#controller !== undefined && !this.#hasHead;
    if (this.#maySendAgain && !this.#isOver && wasSent && wasKeptTooLong(error)) {
      this.#maySendAgain = false;
      this.#controller = undefined;
      this.#parts.sendAgain();
      return;
    }
    if (this.#finish()) {
      if (!this.#hasHead) {
        this.#parts.onWord(false);
        this.#parts.onTrouble(troubleOf(error));
      }
      this.#answer.onFailure(wordsOf(error));
    }
    this.#parts.onOver();
  }

  #noteProgress(): void {
    this.#limit?.cancel();
    if (!this.#hasTimeout || this.#isOver) return;
    this.#limit = new TimeLimit(this.#clock, this.#timeoutMs, () => {
      const error = new GivenUp('timeout', `no progress within ${this.#timeoutMs} ms`);
      if (!this.#hasHead) {
        this.#parts.onSilence();
        this.#parts.onTrouble(troubleOf(error));
      }
      this.#giveUp(error);
    });
  }

  /** All that a status alone says: what else is answered may be the cloud's or a portal's. */
  #tellStatus(status: number): void {
    const { onTrouble, onDoubt } = this.#parts;
    const code = String(status);
    if (status === 407) onTrouble({ reason: 'proxy', words: 'the proxy wants credentials (407)', code });
    else if (status === 511) onTrouble({ reason: 'not_the_cloud', words: 'the network wants a log-in (511)', code });
    else if (status >= 500) onTrouble({ reason: 'status', words: `the cloud answered ${status}`, code });
    else if (status >= 300 && status < 400 && status !== 304) onDoubt();
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
