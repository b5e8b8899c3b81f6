import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { asStatewayError, StatewayError } from '../core/errors.js';
import type { TlsFiles } from '../core/machine/certificate-watch.js';
import { networkOf } from '../core/machine/network.js';
import { AdminConnections, TlsSockets } from './admin-connections.js';
import { AdminGate } from './admin-gate.js';
import type { AdminSources } from './admin-sources.js';
import { AllowedHosts, explainHost, ownNames } from './allowed-hosts.js';
import { LiveFigures } from './live-figures.js';
import { isBrowser, LOG_IN_PATH, logIn, toLogIn } from './log-in.js';
import { type Asset, loadPageAssets, PAGE_POLICY } from './page-assets.js';
import { routeTable } from './route-table.js';
import { type Handler, jsonReply, methodsOf, type Reply, Routes } from './routes.js';

export interface AdminOptions {
  /** Of hosts by which it may be asked, beside those that are known without (`STATEWAY_ADMIN_HOSTS`). */
  readonly names?: readonly string[] | undefined;
  /** What everything but the probes' paths wants (`STATEWAY_ADMIN_TOKEN`); without it, who reaches the port reads it all. */
  readonly token?: string | undefined;
  /** Of the file in which the figures of the last week outlive the process; without one a restart forgets them. */
  readonly historyPath?: string | undefined;
  /** PEM files for HTTPS. */
  readonly tls?: TlsFiles | undefined;
}

/** Server-Sent Events: an answer that goes on until one side ends it. */
const EVENTS_PATH = '/events';

/** Paths that probes ask for, by whatever name: they tell nothing of the plant. */
const PROBE_PATHS: readonly string[] = ['/healthz', '/readyz'];

// A scrape sends a few hundred bytes and is answered at once; these bounds are for whoever else finds the port.
const MAX_HEADER_BYTES = 8 * 1024;
const HEADERS_WITHIN_MS = 5_000;
const REQUEST_WITHIN_MS = 10_000;
/** How often Node looks for heads and requests that are late. */
const LOOK_EVERY_MS = 1_000;
/** Without a byte either way; an open status page is told something every second. */
const SILENT_AT_MOST_MS = 30_000;
const KEEP_ALIVE_MS = 5_000;
const CLOSE_WITHIN_MS = 1_000;

const SECURITY_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
} as const;

/**
 * The admin side (contract 1.7) on an address of its own: `/healthz`, `/readyz`, `/metrics`, `/status` and what is below it, and the status page
 * at `/` with its `/assets/` and the `/events` that keep it up to date; with a token, `/login` too.
 */
export class AdminServer {
  readonly #server: Server | TlsServer;
  readonly #tls: AdminOptions['tls'];
  readonly #sources: Pick<AdminSources, 'build' | 'onUnreadable'>;
  readonly #figures: LiveFigures;
  readonly #connections = new AdminConnections();
  readonly #tlsSockets = new TlsSockets();
  readonly #gate: AdminGate | undefined;
  readonly #names: readonly string[];
  /** By what it listens on, once it does. */
  #hosts: AllowedHosts;
  readonly #assets: ReadonlyMap<string, Asset>;
  readonly #routes: Routes;

