import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { CloudFailure, CloudTrouble } from '../core/cloud-port.js';
import { HOP_BY_HOP, type PassedCall } from '../core/passed-call.js';
import type { Clock } from '../core/time/clock.js';
import { TimeLimit } from '../core/time/time-limit.js';
import { GivenUp, troubleOf, wasKeptTooLong } from './failure-reason.js';

export interface CloudRequest {
  readonly origin: string;
  readonly path: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Record<string, string | string[]>;
  readonly body: Uint8Array | null;
}

export interface ExchangeLimits {
  /** From now to the end of the answer, the wait for a connection included. */
  readonly timeoutMs: number;
  /** Bytes of the answer's body that are kept. */
  readonly keptBytes: number;
  /** Called when no status line came in time, before the result is there. */
  readonly onTimeout: () => void;
  /** What else is done then; undefined: nothing, the connection is given up. */
  readonly overtime: Overtime | undefined;
  /**
   * Where it is sent once more, if the cloud was closing the connection as it came; undefined: nowhere. For what does no
   * harm when it is done twice.
   */
  readonly repeatOn: (() => Dispatcher) | undefined;
}

/** What follows when the time for an answer is over. */
export interface Overtime {
  /** For how long it is still waited for, after `waitedMs`; 0 or less: no longer. */
  moreMs(waitedMs: number): number;
  /** For how long the connection is listened to, though nobody waits, after `waitedMs`; 0: not at all. */
  listenMs(waitedMs: number): number;
  /** The listening has ended, with or without an answer. */
  onHeard(result: ExchangeResult, tookMs: number): void;
}

/** What came of a request. */
export type ExchangeResult =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      /** The same as they came: names and values by turns. */
      readonly rawHeaders: readonly Buffer[];
      /** The body, as far as it was kept. */
      readonly body: Buffer;
      /** Why that is not all of it; undefined when it is. */
      readonly brokenBy: CloudTrouble | undefined;
      /** Monotonic: as the request was written, and as the head of the answer was there. */
      readonly sentMs: number;
      readonly heardMs: number;
    }
  /**
   * `mayArriveLater`: the request was handed to a socket, so the cloud may have it. `openMs`: for so long its socket stays
   * open at most, so that it may still go out.
   */
  | (CloudFailure & { readonly mayArriveLater: boolean; readonly openMs: number });

/** A body this far beyond what is kept is not read to its end: its connection is given up. */
const MAX_DISCARDED_BYTES = 1_048_576;

/**
 * Sends one request and reads its answer, whoever's that is (`cloud-word.ts` judges). Never rejects, never follows a
 * redirect. Once there is a status line the result is an answer, even if the body breaks off.
 */
export function exchange(
  dispatcher: Dispatcher,
  clock: Clock,
  request: CloudRequest,
  limits: ExchangeLimits,
): Promise<ExchangeResult> {
  return new Promise((resolve) => {
    const handler: Exchange = new Exchange(clock, limits, resolve, (repeatOn) => repeatOn().dispatch(request, handler));
    dispatcher.dispatch(request, handler);
  });
}

