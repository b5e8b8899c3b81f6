/** An answer of the admin side before it is written. */
export interface Reply {
  readonly status: number;
  readonly contentType: string;
  /** Pieces of a long one are written as they come, no faster than they are read. */
  readonly body: string | Buffer | AsyncIterable<string>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Of every answer in JSON. */
export const JSON_TYPE = 'application/json; charset=utf-8';

/** `value` as JSON, on a line of its own. */
export function jsonReply(status: number, value: unknown): Reply {
  return { status, contentType: JSON_TYPE, body: `${JSON.stringify(value)}\n` };
}
