import { Alarm } from '../../core/time/time-limit.js';
import { Holding, type Share } from '../admission.js';
import type { Line } from './line.js';
import type { MqttContext } from './mqtt-context.js';
import { PacketReader } from './packet-reader.js';
import type { PacketReceiver } from './packets.js';

/** So long nothing may be read of a connection, or nothing be taken by it (contract 1.9.4, 1.9.6). */
const STUCK_AFTER_MS = 60_000;
/** What the other end has not taken, from which on nothing more is read of it. */
const MAX_UNSENT_BYTES = 64 * 1024;
/** What comes behind a CONNECT that is not answered, from which on nothing more is read. */
const MAX_BEHIND_CONNECT_BYTES = 16 * 1024;
/** How often it is looked whether there is room for what was read. */
const LOOK_FOR_ROOM_MS = 1_000;

/** Why a connection is not read at the moment. */
export type HaltReason = 'in flight' | 'no room' | 'no token' | 'answers' | 'unsent' | 'held bytes' | 'stopping';

/** Whom it tells. */
export interface FlowUser extends PacketReceiver {
  /** `slow`: the other end takes nothing. `unavailable`: there is no room here for what it sends. */
  onStuck(why: 'slow' | 'unavailable'): void;
}

/**
 * What comes and goes on one line: no more is read than can be taken, and what is held of it counts under the bounds of
 * the front. Bytes that are not read stay with the device, which is all the back-pressure that MQTT has.
 */
export class Flow {
  readonly #context: MqttContext;
  readonly #line: Line;
  readonly #user: FlowUser;
  readonly #reader: PacketReader;
  readonly #heldBytes: HeldBytes;
  /** Without doubles, and as a rule empty: a Set takes 200 bytes even then. */
  readonly #halts: HaltReason[] = [];
  // Each is made with its first use: most connections need none, ever.
  #haltedTooLong: Alarm | undefined = undefined;
  #unsentTooLong: Alarm | undefined = undefined;
  #lookForRoom: Alarm | undefined = undefined;
  #writtenBytes = 0;
  #readAgainAtMs = Number.NEGATIVE_INFINITY;
  #isOpen = false;
  #isBehindConnect = false;
  #isEnded = false;

  constructor(context: MqttContext, line: Line, user: FlowUser) {
    const { admission, maxBodyBytes } = context.front;
    this.#context = context;
    this.#line = line;
    this.#user = user;
    this.#reader = new PacketReader(user, maxBodyBytes);
    this.#heldBytes = new HeldBytes(this.#reader, new Holding(admission.strangers, line.address, undefined));
  }

  /** See {@link Flow.end}. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  get isHalted(): boolean {
    return this.#halts.length > 0;
  }

  /** Monotonic: until then nothing was read, and no packet can have been missed. */
  get readAgainAtMs(): number {
    return this.#readAgainAtMs;
  }

