import type { HttpRequest, HttpResponse } from 'uws-current';
import { asStatewayError, StatewayError } from '../core/errors.js';
import type { CloudAnswer } from '../core/ports.js';
import { readBody } from './body-reader.js';
import type { FrontContext } from './front-context.js';
import { statusLine, writeError } from './reply.js';
import { assertNotCompressed, queryOf } from './request-head.js';

/** Credentials are a few hundred bytes; the bound leaves room for long scopes lists. */
const MAX_CREDENTIALS_BYTES = 16_384;

/** `POST /auth/device`: passed to the cloud, and the answer back as it came (DESIGN 1.3). */
export async function handleDeviceLogin(context: FrontContext, res: HttpResponse, req: HttpRequest): Promise<void> {
  const contentType = req.getHeader('content-type') || 'application/json';
  const query = queryOf(req);
  let aborted = false;
  context.openRequests++;
  try {
    assertNotCompressed(req.getHeader('content-encoding'));
    const body = await readBody(res, MAX_CREDENTIALS_BYTES, context.admission, () => {
      aborted = true;
    });
    if (body === undefined) return;
    if (context.stopping)
      throw new StatewayError('STATEWAY_STOPPING', 'the proxy is being stopped; log in again shortly');
    const answer = await context.deviceLogin.logIn(body, contentType, query);
    if (!aborted) res.cork(() => writeAnswer(res, answer));
  } catch (thrown) {
    const error = asStatewayError(thrown, 'STATEWAY_CLOUD_UNREACHABLE', 'the cloud cannot be asked');
    if (!aborted) res.cork(() => writeError(res, error));
  } finally {
    context.openRequests--;
  }
}

function writeAnswer(res: HttpResponse, answer: CloudAnswer): void {
  res.writeStatus(statusLine(answer.status)).writeHeader('Content-Type', answer.contentType).end(answer.body);
}
