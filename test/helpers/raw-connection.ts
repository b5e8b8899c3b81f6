import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { atEnd } from './test-scope.js';

/** An HTTP answer, read byte by byte from the wire. */
export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly statusText: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The same as they came, for those that come twice. */
  readonly lines: readonly string[];
  readonly body: string;
}

/** A TCP connection on which a test may send anything, and read what comes back exactly. */
export class RawConnection {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #isClosed = false;
  #wake: () => void = () => {};
  /** Resolves when the connection is gone, whoever ended it and however. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    // A reset is one of the ways in which a server ends a connection.
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isClosed = true;
        this.#wake();
        resolve();
      });
    });
  }

  /** Connects; the connection is destroyed when the running test is over. */
  static async open(port: number, host = '127.0.0.1'): Promise<RawConnection> {
    const socket = connect(port, host);
    socket.setNoDelay(true);
    const connection = new RawConnection(socket);
    atEnd(() => connection.destroy());
    await once(socket, 'connect');
    return connection;
  }

  /** Writes; resolves when the bytes are with the kernel, or cannot be. */
  send(bytes: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.write(bytes, () => resolve());
    });
  }

  /** Stops reading what the server sends. */
  pause(): void {
    this.#socket.pause();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Bytes received and not read yet. */
  get unread(): number {
    return this.#received.length;
  }

  /**
   * Reads one answer.
   * @param withoutBody whether it answers HEAD, so that no body follows whatever its headers say
   * @throws Error when the connection ends before it is complete
   */
  async readAnswer(withoutBody = false): Promise<RawAnswer> {
    let headEnd = this.#received.indexOf('\r\n\r\n');
    while (headEnd === -1) {
      await this.#more();
      headEnd = this.#received.indexOf('\r\n\r\n');
    }
    const [statusLine = '', ...lines] = (await this.readBytes(headEnd + 4)).toString('latin1').trimEnd().split('\r\n');
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const length = withoutBody ? 0 : Number(headers['content-length'] ?? 0);
    const body = (await this.readBytes(length)).toString();
    const [, status = '', ...words] = statusLine.split(' ');
    return { status: Number(status), statusText: words.join(' '), headers, lines, body };
  }

  /** Reads one chunk of an answer in chunks; an empty one is its end. */
  async readChunk(): Promise<string> {
    // uWebSockets.js writes the line end of a chunk with what comes next.
    let line = await this.#readLine();
    if (line === '') line = await this.#readLine();
    const length = Number.parseInt(line, 16);
    if (length === 0) await this.#readLine();
    return (await this.readBytes(length)).toString();
  }

  /** Reads an answer in chunks to its end. */
  async readChunks(): Promise<string> {
    let body = '';
    for (let chunk = await this.readChunk(); chunk !== ''; chunk = await this.readChunk()) body += chunk;
    return body;
  }

  async #readLine(): Promise<string> {
    let end = this.#received.indexOf('\r\n');
    while (end === -1) {
      await this.#more();
      end = this.#received.indexOf('\r\n');
    }
    return (await this.readBytes(end + 2)).toString('latin1', 0, end);
  }

  /** Reads exactly `count` bytes. */
  async readBytes(count: number): Promise<Buffer> {
    while (this.#received.length < count) await this.#more();
    const bytes = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return bytes;
  }

  async #more(): Promise<void> {
    if (this.#isClosed) throw new Error('the connection was closed');
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}
