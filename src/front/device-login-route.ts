import type { HttpRequest, HttpResponse } from 'uws-current';
import type { CloudAnswer } from '../core/cloud-results.js';
import { asStatewayError, StatewayError } from '../core/errors.js';
import { readBody } from './body-reader.js';
import type { FrontContext } from './front-context.js';
import { readHead } from './head-fields.js';
import { answerLast, statusLine, writeError } from './reply.js';
import { assertNotCompressed, queryOf } from './request-head.js';

/** Credentials are a few hundred bytes; the bound leaves room for long scopes lists. */
const MAX_CREDENTIALS_BYTES = 16_384;

/** `POST /auth/device`: passed to the cloud, and the answer back as it came (DESIGN 1.3). */
export async function handleDeviceLogin(context: FrontContext, res: HttpResponse, req: HttpRequest): Promise<void> {
  const query = queryOf(req);
  let aborted = false;
  let closes = false;
  const answer = (write: () => void): void => {
    if (aborted) return;
    if (closes) answerLast(res, () => aborted, write);
    else res.cork(write);
  };
  res.onAborted(() => {
    aborted = true;
  });
  context.openRequests++;
  try {
    const head = readHead(req);
    closes = head.isChunked;
    const contentType = head.contentType || 'application/json';
    assertNotCompressed(head.contentEncoding);
    const body = await readBody(res, MAX_CREDENTIALS_BYTES, context.admission, () => {
      aborted = true;
    });
    if (body === undefined) return;
    if (context.stopping)
      throw new StatewayError('STATEWAY_STOPPING', 'the proxy is being stopped; log in again shortly');
    const answered = await context.deviceLogin.logIn(body, contentType, query);
    answer(() => writeAnswer(res, answered, closes));
  } catch (thrown) {
    const error = asStatewayError(thrown, 'STATEWAY_CLOUD_UNREACHABLE', 'the cloud cannot be asked');
    closes ||= error.code === 'STATEWAY_MALFORMED_REQUEST';
    answer(() => writeError(res, error, closes));
  } finally {
    context.openRequests--;
  }
}

function writeAnswer(res: HttpResponse, answer: CloudAnswer, closes: boolean): void {
  res.writeStatus(statusLine(answer.status)).writeHeader('Content-Type', answer.contentType).end(answer.body, closes);
}
