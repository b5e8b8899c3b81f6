import { type AddressInfo, createServer } from 'node:net';
import type { TemplatedApp, us_listen_socket } from 'uws-current';
import type { TlsFiles } from '../core/machine/certificate-watch.js';
import type { UwsModule } from './uws.js';

/** For the whole of `SO_REUSEPORT`: uWebSockets.js sets it unless it is told to listen exclusively. */
const LISTEN_EXCLUSIVELY = 1;
const LISTEN_BESIDE_OTHERS = 0;

/**
 * Web servers that still have connections of before their certificate was renewed, at most. A certificate lives for weeks,
 * a connection for days; where files come anew each minute by mistake, the oldest connections are closed.
 */
const MOST_FORMER = 8;

/**
 * A turn of the event loop that is shorter did nothing but ask what has come, which takes some 10 us: what came to a port
 * was accepted less than that ago.
 */
const CALM_TURN_MS = 0.05;
/** A thread that is not calm for so long has more to do than to wait for it. */
const CALM_WITHIN_MS = 10_000;

/** The form of `listen` with both host and options, which uWebSockets.js has and its types lack. */
interface HostListener {
  listen(host: string, port: number, options: number, cb: (listenSocket: us_listen_socket | false) => void): unknown;
}

/** Where to listen. */
export interface ListenAddress {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Others of this process listen there as well; that nobody else does has been tried ({@link freePort}). */
  readonly isShared?: boolean;
}

export interface ListenersOptions extends ListenAddress {
  readonly uws: UwsModule;
  readonly tls: TlsFiles | undefined;
  /** Attaches all routes to a web server. */
  readonly route: (app: TemplatedApp) => void;
}

/**
 * The web server that listens, and those that did. A web server of uWebSockets.js keeps the certificate that it was made
 * with; so for a new one another is made, which listens on the same port beside the old one (`SO_REUSEPORT`), and then the
 * old one stops listening. Its connections go on, with the certificate that they began with.
 *
 * Without TLS nothing is renewed, and the port is taken exclusively: otherwise a second process would start on it without
 * an error and take half of the connections. With TLS, or where threads share it, the port is tried exclusively before it is
 * taken.
 */
export class Listeners {
  readonly #options: ListenersOptions;
  #app: TemplatedApp;
  /** Two while the certificate is being renewed. */
  readonly #listenSockets = new Set<us_listen_socket>();
  #port: number;
  readonly #former: TemplatedApp[] = [];
  #isStopped = false;

  /** @throws Error when the TLS files cannot be used */
  constructor(options: ListenersOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#app = this.#createApp();
  }

  /**
   * Starts to listen.
   * @returns the port, for when any was asked for
   * @throws Error when the address cannot be had
   */
  async listen(): Promise<number> {
    const { host, isShared, tls, uws } = this.#options;
    // Also for any free port: uWebSockets.js does not set SO_REUSEPORT where it is told none.
    if (tls !== undefined && !isShared) this.#port = await freePort(host, this.#port);
    const listenSocket = await this.#listenWith(this.#app);
    this.#listenSockets.add(listenSocket);
    this.#port = uws.us_socket_local_port(listenSocket);
    return this.#port;
  }

  /**
   * New connections get the certificate that stands in the files, all of them once the promise resolves; those that are
   * open go on.
   * @throws Error when the files cannot be used; then all is as it was
   */
  async renew(): Promise<void> {
    const app = this.#createApp();
    const listenSocket = await this.#listenWith(app);
    const before = [...this.#listenSockets];
    this.#listenSockets.add(listenSocket);
    this.#former.push(this.#app);
    this.#app = app;
    if (this.#isStopped) this.stopListening();
    else await this.#stopAtCalmTurn(before);
    if (this.#former.length > MOST_FORMER) this.#former.shift()?.close();
  }

  /** Accepts nothing more. */
  stopListening(): void {
    this.#isStopped = true;
    this.#stop([...this.#listenSockets]);
  }

  /** Closes every connection. */
  close(): void {
    for (const app of [...this.#former, this.#app]) app.close();
  }

  /**
   * The kernel resets what has come to a port and was not accepted when the port is closed, and it goes on to divide what
   * comes between the two until then. So this waits for a moment right after everything was accepted.
   */
  #stopAtCalmTurn(listenSockets: readonly us_listen_socket[]): Promise<void> {
    // Not the front's clock, which stands still within a turn.
    const startedMs = performance.now();
    let turnMs = startedMs;
    return new Promise((resolve) => {
      const look = (): void => {
        const nowMs = performance.now();
        if (nowMs - turnMs > CALM_TURN_MS && nowMs - startedMs < CALM_WITHIN_MS) {
          turnMs = nowMs;
          setImmediate(look);
          return;
        }
        this.#stop(listenSockets);
        resolve();
      };
      setImmediate(look);
    });
  }

  #stop(listenSockets: readonly us_listen_socket[]): void {
    for (const listenSocket of listenSockets) {
      if (this.#listenSockets.delete(listenSocket)) this.#options.uws.us_listen_socket_close(listenSocket);
    }
  }

  #createApp(): TemplatedApp {
    const { route, tls, uws } = this.#options;
    const app = tls === undefined ? uws.App() : createTlsApp(uws, tls);
    route(app);
    return app;
  }

  #listenWith(app: TemplatedApp): Promise<us_listen_socket> {
    const { host, isShared, tls } = this.#options;
    const options = tls === undefined && !isShared ? LISTEN_EXCLUSIVELY : LISTEN_BESIDE_OTHERS;
    return new Promise((resolve, reject) => {
      (app as TemplatedApp & HostListener).listen(host, this.#port, options, (listenSocket) => {
        if (listenSocket === false) reject(noAddress(host, this.#port));
        else resolve(listenSocket);
      });
    });
  }
}

/**
 * A port that nobody listens on, or the given one if that is such.
 * @throws Error when another process, of this program or any other, listens there
 */
export async function freePort(host: string, port: number): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', () => reject(noAddress(host, port)));
    server.listen({ host, port, exclusive: true }, resolve);
  });
  const free = (server.address() as AddressInfo).port;
  await new Promise((resolve) => server.close(resolve));
  return free;
}

function noAddress(host: string, port: number): Error {
  return new Error(`cannot listen on ${host}:${port} (STATEWAY_LISTEN): the address is in use or not of this machine`);
}

/** uWebSockets.js says no more than "App construction failed". */
function createTlsApp(uws: UwsModule, { certFile, keyFile }: TlsFiles): TemplatedApp {
  try {
    return uws.SSLApp({ cert_file_name: certFile, key_file_name: keyFile });
  } catch (cause) {
    const message = `the TLS certificate ${certFile} cannot be used with the key ${keyFile}: they must be readable PEM files that belong together`;
    throw new Error(message, { cause });
  }
}
