import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { Agent, type Dispatcher, Pool, ProxyAgent } from 'undici';
import { StatewayError } from '../core/errors.js';
import type { Dialer } from './dialer.js';

/** To reach the cloud or the proxy in front of it, TLS included; DNS and a lost SYN or two fit in. */
export const CONNECT_TIMEOUT_MS = 10_000;
/**
 * How long an idle connection is kept: longer than the 5 s at which most lanes come round, shorter than the 60 s after
 * which common load balancers drop it. A `Keep-Alive` hint of the cloud goes before it.
 */
export const KEEP_ALIVE_MS = 30_000;

/**
 * Of an answer's head. Gateways before a cloud add policies, cookies and traces, and 16 KiB, which Node takes unless told
 * otherwise, are soon full. What is longer ends its request, as `UND_ERR_HEADERS_OVERFLOW`.
 */
export const MAX_HEAD_BYTES = 65_536;

export interface AgentOptions {
  /** Connections at most, all idle ones included. */
  readonly connections: number;
  /** PEM file of certificates that are trusted beside the usual ones (`STATEWAY_UPSTREAM_CA_FILE`). */
  readonly caFile: string | undefined;
  /** The http or https URL of the proxy in front of the cloud, credentials included; undefined when there is none. */
  readonly proxyUrl: string | undefined;
  /** Opens the connections, to the cloud or to the proxy before it. */
  readonly dialer: Dialer;
  readonly connectTimeoutMs?: number;
}

/**
 * The connections to the cloud: keep-alive, bounded, through a proxy where there is one. Time limits of whole requests are
 * the caller's (`exchange.ts`); here are those of connecting.
 * @throws StatewayError STATEWAY_CONFIGURATION when the CA file cannot be read or holds no certificate
 */
export function createAgent(options: AgentOptions): Dispatcher {
  const timeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  const trust = options.caFile === undefined ? undefined : trustedWith(options.caFile);
  const connect = options.dialer.connector({ timeoutMs, trust });
  const pools = {
    connections: options.connections,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: MAX_HEAD_BYTES,
    connect,
  };
  const { proxyUrl } = options;
  if (proxyUrl === undefined) return new Agent(pools);
  return new ProxyAgent({
    ...pools,
    uri: proxyUrl,
    ...credentialsIn(proxyUrl),
    // Within a tunnel there is nothing left to connect to.
    requestTls: { timeout: timeoutMs, ...(trust && { secureContext: trust }) },
    clientFactory: (origin, poolOptions) =>
      new TunnelPool(origin, { ...poolOptions, connect, headersTimeout: timeoutMs }),
  });
}

/** undici leaves out a user name that has no password, which some proxies take a token in. */
export function credentialsIn(proxyUrl: string): { token?: string } {
  const { username, password } = new URL(proxyUrl);
  if (username === '' && password === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { token: `Basic ${Buffer.from(pair).toString('base64')}` };
}

/**
 * Connections to a proxy. undici tries a connection again, at once and without end, that failed with its own socket
 * error, as when the proxy hangs up on CONNECT; under another name the error ends the request that wanted the tunnel.
 */
class TunnelPool extends Pool {
  override connect(options: Omit<Dispatcher.ConnectOptions, 'origin'>): Promise<Dispatcher.ConnectData>;
  override connect(
    options: Omit<Dispatcher.ConnectOptions, 'origin'>,
    callback: (error: Error | null, data: Dispatcher.ConnectData) => void,
  ): void;
  override connect(
    options: Omit<Dispatcher.ConnectOptions, 'origin'>,
    callback?: (error: Error | null, data: Dispatcher.ConnectData) => void,
  ): Promise<Dispatcher.ConnectData> | undefined {
    if (callback !== undefined) {
      super.connect(options, callback);
      return undefined;
    }
    return super.connect(options).catch((error: Error) => {
      throw new Error(`no tunnel through the proxy: ${error.message}`, { cause: error });
    });
  }
}

/**
 * What was trusted with a file of certificates last. To read the usual ones beside them, some 150, takes 20 ms of a thread,
 * and Node would do it for each connection: those of many calls are made anew at one time after an outage.
 */
let lastTrust: { readonly pem: string; readonly context: SecureContext } | undefined;

/** The usual certificates and those of the file; a list of its own would otherwise take the place of the usual ones. */
export function trustedWith(caFile: string): SecureContext {
  try {
    const pem = readFileSync(caFile, 'utf8');
    // Throws unless a certificate comes first; of a text without any, TLS would make nothing and say nothing.
    new X509Certificate(pem);
    if (lastTrust?.pem !== pem) {
      lastTrust = { pem, context: createSecureContext({ ca: [...rootCertificates, pem] }) };
    }
    return lastTrust.context;
  } catch (error) {
    throw new StatewayError(
      'STATEWAY_CONFIGURATION',
      `STATEWAY_UPSTREAM_CA_FILE: ${caFile} is not a readable file of PEM certificates`,
      { cause: error },
    );
  }
}