  receive(chunk: Uint8Array): void {
    if (this.#isEnded) return;
    this.#reader.push(chunk);
    this.#checkHeld();
  }

  /**
   * What comes behind a CONNECT waits until {@link Flow.open}. The line is read on, so that its end is noticed.
   * @param connectBytes that are kept of the CONNECT meanwhile
   */
  keepBehindConnect(connectBytes: number): void {
    this.#isBehindConnect = true;
    this.#heldBytes.keep(connectBytes);
    this.#reader.halt();
  }

  /** The device has been accepted: what it sends counts as its own from now on. */
  open(deviceId: string): void {
    this.#isOpen = true;
    this.#isBehindConnect = false;
    this.#heldBytes.keep(0);
    this.#heldBytes.moveTo(this.#context.front.admission.unfinished, deviceId);
    this.#readOn();
  }

  halt(reason: HaltReason): void {
    if (this.#isEnded) return;
    if (this.#halts.length === 0) {
      this.#reader.halt();
      this.#line.halt();
    }
    if (!this.#halts.includes(reason)) this.#halts.push(reason);
    // What the other end takes is watched by itself.
    if (reason === 'unsent' || this.#haltedTooLong?.isSet === true) return;
    this.#haltedTooLong ??= this.#newAlarm();
    this.#haltedTooLong.set(STUCK_AFTER_MS, () => this.#user.onStuck('unavailable'));
  }

  /** @param reason that has passed; where it was none, nothing changes */
  goOn(reason: HaltReason): void {
    const at = this.#halts.indexOf(reason);
    if (at < 0) return;
    this.#halts.splice(at, 1);
    if (this.#halts.length === (this.#halts.includes('unsent') ? 1 : 0)) this.#haltedTooLong?.clear();
    if (this.#halts.length > 0) return;
    // Not within whoever has made room: what is read now may be for it again.
    queueMicrotask(() => this.#readOn());
  }

  /** @param bytes are the line's from now on */
  write(bytes: Uint8Array): void {
    if (this.#isEnded) return;
    this.#line.write(bytes);
    this.#writtenBytes += bytes.length;
    const { unsentBytes } = this.#line;
    if (unsentBytes > MAX_UNSENT_BYTES) this.halt('unsent');
    if (unsentBytes > 0 && this.#unsentTooLong?.isSet !== true) this.#watchUnsent(unsentBytes);
  }

  /** The line has nothing unsent any more. */
  drained(): void {
    this.#unsentTooLong?.clear();
    this.goOn('unsent');
  }

  /** Nothing is read and written any more, and nothing held. */
  end(): void {
    this.#isEnded = true;
    this.#reader.end();
    this.#heldBytes.release();
    this.#haltedTooLong?.clear();
    this.#unsentTooLong?.clear();
    this.#lookForRoom?.clear();
  }

  #newAlarm(): Alarm {
    return new Alarm(this.#context.front.clock);
  }

  #readOn(): void {
    if (this.#isEnded || this.isHalted) return;
    this.#readAgainAtMs = this.#context.front.clock.monotonicMs();
    this.#reader.goOn();
    this.#checkHeld();
    if (!this.#isEnded && !this.isHalted) this.#line.goOn();
  }

  #checkHeld(): void {
    if (this.#isEnded) return;
    const hasRoom = this.#heldBytes.settle();
    if (this.#isBehindConnect && this.#reader.heldBytes > MAX_BEHIND_CONNECT_BYTES) this.#line.halt();
    if (hasRoom || this.#lookForRoom?.isSet === true) return;
    // One that cannot be kept from sending would bring more and more.
    if (!this.#isOpen || !this.#line.canHalt) this.#user.onStuck('unavailable');
    else this.#waitForRoom();
  }

  #waitForRoom(): void {
    this.halt('held bytes');
    this.#lookForRoom ??= this.#newAlarm();
    this.#lookForRoom.set(LOOK_FOR_ROOM_MS, () => {
      if (this.#heldBytes.settle()) this.goOn('held bytes');
      else this.#waitForRoom();
    });
  }

  /** Until nothing is unsent, or nothing has left for so long, whatever was written meanwhile. */
  #watchUnsent(unsentBytes: number): void {
    const takenBytes = this.#writtenBytes - unsentBytes;
    this.#unsentTooLong ??= this.#newAlarm();
    this.#unsentTooLong.set(STUCK_AFTER_MS, () => {
      const left = this.#line.unsentBytes;
      if (left === 0) return;
      if (this.#writtenBytes - left <= takenBytes) this.#user.onStuck('slow');
      else this.#watchUnsent(left);
    });
  }
}

/** What a connection has read and cannot use yet, as it counts under the bounds of the front (contract 1.4, 1.6). */
class HeldBytes {
  readonly #reader: PacketReader;
  readonly #holding: Holding;
  /** Of what was read, what is kept beside the reader. */
  #kept = 0;
  #counted = 0;

  constructor(reader: PacketReader, holding: Holding) {
    this.#reader = reader;
    this.#holding = holding;
  }

  /** So much is kept beside what the reader holds, from the next {@link HeldBytes.settle} on. */
  keep(bytes: number): void {
    this.#kept = bytes;
  }

  /** Counts what is held now; false, counting as before, where there is no room for it. */
  settle(): boolean {
    const held = this.#reader.heldBytes + this.#kept;
    // As after nearly every chunk.
    if (held === this.#counted) return true;
    if (held < this.#counted) this.#holding.forgetBytes(this.#counted - held);
    else if (!this.#holding.admit(held - this.#counted)) return false;
    this.#counted = held;
    return true;
  }

  /** Counts it under another share from now on; false, counting nothing, where there is no room for it there. */
  moveTo(share: Share, holder: string): boolean {
    const fits = this.#holding.moveTo(share, holder);
    if (!fits) this.#counted = 0;
    return fits;
  }

  release(): void {
    this.#holding.release();
    this.#counted = 0;
  }
}
