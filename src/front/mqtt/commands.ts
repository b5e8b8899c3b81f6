import { MAX_UNSENT_COMMAND_BYTES } from '../../core/bounds.js';
import type { Uplink, UplinkDevice, UplinkUser } from '../../core/uplink-ports.js';
import type { MqttContext } from './mqtt-context.js';
import type { Outbox } from './outbox.js';
import { publishPacket } from './packet-writer.js';
import { asCloudSpells, asDeviceSpells, isMatch } from './topics.js';

/**
 * What the cloud's broker sends to one connection, and is sent by it (contract 1.9.7): payloads byte for byte, topics in
 * the spelling that the device has subscribed, at QoS 0. The session at the broker begins with the first that needs it.
 */
export class Commands implements UplinkUser {
  readonly #context: MqttContext;
  readonly #outbox: Pick<Outbox, 'add' | 'unsentBytes'>;
  readonly #device: UplinkDevice;
  readonly #onRefused: () => void;
  /** As the device spells them, by how the cloud does; made with the first. */
  #filters: Map<string, string> | undefined = undefined;
  #uplink: Uplink | undefined = undefined;
  #isClosed = false;

  /** @param onRefused told when the broker refuses key and secret: whether they are good is to be asked elsewhere */
  constructor(
    context: MqttContext,
    outbox: Pick<Outbox, 'add' | 'unsentBytes'>,
    device: UplinkDevice,
    onRefused: () => void,
  ) {
    this.#context = context;
    this.#outbox = outbox;
    this.#device = device;
    this.#onRefused = onRefused;
  }

  /** @param filters that the device may have */
  subscribe(filters: readonly string[]): void {
    if (filters.length === 0 || this.#isClosed) return;
    this.#filters ??= new Map();
    for (const filter of filters) this.#filters.set(asCloudSpells(filter), filter);
    this.#attached()?.subscribe(filters.map(asCloudSpells));
  }

  unsubscribe(filters: readonly string[]): void {
    const held = filters.map(asCloudSpells).filter((filter) => this.#filters?.delete(filter));
    if (held.length > 0) this.#uplink?.unsubscribe(held);
  }

  /** @param payload read within the call */
  publish(topic: string, payload: Uint8Array, qos: 0 | 1): void {
    const uplink = this.#attached();
    if (uplink === undefined) this.#context.front.meters.mqtt.publishes.unavailable++;
    else uplink.publish(asCloudSpells(topic), payload, qos);
  }

  /** Nothing more comes down. */
  close(): void {
    this.#isClosed = true;
    this.#uplink?.release();
  }

  onMessage(topic: string, payload: Uint8Array): void {
    if (this.#isClosed) return;
    const filter = this.#filterOf(topic);
    if (filter === undefined) return;
    const { commands } = this.#context.front.meters.mqtt;
    const { unsentBytes } = this.#outbox;
    if (unsentBytes > 0 && unsentBytes + payload.length > MAX_UNSENT_COMMAND_BYTES) {
      commands.slow++;
      return;
    }
    commands.delivered++;
    this.#outbox.add(publishPacket(asDeviceSpells(topic, filter), payload));
  }

  onRefused(): void {
    if (!this.#isClosed) this.#onRefused();
  }

  #attached(): Uplink | undefined {
    if (!this.#isClosed) this.#uplink ??= this.#context.uplinks?.attach(this.#device, this);
    return this.#uplink;
  }

  /** The device's spelling of a filter that matches; undefined where it has none. */
  #filterOf(topic: string): string | undefined {
    const exact = this.#filters?.get(topic);
    if (exact !== undefined) return exact;
    for (const [asCloud, filter] of this.#filters ?? []) if (isMatch(asCloud, topic)) return filter;
    return undefined;
  }
}
