import type { Socket } from 'node:net';
import { type BenchDevice, statePathOf } from '../devices.js';
import { connectReading } from './connect-reading.js';
import { type FrameListener, pongBytes, readFrames } from './frame-bytes.js';

const HEAD_END = '\r\n\r\n';
/** `{"ack":n}` and `{"error":…}` differ from the third byte on. */
const KIND_AT = 2;
const ACK_KIND = 0x61;
const ACK_NUMBER_AT = 7;
const ZERO = 0x30;
const NINE = 0x39;

/**
 * A device's WebSocket with as little work as Node allows: frames go out as they were prepared, and of the answers only
 * the acks are read.
 */
export class DeviceSocket implements FrameListener {
  readonly #socket: Socket;
  readonly #onAck: (frames: number) => void;
  readonly #onBroken: () => void;
  #head: string | undefined = '';
  #onUpgrade: (statusLine: string) => void = () => {};
  #partial: Buffer | undefined;
  /** Frames that are settled, refused ones included. */
  settled = 0;
  /** Frames refused by name. */
  refused = 0;

  private constructor(port: number, device: BenchDevice, onAck: (frames: number) => void, onBroken: () => void) {
    this.#onAck = onAck;
    this.#onBroken = onBroken;
    this.#socket = connectReading(
      port,
      (bytes) => this.#read(bytes),
      () => this.#onBroken(),
    );
    this.#socket.once('connect', () => this.#socket.write(upgradeRequest(device)));
  }

  /**
   * Connects and upgrades.
   * @param onAck told how many frames were settled since the last time
   * @throws Error when the connection or the upgrade is refused
   */
  static open(port: number, device: BenchDevice, onAck: (frames: number) => void): Promise<DeviceSocket> {
    return new Promise((resolve, reject) => {
      const refuse = () => reject(new Error('a socket was closed'));
      const socket = new DeviceSocket(port, device, onAck, refuse);
      socket.#onUpgrade = (statusLine) => {
        if (statusLine.startsWith('HTTP/1.1 101')) resolve(socket);
        else reject(new Error(`no upgrade: ${statusLine}`));
      };
    });
  }

  /** Writes prepared frames. */
  send(frames: Buffer): void {
    this.#socket.write(frames);
  }

  close(): void {
    this.#socket.destroy();
  }

  onText(text: Buffer): void {
    if (text[KIND_AT] !== ACK_KIND) {
      this.refused++;
      return;
    }
    let settled = 0;
    for (let i = ACK_NUMBER_AT; i < text.length; i++) {
      const byte = text[i] as number;
      if (byte < ZERO || byte > NINE) break;
      settled = settled * 10 + byte - ZERO;
    }
    const more = settled - this.settled;
    this.settled = settled;
    this.#onAck(more);
  }

  onPing(payload: Buffer): void {
    this.#socket.write(pongBytes(payload));
  }

  onClose(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#head !== undefined) {
      this.#readHead(chunk);
      return;
    }
    const bytes = this.#partial === undefined ? chunk : Buffer.concat([this.#partial, chunk]);
    const read = readFrames(bytes, this);
    this.#partial = read === bytes.length ? undefined : Buffer.from(bytes.subarray(read));
  }

  #readHead(chunk: Buffer): void {
    const head = this.#head + chunk.toString('latin1');
    const end = head.indexOf(HEAD_END);
    if (end < 0) {
      this.#head = head;
      return;
    }
    this.#head = undefined;
    this.#onUpgrade(head.slice(0, head.indexOf('\r\n')));
    const rest = Buffer.from(head.slice(end + HEAD_END.length), 'latin1');
    if (rest.length > 0) this.#read(rest);
  }
}

function upgradeRequest({ deviceId, token }: BenchDevice): string {
  const lines = [
    `GET ${statePathOf(deviceId)} HTTP/1.1`,
    'Host: proxy',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    `Authorization: Bearer ${token}`,
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}
