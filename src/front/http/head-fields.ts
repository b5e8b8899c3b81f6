import type { HttpRequest } from 'uws-current';
import { StatewayError } from '../../core/errors.js';
import { MAX_TRACE_CHARACTERS, type TraceIds } from '../../core/metering/trace-ids.js';

/** The fields of a request's head that say who sends, what, and where it ends; '' where one is missing. */
export interface HeadFields {
  readonly authorization: string;
  readonly contentType: string;
  readonly contentEncoding: string;
  /** Decimal digits, or ''. */
  readonly contentLength: string;
  readonly upgrade: string;
  /** The client closes the connection behind the answer, and uWebSockets.js does. */
  readonly saysClose: boolean;
  /** The body comes in chunks, for the decoding of which see {@link readHead}. */
  readonly isChunked: boolean;
  /** As a rule there are none. */
  readonly trace: TraceIds | undefined;
}

// Which fields have been seen of those that may come once.
const HOST = 1;
const AUTHORIZATION = 2;
const CONTENT_LENGTH = 4;
const TRANSFER_ENCODING = 8;

/** One for all requests: a head is read and used up before the next one comes. */
const head = {
  authorization: '',
  contentType: '',
  contentEncoding: '',
  contentLength: '',
  upgrade: '',
  saysClose: false,
  via: '',
  isChunked: false,
  trace: undefined as TraceIds | undefined,
  transferEncoding: '',
  seen: 0,
  repeated: '',
};

/**
 * Reads the head; good until the next one is read. One walk over all fields costs about 170 ns more than four look-ups,
 * and only a walk shows a field that comes twice, on which two readers of one connection may disagree.
 *
 * uWebSockets.js refuses by itself what is no HTTP, and a length together with chunks. It takes the first of two lengths
 * and any transfer coding for chunks: both are refused here. Its 20.30 also reads some chunk sizes that are none. Nobody
 * can tell here, so a request in chunks is the last of its connection: what may be the wrong end of a body is never
 * taken for the start of another request.
 *
 * What has come through a Stateway already is refused here, whatever it is: where the cloud's name leads back to the
 * proxy, its own calls would come round until there is no socket left.
 *
 * @throws StatewayError STATEWAY_MALFORMED_REQUEST, after which the connection must be closed; STATEWAY_LOOP
 */
export function readHead(req: HttpRequest): HeadFields {
  head.authorization = '';
  head.contentType = '';
  head.contentEncoding = '';
  head.contentLength = '';
  head.upgrade = '';
  head.saysClose = false;
  head.via = '';
  head.isChunked = false;
  head.trace = undefined;
  head.transferEncoding = '';
  head.seen = 0;
  head.repeated = '';
  req.forEach(takeField);
  if (head.repeated !== '') throw malformed(`the header ${head.repeated} may come only once`);
  if ((head.seen & (CONTENT_LENGTH | TRANSFER_ENCODING)) !== 0) checkFraming();
  if (head.via !== '') assertNoLoop(head.via);
  return head;
}

/** How the body of a request is framed. */
export type Framing = 'none' | 'sized' | 'chunked';

/** How the body that follows the head read last is framed, as far as that can be told; of a malformed head too. */
export function framingOfLastHead(): Framing {
  if ((head.seen & TRANSFER_ENCODING) !== 0) return 'chunked';
  return /[1-9]/.test(head.contentLength) ? 'sized' : 'none';
}

/** What the head that was read last says that it belongs to; of a malformed head too. */
export function traceOfLastHead(): TraceIds | undefined {
  return head.trace;
}

function takeField(name: string, value: string): void {
  switch (name) {
    case 'host':
      noteOnce(HOST, name);
      return;
    case 'authorization':
      noteOnce(AUTHORIZATION, name);
      head.authorization = value;
      return;
    case 'content-length':
      noteOnce(CONTENT_LENGTH, name);
      head.contentLength = value;
      return;
    case 'transfer-encoding':
      noteOnce(TRANSFER_ENCODING, name);
      head.transferEncoding = value;
      return;
    case 'content-type':
      head.contentType = joined(head.contentType, value);
      return;
    case 'content-encoding':
      head.contentEncoding = joined(head.contentEncoding, value);
      return;
    case 'connection':
      // As uWebSockets.js tells it: of what may stand there nothing else has five letters.
      head.saysClose = value.length === 5;
      return;
    case 'upgrade':
      head.upgrade = joined(head.upgrade, value);
      return;
    case 'via':
      head.via = joined(head.via, value);
      return;
    case 'traceparent':
      trace().traceparent = shortened(value);
      return;
    case 'x-request-id':
      trace().requestId = shortened(value);
      return;
  }
}

function trace(): TraceIds {
  head.trace ??= { traceparent: '', requestId: '' };
  return head.trace;
}

/** It may be kept for as long as the request. */
function shortened(value: string): string {
  return value.slice(0, MAX_TRACE_CHARACTERS + 1);
}

function noteOnce(field: number, name: string): void {
  if ((head.seen & field) !== 0) head.repeated = name;
  head.seen |= field;
}

/** Lines of one name are one list (RFC 9110, 5.2). */
function joined(before: string, value: string): string {
  return before === '' ? value : `${before}, ${value}`;
}

function checkFraming(): void {
  const hasLength = (head.seen & CONTENT_LENGTH) !== 0;
  if (hasLength && !/^\d+$/.test(head.contentLength)) throw malformed('Content-Length must be a number of bytes');
  if ((head.seen & TRANSFER_ENCODING) === 0) return;
  if (hasLength) throw malformed('Content-Length and Transfer-Encoding must not come together');
  if (head.transferEncoding.toLowerCase() !== 'chunked') throw malformed('Transfer-Encoding must be "chunked"');
  head.isChunked = true;
}

/** Members of `Via` are a protocol, a name and perhaps a comment (RFC 9110, 7.6.3). */
function assertNoLoop(via: string): void {
  if (!/(?:^|,)\s*[\w./-]+\s+stateway\s*(?:[,(]|$)/i.test(via)) return;
  throw new StatewayError(
    'STATEWAY_LOOP',
    'this request has come through a Stateway already (Via): STATEWAY_UPSTREAM_URL must lead to the cloud itself, not back here',
  );
}

function malformed(message: string): StatewayError {
  return new StatewayError('STATEWAY_MALFORMED_REQUEST', message);
}
