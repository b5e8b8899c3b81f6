import type { Asker } from '../../core/auth-ports.js';
import type { Device } from '../../core/device.js';
import type { StatewayError } from '../../core/errors.js';
import type { Grant } from '../../core/grant.js';
import type { MqttCloseReason, MqttTransport } from '../../core/metering/meters.js';
import { Commands } from './commands.js';
import type { HaltReason } from './flow.js';
import type { LoggedIn, LogInOutcome, MqttCredentials } from './log-ins.js';
import type { MqttContext } from './mqtt-context.js';
import { OtherDevices, type OtherDevicesUser } from './other-devices.js';
import type { Outbox } from './outbox.js';
import { textOf } from './packet-fields.js';
import { suback, unsuback } from './packet-writer.js';
import { payloadTooLarge, type Will } from './packets.js';
import { PublishQueue, type QueueUser } from './publish-queue.js';
import type { QueuedPublish } from './queued-publish.js';
import { Subscriptions } from './subscriptions.js';
import { type Route, routeOf, type TopicAccess } from './topics.js';
import { takeWill } from './wills.js';

/** While the cloud cannot be asked for a new token: first pause, and longest. */
const RENEW_FIRST_MS = 1_000;
const RENEW_LONGEST_MS = 30_000;
/** So long before its end a token is renewed. */
const RENEW_AHEAD_MS = 60_000;
/** A token that the cloud calls void so soon after it was given is not asked for anew: the key is revoked. */
const RENEWED_LATELY_MS = 60_000;
const NO_TOPIC = new Uint8Array(0);
/** Shared by all that have nothing to cancel. */
const doNothing = (): void => {};
/** SUBSCRIBE and UNSUBSCRIBE that wait for the cloud, from which on nothing more is read. */
const MOST_WAITING_ANSWERS = 64;

/** The connection that a session is of. */
export interface SessionOwner {
  readonly outbox: Outbox;
  halt(reason: HaltReason): void;
  goOn(reason: HaltReason): void;
  end(reason: MqttCloseReason): void;
}

export interface SessionParts {
  readonly credentials: MqttCredentials;
  readonly loggedIn: LoggedIn;
  readonly will: Will | undefined;
  readonly transport: MqttTransport;
  readonly asker: Asker;
  readonly peer: string;
}

/** What a device that has been accepted publishes and subscribes (contract 1.9.3 to 1.9.7), until its connection ends. */
export class Session implements QueueUser, OtherDevicesUser {
  readonly asker: Asker;
  readonly #context: MqttContext;
  readonly #owner: SessionOwner;
  readonly #parts: SessionParts;
  /** Lower case. */
  readonly #deviceId: string;
  readonly #queue: PublishQueue;
  readonly #others: OtherDevices;
  readonly #subscriptions: Subscriptions;
  /** Made when the cloud's broker is needed: most devices send states, and nothing else. */
  #commands: Commands | undefined = undefined;
  #grant: Grant;
  #access: TopicAccess;
  #stopWatching = doNothing;
  #cancelRenewal = doNothing;
  #isRenewing = false;
  /** Monotonic. */
  #renewedAtMs = Number.NEGATIVE_INFINITY;
  /** What waits for a good token, in order. */
  #waiting: QueuedPublish[] = [];
  /** The topic that was published to last, and where it leads: as a rule a device has one. */
  #lastTopic: Uint8Array = NO_TOPIC;
  #lastRoute: Route = { kind: 'denied' };
  #isClosed = false;

  constructor(context: MqttContext, owner: SessionOwner, parts: SessionParts) {
    this.#context = context;
    this.#owner = owner;
    this.#parts = parts;
    this.asker = parts.asker;
    this.#deviceId = parts.credentials.deviceId.toLowerCase();
    this.#grant = parts.loggedIn.grant;
    this.#access = parts.loggedIn.access;
    this.#queue = new PublishQueue(context, this, parts.transport);
    this.#others = new OtherDevices(context, this.#queue, this);
    this.#subscriptions = new Subscriptions(context, this);
    this.#watch();
  }

  get grant(): Grant {
    return this.#grant;
  }

  /** Whether everything that was read has been answered, but for what waits for the cloud or for room. */
  get isSettled(): boolean {
    return this.#queue.underWay === 0;
  }

