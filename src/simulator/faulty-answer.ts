import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Fault, ForeignPage } from './cloud-faults.js';
import { type CloudAnswer, replyJson } from './cloud-http.js';

/** Of one field; Node's own parsers take a head as a whole or not, but others have a bound for each field. */
const PADDING_FIELD_BYTES = 4_096;

const PAGE = '<!doctype html><html><head><title>Network</title></head><body><h1>Please sign in</h1></body></html>';

/** Answers in the place of a cloud that never saw the request. */
export function replyPage(response: ServerResponse, page: ForeignPage, nowMs: number): void {
  const { status, contentType = 'text/html; charset=utf-8', body = PAGE, location, skewMs = 0 } = page;
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    date: new Date(nowMs + skewMs).toUTCString(),
    ...(location === undefined ? {} : { location }),
  });
  response.end(body);
}

/** Puts what a fault adds to the head of an answer there, whoever writes the answer. */
export function dressHead(response: ServerResponse, fault: Fault | undefined, nowMs: number): void {
  if (fault?.kind === 'skew-date') response.setHeader('date', new Date(nowMs + fault.skewMs).toUTCString());
  if (fault?.kind !== 'large-head') return;
  for (let bytes = fault.headBytes, n = 0; bytes > 0; bytes -= PADDING_FIELD_BYTES, n++) {
    // The name, the colon, the blank and the end of the line are bytes of the head too.
    const name = `x-padding-${n}`;
    response.setHeader(name, 'x'.repeat(Math.max(0, Math.min(bytes, PADDING_FIELD_BYTES) - name.length - 4)));
  }
}

/** Sends the answer, or what a fault leaves of it. */
export function replyUnder(
  fault: Fault | undefined,
  answer: CloudAnswer,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (fault?.kind === 'lose-answer') request.socket.destroy();
  else if (fault?.kind === 'cut-answer') replyCut(response, answer, fault.afterBytes);
  else replyJson(response, answer.status, answer.body);
}

/** Written past the library, which would not send half a head. */
function replyCut(response: ServerResponse, { status, body }: CloudAnswer, afterBytes: number): void {
  const text = JSON.stringify(body);
  const whole = Buffer.from(
    `HTTP/1.1 ${status} Simulated\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
  response.socket?.end(whole.subarray(0, afterBytes));
}
