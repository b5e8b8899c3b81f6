import { asStatewayError, type StatewayError } from '../../core/errors.js';
import { objectionTo } from './fixed-header.js';
import { readConnect, readSubscribe, readUnsubscribe } from './packet-fields.js';
import {
  CONNECT,
  malformed,
  type PacketReceiver,
  PINGREQ,
  PUBACK,
  PUBLISH,
  SUBSCRIBE,
  UNSUBSCRIBE,
} from './packets.js';
import { packetIdAt, publishHeadBytes, readPublishHead, topicAt } from './publish-head.js';

/** A fixed header has one byte of type, and at most four of length (MQTT 3.1.1, 2.2.3). */
const MAX_LENGTH_BYTES = 4;

const FIRST_REST_BYTES = 256;
const NO_BYTES = new Uint8Array(0);

/** A PUBLISH whose payload is being swallowed. */
interface Oversize {
  readonly qos: 0 | 1;
  readonly packetId: number;
  readonly topic: Uint8Array;
  readonly payloadBytes: number;
}

/**
 * Reads the packets of one connection out of its bytes, however these are cut (MQTT 3.1.1). A packet that comes in one
 * piece is read where it lies. Of one that does not, no more is held than has come: what its length announces takes no
 * memory, and a length that is too large ends the reading before anything else is looked at.
 */
export class PacketReader {
  readonly #receiver: PacketReceiver;
  readonly #maxPayloadBytes: number;
  /** What came and is not read: the beginning of a packet or, while the reading is halted, whatever came. */
  #rest: Uint8Array = NO_BYTES;
  #restBytes = 0;
  /** How much of a packet must be there, from its beginning, before anything more can be told of it. */
  #wantedBytes = 0;
  #oversize: Oversize | undefined = undefined;
  #swallowBytes = 0;
  /** Of the last PUBLISH: as a rule they all have one. */
  #topic: Uint8Array = NO_BYTES;
  #halted = false;
  #ended = false;

