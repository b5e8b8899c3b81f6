import type { Asker } from '../../core/auth-ports.js';
import { StatewayError } from '../../core/errors.js';
import type { Grant } from '../../core/grant.js';
import type { MqttContext } from './mqtt-context.js';
import { MAX_TOPIC_BYTES } from './publish-head.js';
import { type SubscriptionRight, subscriptionRight, type TopicAccess } from './topics.js';

/** Contract 1.9.1. */
const MAX_SUBSCRIPTIONS = 1_000;
/** A client may hang up where SUBACK takes a second: what the cloud has not answered by then is granted, as when it is away. */
const ANSWER_WITHIN_MS = 500;

/** Whose they are. */
export interface Subscriber {
  readonly grant: Grant;
  readonly asker: Asker;
}

/** The filters of one connection. Answers leave in the order of the packets, at once unless the cloud has to be asked. */
export class Subscriptions {
  readonly #context: MqttContext;
  readonly #subscriber: Subscriber;
  /** Made with the first. */
  #filters: Set<string> | undefined = undefined;
  /** Answers that wait for an earlier one. */
  #behind: Promise<void> | undefined = undefined;
  #waiting = 0;

  constructor(context: MqttContext, subscriber: Subscriber) {
    this.#context = context;
    this.#subscriber = subscriber;
  }

  /** Packets that are not answered. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * @param ownId lower case
   * @param answer gets for each filter whether it is granted
   */
  add(
    filters: readonly string[],
    ownId: string,
    access: TopicAccess,
    answer: (granted: readonly boolean[]) => void,
  ): void {
    const rights = filters.map((filter) => this.#known(subscriptionRight(filter, ownId, access)));
    const end = (allowed: readonly boolean[]): void => answer(this.#keepAllowed(filters, allowed, ownId));
    if (this.#behind === undefined && rights.every((right) => typeof right === 'boolean')) {
      end(rights as boolean[]);
      return;
    }
    // From now on, and not from its turn on: of many packets none is to wait for longer than one.
    const settled = this.#settled(rights);
    this.#inOrder(async () => end(await settled));
  }

  remove(filters: readonly string[], answer: () => void): void {
    const end = (): void => {
      for (const filter of filters) this.#filters?.delete(filter);
      answer();
    };
    if (this.#behind === undefined) end();
    else this.#inOrder(async () => end());
  }

  /** Returns for each whether it is granted; of one that the device may not have is told. */
  #keepAllowed(filters: readonly string[], allowed: readonly boolean[], ownId: string): boolean[] {
    const { denied, front } = this.#context;
    return filters.map((filter, index) => {
      if (allowed[index] !== true) denied.note('subscribe', ownId, filter);
      else if (this.#keep(filter)) return true;
      front.meters.mqtt.deniedFilters++;
      return false;
    });
  }

  #keep(filter: string): boolean {
    this.#filters ??= new Set();
    if (this.#filters.size >= MAX_SUBSCRIPTIONS && !this.#filters.has(filter)) return false;
    if (Buffer.byteLength(filter) > MAX_TOPIC_BYTES) return false;
    this.#filters.add(filter);
    return true;
  }

  #inOrder(task: () => Promise<void>): void {
    this.#waiting++;
    const done: Promise<void> = (this.#behind ?? Promise.resolve()).then(task).then(() => {
      this.#waiting--;
      if (this.#behind === done) this.#behind = undefined;
    });
    this.#behind = done;
  }

  /** What is known without the cloud; a promise of it where it has to be asked. */
  #known(right: SubscriptionRight): boolean | Promise<boolean> {
    if (typeof right === 'string') return right === 'granted';
    const { grant, asker } = this.#subscriber;
    const { token, device } = grant;
    const { authorizer } = this.#context.front;
    if (authorizer.find(token, device.applicationId, right.deviceId) !== undefined) return true;
    return authorizer.ask(token, device.applicationId, right.deviceId, asker).then(
      () => true,
      (error: unknown) => !(error instanceof StatewayError) || error.retryable,
    );
  }

  async #settled(rights: readonly (boolean | Promise<boolean>)[]): Promise<readonly boolean[]> {
    let cancel = (): void => {};
    const late = new Promise<boolean>((resolve) => {
      cancel = this.#context.front.clock.schedule(ANSWER_WITHIN_MS, () => resolve(true));
    });
    const settled = await Promise.all(rights.map((right) => Promise.race([right, late])));
    cancel();
    return settled;
  }
}