  /**
   * @param assets of the status page; those that come with the program unless given
   * @throws Error when the TLS files cannot be used
   */
  constructor(sources: AdminSources, options: AdminOptions = {}, assets = loadPageAssets()) {
    const { names = [], token, tls } = options;
    this.#tls = tls;
    this.#names = [...ownNames(), ...names];
    this.#hosts = new AllowedHosts(this.#names);
    const onWrongToken = (address: string) => sources.onWrongToken(address);
    this.#gate = token === undefined ? undefined : new AdminGate(token, tls !== undefined, sources.clock, onWrongToken);
    this.#sources = sources;
    this.#figures = new LiveFigures(sources, options.historyPath);
    this.#assets = assets;
    this.#routes = new Routes(routeTable(sources, this.#figures, this.#gate));
    this.#server = openServer(tls, (request, response) => void this.#answer(request, response));
    this.#server.on('connection', (socket) => {
      this.#connections.add(socket);
      if (tls !== undefined) this.#tlsSockets.add(socket);
    });
    this.#server.timeout = SILENT_AT_MOST_MS;
    this.#server.keepAliveTimeout = KEEP_ALIVE_MS;
    // Once listening, what comes here is a connection that could not be accepted (no file handle left): the client
    // sees it, and the proxy must outlive it.
    this.#server.on('error', () => {});
  }

  /**
   * Starts to listen.
   * @param port 0 lets the system choose
   * @returns the address in use
   * @throws Error when the address cannot be had, with that of `node:net` as its cause
   */
  listen(host: string, port: number): Promise<{ host: string; port: number }> {
    return new Promise((resolve, reject) => {
      const refuse = (cause: Error) =>
        reject(new Error(`cannot listen on ${host}:${port} (STATEWAY_ADMIN_LISTEN): ${cause.message}`, { cause }));
      this.#server.once('error', refuse);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', refuse);
        this.#hosts = new AllowedHosts([host, ...this.#names]);
        this.#figures.start();
        resolve({ host, port: (this.#server.address() as AddressInfo).port });
      });
    });
  }

  /**
   * From now on new connections get the certificate that stands in the TLS files; those that are open go on.
   * @throws Error when the files cannot be used; then all is as it was
   */
  renewCertificate(): void {
    if (this.#tls !== undefined && this.#server instanceof TlsServer) this.#server.setSecureContext(pairIn(this.#tls));
  }

  /** Stops listening, lets answers under way end for a second at most, and closes every connection. */
  close(): Promise<void> {
    this.#figures.stop();
    return new Promise((resolve) => {
      const cut = setTimeout(() => this.#server.closeAllConnections(), CLOSE_WITHIN_MS);
      this.#server.close(() => {
        clearTimeout(cut);
        resolve();
      });
      this.#server.closeIdleConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const connection = this.#tlsSockets.under(request.socket);
    this.#connections.touch(connection);
    const reply = await this.#reply(request).catch((thrown: unknown) => this.#errorReply(request, thrown));
    if (reply === 'events') {
      this.#connections.remove(connection);
      response.writeHead(200, { ...SECURITY_HEADERS, 'Content-Type': 'text/event-stream' });
      this.#figures.addViewer(response, networkOf(request.socket.remoteAddress));
      return;
    }
    const { status, contentType, body, headers } = reply;
    const whole = typeof body === 'string' || Buffer.isBuffer(body) ? Buffer.from(body as string) : undefined;
    response.writeHead(status, {
      ...SECURITY_HEADERS,
      'Content-Type': contentType,
      ...(whole !== undefined && { 'Content-Length': whole.byteLength }),
      ...headers,
      // A connection kept alive now would hold up the shutdown.
      ...(this.#server.listening ? {} : { Connection: 'close' }),
    });
    if (request.method === 'HEAD') response.end();
    else if (whole !== undefined) response.end(whole);
    // One that ends before it is whole is seen to be cut off: it has no last chunk.
    else await pipeline(body as AsyncIterable<string>, response).catch(() => response.destroy());
  }

  async #reply(request: IncomingMessage): Promise<Reply | 'events'> {
    const { method = '', url = '/', headers, socket } = request;
    const [path = '', query = ''] = url.split(/\?(.*)/s, 2);
    if (!PROBE_PATHS.includes(path) && !this.#hosts.allows(headers.host)) {
      throw new StatewayError('STATEWAY_HOST_NOT_ALLOWED', explainHost(headers.host));
    }
    if (this.#gate !== undefined && !PROBE_PATHS.includes(path)) {
      if (path === LOG_IN_PATH) return logIn(request, this.#gate, this.#sources.build.name);
      const refusal = this.#refusalOf(request, this.#gate);
      if (refusal !== undefined) return refusal;
    }
    const route = this.#routes.find(path);
    const asset = this.#assets.get(path);
    if (asset === undefined && route === undefined && path !== EVENTS_PATH) throw this.#noSuchPath();
    const methods = route === undefined ? ['GET', 'HEAD'] : methodsOf(route.handlers);
    if (!methods.includes(method)) return methodReply(path, methods);
    if (route !== undefined) {
      const handler = route.handlers[method === 'POST' ? 'POST' : 'GET'] as Handler;
      return handler({ query: new URLSearchParams(query), parts: route.parts, request });
    }
    return asset === undefined ? this.#eventsReply(method, networkOf(socket.remoteAddress)) : assetReply(asset);
  }

  /** The spool is the one source that may fail while it is asked. */
  #errorReply({ url = '/' }: IncomingMessage, thrown: unknown): Reply {
    const error = asStatewayError(thrown, 'STATEWAY_SPOOL_FAILED', 'The figures cannot be read now');
    if (error.code === 'STATEWAY_SPOOL_FAILED') {
      this.#sources.onUnreadable(url.split('?', 1)[0] as string, error.cause ?? error);
    }
    return errorReply(error);
  }

  #noSuchPath(): StatewayError {
    const paths = ['/', EVENTS_PATH, ...this.#routes.paths, ...(this.#gate === undefined ? [] : [LOG_IN_PATH])];
    return new StatewayError('STATEWAY_NO_SUCH_ROUTE', `The admin side has no such path; it has ${paths.join(', ')}`);
  }

  /** Undefined for who may go on. @throws StatewayError for who may not, and is no browser of a person */
  #refusalOf(request: IncomingMessage, gate: AdminGate): Reply | undefined {
    try {
      gate.assertOpen(request.headers, networkOf(request.socket.remoteAddress));
      return undefined;
    } catch (error) {
      if (isBrowser(request)) return toLogIn();
      throw error;
    }
  }

  #eventsReply(method: string, holder: string): Reply | 'events' {
    if (!this.#figures.hasRoomFor(holder)) {
      throw new StatewayError('STATEWAY_OVERLOADED', 'As many status pages are open as are served at one time');
    }
    return method === 'GET' ? 'events' : { status: 200, contentType: 'text/event-stream', body: '' };
  }
}

