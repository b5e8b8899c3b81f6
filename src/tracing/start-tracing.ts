import { type DiagLogger, DiagLogLevel, diag } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { UpstreamTracing } from '../core/cloud-port.js';
import { CloudSpans } from './cloud-spans.js';
import { TracedCalls } from './traced-calls.js';
import { TracedCloud } from './traced-cloud.js';

/** A collector that does not answer does not hold up the end, which has 10 s (contract 1.6, promise 6). */
const CLOSE_WITHIN_MS = 1_000;

export interface TracingOptions {
  /** Of this instance (`STATEWAY_NAME`): `service.instance.id`. */
  readonly instance: string;
  readonly version: string;
  /** The cloud (`STATEWAY_UPSTREAM_URL`): whom the spans are of. */
  readonly upstreamUrl: URL;
  /** Told what OpenTelemetry's library complains of: spans that could not be sent, or a variable that it cannot use. */
  readonly onTrouble: (reason: string) => void;
}

/**
 * Sends spans of all calls to the cloud to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names, by OTLP over HTTP. They
 * wait in memory, 2,048 at most, and what comes beyond is left out: a collector that is away costs no more. The library's own
 * variables hold (`OTEL_TRACES_SAMPLER`, `OTEL_BSP_…`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_RESOURCE_ATTRIBUTES`).
 */
export function startTracing({ instance, version, upstreamUrl, onTrouble }: TracingOptions): UpstreamTracing {
  // Before anything of the library is made, as what that complains of goes here.
  diag.setLogger(troubleLogger(onTrouble), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const own = { 'service.name': 'stateway', 'service.version': version, 'service.instance.id': instance };
  const named = detectResources({ detectors: [envDetector] });
  const provider = new BasicTracerProvider({
    resource: defaultResource().merge(resourceFromAttributes(own)).merge(named),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  const spans = new CloudSpans(provider.getTracer('stateway', version), upstreamUrl);
  return {
    cloud: (client) => new TracedCloud(client, spans),
    calls: (calls) => new TracedCalls(calls, spans),
    close: () => ended(provider.shutdown()),
  };
}

/** Resolves when `ending` settles, whichever way, or its time is over. */
async function ended(ending: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_WITHIN_MS);
  });
  // What could not be sent was told of already.
  await Promise.race([ending.catch(() => {}), overdue]);
  clearTimeout(timer);
  diag.disable();
}

function troubleLogger(onTrouble: (reason: string) => void): DiagLogger {
  const tell = (message: string) => onTrouble(message);
  const nothing = () => {};
  return { error: tell, warn: tell, info: nothing, debug: nothing, verbose: nothing };
}
