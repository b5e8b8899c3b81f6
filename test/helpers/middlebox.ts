import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { atEnd } from './test-scope.js';

/** What a middlebox says in the cloud's place. */
export interface Page {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly text?: string;
}

/** Stands on the line to a cloud: lets requests through, or answers them itself, as a portal or a firewall does. */
export class Middlebox {
  /** What requests are answered with; undefined: they go through. */
  page: Page | undefined = undefined;
  /** Requests that were answered with a page, as `GET /path`. */
  readonly kept: string[] = [];
  /** Requests that were let through. */
  passed = 0;
  readonly #server: Server;
  readonly #port: number;

  private constructor(cloudUrl: string) {
    this.#port = Number(new URL(cloudUrl).port);
    this.#server = createServer((asked, answer) => this.#take(asked, answer));
  }

  /** Closed when the running test is over. */
  static async open(cloudUrl: string): Promise<Middlebox> {
    const middlebox = new Middlebox(cloudUrl);
    atEnd(() => {
      middlebox.#server.close();
      middlebox.#server.closeAllConnections();
    });
    await new Promise<void>((resolve) => middlebox.#server.listen(0, '127.0.0.1', resolve));
    return middlebox;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #take(asked: IncomingMessage, answer: ServerResponse): void {
    const { page } = this;
    if (page !== undefined) {
      this.kept.push(`${asked.method} ${asked.url}`);
      asked.resume().once('end', () => answer.writeHead(page.status, page.headers).end(page.text));
      return;
    }
    this.passed++;
    const { method, url: path, headers } = asked;
    const onward = request({ host: '127.0.0.1', port: this.#port, method, path, headers }, (answered) => {
      answer.writeHead(answered.statusCode ?? 502, answered.headers);
      answered.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    asked.pipe(onward);
  }
}