  publish(qos: 0 | 1, packetId: number, topic: Uint8Array, payload: Uint8Array): void {
    const route = this.#routeOf(topic);
    const publish = this.#queue.add(qos, packetId, payload);
    if (route.kind === 'own state') this.#storeOwn(publish);
    else if (route.kind === 'state of another') this.#others.store(publish, route.deviceId);
    else if (route.kind === 'upstream') this.#sendUp(publish, topic);
    else this.#deny(publish, topic);
    if (this.#queue.size >= this.#context.maxInflight) this.#owner.halt('in flight');
  }

  oversize(qos: 0 | 1, packetId: number): void {
    this.#noteRefusal(this.#grant.device, payloadTooLarge(this.#context.front.maxBodyBytes));
    this.#drop(this.#queue.add(qos, packetId, new Uint8Array(0)), 'oversize');
  }

  /** Answers at once, and where the cloud has to be asked for other devices, a moment later, in order. */
  subscribe(packetId: number, filters: readonly string[]): void {
    this.#subscriptions.add(filters, this.#deviceId, this.#access, (granted) => {
      this.#answer(suback(packetId, granted));
      if (!this.#isClosed) this.#toCommands().subscribe(filters.filter((_filter, index) => granted[index]));
    });
    this.#haltForAnswers();
  }

