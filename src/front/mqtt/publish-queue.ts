import type { StatewayError } from '../../core/errors.js';
import type { Grant } from '../../core/grant.js';
import type { MqttTransport } from '../../core/metering/meters.js';
import type { BodyReceiver } from '../../core/ports.js';
import type { MqttContext } from './mqtt-context.js';
import { QueuedPublish } from './queued-publish.js';

/** What a publish counts for beside its payload, as a frame of a WebSocket does. */
const PUBLISH_OVERHEAD_BYTES = 320;
/** What the spool or the disk did not take is tried again so often, one payload first. */
const RETRY_MS = 1_000;
const NOTHING = new Uint8Array(0);
/** Shared: most connections have nothing to cancel most of the time. */
const doNothing = (): void => {};

/** Whom a queue tells. */
export interface QueueUser {
  /** One was not taken: it is no state and is set aside, or finds no room and will be tried again. */
  onRefused(publish: QueuedPublish, error: StatewayError): void;
  /** The oldest publishes up to here are answered: PUBACKs leave in this order (MQTT 3.1.1, 4.6.0-2). */
  onAnswered(publish: QueuedPublish): void;
  /** Something was not taken for want of room, and will be tried again; and that is over. */
  onStalled(): void;
  onRoom(): void;
}

/**
 * The publishes of one connection, from their arrival to their PUBACK: in order, after the commit that holds them
 * (contract 1.9.5). What cannot be taken for want of room is tried again until it can: so nothing that was read is lost
 * but with the connection, which is not read meanwhile.
 */
export class PublishQueue implements BodyReceiver {
  readonly transport: MqttTransport;
  readonly #context: MqttContext;
  readonly #user: QueueUser;
  readonly #queue: QueuedPublish[] = [];
  /** Number of the first in the queue. */
  #first = 0;
  /** With the intake, or on their way to being set aside. */
  #underWay = 0;
  /** The batch of the intake that they went with. */
  #batch = 0;
  #behind = 0;
  #refused = 0;
  #isStalled = false;
  #isClosed = false;
  #cancelRetry = doNothing;

  constructor(context: MqttContext, user: QueueUser, transport: MqttTransport) {
    this.transport = transport;
    this.#context = context;
    this.#user = user;
  }

  /** Publishes that are not answered. */
  get size(): number {
    return this.#queue.length;
  }

  /** Of them, those that the proxy itself will answer without anybody else's doing. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Puts one behind the others. It counts under the front's bound from now on, as far as there is room. */
  add(qos: 0 | 1, packetId: number, payload: Uint8Array): QueuedPublish {
    const number = this.#first + this.#queue.length;
    const publish = new QueuedPublish(number, qos, packetId, payload, this.#context.front.clock.monotonicMs());
    this.#queue.push(publish);
    this.#admit(publish);
    return publish;
  }

  /** One has to wait for the cloud. It counts meanwhile, and what came with it is not kept for its sake. */
  wait(publish: QueuedPublish): void {
    publish.keepAlone();
    if (!this.#admit(publish)) this.#stall();
  }

  /** Has one stored for a device. */
  store(publish: QueuedPublish, grant: Grant): void {
    publish.grant = grant;
    // What comes behind one that was refused, or may yet be, must not overtake it.
    if (this.#refused > 0 || !this.#admit(publish)) this.#refuse(publish);
    else if (this.#behind === 0 && this.#canJoin(publish)) this.#submit(publish);
    else {
      publish.stage = 'behind';
      this.#behind++;
    }
  }

  /** One needs nothing more: what it says is not kept, or has been taken otherwise. */
  finish(publish: QueuedPublish): void {
    publish.stage = 'done';
    this.#forgetPayload(publish);
    if (this.#isClosed) this.#release(publish);
    this.#advance();
  }

  /** Nobody is to be told any more; what is with the intake is kept all the same, and all else is given up. */
  close(): void {
    this.#isClosed = true;
    this.#cancelRetry();
    for (const publish of this.#queue) {
      if (publish.stage === 'waiting' || publish.stage === 'refused') this.#giveUp(publish);
      else if (publish.stage === 'behind') this.#submit(publish);
      else if (publish.stage === 'done') this.#release(publish);
    }
  }

  /** The cloud itself has taken one, as a proof of its token (contract 1.4). */
  deliver(publish: QueuedPublish, states: number): void {
    const { clock, meters } = this.#context.front;
    meters.received[this.transport].accepted += states;
    meters.mqtt.publishes.state++;
    meters.ackSeconds.observe((clock.monotonicMs() - publish.arrivedAtMs) / 1000);
    this.finish(publish);
  }

  onStored(ticket: number, states: number): void {
    this.deliver(this.#comeBack(ticket), states);
    this.#goOn();
  }

  onRefused(ticket: number, error: StatewayError): void {
    const publish = this.#comeBack(ticket);
    this.#context.front.meters.refuse(this.transport, error);
    this.#user.onRefused(publish, error);
    if (error.retryable) {
      this.#refuse(publish);
      return;
    }
    publish.objection = error.message;
    this.#setAside(publish);
  }

  #submit(publish: QueuedPublish): void {
    if (publish.stage === 'behind') this.#behind--;
    publish.stage = 'stored';
    this.#underWay++;
    const { grant, payload, number } = publish;
    const { intake } = this.#context.front;
    this.#batch = intake.batchOf(payload.length);
    intake.accept(grant as Grant, 'extended-json', payload, this, number);
  }

  /**
   * What goes with one batch is stored or refused with it. Of two batches the first may be refused for want of room that
   * the second finds: then later states would be stored before earlier ones, and get earlier stamps.
   */
  #canJoin({ payload }: QueuedPublish): boolean {
    return this.#underWay === 0 || this.#context.front.intake.batchOf(payload.length) === this.#batch;
  }

  #comeBack(ticket: number): QueuedPublish {
    this.#underWay--;
    return this.#queue[ticket - this.#first] as QueuedPublish;
  }

  #setAside(publish: QueuedPublish): void {
    publish.stage = 'setting aside';
    this.#underWay++;
    const { device } = publish.grant as Grant;
    this.#context.letters.setAside(device, publish.payload, publish.objection as string).then(
      (kept) => {
        this.#underWay--;
        this.#context.front.meters.mqtt.publishes[kept]++;
        this.finish(publish);
        this.#goOn();
      },
      () => {
        this.#underWay--;
        this.#refuse(publish);
      },
    );
  }

  #refuse(publish: QueuedPublish): void {
    publish.stage = 'refused';
    this.#refused++;
    if (this.#isClosed) {
      this.#giveUp(publish);
      return;
    }
    publish.keepAlone();
    this.#stall();
  }

