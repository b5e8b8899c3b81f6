import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';

/** RFC 6455, clause 1.3. */
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** Subprotocols of MQTT 3.1.1 and 3.1, the better first. */
const SUBPROTOCOLS = ['mqtt', 'mqttv3.1'];

const CONTINUATION = 0;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
const FINAL = 0x80;
/** "Cannot accept this type of data" (RFC 6455, clause 7.4.1). */
const CLOSED_FOR_TYPE = 1003;

/**
 * Answers an upgrade that offers MQTT, at any path, as the cloud's broker does.
 * @returns the bytes in its frames, which packets need not keep to (MQTT 3.1.1, 6.0.0-2); undefined when it offers
 *   nothing of the kind
 */
export function acceptWebSocket(request: IncomingMessage, socket: Duplex, head: Buffer): Duplex | undefined {
  const key = request.headers['sec-websocket-key'];
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  const protocol = SUBPROTOCOLS.find((name) => offered.includes(name));
  if (key === undefined || protocol === undefined) return undefined;
  const accept = createHash('sha1')
    .update(key + ACCEPT_SUFFIX)
    .digest('base64');
  const fields = ['upgrade: websocket', 'connection: Upgrade', `sec-websocket-accept: ${accept}`];
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\n${fields.join('\r\n')}\r\nsec-websocket-protocol: ${protocol}\r\n\r\n`,
  );
  return new WebSocketStream(socket, head);
}

/** One frame as it came. */
interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** The bytes in the binary frames of a connection. */
class WebSocketStream extends Duplex {
  readonly #socket: Duplex;
  #rest: Buffer;

  constructor(socket: Duplex, head: Buffer) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    this.#rest = head;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('end', () => this.push(null));
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(frameOf(BINARY, chunk), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    // A connection of TLS ends by itself when the other side has ended it.
    if (this.#socket.writable) this.#socket.end(frameOf(CLOSE, Buffer.alloc(0)), done);
    else done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #take(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) this.#onFrame(frame);
  }

  #onFrame({ opcode, payload }: Frame): void {
    if (opcode === BINARY || opcode === CONTINUATION) {
      if (payload.length > 0 && !this.push(payload)) this.#socket.pause();
    } else if (opcode === PING) this.#socket.write(frameOf(PONG, payload));
    else if (opcode === CLOSE) this.push(null);
    else if (opcode !== PONG) {
      // A text frame (6.0.0-1), or what is none.
      const code = Buffer.alloc(2);
      code.writeUInt16BE(CLOSED_FOR_TYPE);
      this.#socket.end(frameOf(CLOSE, code));
    }
  }

  /** Takes a whole frame off what has come. */
  #next(): Frame | undefined {
    const rest = this.#rest;
    if (rest.length < 2) return undefined;
    const short = rest.readUInt8(1) & 0x7f;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const maskAt = 2 + lengthBytes;
    // What comes from a client is masked (RFC 6455, clause 5.1).
    const payloadAt = maskAt + 4;
    if (rest.length < payloadAt) return undefined;
    const length =
      lengthBytes === 2 ? rest.readUInt16BE(2) : lengthBytes === 8 ? Number(rest.readBigUInt64BE(2)) : short;
    if (rest.length < payloadAt + length) return undefined;
    const payload = Buffer.from(rest.subarray(payloadAt, payloadAt + length));
    for (let index = 0; index < length; index++) {
      payload[index] = (payload[index] as number) ^ (rest[maskAt + (index % 4)] as number);
    }
    this.#rest = rest.subarray(payloadAt + length);
    return { opcode: rest.readUInt8(0) & 0x0f, payload };
  }
}

/** An unmasked frame, as a server sends it. */
function frameOf(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head.writeUInt8(FINAL | opcode, 0);
  if (length < 126) head.writeUInt8(length, 1);
  else if (length < 65_536) {
    head.writeUInt8(126, 1);
    head.writeUInt16BE(length, 2);
  } else {
    head.writeUInt8(127, 1);
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}
