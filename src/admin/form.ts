import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { StatewayError } from '../core/errors.js';

/** Of a form with a few fields. */
const MAX_FORM_BYTES = 4_096;

/**
 * Browsers say where a form was sent from (Fetch, "Origin header"); a program need not.
 * @param what is sent
 * @throws StatewayError STATEWAY_ORIGIN_NOT_ALLOWED for one of another page
 */
export function assertOwnOrigin({ origin, host }: IncomingHttpHeaders, what: string): void {
  if (origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)) return;
  throw new StatewayError('STATEWAY_ORIGIN_NOT_ALLOWED', `${what} is sent from a page of the admin side alone`);
}

/**
 * The fields of a form. What comes behind too much is read and dropped, for as long as a request may take: to be cut off
 * tells nobody why.
 * @throws StatewayError STATEWAY_BODY_TOO_LARGE
 */
export async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const text = await new Promise<string>((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes <= MAX_FORM_BYTES) chunks.push(chunk);
      else reject(new StatewayError('STATEWAY_BODY_TOO_LARGE', `The form has at most ${MAX_FORM_BYTES} bytes`));
    });
    request.once('end', () => resolve(Buffer.concat(chunks).toString()));
    request.once('error', reject);
  });
  return new URLSearchParams(text);
}
