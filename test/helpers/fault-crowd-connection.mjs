/** One keep-alive connection of a crowd (`fault-crowd.mjs`), over plain TCP: one request at a time. */
import { connect } from 'node:net';

const STATUS_AT = 'HTTP/1.1 '.length;
const LENGTH = /\r\ncontent-length: *(\d+)/i;

export class CrowdConnection {
  #port;
  #socket;
  #received = '';
  #resolve = undefined;

  /** @param {number} port of the device side on this machine */
  constructor(port) {
    this.#port = port;
    this.#connect();
  }

  /**
   * @param {{ path: string, token: string | undefined, body: string }} request
   * @returns {Promise<{ status: number, body: string }>} status 0: the connection broke before the answer
   */
  ask({ path, token, body }) {
    const authorization = token === undefined ? '' : `Authorization: Bearer ${token}\r\n`;
    const head = `POST ${path} HTTP/1.1\r\nHost: proxy\r\n${authorization}Content-Type: application/json\r\n`;
    return new Promise((resolve) => {
      this.#resolve = resolve;
      if (this.#socket.destroyed) this.#connect();
      this.#socket.write(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    });
  }

  close() {
    this.#socket.destroy();
  }

  #connect() {
    this.#received = '';
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text) => this.#onData(text));
    socket.on('error', () => {});
    socket.on('close', () => {
      if (socket === this.#socket) this.#answer(0, 'no answer');
    });
  }

  #onData(text) {
    this.#received += text;
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const end = headEnd + 4 + Number(LENGTH.exec(this.#received.slice(0, headEnd))?.[1] ?? 0);
    if (this.#received.length < end) return;
    const body = this.#received.slice(headEnd + 4, end);
    const status = Number(this.#received.slice(STATUS_AT, STATUS_AT + 3));
    this.#received = this.#received.slice(end);
    this.#answer(status, body);
  }

  #answer(status, body) {
    const resolve = this.#resolve;
    this.#resolve = undefined;
    resolve?.({ status, body });
  }
}
