import type { AskResult, CloudFailure, LogInResult } from '../core/cloud-results.js';
import type { LogInHead } from '../core/passed-call.js';
import type { CloudWay } from './thread-messages.js';

/**
 * What is asked of the cloud beside states, by kinds that have connections of their own, as many as may be under way, and
 * memories of their own of who was answered late: none queues behind another or pushes out what that knows.
 *
 * - `questions`: about tokens that are not known here
 * - `checks`: about tokens that are
 * - `logIns`: with credentials
 */
export type AskKind = 'questions' | 'checks' | 'logIns';

/** One question, as the asking thread is told of it (`thread-messages.ts`). */
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
