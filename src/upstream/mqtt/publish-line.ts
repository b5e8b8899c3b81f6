import { MAX_UPLINK_BYTES } from '../../core/bounds.js';
import type { MqttMeters } from '../../core/metering/meters.js';
import type { Clock } from '../../core/time/clock.js';
import type { BrokerConnection } from './broker.js';

/** Of one device, for its turn or for the connection (contract 1.9.4). */
const MAX_WAITING_BYTES = 64 * 1024;
/** Written and not taken, or at QoS 1 without PUBACK: two messages of the largest size. */
const MAX_UNDER_WAY_BYTES = 2 * 258 * 1024;
/** Of a message beside payload and topic. */
const OVERHEAD_BYTES = 256;

/** What the messages of all devices together hold. */
export class PublishRoom {
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  take(bytes: number): boolean {
    if (this.#bytes + bytes > MAX_UPLINK_BYTES) return false;
    this.#bytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

interface Waiting {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1;
  readonly bytes: number;
}

/**
 * What one device publishes at the broker: at the broker's pace, each topic in order, and dropped where it would have to
 * wait for more than a little. It is never stored: what is promised is promised of states alone (contract 1.9.4).
 */
export class PublishLine {
  readonly #clock: Clock;
  readonly #publishes: MqttMeters['publishes'];
  readonly #room: PublishRoom;
  readonly #rates = new PublishRates();
  readonly #waiting = new Set<Waiting>();
  #waitingBytes = 0;
  #underWayBytes = 0;
  #connection: BrokerConnection | undefined = undefined;
  #cancelTimer: () => void = () => {};

  constructor(clock: Clock, publishes: MqttMeters['publishes'], room: PublishRoom) {
    this.#clock = clock;
    this.#publishes = publishes;
    this.#room = room;
  }

  /** Whether something waits that a connection would take. */
  get isWanting(): boolean {
    return this.#waiting.size > 0;
  }

  add(topic: string, payload: Uint8Array, qos: 0 | 1): void {
    const bytes = payload.length + topic.length + OVERHEAD_BYTES;
    const isNext = this.#connection !== undefined && this.#waiting.size === 0 && this.#delayMs(topic, bytes) === 0;
    const isTooMuch = !isNext && this.#waitingBytes + bytes > MAX_WAITING_BYTES;
    if (isTooMuch || !this.#room.take(bytes)) {
      this.#publishes.unavailable++;
      return;
    }
    // Its memory is the device's.
    this.#waiting.add({ topic, payload: payload.slice(), qos, bytes });
    this.#waitingBytes += bytes;
    if (this.#connection !== undefined) this.#pump(this.#connection);
  }

  /** There is a connection. */
  open(connection: BrokerConnection): void {
    this.#connection = connection;
    this.#pump(connection);
  }

  /** There is none, and none is being made: what waits is dropped. */
  close(): void {
    this.#connection = undefined;
    this.#cancelTimer();
    for (const waiting of this.#waiting) this.#room.give(waiting.bytes);
    this.#publishes.unavailable += this.#waiting.size;
    this.#waiting.clear();
    this.#room.give(this.#underWayBytes);
    this.#waitingBytes = 0;
    this.#underWayBytes = 0;
  }

  #pump(connection: BrokerConnection): void {
    this.#cancelTimer();
    const held = new Set<string>();
    let soonestMs = Number.POSITIVE_INFINITY;
    for (const waiting of this.#waiting) {
      // Behind another of its topic.
      if (held.has(waiting.topic)) continue;
      const delayMs = this.#delayMs(waiting.topic, waiting.bytes);
      if (delayMs > 0) {
        held.add(waiting.topic);
        soonestMs = Math.min(soonestMs, delayMs);
      } else this.#send(connection, waiting);
    }
    // Where what is under way stands before it, its end goes on with the rest.
    if (soonestMs < Number.POSITIVE_INFINITY)
      this.#cancelTimer = this.#clock.schedule(soonestMs, () => this.#pump(connection));
  }

  /** @returns Infinity where that depends on what is under way */
  #delayMs(topic: string, bytes: number): number {
    if (this.#underWayBytes > 0 && this.#underWayBytes + bytes > MAX_UNDER_WAY_BYTES) return Number.POSITIVE_INFINITY;
    return this.#rates.waitMs(topic, this.#clock.monotonicMs());
  }

  #send(connection: BrokerConnection, waiting: Waiting): void {
    const { topic, payload, qos, bytes } = waiting;
    this.#waiting.delete(waiting);
    this.#waitingBytes -= bytes;
    this.#underWayBytes += bytes;
    this.#rates.note(topic, this.#clock.monotonicMs());
    this.#publishes.upstream++;
    connection.publish(topic, payload, qos, () => {
      // Of a connection that has closed, all was given back.
      if (this.#connection !== connection) return;
      this.#underWayBytes -= bytes;
      this.#room.give(bytes);
      if (this.#waiting.size > 0) this.#cancelTimer();
      if (this.#waiting.size > 0) this.#cancelTimer = this.#clock.schedule(0, () => this.#pump(connection));
    });
  }
}

const WINDOW_MS = 15_000;
/** The broker allows 30 and 300, in both directions together, and bans who exceeds them (docs/cloud.md, "The broker"). */
const MOST_OF_TOPIC = 25;
const MOST_OF_DEVICE = 250;

/** What one device may publish at the broker, by its topics and in all (contract 1.9.4). */
class PublishRates {
  /** Monotonic, of the last window; rising. */
  #ofDevice: number[] = [];
  readonly #ofTopics = new Map<string, number[]>();

  /** For how long a publish has to wait; 0: it may leave. */
  waitMs(topic: string, nowMs: number): number {
    this.#ofDevice = within(this.#ofDevice, nowMs);
    const ofTopic = within(this.#ofTopics.get(topic) ?? [], nowMs);
    return Math.max(waitFor(ofTopic, MOST_OF_TOPIC, nowMs), waitFor(this.#ofDevice, MOST_OF_DEVICE, nowMs));
  }

  note(topic: string, nowMs: number): void {
    if (this.#ofDevice.length === 0) this.#ofTopics.clear();
    this.#ofDevice.push(nowMs);
    const ofTopic = within(this.#ofTopics.get(topic) ?? [], nowMs);
    ofTopic.push(nowMs);
    this.#ofTopics.set(topic, ofTopic);
    if (this.#ofTopics.size > MOST_OF_DEVICE) this.#forgetOld(nowMs);
  }

  #forgetOld(nowMs: number): void {
    for (const [topic, timesMs] of this.#ofTopics)
      if (within(timesMs, nowMs).length === 0) this.#ofTopics.delete(topic);
  }
}

function within(timesMs: number[], nowMs: number): number[] {
  const first = timesMs.findIndex((timeMs) => timeMs > nowMs - WINDOW_MS);
  return first < 0 ? [] : timesMs.slice(first);
}

function waitFor(timesMs: readonly number[], most: number, nowMs: number): number {
  return timesMs.length < most ? 0 : (timesMs[timesMs.length - most] as number) + WINDOW_MS - nowMs;
}