/** @throws Error when the TLS files cannot be used */
function openServer(
  tls: AdminOptions['tls'],
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
): Server | TlsServer {
  const options: ServerOptions = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_WITHIN_MS,
    requestTimeout: REQUEST_WITHIN_MS,
    connectionsCheckingInterval: LOOK_EVERY_MS,
  };
  if (tls === undefined) return createServer(options, onRequest);
  const { certFile, keyFile } = tls;
  try {
    return createTlsServer({ ...options, ...pairIn(tls), handshakeTimeout: HEADERS_WITHIN_MS }, onRequest);
  } catch (cause) {
    const message = `the TLS certificate ${certFile} of the admin side cannot be used with the key ${keyFile}: they must be readable PEM files that belong together`;
    throw new Error(message, { cause });
  }
}

function pairIn({ certFile, keyFile }: TlsFiles): { readonly cert: Buffer; readonly key: Buffer } {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

function assetReply({ contentType, body }: Asset): Reply {
  return { status: 200, contentType, body, headers: { 'Content-Security-Policy': PAGE_POLICY } };
}

function methodReply(path: string, methods: readonly string[]): Reply {
  const verb = methods.includes('POST') ? 'asked' : 'read';
  const message = `${path} is ${verb} with ${methods.join(' or ')}`;
  const reply = errorReply(new StatewayError('STATEWAY_METHOD_NOT_ALLOWED', message));
  return { ...reply, headers: { ...reply.headers, Allow: methods.join(', ') } };
}

/** In the cloud's error shape (contract 1.3). */
function errorReply(error: StatewayError): Reply {
  const headers: Record<string, string> = {};
  if (error.status === 401) headers['WWW-Authenticate'] = 'Bearer';
  if (error.retryAfterSeconds !== undefined) headers['Retry-After'] = String(error.retryAfterSeconds);
  return { ...jsonReply(error.status, error.toBody()), headers };
}
