import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Arrivals } from './arrivals.js';
import { endingWithRequest } from './promises.js';
import { atEnd } from './test-scope.js';

/** A request that has come whole. */
export interface RecordedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

/** Answers a request that has come whole. */
export type Answering = (request: RecordedRequest, response: ServerResponse) => void;

export interface RecordingOptions {
  /** {@link answerAsCloud} unless given. */
  readonly answer?: Answering;
  /** Takes requests as they come, instead of recording them. */
  readonly onRequest?: RequestListener;
  /** Answers the proxy's greetings; unless given, with the cloud's own no to a call without a token. */
  readonly onGreeting?: RequestListener;
  readonly tls?: { readonly key: string; readonly cert: string };
  /** How long it keeps a connection that is idle; Node's 5 s unless given. */
  readonly keepAliveMs?: number;
  /** Of the loopback; 127.0.0.1 and any free port unless given. */
  readonly at?: { readonly host: string; readonly port: number };
}

/** The proxy asks for this device to see whether the cloud is there. */
export const GREETING_PATH = `/applications/${'0'.repeat(24)}/devices/${'0'.repeat(24)}`;

const DEVICE_PATH = /^\/applications\/([^/]+)\/devices\/([^/?]+)(?:\?|$)/;

/** Answers in the cloud's own shapes: as asked for, or with an error from 400 on. */
export function answerAsCloud(
  { method = '', url = '' }: { readonly method?: string | undefined; readonly url?: string | undefined },
  response: ServerResponse,
  status = 200,
): void {
  const [, applicationId, id] = DEVICE_PATH.exec(url) ?? [];
  const yes = method === 'GET' && id !== undefined ? { id, deviceId: id, applicationId } : { success: true };
  const body = status >= 400 ? { type: 'Refused', message: `the answer is ${status}` } : yes;
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}

function refuse(request: IncomingMessage, response: ServerResponse): void {
  answerAsCloud(request, response, 401);
}

/**
 * A cloud that writes down what comes, by a parser that takes nothing but HTTP as it should be. Greetings are of the proxy's
 * own accord, at any time: it does not write them down.
 */
export class RecordingCloud {
  readonly requests: RecordedRequest[] = [];
  readonly #server: Server;
  readonly #arrivals = new Arrivals<RecordedRequest>();
  readonly #scheme: string;

  private constructor({ answer = answerAsCloud, onRequest, onGreeting = refuse, tls, keepAliveMs }: RecordingOptions) {
    const listen: RequestListener = onRequest ?? ((request, response) => this.#record(request, response, answer));
    const listener = endingWithRequest((request, response) =>
      (request.url === GREETING_PATH ? onGreeting : listen)(request, response),
    );
    this.#scheme = tls === undefined ? 'http' : 'https';
    this.#server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
    if (keepAliveMs !== undefined) this.#server.keepAliveTimeout = keepAliveMs;
  }

  /** Starts on a port of its own; to be closed by the caller. */
  static async start(options: RecordingOptions = {}): Promise<RecordingCloud> {
    const cloud = new RecordingCloud(options);
    const { host, port } = options.at ?? { host: '127.0.0.1', port: 0 };
    await new Promise<void>((resolve, reject) => {
      cloud.#server.once('error', reject);
      cloud.#server.listen(port, host, resolve);
    });
    return cloud;
  }

  /** The same, closed when the running test is over. */
  static async open(options: RecordingOptions = {}): Promise<RecordingCloud> {
    const cloud = await RecordingCloud.start(options);
    atEnd(() => cloud.close());
    return cloud;
  }

  get url(): string {
    return `${this.#scheme}://${(this.#server.address() as AddressInfo).address}:${this.port}`;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The oldest request that no call has returned yet. */
  nextRequest(): Promise<RecordedRequest> {
    return this.#arrivals.next();
  }

  /** From now on nobody is there: what is open is cut, and what comes. The port stays its own, so that no other gets it. */
  leave(): void {
    this.#server.on('connection', (socket) => socket.destroy());
    this.#server.closeAllConnections();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #record(request: IncomingMessage, response: ServerResponse, answer: Answering): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method = '', url = '', headers, rawHeaders } = request;
    const recorded = { method, url, headers, rawHeaders, body: Buffer.concat(chunks).toString() };
    this.requests.push(recorded);
    this.#arrivals.add(recorded);
    await answer(recorded, response);
  }
}
