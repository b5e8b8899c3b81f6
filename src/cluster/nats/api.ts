import { StatewayError } from '../../core/errors.js';
import type { NatsLink } from './link.js';

/** What a server says is wrong with a request, by a number that does not change between versions. */
export interface ApiError {
  readonly err_code: number;
  readonly description: string;
}

/** Numbers of {@link ApiError} (nats-server, server/errors.json). */
export const API_ERRORS = {
  noMessage: 10037,
  deleteFailed: 10057,
  insufficientResources: 10023,
  insufficientStorage: 10047,
  noSuchStream: 10059,
  wrongLastSequence: 10071,
  storeFailed: 10077,
  wrongLastSequenceUnderWay: 10164,
} as const;

const PREFIX = '$JS.API';
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** An answer of JetStream. */
export type ApiAnswer<Body> =
  | { readonly body: Body; readonly error?: never }
  | { readonly error: ApiError; readonly body?: never };

/**
 * Asks JetStream itself.
 * @param name of the request, such as `STREAM.INFO.NAME`
 * @throws StatewayError `STATEWAY_NATS_AWAY` when there is no answer in time, as in an election
 */
export async function askApi<Body>(
  link: NatsLink,
  name: string,
  question: object = {},
  timeoutMs?: number,
): Promise<ApiAnswer<Body>> {
  const options = timeoutMs === undefined ? {} : { timeoutMs };
  const reply = await link.request(`${PREFIX}.${name}`, encoder.encode(JSON.stringify(question)), options);
  if (!reply.isAnswered) throw awayError(reply.reason);
  const { error, ...body } = JSON.parse(decoder.decode(reply.payload)) as Body & { error?: ApiError };
  return error === undefined ? { body: body as Body } : { error };
}

/** The body of an answer. @throws StatewayError `STATEWAY_NATS_AWAY` for an error */
export function bodyOf<Body>(answer: ApiAnswer<Body>): Body {
  if (answer.error !== undefined) throw awayError(`${answer.error.err_code} ${answer.error.description}`);
  return answer.body as Body;
}

export function awayError(reason: string): StatewayError {
  return new StatewayError('STATEWAY_NATS_AWAY', `NATS did not answer: ${reason}`);
}
