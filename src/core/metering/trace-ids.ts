/** What a request says that it belongs to, for whoever looks for it in other logs. Text of the sender's. */
export interface TraceIds {
  /** `traceparent` (W3C Trace Context, 3.2); '' where there is none. */
  traceparent: string;
  /** `X-Request-Id`; '' where there is none. */
  requestId: string;
}

/** Of a field that is longer, no more is kept than that it is none of these. */
export const MAX_TRACE_CHARACTERS = 128;

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[0-9a-z-]*)?$/;
const REQUEST_ID = /^[\w.:~/+=@-]+$/;

/** What of them may stand in a log; nothing where they have any other form, or are too long. */
export function safeTrace(trace: TraceIds | undefined): Partial<TraceIds> {
  if (trace === undefined) return {};
  const { traceparent, requestId } = trace;
  return {
    ...(isShort(traceparent) && TRACEPARENT.test(traceparent) && { traceparent }),
    ...(isShort(requestId) && REQUEST_ID.test(requestId) && { requestId }),
  };
}

function isShort(value: string): boolean {
  return value.length <= MAX_TRACE_CHARACTERS;
}
