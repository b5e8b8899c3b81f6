import type { Socket } from 'node:net';
import { CREDENTIALS, deviceIdOf } from '../devices.js';
import { connectReading } from './connect-reading.js';

const CONNECT = 0x10;
const CONNACK = 0x20;
const PUBLISH_AT_QOS_1 = 0x32;
const PUBACK = 0x40;
const SUBSCRIBE = 0x82;
/** Of a PUBACK, and of a CONNACK. */
const ANSWER_BYTES = 4;

/**
 * A device's MQTT connection with as little work as Node allows: PUBLISHes of QoS 1 go out as they were prepared, and the
 * PUBACKs are counted, and must have the order of the publishes.
 */
export class MqttSocket {
  readonly #socket: Socket;
  readonly #onAck: (publishes: number) => void;
  readonly #deviceId: string;
  #onConnack: (code: number) => void = () => {};
  #partial: Buffer = Buffer.alloc(0);
  /** Each identifier's PUBLISH, one behind the other, twice: whichever is next, the following ones stand behind it. */
  #publishes: Buffer = Buffer.alloc(0);
  #publishBytes = 0;
  #identifiers = 0;
  #isSubscriber = false;
  /** Publishes. */
  sent = 0;
  /** Of them, those with a PUBACK. */
  settled = 0;

  private constructor(port: number, device: number, onAck: (publishes: number) => void, onBroken: () => void) {
    this.#onAck = onAck;
    this.#deviceId = deviceIdOf(device);
    this.#socket = connectReading(port, (bytes) => this.#read(bytes), onBroken);
    this.#socket.once('connect', () => this.#socket.write(connectPacket(this.#deviceId)));
  }

  /**
   * Connects, and waits for CONNACK.
   * @param device its number
   * @param onAck told how many publishes were settled since the last time
   * @throws Error when the connection is closed or refused
   */
  static open(port: number, device: number, onAck: (publishes: number) => void): Promise<MqttSocket> {
    return new Promise((resolve, reject) => {
      const refuse = () => reject(new Error('an MQTT connection was closed'));
      const socket = new MqttSocket(port, device, onAck, refuse);
      socket.#onConnack = (code) => (code === 0 ? resolve(socket) : reject(new Error(`CONNACK ${code}`)));
    });
  }

  /** Has everything sent to it that anybody publishes, and reads it. */
  subscribeToAll(): void {
    this.#isSubscriber = true;
    this.#socket.write(packet(SUBSCRIBE, Buffer.concat([Buffer.of(0, 1), text('#'), Buffer.of(0)])));
  }

  /** Says what is published from now on, to the device's own topic. @param identifiers as many as may be in flight */
  prepare(payload: string, identifiers: number): void {
    const once = Array.from({ length: identifiers }, (_, i) => publishPacket(this.#deviceId, payload, i + 1));
    this.#publishes = Buffer.concat([...once, ...once]);
    this.#publishBytes = (once[0] as Buffer).length;
    this.#identifiers = identifiers;
  }

  /** Publishes so many times, in one write. */
  publish(count: number): void {
    const start = (this.sent % this.#identifiers) * this.#publishBytes;
    this.#socket.write(this.#publishes.subarray(start, start + count * this.#publishBytes));
    this.sent += count;
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#isSubscriber) return;
    const bytes = this.#partial.length === 0 ? chunk : Buffer.concat([this.#partial, chunk]);
    const whole = bytes.length - (bytes.length % ANSWER_BYTES);
    const before = this.settled;
    for (let at = 0; at < whole; at += ANSWER_BYTES) this.#readAnswer(bytes, at);
    this.#partial = Buffer.from(bytes.subarray(whole));
    if (this.settled > before) this.#onAck(this.settled - before);
  }

  #readAnswer(bytes: Buffer, at: number): void {
    const expected = (this.settled % this.#identifiers) + 1;
    if (bytes[at] === CONNACK) this.#onConnack(bytes[at + 3] as number);
    else if (bytes[at] === PUBACK && bytes.readUInt16BE(at + 2) === expected) this.settled++;
    else throw new Error(`an answer is not the PUBACK of ${expected}: ${bytes.toString('hex', at, at + ANSWER_BYTES)}`);
  }
}

function connectPacket(deviceId: string): Buffer {
  const noKeepAlive = Buffer.of(0, 0);
  const flags = Buffer.of(4, 0xc2);
  const { key, secret } = CREDENTIALS;
  return packet(CONNECT, Buffer.concat([text('MQTT'), flags, noKeepAlive, text(deviceId), text(key), text(secret)]));
}

function publishPacket(deviceId: string, payload: string, identifier: number): Buffer {
  const id = Buffer.of(identifier >> 8, identifier & 0xff);
  return packet(PUBLISH_AT_QOS_1, Buffer.concat([text(`losant/${deviceId}/state`), id, Buffer.from(payload)]));
}

function packet(header: number, body: Buffer): Buffer {
  const length: number[] = [];
  let left = body.length;
  do {
    length.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    left >>= 7;
  } while (left > 0);
  return Buffer.concat([Buffer.of(header, ...length), body]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
}
