import type { Clock } from '../../core/time/clock.js';
import { Alarm } from '../../core/time/time-limit.js';

/** Handshakes of one address that may be under way, or have failed, before the next one waits. */
const CREDIT_OF_ADDRESS = 100;
/** So many of its failures are forgotten a second: a signature takes a millisecond of this thread. */
const FORGIVEN_A_SECOND = 10;
/** Where there is no room, a handshake that takes longer gives way; over a slow line one takes about a second. */
const KEEPS_PLACE_MS = 2_000;
/** How often it is looked whether those that wait may begin. */
const LOOK_AGAIN_MS = 100;
/** Addresses whose failures are remembered; the one whose last one is the longest ago gives way. */
const MAX_REMEMBERED = 10_000;

/** A socket that is to become a TLS connection. */
export interface Handshake {
  readonly address: string;
  begin(): void;
  /** Others want its place. */
  giveWay(): void;
}

interface Source {
  readonly address: string;
  credit: number;
  /** Monotonic, of `credit`. */
  atMs: number;
  underWay: number;
  /** The one that has waited longest first. */
  readonly waiting: Set<Handshake>;
}

/**
 * Which handshakes may be under way (contract 1.9.2). Each takes some 64 KiB outside the heap, so their number is bounded;
 * and a client that does not trust our certificate closes in its handshake and, as one in use does, is back at once, so
 * that an address whose handshakes fail has only so many a second. What waits takes a socket and nothing more, and one
 * address waits for another only where all places are taken.
 */
export class HandshakeGate {
  readonly #most: number;
  readonly #clock: Clock;
  /** Addresses with a handshake, the one that had a turn last last. */
  readonly #busy = new Map<string, Source>();
  /** Addresses without one whose failures are not forgotten. */
  readonly #remembered = new Map<string, Source>();
  /** Since when, monotonic; the oldest first. */
  readonly #underWay = new Map<Handshake, number>();
  readonly #lookAgain: Alarm;
  #waiting = 0;

  /** @param most that may be under way */
  constructor(most: number, clock: Clock) {
    this.#most = most;
    this.#clock = clock;
    this.#lookAgain = new Alarm(clock);
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Begins one, at once or when there is room. */
  add(handshake: Handshake): void {
    const source = this.#sourceOf(handshake.address);
    source.waiting.add(handshake);
    this.#waiting++;
    this.#beginOf(source);
    this.#watch();
  }

  /** One is over, or its socket gone; another call for the same one changes nothing. */
  end(handshake: Handshake, isGood: boolean): void {
    const source = this.#busy.get(handshake.address);
    if (source === undefined) return;
    const wasFull = this.#underWay.size >= this.#most;
    if (source.waiting.delete(handshake)) this.#waiting--;
    else if (!this.#underWay.delete(handshake)) return;
    else {
      source.underWay--;
      if (isGood) source.credit = Math.min(CREDIT_OF_ADDRESS, source.credit + 1);
    }
    if (wasFull) this.#beginAll();
    else this.#beginOf(source);
    this.#rest(source);
    this.#watch();
  }

  #sourceOf(address: string): Source {
    const busy = this.#busy.get(address);
    if (busy !== undefined) return busy;
    const fresh = { address, credit: CREDIT_OF_ADDRESS, atMs: this.#clock.monotonicMs(), underWay: 0 };
    const source = this.#remembered.get(address) ?? { ...fresh, waiting: new Set() };
    this.#remembered.delete(address);
    this.#busy.set(address, source);
    return source;
  }

  /** One that has no handshake left is remembered for its failures. */
  #rest(source: Source): void {
    if (source.underWay > 0 || source.waiting.size > 0 || !this.#busy.delete(source.address)) return;
    this.#refill(source);
    if (source.credit >= CREDIT_OF_ADDRESS) return;
    this.#remembered.set(source.address, source);
    if (this.#remembered.size > MAX_REMEMBERED) this.#remembered.delete(this.#remembered.keys().next().value as string);
  }

  #refill(source: Source): void {
    const nowMs = this.#clock.monotonicMs();
    const forgiven = ((nowMs - source.atMs) / 1_000) * FORGIVEN_A_SECOND;
    source.credit = Math.min(CREDIT_OF_ADDRESS, source.credit + forgiven);
    source.atMs = nowMs;
  }

  #beginOf(source: Source): void {
    while (this.#beginOne(source));
  }

  /** The addresses have their turns one after another. */
  #beginAll(): void {
    for (const source of this.#busy.values()) {
      if (!this.#beginOne(source)) continue;
      this.#busy.delete(source.address);
      this.#busy.set(source.address, source);
    }
  }

  #beginOne(source: Source): boolean {
    const [handshake] = source.waiting;
    if (handshake === undefined) return false;
    this.#refill(source);
    if (source.credit < 1 || !this.#hasRoom()) return false;
    source.waiting.delete(handshake);
    this.#waiting--;
    source.credit--;
    source.underWay++;
    this.#underWay.set(handshake, this.#clock.monotonicMs());
    handshake.begin();
    return true;
  }

  #hasRoom(): boolean {
    if (this.#underWay.size < this.#most) return true;
    const [oldest] = this.#underWay;
    if (oldest === undefined || this.#clock.monotonicMs() - oldest[1] < KEEPS_PLACE_MS) return false;
    const [handshake] = oldest;
    this.#underWay.delete(handshake);
    const source = this.#busy.get(handshake.address) as Source;
    source.underWay--;
    handshake.giveWay();
    this.#rest(source);
    return true;
  }

  #watch(): void {
    if (this.#waiting === 0) this.#lookAgain.clear();
    else if (!this.#lookAgain.isSet) {
      this.#lookAgain.set(LOOK_AGAIN_MS, () => {
        this.#beginAll();
        this.#watch();
      });
    }
  }
}
