import { type OptionValues, optionRow } from './options.js';
import { findUpstreamProxy, type UpstreamProxy } from './upstream-proxy.js';

/** That of the cloud which is the default. */
const DEFAULT_BROKER_URL = 'mqtts://broker.losant.com:8883';

/** The broker that commands come from. */
export interface CommandBroker {
  readonly url: string;
  /** What it is reached through; undefined when straight. */
  readonly proxy: UpstreamProxy | undefined;
}

/**
 * Where commands come from: a broker that is named, or the cloud's own where the cloud is the default one. Beside any other
 * cloud there is none unless it is named: keys and secrets for a test cloud must never get to the real broker.
 * @throws ConfigError naming a variable that holds no address of a proxy
 */
export function findCommandBroker(
  env: NodeJS.ProcessEnv,
  { commands, mqttUpstreamUrl, upstreamUrl }: Pick<OptionValues, 'commands' | 'mqttUpstreamUrl' | 'upstreamUrl'>,
): CommandBroker | undefined {
  if (commands === 'off') return undefined;
  const isDefaultCloud = upstreamUrl === optionRow('upstreamUrl').default;
  const url = mqttUpstreamUrl ?? (isDefaultCloud ? DEFAULT_BROKER_URL : undefined);
  if (url === undefined) return undefined;
  return Object.freeze({ url, proxy: findUpstreamProxy(env, asHttp(url)) });
}

/** What a proxy's variables are about is hosts, ports, and whether it is by TLS. */
function asHttp(brokerUrl: string): string {
  const { protocol, hostname, port } = new URL(brokerUrl);
  const isSecure = protocol === 'mqtts:' || protocol === 'wss:';
  const usual = { 'mqtt:': '1883', 'mqtts:': '8883', 'ws:': '80', 'wss:': '443' }[protocol] ?? '';
  return `${isSecure ? 'https' : 'http'}://${hostname}:${port === '' ? usual : port}`;
}
