import type { HttpRequest, HttpResponse } from 'uws-current';
import { MAX_CREDENTIALS_BYTES } from '../../core/bounds.js';
import type { CloudAnswer } from '../../core/cloud-port.js';
import { cloudErrorOf, jsonObjectOf } from '../../core/cloud-shapes.js';
import { asStatewayError, StatewayError } from '../../core/errors.js';
import { addressOf, askerOf, clientAddress } from '../../core/machine/network.js';
import type { Refused } from '../../core/metering/refusal-ring.js';
import type { TraceIds } from '../../core/metering/trace-ids.js';
import type { LogInHead } from '../../core/passed-call.js';
import type { FrontContext } from '../front-context.js';
import { passedHead } from '../passthrough/passed-head.js';
import { allowAnyOrigin, writePassedHeader } from './answer-fields.js';
import { type BodyLimits, readBody } from './body-reader.js';
import { framingOfLastHead, readHead, traceOfLastHead } from './head-fields.js';
import { refuseHead } from './refuse-head.js';
import { answerLast, statusLine, writeError } from './reply.js';
import { assertNotCompressed, queryOf } from './request-head.js';

/**
 * `POST /auth/device`: passed to the cloud, and the answer back, as any other call; only that the body is read whole, to be
 * remembered (contract 1.3).
 */
export function handleDeviceLogin(context: FrontContext, res: HttpResponse, req: HttpRequest): void {
  try {
    const { isChunked, saysClose, contentEncoding, trace } = readHead(req);
    assertNotCompressed(contentEncoding);
    const limits = { maxBytes: MAX_CREDENTIALS_BYTES, closes: isChunked, saysClose };
    void logIn(context, res, logInHead(context, res, req), limits, trace);
  } catch (thrown) {
    const error = asStatewayError(thrown, 'STATEWAY_MALFORMED_REQUEST', 'the request cannot be read');
    context.refusals.note(error, refusedLogIn(undefined, addressOf(res), traceOfLastHead()));
    refuseHead(context.bodies, res, error, { isHead: false, framing: framingOfLastHead() });
  }
}

/** Whose log-in it is, by the body that may name a device. */
function refusedLogIn(body: Uint8Array | undefined, address: string, trace: TraceIds | undefined): Refused {
  const named = body === undefined ? undefined : jsonObjectOf(body)?.deviceId;
  return { applicationId: '', deviceId: typeof named === 'string' ? named : '', address, isKnown: false, trace };
}

async function logIn(
  context: FrontContext,
  res: HttpResponse,
  passed: LogInHead,
  limits: BodyLimits,
  trace: TraceIds | undefined,
): Promise<void> {
  const { closes } = limits;
  let aborted = false;
  const answer = (write: () => void): void => {
    if (aborted) return;
    if (closes) answerLast(res, () => aborted, write);
    else res.cork(write);
  };
  context.openRequests++;
  const asker = askerOf(res);
  let body: Uint8Array | undefined;
  try {
    body = await readBody(context, res, limits, () => {
      aborted = true;
    });
    if (body === undefined) return;
    if (context.stopping)
      throw new StatewayError('STATEWAY_STOPPING', 'the proxy is being stopped; log in again shortly');
    const answered = await context.deviceLogin.logIn(body, passed, asker);
    if (isRefusal(answered)) context.refusals.note(cloudsNo(answered), refusedLogIn(body, asker.address, trace));
    answer(() => writeAnswer(res, answered, closes));
  } catch (thrown) {
    const error = asStatewayError(thrown, 'STATEWAY_CLOUD_UNREACHABLE', 'the cloud cannot be asked');
    context.refusals.note(error, refusedLogIn(body, asker.address, trace));
    answer(() => writeError(res, error, closes));
  } finally {
    context.openRequests--;
  }
}

/** Whether the cloud says that the credentials are not good, or no credentials. */
function isRefusal({ status }: CloudAnswer): boolean {
  return status === 400 || status === 401 || status === 403 || status === 404;
}

function cloudsNo({ status, body }: CloudAnswer): StatewayError {
  const said = cloudErrorOf(jsonObjectOf(body) ?? {})?.message;
  const code = status === 400 ? 'STATEWAY_INVALID_CREDENTIALS' : 'STATEWAY_CREDENTIALS_REFUSED';
  return new StatewayError(code, `the cloud refuses the log-in (${status})${said ? `: ${said}` : ''}`);
}

/** What goes to the cloud as with any other call; the body is put together here, so that its length is told anew. */
function logInHead({ scheme }: FrontContext, res: HttpResponse, req: HttpRequest): LogInHead {
  const passed = passedHead(req, clientAddress(res.getRemoteAddress()), scheme);
  const headers = passed.headers.filter(([name]) => name !== 'content-length');
  // As simple firmware leaves it out.
  if (!headers.some(([name]) => name === 'content-type')) headers.push(['content-type', 'application/json']);
  const query = queryOf(req);
  return { target: query === '' ? '/auth/device' : `/auth/device?${query}`, headers };
}

function writeAnswer(res: HttpResponse, { status, contentType, body, asItCame }: CloudAnswer, closes: boolean): void {
  res.writeStatus(statusLine(status));
  if (asItCame === undefined) allowAnyOrigin(res).writeHeader('Content-Type', contentType);
  else for (const [name, value] of asItCame.headers) writePassedHeader(res, name, value);
  res.end(asItCame?.body ?? body, closes);
}