  /** @param maxPayloadBytes of a PUBLISH that is taken */
  constructor(receiver: PacketReceiver, maxPayloadBytes: number) {
    this.#receiver = receiver;
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  /** Bytes that came and are not read. */
  get heldBytes(): number {
    return this.#restBytes;
  }

  /** Reads what has come. */
  push(chunk: Uint8Array): void {
    let at = this.#restBytes > 0 ? this.#completeRest(chunk) : 0;
    at = this.#readFrom(chunk, at, chunk.length);
    if (at < chunk.length && !this.#ended) this.#keep(chunk.subarray(at));
  }

  /** From now on what comes is kept unread. */
  halt(): void {
    this.#halted = true;
  }

  /** Reads on, first what came meanwhile. */
  goOn(): void {
    if (!this.#halted) return;
    this.#halted = false;
    const rest = this.#rest.subarray(0, this.#restBytes);
    this.#rest = NO_BYTES;
    this.#restBytes = 0;
    const at = this.#readFrom(rest, 0, rest.length);
    if (at < rest.length && !this.#ended) this.#keep(rest.subarray(at));
  }

  /** Reads and holds nothing more. */
  end(): void {
    this.#ended = true;
    this.#rest = NO_BYTES;
    this.#restBytes = 0;
  }

  /** Adds to the packet that is begun what it lacks, and no more, until it is read; returns how much of the chunk was used. */
  #completeRest(chunk: Uint8Array): number {
    let at = 0;
    while (this.#restBytes > 0 && at < chunk.length && !this.#halted && !this.#ended) {
      const used = Math.min(this.#wantedBytes - this.#restBytes, chunk.length - at);
      this.#keep(chunk.subarray(at, at + used));
      at += used;
      if (this.#restBytes < this.#wantedBytes) break;
      this.#stepRest();
    }
    return at;
  }

  /**
   * Reads the packet that was begun, if it is whole. It is nobody's meanwhile: whoever takes it may halt and go on within the
   * call, and may hold views of it, so that it is not written to again.
   */
  #stepRest(): void {
    const [rest, restBytes] = [this.#rest, this.#restBytes];
    this.#rest = NO_BYTES;
    this.#restBytes = 0;
    if (this.#step(rest, 0, restBytes) > 0 || this.#ended) return;
    this.#rest = rest;
    this.#restBytes = restBytes;
  }

  /** Reads what is whole of `bytes` between two places; returns the place behind it. */
  #readFrom(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && !this.#halted && !this.#ended) {
      const used = this.#step(bytes, at, end);
      if (used === 0) break;
      at += used;
    }
    return at;
  }

  #keep(bytes: Uint8Array): void {
    const needed = this.#restBytes + bytes.length;
    if (needed > this.#rest.length) {
      const larger = new Uint8Array(Math.max(FIRST_REST_BYTES, needed, 2 * this.#rest.length));
      larger.set(this.#rest.subarray(0, this.#restBytes));
      this.#rest = larger;
    }
    this.#rest.set(bytes, this.#restBytes);
    this.#restBytes = needed;
  }

  /** Reads one packet, or a part of one that is swallowed; returns how many bytes that took. 0: it wants more of them. */
  #step(bytes: Uint8Array, at: number, end: number): number {
    if (this.#oversize !== undefined) return this.#swallow(this.#oversize, end - at);
    let length = 0;
    for (let i = 1; i <= MAX_LENGTH_BYTES; i++) {
      if (at + i >= end) return this.#want(i + 1);
      const byte = bytes[at + i] as number;
      length += (byte & 0x7f) << (7 * (i - 1));
      if (byte < 0x80) return this.#stepBody(bytes[at] as number, bytes, at, end, 1 + i, length);
    }
    return this.#fail(malformed('the length of a packet takes more than four bytes (2.2.3)'));
  }

  #stepBody(header: number, bytes: Uint8Array, at: number, end: number, headerBytes: number, length: number): number {
    const objection = objectionTo(header, length, this.#maxPayloadBytes);
    if (objection !== undefined) return this.#fail(malformed(objection));
    const bodyAt = at + headerBytes;
    if (header >> 4 === PUBLISH && length > this.#maxPayloadBytes) {
      const headBytes = publishHeadBytes(header, bytes, bodyAt, end);
      // Its two first bytes, which say how long its head is, and then that.
      if (headBytes === undefined) return this.#want(headerBytes + 2);
      if (length - headBytes > this.#maxPayloadBytes) {
        if (bodyAt + headBytes > end) return this.#want(headerBytes + headBytes);
        return this.#beginToSwallow(header, bytes.subarray(bodyAt, bodyAt + headBytes), length)
          ? headerBytes + headBytes
          : 0;
      }
    }
    if (bodyAt + length > end) return this.#want(headerBytes + length);
    this.#read(header, bytes, bodyAt, bodyAt + length);
    return headerBytes + length;
  }

  #want(bytes: number): number {
    this.#wantedBytes = bytes;
    return 0;
  }

  #fail(error: StatewayError): number {
    this.end();
    this.#receiver.onMalformed(error);
    return 0;
  }

  #read(header: number, bytes: Uint8Array, start: number, end: number): void {
    try {
      if (header >> 4 === PUBLISH) this.#readPublish(header, bytes, start, end);
      else this.#dispatch(header, bytes.subarray(start, end));
    } catch (error) {
      this.#fail(asStatewayError(error, 'STATEWAY_MQTT_MALFORMED', 'a packet cannot be read'));
    }
  }

  #dispatch(header: number, body: Uint8Array): void {
    switch (header >> 4) {
      case PINGREQ:
        this.#receiver.onPing();
        break;
      case CONNECT:
        this.#receiver.onConnect(readConnect(body));
        break;
      case SUBSCRIBE: {
        const { packetId, filters } = readSubscribe(body);
        this.#receiver.onSubscribe(packetId, filters);
        break;
      }
      case UNSUBSCRIBE: {
        const { packetId, filters } = readUnsubscribe(body);
        this.#receiver.onUnsubscribe(packetId, filters);
        break;
      }
      case PUBACK:
        this.#receiver.onPuback();
        break;
      default:
        this.#receiver.onDisconnect();
    }
  }

  /** Few views are made, as there may be a hundred thousand a second. */
  #readPublish(header: number, bytes: Uint8Array, start: number, end: number): void {
    const headEnd = start + (publishHeadBytes(header, bytes, start, end) ?? end - start + 1);
    if (headEnd > end) throw malformed('PUBLISH: it ends within its topic or packet identifier (2.2.3)');
    const qos = (header & 0x06) === 0 ? 0 : 1;
    const topicEnd = headEnd - 2 * qos;
    const packetId = qos === 0 ? 0 : packetIdAt(bytes, topicEnd);
    this.#topic = topicAt(bytes, start + 2, topicEnd, this.#topic);
    this.#receiver.onPublish(qos, packetId, this.#topic, bytes.subarray(headEnd, end));
  }

  #beginToSwallow(header: number, head: Uint8Array, length: number): boolean {
    try {
      const { qos, packetId, topic } = readPublishHead(header, head);
      this.#swallowBytes = length - head.length;
      this.#oversize = { qos, packetId, topic: topic.slice(), payloadBytes: this.#swallowBytes };
      return true;
    } catch (error) {
      this.#fail(asStatewayError(error, 'STATEWAY_MQTT_MALFORMED', 'a packet cannot be read'));
      return false;
    }
  }

  #swallow(oversize: Oversize, available: number): number {
    const used = Math.min(this.#swallowBytes, available);
    this.#swallowBytes -= used;
    if (this.#swallowBytes === 0) {
      this.#oversize = undefined;
      this.#receiver.onOversize(oversize.qos, oversize.packetId, oversize.topic, oversize.payloadBytes);
    }
    return used;
  }
}