  #stall(): void {
    if (this.#isStalled || this.#isClosed) return;
    this.#isStalled = true;
    this.#user.onStalled();
    this.#scheduleRetry();
  }

  #scheduleRetry(): void {
    this.#cancelRetry();
    this.#cancelRetry = this.#context.front.clock.schedule(RETRY_MS, () => {
      // Those that went before must have come back, or one of them could be overtaken.
      const first = this.#queue.find(({ stage }) => stage === 'refused');
      if (first === undefined) this.#goOn();
      else if (this.#underWay === 0) this.#retry(first);
      if (this.#isStalled) this.#scheduleRetry();
    });
  }

  /** All that were under way have come back, and the last of them was taken: the rest goes on in order. */
  #goOn(): void {
    if (this.#underWay > 0 || this.#isClosed || (!this.#isStalled && this.#behind === 0)) return;
    for (const publish of this.#queue) {
      if (publish.stage === 'waiting' && this.#isStalled && !this.#admit(publish)) return;
      if (publish.stage !== 'refused' && publish.stage !== 'behind') continue;
      if (!this.#canJoin(publish) || !this.#retry(publish)) return;
    }
    if (!this.#isStalled) return;
    this.#isStalled = false;
    this.#cancelRetry();
    this.#user.onRoom();
  }

  #retry(publish: QueuedPublish): boolean {
    if (!this.#admit(publish)) return false;
    if (publish.stage === 'refused') this.#refused--;
    if (publish.objection === undefined) this.#submit(publish);
    else this.#setAside(publish);
    return true;
  }

  #advance(): void {
    while (this.#queue[0]?.stage === 'done') {
      const publish = this.#queue.shift() as QueuedPublish;
      this.#first++;
      this.#release(publish);
      if (!this.#isClosed) this.#user.onAnswered(publish);
    }
  }

  #giveUp(publish: QueuedPublish): void {
    this.#context.front.meters.mqtt.publishes.unavailable++;
    this.#release(publish);
  }

  #admit(publish: QueuedPublish): boolean {
    if (publish.admittedBytes > 0) return true;
    const bytes = publish.payload.length + PUBLISH_OVERHEAD_BYTES;
    if (!this.#context.front.admission.admit(bytes)) return false;
    publish.admittedBytes = bytes;
    return true;
  }

  /** What is answered behind one that is not keeps its place, and no payload. */
  #forgetPayload(publish: QueuedPublish): void {
    const { length } = publish.payload;
    publish.payload = NOTHING;
    if (publish.admittedBytes === 0) return;
    this.#context.front.admission.release(length);
    publish.admittedBytes -= length;
  }

  #release(publish: QueuedPublish): void {
    this.#context.front.admission.release(publish.admittedBytes);
    publish.admittedBytes = 0;
  }
}
