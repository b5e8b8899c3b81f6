import { generate } from 'mqtt-packet';
import { CREDENTIALS, deviceIdOf } from '../devices.js';
import { Line } from './line.js';

const CONNACK = 0x20;
const PUBACK = 0x40;
/** Of a PUBACK, and of a CONNACK. */
const ANSWER_BYTES = 4;

/** A device's MQTT connection; its PUBACKs are counted, and must have the order of the publishes. */
export class MqttLine extends Line {
  readonly #deviceId: string;
  #isSubscriber = false;

  constructor(port: number, device: number, onSettled: (frames: number) => void) {
    super(port, connectPacket(deviceIdOf(device)), onSettled);
    this.#deviceId = deviceIdOf(device);
  }

  /** Has everything sent to it that anybody publishes, and reads it. */
  subscribeToAll(): void {
    this.#isSubscriber = true;
    this.socket.write(generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '#', qos: 0 }] }));
  }

  protected override framesOf(payload: string | Uint8Array, count: number): Buffer {
    const topic = `losant/${this.#deviceId}/state`;
    const publish = {
      cmd: 'publish',
      topic,
      payload: Buffer.from(payload as string),
      qos: 1,
      dup: false,
      retain: false,
    } as const;
    const frames = Array.from({ length: count }, (_, i) => generate({ ...publish, messageId: (i % this.window) + 1 }));
    return Buffer.concat(frames);
  }

  protected override read(bytes: Buffer): number {
    if (this.#isSubscriber) return bytes.length;
    const whole = bytes.length - (bytes.length % ANSWER_BYTES);
    let settled = 0;
    for (let at = 0; at < whole; at += ANSWER_BYTES) {
      const code = bytes.readUInt16BE(at + 2);
      if (bytes[at] === CONNACK) this.answered(code === 0 ? undefined : `CONNACK ${code}`);
      else if (bytes[at] === PUBACK && code === ((this.settled + settled) % this.window) + 1) settled++;
      else throw new Error(`no PUBACK, or not the one that is due: ${bytes.toString('hex', at, at + ANSWER_BYTES)}`);
    }
    if (settled > 0) this.settle(settled);
    return whole;
  }
}

function connectPacket(clientId: string): Buffer {
  const { key: username, secret } = CREDENTIALS;
  const connect = { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 0 } as const;
  return generate({ ...connect, clientId, username, password: Buffer.from(secret) });
}
