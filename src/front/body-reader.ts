import type { HttpResponse } from 'uws-current';
import { StatewayError } from '../core/errors.js';
import type { Admission } from './admission.js';
import { BodyBuffer } from './body-buffer.js';
import { bodyTooLarge } from './request-head.js';

/**
 * Reads a whole request body under two bounds: its own and the front's. Must be called within the route handler.
 * @returns the body, or undefined when the client went away; `onAborted` is taken by this call
 * @throws StatewayError PayloadTooLarge or Unavailable
 */
export function readBody(
  res: HttpResponse,
  maxBytes: number,
  admission: Admission,
  onAborted: () => void,
): Promise<Uint8Array | undefined> {
  const body = new BodyBuffer();
  let done = false;
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      if (done) return;
      done = true;
      admission.release(body.length);
      settle();
    };
    res.onAborted(() => {
      onAborted();
      finish(() => resolve(undefined));
    });
    res.onData((chunk, isLast) => {
      if (done) return;
      if (body.length + chunk.byteLength > maxBytes) {
        finish(() => reject(bodyTooLarge(maxBytes)));
        return;
      }
      if (!admission.admit(chunk.byteLength)) {
        finish(() => reject(new StatewayError('STATEWAY_OVERLOADED', 'the proxy is overloaded; send again shortly')));
        return;
      }
      body.append(chunk);
      if (isLast) finish(() => resolve(body.bytes));
    });
  });
}
