import { benchDevice, statePathOf } from '../devices.js';
import { type FrameListener, frameBytes, pongBytes, readFrames } from './frame-bytes.js';
import { Line } from './line.js';

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
