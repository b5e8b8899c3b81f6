import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Device } from '../core/device.js';
import type { TraceIds } from '../core/metering/trace-ids.js';
import type { PassedCall } from '../core/passed-call.js';

/** `traceparent` of W3C Trace Context, version 00 or a later one with more behind it. */
const TRACE_PARENT = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(?:-.*)?$/;

/** What a call of the proxy's own came to. */
interface Outcome {
  readonly kind: 'answer' | 'failure';
  /** Of an answer. */
  readonly status?: number;
  /** Of a failure: one of a closed set (contract 1.7). */
  readonly reason?: string;
}

/**
 * Begins and ends the spans of calls to the cloud, named and described as the conventions of OpenTelemetry for HTTP clients
 * have it. They hold ids of applications and devices, and nothing that was sent or answered: no token, value or query.
 */
export class CloudSpans {
  readonly #tracer: Tracer;
  readonly #server: Readonly<Record<string, string | number>>;

  constructor(tracer: Tracer, upstreamUrl: URL) {
    this.#tracer = tracer;
    const port = Number(upstreamUrl.port) || (upstreamUrl.protocol === 'https:' ? 443 : 80);
    this.#server = { 'server.address': upstreamUrl.hostname, 'server.port': port };
  }

  /** @param template the path with the names of its parts in braces */
  begin(method: string, template: string, device: Device | undefined, bodyBytes: number, parent = ROOT_CONTEXT): Span {
    const span = this.#tracer.startSpan(`${method} ${template}`, { kind: SpanKind.CLIENT }, parent);
    if (!span.isRecording()) return span;
    span.setAttributes({ ...this.#server, 'http.request.method': method, 'url.template': template });
    if (bodyBytes > 0) span.setAttribute('http.request.body.size', bodyBytes);
    if (device !== undefined) {
      span.setAttributes({ 'losant.application.id': device.applicationId, 'losant.device.id': device.deviceId });
    }
    return span;
  }

  /** @param path without its query, which may hold what is secret */
  beginPassed(method: string, path: string, parent: Context): Span {
    const span = this.#tracer.startSpan(method, { kind: SpanKind.CLIENT }, parent);
    if (span.isRecording()) {
      span.setAttributes({ ...this.#server, 'http.request.method': method, 'url.path': path });
    }
    return span;
  }

  /** Ends a span with what came of its call. */
  end(span: Span, { kind, status, reason }: Outcome): void {
    if (status !== undefined) span.setAttribute('http.response.status_code', status);
    const error = kind === 'failure' ? reason : (status ?? 0) >= 400 ? String(status) : undefined;
    if (error !== undefined) {
      span.setAttribute('error.type', error);
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.end();
  }
}

/** What a device's request is a part of, by its `traceparent`; the root where it has none that can be read. */
export function parentOf(headers: PassedCall['headers']): Context {
  const named = headers.filter(([name]) => name === 'traceparent');
  const [, traceId, spanId, flags] = TRACE_PARENT.exec((named.length === 1 && named[0]?.[1]) || '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT;
  const traceFlags = Number.parseInt(flags, 16) & 1;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

/** What a span is found by; undefined of one that goes to no collector, as its trace is not sampled. */
export function traceOf(span: Span): TraceIds | undefined {
  const { traceId, spanId, traceFlags } = span.spanContext();
  if ((traceFlags & TraceFlags.SAMPLED) === 0) return undefined;
  return { traceparent: `00-${traceId}-${spanId}-01`, requestId: '' };
}
