import { randomBytes } from 'node:crypto';
import { type RawAnswer, RawConnection } from './raw-connection.js';

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface RawFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

export interface FrameOptions {
  /** Whether the message ends with this frame. */
  readonly fin?: boolean;
}

/** What a client writes for one frame (RFC 6455 5.2), masked as clients must. */
export function encodeFrame(opcode: number, payload: string | Uint8Array, options: FrameOptions = {}): Buffer {
  const data = Buffer.from(payload as string);
  const first = (options.fin === false ? 0 : 0x80) | opcode;
  const mask = randomBytes(4);
  const masked = data.map((byte, i) => byte ^ (mask[i % 4] as number));
  return Buffer.concat([Buffer.of(first), encodeLength(data.length), mask, masked]);
}

function encodeLength(length: number): Buffer {
  if (length < 126) return Buffer.of(0x80 | length);
  if (length < 65_536) {
    const bytes = Buffer.of(0x80 | 126, 0, 0);
    bytes.writeUInt16BE(length, 1);
    return bytes;
  }
  const bytes = Buffer.alloc(9);
  bytes[0] = 0x80 | 127;
  bytes.writeBigUInt64BE(BigInt(length), 1);
  return bytes;
}

/** The head of an upgrade request; headers are added to, and replace, the ordinary ones. */
export function upgradeHead(path: string, headers: Readonly<Record<string, string>> = {}): string {
  const all = {
    Host: 'proxy',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** A WebSocket client that shows every frame and may send any. */
export class RawWebSocket {
  readonly connection: RawConnection;
  /** The answer to the upgrade. */
  readonly upgrade: RawAnswer;

  private constructor(connection: RawConnection, upgrade: RawAnswer) {
    this.connection = connection;
    this.upgrade = upgrade;
  }

  /** Asks for an upgrade and waits for the answer, whatever it is. */
  static async open(port: number, path: string, headers: Readonly<Record<string, string>> = {}): Promise<RawWebSocket> {
    const connection = await RawConnection.open(port);
    await connection.send(upgradeHead(path, headers));
    return new RawWebSocket(connection, await connection.readAnswer());
  }

  send(opcode: number, payload: string | Uint8Array, options: FrameOptions = {}): Promise<void> {
    return this.connection.send(encodeFrame(opcode, payload, options));
  }

  async nextFrame(): Promise<RawFrame> {
    const [first, second] = await this.connection.readBytes(2);
    let length = (second as number) & 0x7f;
    if (length === 126) length = (await this.connection.readBytes(2)).readUInt16BE();
    else if (length === 127) length = Number((await this.connection.readBytes(8)).readBigUInt64BE());
    return { opcode: (first as number) & 0x0f, payload: Buffer.from(await this.connection.readBytes(length)) };
  }

  /** The next frame, which must be text, as JSON. */
  async nextAnswer(): Promise<unknown> {
    const { opcode, payload } = await this.nextFrame();
    if (opcode !== OPCODE.text)
      throw new Error(`expected a text frame, not opcode ${opcode}: ${payload.toString('hex')}`);
    return JSON.parse(payload.toString());
  }

  /** The next frame, which must be a close: its code and reason. */
  async nextClose(): Promise<{ code: number; reason: string }> {
    const { opcode, payload } = await this.nextFrame();
    if (opcode !== OPCODE.close) throw new Error(`expected a close frame, not opcode ${opcode}: ${payload.toString()}`);
    return { code: payload.readUInt16BE(), reason: payload.subarray(2).toString() };
  }
}