/**
 * The handler below undici's `request`: only here is it told when a request goes to a socket (`onRequestStart` comes
 * right before the first write), which is what separates "may arrive" from "never left".
 */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #resolve: (result: ExchangeResult) => void;
  readonly #clock: Clock;
  readonly #limits: ExchangeLimits;
  readonly #startedMs: number;
  readonly #repeat: (repeatOn: () => Dispatcher) => void;
  #mayRepeat = true;
  #limit: TimeLimit;
  /** For the answer, from the start on. */
  #allowedMs: number;
  /** The result is there; only whether an answer comes is of interest yet. */
  #isListening = false;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined = undefined;
  #sentMs = 0;
  #heardMs = 0;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #rawHeaders: readonly Buffer[] = [];
  #keptBytes = 0;
  #discardedBytes = 0;
  #isOver = false;

  constructor(
    clock: Clock,
    limits: ExchangeLimits,
    resolve: (result: ExchangeResult) => void,
    repeat: (repeatOn: () => Dispatcher) => void,
  ) {
    this.#clock = clock;
    this.#repeat = repeat;
    this.#limits = limits;
    this.#resolve = resolve;
    this.#startedMs = clock.monotonicMs();
    this.#allowedMs = limits.timeoutMs;
    this.#limit = new TimeLimit(clock, limits.timeoutMs, () => this.#onOvertime());
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#sentMs = this.#clock.monotonicMs();
    // Timed out while it waited for a connection: aborted here it is never written.
    if (this.#isOver) controller.abort(new GivenUp('timeout', 'given up'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // An interim answer (RFC 9110, 15.2) is none.
    if (status < 200) return;
    this.#status = status;
    this.#heardMs = this.#clock.monotonicMs();
    this.#headers = headers;
    this.#rawHeaders = controller.rawHeaders as Buffer[];
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const room = this.#limits.keptBytes - this.#keptBytes;
    const kept = chunk.length > room ? chunk.subarray(0, room) : chunk;
    if (kept.length > 0) this.#chunks.push(kept);
    this.#keptBytes += kept.length;
    this.#discardedBytes += chunk.length - kept.length;
    if (this.#discardedBytes > MAX_DISCARDED_BYTES) this.#giveUp(tooLong());
  }

  onResponseEnd(): void {
    this.#end(undefined);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const { repeatOn } = this.#limits;
    const isAwaited = !this.#isOver && !this.#isListening && this.#status === 0;
    if (repeatOn !== undefined && this.#mayRepeat && isAwaited && this.#controller && wasKeptTooLong(error)) {
      this.#mayRepeat = false;
      this.#controller = undefined;
      this.#repeat(repeatOn);
      return;
    }
    this.#end(error);
  }

  #onOvertime(): void {
    const { onTimeout, overtime } = this.#limits;
    const isSilent = this.#status === 0;
    const moreMs = isSilent ? (overtime?.moreMs(this.#allowedMs) ?? 0) : 0;
    if (moreMs > 0) {
      this.#allowedMs += moreMs;
      this.#limit = new TimeLimit(this.#clock, moreMs, () => this.#onOvertime());
      return;
    }
    if (isSilent) onTimeout();
    const error = new GivenUp('timeout', `no answer within ${this.#allowedMs} ms`);
    // One that was not written yet is better written anew.
    const mayBeHeard = isSilent && this.#controller !== undefined;
    const listenMs = mayBeHeard ? (overtime?.listenMs(this.#allowedMs) ?? 0) : 0;
    if (listenMs > 0) this.#listen(error, listenMs);
    else this.#giveUp(error);
  }

  #listen(error: GivenUp, listenMs: number): void {
    this.#isListening = true;
    this.#limit = new TimeLimit(this.#clock, listenMs, () => this.#giveUp(error));
    this.#resolve({ kind: 'failure', mayArriveLater: true, openMs: listenMs, ...troubleOf(error) });
  }

  #giveUp(error: Error): void {
    this.#end(error);
    this.#controller?.abort(error);
  }

  #end(error: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#limit.cancel();
    const result = this.#resultOf(error);
    if (this.#isListening) this.#limits.overtime?.onHeard(result, this.#clock.monotonicMs() - this.#startedMs);
    else this.#resolve(result);
  }

  #resultOf(error: Error | undefined): ExchangeResult {
    if (this.#status === 0) {
      const trouble = troubleOf(error ?? new Error('no answer'));
      return { kind: 'failure', mayArriveLater: this.#controller !== undefined, openMs: 0, ...trouble };
    }
    const broken = error ?? (this.#discardedBytes > 0 ? tooLong() : undefined);
    return {
      kind: 'answer',
      status: this.#status,
      headers: this.#headers,
      rawHeaders: this.#rawHeaders,
      body: Buffer.concat(this.#chunks),
      brokenBy: broken && troubleOf(broken),
      sentMs: this.#sentMs,
      heardMs: this.#heardMs,
    };
  }
}

/** Nothing that the cloud says to a call of our own is that long. */
function tooLong(): GivenUp {
  return new GivenUp('not_the_cloud', 'it is too long');
}

/** The fields of an answer that go on to the device, as they came: one character for each byte. */
export function endToEnd(raw: readonly Buffer[]): (readonly [name: string, value: string])[] {
  const headers: [name: string, value: string][] = [];
  const named = new Set<string>();
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as Buffer).toString('latin1');
    const value = (raw[i + 1] as Buffer).toString('latin1');
    headers.push([name, value]);
    if (name.toLowerCase() !== 'connection') continue;
    for (const option of value.split(',')) named.add(option.trim().toLowerCase());
  }
  return headers.filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()) && !named.has(name.toLowerCase()));
}

/** Headers by name: undici's agent for proxies takes no list, and of a name that comes twice it would keep one value. */
export function gathered(headers: PassedCall['headers']): Record<string, string | string[]> {
  const byName: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of headers) {
    const before = byName[name];
    if (before === undefined) byName[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else byName[name] = [before, value];
  }
  return byName;
}
