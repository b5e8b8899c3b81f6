/**
 * The one table of errors. Every error that leaves the process, to a device, an operator or the log, has a code from
 * here; `docs/errors.md` lists the same rows and a test compares the two.
 */

/** What a row of the table says of a code. */
export interface ErrorRow {
  /** `type` of the cloud's own error shape `{"type","message"}` (contract 1.3). */
  readonly type: string;
  /** HTTP status of the answer. */
  readonly status: number;
  /** Whether the same request may succeed later without being changed. */
  readonly retryable: boolean;
}

export const ERROR_TABLE = {
  STATEWAY_MALFORMED_REQUEST: { type: 'Validation', status: 400, retryable: false },
  STATEWAY_MALFORMED_BODY: { type: 'Validation', status: 400, retryable: false },
  STATEWAY_INVALID_STATE: { type: 'Validation', status: 400, retryable: false },
  STATEWAY_TIME_OUT_OF_WINDOW: { type: 'Validation', status: 400, retryable: false },
  STATEWAY_INVALID_ID: { type: 'Validation', status: 400, retryable: false },
  STATEWAY_INVALID_CREDENTIALS: { type: 'Validation', status: 400, retryable: false },
  STATEWAY_BAD_UPGRADE: { type: 'Validation', status: 400, retryable: false },
  STATEWAY_BAD_QUERY: { type: 'Validation', status: 400, retryable: false },
  STATEWAY_MQTT_MALFORMED: { type: 'Validation', status: 400, retryable: false },
  STATEWAY_CONFIGURATION: { type: 'Validation', status: 400, retryable: false },
  STATEWAY_UNSUPPORTED_SYSTEM: { type: 'Validation', status: 400, retryable: false },
  STATEWAY_TOKEN_MISSING: { type: 'Unauthorized', status: 401, retryable: false },
  STATEWAY_TOKEN_MALFORMED: { type: 'Unauthorized', status: 401, retryable: false },
  STATEWAY_TOKEN_REFUSED: { type: 'Unauthorized', status: 401, retryable: false },
  STATEWAY_TOKEN_EXPIRED: { type: 'Unauthorized', status: 401, retryable: false },
  STATEWAY_CREDENTIALS_REFUSED: { type: 'Unauthorized', status: 401, retryable: false },
  STATEWAY_ADMIN_TOKEN: { type: 'Unauthorized', status: 401, retryable: false },
  STATEWAY_NOT_GRANTED: { type: 'Forbidden', status: 403, retryable: false },
  STATEWAY_HOST_NOT_ALLOWED: { type: 'Forbidden', status: 403, retryable: false },
  STATEWAY_ORIGIN_NOT_ALLOWED: { type: 'Forbidden', status: 403, retryable: false },
  STATEWAY_NO_SUCH_DEVICE: { type: 'NotFound', status: 404, retryable: false },
  STATEWAY_NO_SUCH_ROUTE: { type: 'NotFound', status: 404, retryable: false },
  STATEWAY_METHOD_NOT_ALLOWED: { type: 'MethodNotAllowed', status: 405, retryable: false },
  STATEWAY_BODY_STALLED: { type: 'RequestTimeout', status: 408, retryable: true },
  STATEWAY_BODY_TOO_LARGE: { type: 'PayloadTooLarge', status: 413, retryable: false },
  STATEWAY_STATE_TOO_LARGE: { type: 'PayloadTooLarge', status: 413, retryable: false },
  STATEWAY_CONTENT_TYPE: { type: 'UnsupportedMediaType', status: 415, retryable: false },
  STATEWAY_CONTENT_ENCODING: { type: 'UnsupportedMediaType', status: 415, retryable: false },
  STATEWAY_CLOUD_THROTTLED: { type: 'Throttled', status: 429, retryable: true },
  STATEWAY_ADMIN_ATTEMPTS: { type: 'Throttled', status: 429, retryable: true },
  STATEWAY_CLOUD_ANSWER: { type: 'BadGateway', status: 502, retryable: true },
  STATEWAY_LOOP: { type: 'BadGateway', status: 502, retryable: true },
  STATEWAY_CLOUD_UNREACHABLE: { type: 'Unavailable', status: 503, retryable: true },
  STATEWAY_CLOCK_WRONG: { type: 'Unavailable', status: 503, retryable: true },
  STATEWAY_TOO_MANY_NEW_DEVICES: { type: 'Unavailable', status: 503, retryable: true },
  STATEWAY_OVERLOADED: { type: 'Unavailable', status: 503, retryable: true },
  STATEWAY_MEMORY_FULL: { type: 'Unavailable', status: 503, retryable: true },
  STATEWAY_TOO_MANY_DEVICES: { type: 'Unavailable', status: 503, retryable: true },
  STATEWAY_SPOOL_FULL: { type: 'Unavailable', status: 503, retryable: true },
  STATEWAY_SPOOL_FAILED: { type: 'Unavailable', status: 503, retryable: true },
  STATEWAY_NATS_AWAY: { type: 'Unavailable', status: 503, retryable: true },
  STATEWAY_PARTITION_LOST: { type: 'Unavailable', status: 503, retryable: true },
  STATEWAY_WORKER_FAILED: { type: 'Unavailable', status: 503, retryable: true },
  STATEWAY_STOPPING: { type: 'Unavailable', status: 503, retryable: true },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERROR_TABLE;

/** What is wrong with the proxy itself or with its machine: where that was found out is worth writing down. */
const FAULTS: ReadonlySet<ErrorCode> = new Set([
  'STATEWAY_CONFIGURATION',
  'STATEWAY_SPOOL_FAILED',
  'STATEWAY_WORKER_FAILED',
]);

/** Seconds a device is asked to wait when an Unavailable answer has no better figure (`Retry-After`, RFC 9110 10.2.3). */
export const DEFAULT_RETRY_AFTER_SECONDS = 1;

/**
 * An error with a row in {@link ERROR_TABLE}. The message names the offending part and what is allowed; it never holds
 * a token, a secret or a payload.
 *
 * It has a stack only where it tells of a fault here, or in its cause. All others are answers that anybody can have by the
 * thousand, and to write down a stack takes longer than all else that is done for one.
 */
export class StatewayError extends Error {
  readonly code: ErrorCode;
  readonly type: string;
  readonly status: number;
  readonly retryable: boolean;
  /** Seconds for `Retry-After`; set on every 503. */
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; retryAfterSeconds?: number } = {}) {
    // Of V8 (v8.dev/docs/stack-trace-api): so many frames are written down as the error is made.
    const framesOfOthers = Error.stackTraceLimit;
    if (!FAULTS.has(code)) Error.stackTraceLimit = 0;
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    Error.stackTraceLimit = framesOfOthers;
    const row = ERROR_TABLE[code];
    this.name = 'StatewayError';
    this.code = code;
    this.type = row.type;
    this.status = row.status;
    this.retryable = row.retryable;
    this.retryAfterSeconds =
      options.retryAfterSeconds ?? (row.status === 503 ? DEFAULT_RETRY_AFTER_SECONDS : undefined);
  }

  /** The body of the answer, in the cloud's own shape (`schemas/error.json`). */
  toBody(): { type: string; message: string } {
    return { type: this.type, message: this.message };
  }
}

/** Narrows whatever was thrown: a {@link StatewayError} as it is, anything else under `fallback`. */
export function asStatewayError(error: unknown, fallback: ErrorCode, message: string): StatewayError {
  return error instanceof StatewayError ? error : new StatewayError(fallback, message, { cause: error });
}
