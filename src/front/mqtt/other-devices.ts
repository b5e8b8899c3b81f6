import type { Asker, Granted, Unproven } from '../../core/auth-ports.js';
import { asStatewayError, type StatewayError } from '../../core/errors.js';
import type { Grant } from '../../core/grant.js';
import type { MqttContext } from './mqtt-context.js';
import type { PublishQueue } from './publish-queue.js';
import type { QueuedPublish } from './queued-publish.js';

/** How often the cloud is asked again for a device while it cannot be asked. */
const ASK_AGAIN_MS = 2_000;
/** For so long a QoS 1 publish waits for that (contract 1.9.4). */
const GIVE_UP_MS = 30_000;

/** Whom it tells. */
export interface OtherDevicesUser {
  /** The grant that the connection has come by. */
  readonly grant: Grant;
  readonly asker: Asker;
  /** A publish was not for this connection to make. */
  onDenied(publish: QueuedPublish, deviceId: string): void;
  /** The cloud could not be asked for so long that the connection must end without PUBACK. */
  onGivenUp(): void;
}

/**
 * States that a gateway publishes for its peripherals: each (token, application, device) must be granted (contract 1.4).
 * While the cloud is asked for a device, what comes for it waits, in order; all else passes.
 */
export class OtherDevices {
  readonly #context: MqttContext;
  readonly #queue: PublishQueue;
  readonly #user: OtherDevicesUser;
  /** By device, while it is being asked for; made when the first is. */
  #waiting: Map<string, QueuedPublish[]> | undefined = undefined;
  /** Of those that will be asked for again; made when the first is. */
  #cancels: Set<() => void> | undefined = undefined;
  #isClosed = false;

  constructor(context: MqttContext, queue: PublishQueue, user: OtherDevicesUser) {
    this.#context = context;
    this.#queue = queue;
    this.#user = user;
  }

  /** @param deviceId lower case */
  store(publish: QueuedPublish, deviceId: string): void {
    const waiting = this.#waiting?.get(deviceId);
    if (waiting !== undefined) {
      waiting.push(publish);
      this.#queue.wait(publish);
      return;
    }
    const grant = this.find(deviceId);
    if (grant !== undefined) {
      this.#queue.store(publish, grant);
      return;
    }
    this.#waiting ??= new Map();
    this.#waiting.set(deviceId, [publish]);
    this.#queue.wait(publish);
    this.#ask(deviceId);
  }

  /** The grant for a device by the token of the connection, if it is at hand. */
  find(deviceId: string): Grant | undefined {
    const { token, device } = this.#user.grant;
    return this.#context.front.authorizer.find(token, device.applicationId, deviceId);
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting = undefined;
    for (const cancel of this.#cancels ?? []) cancel();
  }

  #ask(deviceId: string): void {
    const { grant, asker } = this.#user;
    const { authorizer } = this.#context.front;
    authorizer.ask(grant.token, grant.device.applicationId, deviceId, asker).then(
      (asked) => this.#onAnswer(deviceId, asked),
      (thrown: unknown) => {
        const error = asStatewayError(thrown, 'STATEWAY_CLOUD_UNREACHABLE', 'the device cannot be checked');
        this.#onError(deviceId, error);
      },
    );
  }

  #onAnswer(deviceId: string, asked: Granted | Unproven): void {
    if (this.#isClosed) return;
    if (asked.kind === 'granted') this.#storeAll(deviceId, asked.grant);
    else void this.#prove(deviceId, asked);
  }

  /** Proves with one publish after another until the cloud has taken one (contract 1.4). */
  async #prove(deviceId: string, unproven: Unproven): Promise<void> {
    const waiting = this.#waiting?.get(deviceId) ?? [];
    for (let publish = waiting[0]; publish !== undefined && !this.#isClosed; publish = waiting[0]) {
      try {
        const proven = await unproven.prove('extended-json', publish.payload);
        if (this.#isClosed) return;
        if (proven.kind === 'delivered') {
          waiting.shift();
          this.#queue.deliver(publish, proven.states);
        }
        this.#storeAll(deviceId, proven.grant);
        return;
      } catch (thrown) {
        if (this.#isClosed) return;
        const error = asStatewayError(thrown, 'STATEWAY_CLOUD_UNREACHABLE', 'the device cannot be checked');
        if (error.status !== 400 && error.status !== 413) {
          this.#onError(deviceId, error);
          return;
        }
        // It is no state, whoever sent it; which device it is for is not proven.
        waiting.shift();
        this.#user.onDenied(publish, deviceId);
      }
    }
    this.#waiting?.delete(deviceId);
  }

  #storeAll(deviceId: string, grant: Grant): void {
    const waiting = this.#waiting?.get(deviceId) ?? [];
    this.#waiting?.delete(deviceId);
    for (const publish of waiting) this.#queue.store(publish, grant);
  }

  #onError(deviceId: string, error: StatewayError): void {
    if (this.#isClosed) return;
    const waiting = this.#waiting?.get(deviceId) ?? [];
    if (!error.retryable) {
      this.#waiting?.delete(deviceId);
      for (const publish of waiting) this.#user.onDenied(publish, deviceId);
      return;
    }
    const kept = waiting.filter((publish) => !this.#dropped(publish));
    if (kept.length === 0) {
      this.#waiting?.delete(deviceId);
      return;
    }
    this.#waiting?.set(deviceId, kept);
    const { clock } = this.#context.front;
    if (clock.monotonicMs() - (kept[0] as QueuedPublish).arrivedAtMs >= GIVE_UP_MS) this.#user.onGivenUp();
    else this.#schedule(deviceId);
  }

  /** At QoS 0 nobody would know (contract 1.9.4). */
  #dropped(publish: QueuedPublish): boolean {
    if (publish.qos !== 0) return false;
    this.#context.front.meters.mqtt.publishes.unavailable++;
    this.#queue.finish(publish);
    return true;
  }

  #schedule(deviceId: string): void {
    const cancel = this.#context.front.clock.schedule(ASK_AGAIN_MS, () => {
      this.#cancels?.delete(cancel);
      this.#ask(deviceId);
    });
    this.#cancels ??= new Set();
    this.#cancels.add(cancel);
  }
}
