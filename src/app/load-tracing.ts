import { ConfigError, quote } from '../config/config-error.js';
import type { Config } from '../config/load.js';
import type { UpstreamTracing } from '../core/cloud-port.js';
import type { LineWriter } from './log/event-log.js';

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'] as const;

/**
 * Traces of calls to the cloud, where OpenTelemetry's own variables name a collector. Without one nothing of its libraries is
 * loaded, and no call goes another way.
 * @throws ConfigError for a collector that is no URL
 */
export async function loadTracing(
  { name, upstreamUrl }: Pick<Config, 'name' | 'upstreamUrl'>,
  version: string,
  log: Pick<LineWriter, 'warn'>,
  env: NodeJS.ProcessEnv = process.env,
): Promise<UpstreamTracing | undefined> {
  if (!isWanted(env)) return undefined;
  const { startTracing } = await import('../tracing/start-tracing.js');
  return startTracing({
    instance: name,
    version,
    upstreamUrl: new URL(upstreamUrl),
    onTrouble: (reason) => log.warn({ event: 'tracing-trouble', reason }, 'traces are not as they should be'),
  });
}

/** Whether a collector is named, and nothing says that there shall be no traces. */
function isWanted(env: NodeJS.ProcessEnv): boolean {
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || env.OTEL_TRACES_EXPORTER === 'none') return false;
  const named = ENDPOINTS.filter((name) => env[name]);
  for (const name of named) checkEndpoint(name, env[name] ?? '');
  return named.length > 0;
}

function checkEndpoint(name: string, value: string): void {
  const isUsable = URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
  if (!isUsable) throw new ConfigError(`${name}=${quote(value)}: must be a URL such as http://collector:4318`);
}
