import { execFileSync } from 'node:child_process';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { type Clock, systemClock } from '../../src/core/time/clock.js';
import { type AgentOptions, createAgent } from '../../src/upstream/agent.js';
import { AskThread } from '../../src/upstream/ask-thread.js';
import { HttpCloudClient } from '../../src/upstream/cloud-client.js';
import { CloudConnections } from '../../src/upstream/connections.js';
import { Dialer } from '../../src/upstream/dialer.js';
import { SendThread } from '../../src/upstream/send-thread.js';
import { endingWithRequest } from '../helpers/promises.js';

/** Threads run no TypeScript: the built entries. */
const SEND_WORKER_FILE = fileURLToPath(new URL('../../dist/workers/send-worker.js', import.meta.url));
const ASK_WORKER_FILE = fileURLToPath(new URL('../../dist/workers/ask-worker.js', import.meta.url));

/** Servers and clients of one test file, all ended by {@link Cleaner.run}. */
export class Cleaner {
  readonly #tasks: (() => unknown)[] = [];

  add(task: () => unknown): void {
    this.#tasks.push(task);
  }

  async run(): Promise<void> {
    for (const task of this.#tasks.splice(0).reverse()) await task();
  }
}

async function listening(server: TcpServer, cleaner: Cleaner): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleaner.add(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return (server.address() as AddressInfo).port;
}

/** An HTTP server; returns its port. */
export function startHttp(cleaner: Cleaner, listener: RequestListener): Promise<number> {
  return listening(createServer(endingWithRequest(listener)), cleaner);
}

/** A server for raw bytes; returns its port. */
export function startTcp(cleaner: Cleaner, onSocket: (socket: Socket) => void): Promise<number> {
  return listening(createTcpServer(onSocket), cleaner);
}

/** An HTTPS server with the certificate of {@link makeCertificate}; returns its port. */
export function startHttps(cleaner: Cleaner, key: string, cert: string, listener: RequestListener): Promise<number> {
  const server: Server = createTlsServer({ key, cert }, endingWithRequest(listener));
  return listening(server, cleaner);
}

/** Makes a self-signed certificate in `directory`, for 127.0.0.1 or another name; returns the paths of key and certificate. */
export function makeCertificate(directory: string, name = 'IP:127.0.0.1'): { keyFile: string; certFile: string } {
  const keyFile = join(directory, 'key.pem');
  const certFile = join(directory, 'cert.pem');
  const subject = ['-subj', `/CN=${name.slice(name.indexOf(':') + 1)}`, '-addext', `subjectAltName=${name}`];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const args = ['req', '-x509', ...key, '-keyout', keyFile, '-out', certFile, '-days', '2', ...subject];
  execFileSync('openssl', args, { stdio: 'pipe' });
  return { keyFile, certFile };
}

/** Connections as the program makes them; proxies only where the options name some. */
export function connectionsWith(options: Partial<AgentOptions> = {}, clock: Clock = systemClock): CloudConnections {
  const dialer = new Dialer(clock);
  const settings = { connections: 4, caFile: undefined, proxyUrl: undefined, dialer, ...options };
  return new CloudConnections(() => createAgent(settings), dialer, clock);
}

export interface ClientOptions {
  readonly path?: string | undefined;
  readonly answerTimeoutMs?: number;
  readonly connections?: number;
  /** The server's certificate; it is then spoken to by HTTPS. */
  readonly caFile?: string;
}

/** A client that sends from a thread of its own, as {@link plainClient} else. */
export function threadClient(
  cleaner: Cleaner,
  port: number,
  { path = '', connections = 4, caFile }: ClientOptions = {},
): SendThread {
  const url = `${caFile === undefined ? 'http' : 'https'}://127.0.0.1:${port}${path}`;
  const client = new SendThread({
    workerFile: SEND_WORKER_FILE,
    url,
    connections,
    caFile,
    proxyUrl: undefined,
    onDistrust: () => {},
  });
  cleaner.add(() => client.close());
  return client;
}

/** A client that asks from a thread of its own, as {@link plainClient} else. */
export function askThreadClient(
  cleaner: Cleaner,
  port: number,
  { path = '', connections = 4, answerTimeoutMs = 5_000 }: ClientOptions = {},
): AskThread {
  const client = new AskThread({
    workerFile: ASK_WORKER_FILE,
    url: `http://127.0.0.1:${port}${path}`,
    connections: { questions: connections, checks: connections, logIns: connections },
    caFile: undefined,
    proxyUrl: undefined,
    answerTimeoutMs,
  });
  cleaner.add(() => client.close());
  return client;
}

/** Ends the thread that `use` starts, as if it had died. */
export async function withThreadKilled(use: () => unknown): Promise<void> {
  const started = new Promise<Worker>((resolve) => process.once('worker', resolve));
  use();
  await (await started).terminate();
}

/** A client of the HTTP server at `port`, with no proxy and no CA file. */
export function plainClient(
  cleaner: Cleaner,
  port: number,
  { path = '', answerTimeoutMs = 5_000, connections = 4 }: ClientOptions = {},
): HttpCloudClient {
  const url = new URL(`http://127.0.0.1:${port}${path}`);
  const client = new HttpCloudClient(connectionsWith({ connections }), systemClock, { url, answerTimeoutMs });
  cleaner.add(() => client.close());
  return client;
}
