import { ConfigError, quote } from './config-error.js';
import { isExempt } from './no-proxy.js';

/** The HTTP proxy that requests to the cloud go through. */
export interface UpstreamProxy {
  /** The variable of the environment that names it. */
  readonly variable: string;
  /** An http or https URL, with credentials where it has some. */
  readonly url: string;
}

const ALLOWED = 'an http or https URL, or host:port, as in http://proxy.example:3128';

/**
 * What the environment says of the way to the cloud: `HTTPS_PROXY` for an https cloud, `HTTP_PROXY` for an http one and for
 * an https one that has none of its own, and `NO_PROXY` for hosts that are reached straight. Lower-case names come first,
 * an empty value means none, and a value without a scheme is `http://` (all as curl has it, curl.1, "ENVIRONMENT").
 * @throws ConfigError naming a variable that holds no address of a proxy, whether it is needed or not; credentials are
 *   left out
 */
export function findUpstreamProxy(env: NodeJS.ProcessEnv, upstreamUrl: string): UpstreamProxy | undefined {
  const httpProxy = proxyIn(env, 'http_proxy');
  const httpsProxy = proxyIn(env, 'https_proxy');
  const upstream = new URL(upstreamUrl);
  const proxy = upstream.protocol === 'https:' ? (httpsProxy ?? httpProxy) : httpProxy;
  if (proxy === undefined || isExempt(upstream, env.no_proxy ?? env.NO_PROXY ?? '')) return undefined;
  return proxy;
}

/** `url` with nothing of its credentials. */
export function withoutCredentials(url: string): string {
  return url.replace(/^([a-z]+:\/\/)?.*@/is, '$1***@');
}

function proxyIn(env: NodeJS.ProcessEnv, lowerCase: string): UpstreamProxy | undefined {
  const variable = env[lowerCase] === undefined ? lowerCase.toUpperCase() : lowerCase;
  const text = (env[variable] ?? '').trim();
  if (text === '') return undefined;
  const url = parseProxy(text);
  if (url === undefined) {
    throw new ConfigError(`${variable} ${quote(withoutCredentials(text))} is not allowed; allowed is ${ALLOWED}`);
  }
  return Object.freeze({ variable, url });
}

function parseProxy(text: string): string | undefined {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!/^https?:\/\/[^/?#\s]/i.test(withScheme) || !URL.canParse(withScheme)) return undefined;
  const url = new URL(withScheme);
  // A password with a slash that was not encoded would make a host of its user name.
  const isWhole = !/@/.test(url.pathname + url.search + url.hash);
  return isWhole && canDecode(url.username) && canDecode(url.password) ? url.href.replace(/\/$/, '') : undefined;
}

function canDecode(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
