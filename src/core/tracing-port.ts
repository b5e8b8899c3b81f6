import type { CloudClient } from './cloud-port.js';
import type { CallStream } from './passed-call.js';

/** Where app and tracing meet: each call to the cloud becomes a span of OpenTelemetry. */
export interface UpstreamTracing {
  /** The same client, whose calls are told of. */
  cloud(client: CloudClient): CloudClient;
  /** The same calls, told of as a part of what their devices trace. */
  calls(calls: CallStream): CallStream;
  /** Sends what there is, for a second at most, and ends. Never rejects. */
  close(): Promise<void>;
}
