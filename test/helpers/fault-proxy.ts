import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { later } from './promises.js';

/** What the line between the proxy and the cloud is like. */
export type Line =
  | { readonly kind: 'sound' }
  /** Everything passes, so much later. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** Requests pass, answers a byte a second. */
  | { readonly kind: 'trickle' }
  /** Every connection is reset, and each new one as soon as it says anything. */
  | { readonly kind: 'reset' }
  /** Connections stay open and carry nothing any more, in either direction, even after the line is sound again. */
  | { readonly kind: 'half-open' }
  /** Requests pass; their answers never do, even after the line is sound again. */
  | { readonly kind: 'mute' }
  /** Requests pass; the connection is closed after the first bytes of the answer. */
  | { readonly kind: 'cut'; readonly afterBytes: number };

const TRICKLE_MS = 1_000;

/** A line to the cloud, by TCP, that fails as it is told. */
export class FaultProxy {
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #connections = new Set<Connection>();
  #line: Line = { kind: 'sound' };

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#targetPort = targetPort;
    server.on('connection', (client) => this.#join(client));
  }

  /** Listens in front of a server on this machine. */
  static async start(targetUrl: string): Promise<FaultProxy> {
    const server = createServer({ noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FaultProxy(server, Number(new URL(targetUrl).port));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get line(): Line {
    return this.#line;
  }

  /** How the line is from now on, for connections that are there and those to come. */
  set line(line: Line) {
    this.#line = line;
    for (const connection of this.#connections) connection.onLine(line);
  }

  async close(): Promise<void> {
    const closed = later(once(this.#server, 'close'));
    this.#server.close();
    for (const connection of this.#connections) connection.end();
    await closed;
  }

  #join(client: Socket): void {
    const cloud = connect({ port: this.#targetPort, host: '127.0.0.1', noDelay: true });
    const connection: Connection = new Connection(client, cloud, this.#line, () =>
      this.#connections.delete(connection),
    );
    this.#connections.add(connection);
  }
}

/** One connection through the line. */
class Connection {
  readonly #client: Socket;
  readonly #cloud: Socket;
  readonly #waiting: NodeJS.Timeout[] = [];
  #line: Line;
  /** Nothing comes back on it any more, whatever the line is like. */
  #isMute = false;
  #answeredBytes = 0;
  /** Of an answer that trickles, what has not passed. */
  #held = Buffer.alloc(0);
  #drip: NodeJS.Timeout | undefined;

  constructor(client: Socket, cloud: Socket, line: Line, onEnd: () => void) {
    this.#client = client;
    this.#cloud = cloud;
    this.#line = line;
    client.on('data', (chunk) => this.#toCloud(chunk));
    cloud.on('data', (chunk) => this.#toClient(chunk));
    for (const socket of [client, cloud]) {
      socket.on('error', () => {});
      socket.on('close', () => {
        this.end();
        onEnd();
      });
    }
    this.onLine(line);
  }

  onLine(line: Line): void {
    this.#line = line;
    this.#answeredBytes = 0;
    if (line.kind === 'half-open' || line.kind === 'mute') this.#isMute = true;
    // One that is only being made has nothing to reset yet.
    if (line.kind === 'reset' && this.#client.bytesRead > 0) this.#reset();
    if (line.kind === 'sound') this.#release();
  }

  end(): void {
    clearInterval(this.#drip);
    for (const timer of this.#waiting) clearTimeout(timer);
    this.#client.destroy();
    this.#cloud.destroy();
  }

  #toCloud(chunk: Buffer): void {
    if (this.#line.kind === 'reset') this.#reset();
    // What is dead stays dead: a router that was restarted knows nothing of the connections through it.
    else if (this.#line.kind === 'half-open' || (this.#isMute && this.#line.kind === 'sound')) return;
    else if (this.#line.kind === 'slow') this.#later(this.#line.delayMs, () => this.#cloud.write(chunk));
    else this.#cloud.write(chunk);
  }

  #toClient(chunk: Buffer): void {
    const line = this.#line;
    if (this.#isMute) return;
    if (line.kind === 'trickle' || this.#held.length > 0) this.#trickle(chunk);
    else if (line.kind === 'slow') this.#later(line.delayMs, () => this.#client.write(chunk));
    else if (line.kind === 'cut') this.#cut(chunk, line.afterBytes);
    else this.#client.write(chunk);
  }

  #trickle(chunk: Buffer): void {
    this.#held = Buffer.concat([this.#held, chunk]);
    this.#drip ??= setInterval(() => {
      this.#client.write(this.#held.subarray(0, 1));
      this.#held = this.#held.subarray(1);
    }, TRICKLE_MS);
  }

  #release(): void {
    clearInterval(this.#drip);
    this.#drip = undefined;
    if (this.#held.length > 0) this.#client.write(this.#held);
    this.#held = Buffer.alloc(0);
  }

  #cut(chunk: Buffer, afterBytes: number): void {
    const room = afterBytes - this.#answeredBytes;
    this.#answeredBytes += chunk.length;
    this.#client.write(chunk.subarray(0, room));
    if (chunk.length >= room) this.#client.end(() => this.end());
  }

  /** Equal delays keep the order, as timers of one length fire in turn. */
  #later(delayMs: number, act: () => void): void {
    this.#waiting.push(setTimeout(act, delayMs));
  }

  #reset(): void {
    this.#client.resetAndDestroy();
    this.#cloud.destroy();
  }
}