  unsubscribe(packetId: number, filters: readonly string[]): void {
    this.#subscriptions.remove(filters, () => {
      this.#commands?.unsubscribe(filters);
      this.#answer(unsuback(packetId));
    });
    this.#haltForAnswers();
  }

  /** @param takesWill whether the connection has ended without the device's doing, so that its will counts */
  close(takesWill: boolean): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopWatching();
    this.#cancelRenewal();
    if (takesWill && this.#parts.will !== undefined) this.#takeWill(this.#parts.will);
    this.#commands?.close();
    this.#others.close();
    this.#queue.close();
  }

  onRefused({ grant }: QueuedPublish, error: StatewayError): void {
    this.#noteRefusal((grant as Grant).device, error);
  }

  onAnswered({ qos, packetId }: QueuedPublish): void {
    if (qos === 1) this.#owner.outbox.addPuback(packetId);
    if (this.#queue.size < this.#context.maxInflight) this.#owner.goOn('in flight');
  }

  onStalled(): void {
    this.#owner.halt('no room');
  }

  onRoom(): void {
    this.#owner.goOn('no room');
  }

  onDenied(publish: QueuedPublish, deviceId: string): void {
    this.#deny(publish, Buffer.from(`losant/${deviceId}/state`));
  }

  onGivenUp(): void {
    this.#owner.end('unavailable');
  }

  #toCommands(): Commands {
    const { key, secret } = this.#parts.credentials;
    const device = { applicationId: this.#grant.device.applicationId, deviceId: this.#deviceId, key, secret };
    this.#commands ??= new Commands(this.#context, this.#owner.outbox, device, () => void this.#renew());
    return this.#commands;
  }

  #answer(packet: Uint8Array): void {
    if (this.#isClosed) return;
    this.#owner.outbox.add(packet);
    if (this.#subscriptions.waiting < MOST_WAITING_ANSWERS) this.#owner.goOn('answers');
  }

  #haltForAnswers(): void {
    if (this.#subscriptions.waiting >= MOST_WAITING_ANSWERS) this.#owner.halt('answers');
  }

  #routeOf(topic: Uint8Array): Route {
    // The same topic comes as the same array (`PacketReader`).
    if (topic === this.#lastTopic) return this.#lastRoute;
    this.#lastTopic = topic;
    this.#lastRoute = routeOf(textOf(topic) ?? '', this.#deviceId, this.#access);
    return this.#lastRoute;
  }

  #storeOwn(publish: QueuedPublish): void {
    if (this.#waiting.length === 0 && this.#grant.isGood(this.#context.front.clock.wallMs())) {
      this.#queue.store(publish, this.#grant);
      return;
    }
    this.#waiting.push(publish);
    this.#queue.wait(publish);
    this.#needToken();
  }

  /** Answered at once: it is not promised to arrive, and holds back no PUBACK of a state behind it (contract 1.9.4). */
  #sendUp(publish: QueuedPublish, topic: Uint8Array): void {
    this.#toCommands().publish(textOf(topic) ?? '', publish.payload, publish.qos);
    this.#queue.finish(publish);
  }

  #deny(publish: QueuedPublish, topic: Uint8Array): void {
    this.#context.denied.note('publish', this.#deviceId, textOf(topic) ?? '');
    this.#drop(publish, 'denied');
  }

  #drop(publish: QueuedPublish, result: 'denied' | 'unavailable' | 'oversize'): void {
    this.#context.front.meters.mqtt.publishes[result]++;
    this.#queue.finish(publish);
  }

  #takeWill(will: Will): void {
    const route = routeOf(will.topic, this.#deviceId, this.#access);
    if (route.kind === 'upstream') {
      this.#toCommands().publish(will.topic, will.payload, will.qos === 0 ? 0 : 1);
      return;
    }
    const grant = route.kind === 'state of another' ? this.#others.find(route.deviceId) : this.#grant;
    const isGood = grant?.isGood(this.#context.front.clock.wallMs()) === true;
    takeWill(this.#context, this.#parts.transport, will, route, isGood ? grant : undefined);
  }

  /** The token is renewed while the connection lives: before it is over, and when the cloud calls it void. */
  #watch(): void {
    this.#stopWatching();
    const { clock } = this.#context.front;
    const aheadMs = this.#grant.expiresAtMs - clock.wallMs() - RENEW_AHEAD_MS;
    const cancelAhead = this.#canRenewAhead(aheadMs) ? clock.schedule(aheadMs, () => void this.#renew()) : doNothing;
    const stopListening = this.#grant.onEnd(({ code }) => {
      const isRevoked = clock.monotonicMs() - this.#renewedAtMs < RENEWED_LATELY_MS;
      if (code === 'STATEWAY_TOKEN_REFUSED' && isRevoked) this.#owner.end('revoked');
      else this.#needToken();
    });
    this.#stopWatching = () => {
      cancelAhead();
      stopListening();
    };
  }

  /**
   * Not one without an end. Nor one that is over, or soon, when it has just come: either this clock is wrong, and would find
   * the next one over as well, or tokens last no longer. Then what needs a token has it renewed, or the cloud's no does.
   */
  #canRenewAhead(aheadMs: number): boolean {
    if (!Number.isFinite(aheadMs) || this.#grant.isClockDisproved) return false;
    return aheadMs > 0 || this.#renewedAtMs === Number.NEGATIVE_INFINITY;
  }

  #noteRefusal({ applicationId, deviceId }: Device, error: StatewayError): void {
    const refused = { applicationId, deviceId, address: this.asker.address, isKnown: true };
    this.#context.front.refusals.note(error, refused);
  }

  #needToken(): void {
    if (this.#isClosed) return;
    this.#owner.halt('no token');
    void this.#renew();
  }

  async #renew(): Promise<void> {
    if (this.#isRenewing || this.#isClosed) return;
    this.#isRenewing = true;
    for (let waitMs = RENEW_FIRST_MS; !this.#isClosed; waitMs = Math.min(2 * waitMs, RENEW_LONGEST_MS)) {
      const { credentials, peer } = this.#parts;
      const outcome = await this.#context.logIns.ask(credentials, this.asker, peer);
      if (this.#isClosed) return;
      if (this.#takeRenewal(outcome)) break;
      await new Promise<void>((resolve) => {
        this.#cancelRenewal = this.#context.front.clock.schedule(waitMs, resolve);
      });
    }
    this.#isRenewing = false;
  }

  /** @returns whether nothing more is to be asked */
  #takeRenewal(outcome: LogInOutcome): boolean {
    if (outcome.kind === 'later') return false;
    if (outcome.kind !== 'logged in') {
      this.#owner.end('revoked');
      return true;
    }
    this.#renewedAtMs = this.#context.front.clock.monotonicMs();
    this.#grant = outcome.grant;
    this.#access = outcome.access;
    this.#lastTopic = NO_TOPIC;
    this.#watch();
    for (const publish of this.#waiting.splice(0)) this.#queue.store(publish, this.#grant);
    this.#owner.goOn('no token');
    return true;
  }
}
