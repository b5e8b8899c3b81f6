import type { AskResult, CloudFailure, LogInResult, SendResult } from '../core/cloud-port.js';
import type { LogInHead } from '../core/passed-call.js';
import type { SlotBody } from './body-slots.js';

/**
 * What passes between the main thread and one that talks with the cloud for it, each by connections of its own. Orders that
 * come up in one turn of the main thread's event loop are one message, and so are the results of what ended in one turn of
 * the other. Ids are the main thread's, and each is answered once, even if the thread dies. What came up before a `renew` is
 * posted before it, and goes by the connections of before. A `close` is the last message: what has no answer yet fails, the
 * results are posted, and the thread ends by itself.
 */
export type ToThread<Order> = { readonly orders: readonly Numbered<Order>[] } | 'renew' | 'close';

export interface Numbered<Order> {
  readonly id: number;
  readonly order: Order;
}

export interface FromThread<Result> {
  readonly results: readonly { readonly id: number; readonly result: Result }[];
  /** Whether connections were given up meanwhile, since no good answer came by them. */
  readonly isDistrusted: boolean;
}

/** The way to the cloud, as such a thread is told at its start. */
export interface CloudWay {
  readonly url: string;
  readonly caFile: string | undefined;
  /** As in `AgentOptions`. */
  readonly proxyUrl: string | undefined;
  /** As in `UpstreamOptions`. */
  readonly answerTimeoutMs?: number;
}

/** One request with states, as the sending thread is told of it; its result is a {@link SendResult}. */
export interface SendOrder {
  readonly applicationId: string;
  readonly deviceId: string;
  readonly token: string;
  readonly mayListen: boolean;
  /** JSON: in a slot that both threads have, or in memory that moves with it where it is its own. */
  readonly body: Uint8Array | SlotBody;
}

/** What the sending thread is started with. */
export interface SenderData extends CloudWay {
  readonly connections: number;
}

/** States that a thread had under way which does not answer any more. */
export function lostStates(words: string): SendResult {
  return { kind: 'failure', mayArriveLater: true, openMs: 0, reason: 'reset', words };
}

/**
 * What is asked of the cloud beside states, by kinds that have connections of their own, as many as may be under way, and
 * memories of their own of who was answered late: none queues behind another or pushes out what that knows.
 *
 * - `questions`: about tokens that are not known here
 * - `checks`: about tokens that are
 * - `logIns`: with credentials
 */
export type AskKind = 'questions' | 'checks' | 'logIns';

/** One question, as the asking thread is told of it. */
export type AskOrder = DeviceOrder | LogInOrder | GreetingOrder;

/** Its result is an {@link AskResult}. */
export interface DeviceOrder {
  readonly kind: 'questions' | 'checks';
  readonly applicationId: string;
  readonly deviceId: string;
  readonly token: string;
}

/** Its result is a {@link LogInResult}. */
export interface LogInOrder {
  readonly kind: 'logIns';
  readonly head: LogInHead;
  readonly body: Uint8Array;
}

/** Goes out with the checks. Its result is an {@link AskResult}. */
export interface GreetingOrder {
  readonly kind: 'greeting';
}

/** What the asking thread is started with. */
export interface AskerData extends CloudWay {
  readonly connections: Readonly<Record<AskKind, number>>;
}

/** A question that a thread had under way which does not answer any more. */
export function lostQuestion(words: string): CloudFailure {
  return { kind: 'failure', reason: 'reset', words };
}
