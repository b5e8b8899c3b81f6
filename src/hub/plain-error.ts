import { asStatewayError, type ErrorCode, StatewayError } from '../core/errors.js';
import type { PlainError } from './front-messages.js';

/** What was thrown, to go to another thread; what has no code gets this one. */
export function plainError(thrown: unknown, fallback: ErrorCode, words: string): PlainError {
  const { code, message, retryAfterSeconds } = asStatewayError(thrown, fallback, words);
  return { code, message, retryAfterSeconds };
}

/** The same error, in the thread that it has come to. */
export function errorOf({ code, message, retryAfterSeconds }: PlainError): StatewayError {
  return new StatewayError(code, message, retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
}
