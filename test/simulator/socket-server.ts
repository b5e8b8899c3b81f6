import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** One connection of a device, as the test sees it. */
export interface DeviceConnection {
  readonly path: string;
  readonly authorization: string | undefined;
  /** Texts of the frames so far. */
  readonly frames: string[];
  answer(value: object): void;
  /** Closes with a code, or cuts the line when there is none. */
  close(code?: number): void;
}

/** As much of a proxy as the fleet talks to: log-in, and WebSockets whose frames a test answers (RFC 6455, text only). */
export class SocketServer {
  readonly connections: DeviceConnection[] = [];
  logins = 0;
  /** Called with each frame. */
  onFrame: (connection: DeviceConnection, count: number) => void = () => {};
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor() {
    this.#server = createServer((request, response) => {
      request.resume();
      this.logins++;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ token: `token-${this.logins}` }));
    });
    this.#server.on('upgrade', (request, socket) => this.#accept(request, socket as Socket));
    this.#server.on('connection', (socket) => this.#sockets.add(socket));
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(request: IncomingMessage, socket: Socket): void {
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}${WEBSOCKET_GUID}`)
      .digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    const connection: DeviceConnection = {
      path: request.url as string,
      authorization: request.headers.authorization,
      frames: [],
      answer: (value) => socket.write(frameOf(0x81, Buffer.from(JSON.stringify(value)))),
      close(code) {
        if (code === undefined) socket.destroy();
        else socket.end(frameOf(0x88, Buffer.from([code >> 8, code & 0xff])));
      },
    };
    this.connections.push(connection);
    let pending = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      for (let frame = readFrame(pending); frame !== undefined; frame = readFrame(pending)) {
        pending = pending.subarray(frame.byteLength);
        if (frame.opcode === 8) socket.end();
        if (frame.opcode !== 1) continue;
        connection.frames.push(frame.text);
        this.onFrame(connection, connection.frames.length);
      }
    });
  }
}

function frameOf(head: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([head, payload.length]), payload]);
}

/** A masked frame of less than 64 KiB, if it is all there. */
function readFrame(bytes: Buffer): { opcode: number; text: string; byteLength: number } | undefined {
  if (bytes.length < 8) return undefined;
  const isLong = ((bytes[1] as number) & 0x7f) === 126;
  const length = isLong ? bytes.readUInt16BE(2) : (bytes[1] as number) & 0x7f;
  const maskAt = isLong ? 4 : 2;
  const end = maskAt + 4 + length;
  if (bytes.length < end) return undefined;
  const payload = Buffer.from(bytes.subarray(maskAt + 4, end));
  for (let index = 0; index < length; index++) {
    payload[index] = (payload[index] as number) ^ (bytes[maskAt + (index % 4)] as number);
  }
  return { opcode: (bytes[0] as number) & 0x0f, text: payload.toString(), byteLength: end };
}
