import { randomBytes } from 'node:crypto';
import { benchDevice, statePathOf } from '../devices.js';
import { Line } from './line.js';

/** Opcodes of RFC 6455 5.2. */
const TEXT = 1;
const BINARY = 2;
const PONG = 10;
const CLOSE = 8;
const PING = 9;

/** What a client writes for one frame (RFC 6455 5.2), masked as clients must. */
export function frameBytes(payload: string | Uint8Array): Buffer {
  const data = Buffer.from(payload as string);
  return encode(typeof payload === 'string' ? TEXT : BINARY, data);
}

/** The answer to a ping. */
export function pongBytes(payload: Uint8Array): Buffer {
  return encode(PONG, payload);
}

function encode(opcode: number, data: Uint8Array): Buffer {
  const mask = randomBytes(4);
  const masked = Buffer.from(data.map((byte, i) => byte ^ (mask[i % 4] as number)));
  return Buffer.concat([Buffer.of(0x80 | opcode), lengthBytes(data.length), mask, masked]);
}

/** None is longer than 64 KiB. */
function lengthBytes(length: number): Buffer {
  return length < 126 ? Buffer.of(0x80 | length) : Buffer.of(0x80 | 126, length >> 8, length & 0xff);
}

/** What the server says, frame by frame. */
export interface FrameListener {
  onText(text: Buffer): void;
  onPing(payload: Buffer): void;
  onClose(): void;
}

/**
 * Hands on the whole frames at the start of `bytes`, none of which is longer than 64 KiB.
 * @returns how many bytes they are
 */
export function readFrames(bytes: Buffer, listener: FrameListener): number {
  let at = 0;
  while (at + 2 <= bytes.length) {
    let length = (bytes[at + 1] as number) & 0x7f;
    let start = at + 2;
    if (length === 126) {
      if (at + 4 > bytes.length) break;
      length = bytes.readUInt16BE(at + 2);
      start = at + 4;
    }
    if (start + length > bytes.length) break;
    const opcode = (bytes[at] as number) & 0x0f;
    const payload = bytes.subarray(start, start + length);
    if (opcode === TEXT) listener.onText(payload);
    else if (opcode === PING) listener.onPing(payload);
    else if (opcode === CLOSE) listener.onClose();
    at = start + length;
  }
  return at;
}

const HEAD_END = '\r\n\r\n';
/** `{"ack":n}` and `{"error":…}` differ from the third byte on. */
const KIND_AT = 2;
const ACK_KIND = 0x61;
const ACK_NUMBER_AT = 7;

/** Frames, one behind the other, by what they hold: the lines of a load share them. */
const preparedFrames = new Map<string | Uint8Array, Buffer>();

/** A device's WebSocket; of the answers only the acks are read. */
export class WebSocketLine extends Line implements FrameListener {
  #isOpen = false;

  constructor(port: number, device: number, onSettled: (frames: number) => void) {
    super(port, upgradeRequest(device), onSettled);
  }

  onText(text: Buffer): void {
    if (text[KIND_AT] === ACK_KIND)
      this.settle(Number.parseInt(text.toString('latin1', ACK_NUMBER_AT), 10) - this.settled);
    else this.refused++;
  }

  onPing(payload: Buffer): void {
    this.socket.write(pongBytes(payload));
  }

  onClose(): void {
    this.socket.destroy();
  }

  protected override framesOf(payload: string | Uint8Array, count: number): Buffer {
    const known = preparedFrames.get(payload);
    const frames = known ?? Buffer.concat(new Array<Buffer>(count).fill(frameBytes(payload)));
    preparedFrames.set(payload, frames);
    return frames;
  }

  protected override read(bytes: Buffer): number {
    if (this.#isOpen) return readFrames(bytes, this);
    const headEnd = bytes.indexOf(HEAD_END);
    if (headEnd < 0) return 0;
    this.#isOpen = true;
    const statusLine = bytes.toString('latin1', 0, bytes.indexOf('\r\n'));
    this.answered(statusLine.startsWith('HTTP/1.1 101') ? undefined : `no upgrade: ${statusLine}`);
    const head = headEnd + HEAD_END.length;
    return head + readFrames(bytes.subarray(head), this);
  }
}

function upgradeRequest(device: number): string {
  const { deviceId, token } = benchDevice(device);
  const lines = [
    `GET ${statePathOf(deviceId)} HTTP/1.1`,
    'Host: proxy',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    `Authorization: Bearer ${token}`,
  ];
  return lines.join('\r\n') + HEAD_END;
}
