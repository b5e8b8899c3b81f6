import type { GrantFollower } from '../core/auth-ports.js';
import type { StatewayError } from '../core/errors.js';
import type { Grant } from '../core/grant.js';
import type { Clock } from '../core/time/clock.js';
import type { ClockReading, ToFront } from './front-messages.js';
import { FrontThread, type FrontThreadParts } from './front-thread.js';

/** How often it is looked whether the fronts' clocks are right, and whether there is room for devices. */
const LOOK_EVERY_MS = 100;
/** Readings of two clocks differ by so much with no clock set. */
const CLOCK_NOISE_MS = 2;
/** So far the times that the cloud keeps move on before fronts are told. */
const RULES_OLD_AFTER_MS = 60_000;
/** Where one that took the place of another has lived shorter than this, the next is not started at once. */
const SHORT_LIFE_MS = 5_000;
const PAUSE_MS = 500;

export interface FrontThreadsParts extends FrontThreadParts {
  readonly count: number;
  readonly timers: Pick<Clock, 'schedule'>;
  readonly readClock: () => ClockReading;
  /** A port that nobody listens on. @throws Error where there is none */
  readonly freePort: () => Promise<number>;
  /** What the entry of a front is given beside the clock and the port. */
  readonly data: Readonly<Record<string, unknown>>;
  /** Whose states the log follows now. */
  readonly followedIds: () => readonly string[];
  /** Whether there is no room for grants of devices that have no lane, and which have one. */
  readonly isFull: () => boolean;
  readonly isActive: (grant: Grant) => boolean;
  /** A front has died; and another listens in its place. */
  readonly onLost: (front: number, reason: string) => void;
  readonly onBack: (front: number, afterMs: number) => void;
}

/** All front threads: they share one port, and where one dies another takes its place. */
export class FrontThreads implements GrantFollower {
  readonly #parts: FrontThreadsParts;
  readonly #threads: FrontThread[] = [];
  #port = 0;
  #reading: ClockReading;
  #wasFull = false;
  #isClosing = false;
  #cancelLook: () => void = () => {};
  readonly #cancelStarts = new Set<() => void>();

  constructor(parts: FrontThreadsParts) {
    this.#parts = parts;
    this.#reading = parts.readClock();
  }

  /**
   * Starts all of them, and listens.
   * @returns the port
   * @throws Error when the address cannot be had, or a front cannot be started
   */
  async listen(): Promise<number> {
    const { count, freePort } = this.#parts;
    this.#port = await freePort();
    if (this.#isClosing) return this.#port;
    const threads = Array.from({ length: count }, () => this.#start());
    this.#threads.push(...threads);
    this.#look();
    const listening = await Promise.all(threads.map((thread) => thread.listening()));
    const failed = threads[listening.indexOf(false)];
    if (failed !== undefined && !this.#isClosing) throw new Error(await failed.ended);
    threads.forEach((thread, front) => void this.#watch(front, thread));
    return this.#port;
  }

  /** Whether at least one serves devices. */
  get isServing(): boolean {
    return this.#threads.some(({ isListening }) => isListening);
  }

  get connections(): { http: number; websocket: number } {
    const sum = { http: 0, websocket: 0 };
    for (const { tally } of this.#threads) {
      sum.http += tally.connections.http;
      sum.websocket += tally.connections.websocket;
    }
    return sum;
  }

  get openBodies(): number {
    return this.#threads.reduce((sum, { tally }) => sum + tally.openBodies, 0);
  }

  /** WebSockets of one device. @param deviceId lower case */
  socketsOf(deviceId: string): number {
    return this.#threads.reduce((sum, { tally }) => sum + tally.socketsOf(deviceId), 0);
  }

  /** Resolves when all that fronts have accepted so far is answered. */
  async answered(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.answered()));
  }

  /** @throws Error when the files cannot be used */
  async renewCertificate(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.renewCertificate()));
  }

  renewCalls(): void {
    this.#tellAll({ kind: 'renew calls' });
  }

  follow(deviceIds: readonly string[]): void {
    this.#tellAll({ kind: 'follow', deviceIds });
  }

  onConfirmed(grant: Grant): void {
    for (const { grants } of this.#threads) grants.onConfirmed(grant);
  }

  onDropped(grant: Grant): void {
    for (const { grants } of this.#threads) grants.onDropped(grant);
  }

  onEnded(grant: Grant, reason: StatewayError): void {
    for (const { grants } of this.#threads) grants.onEnded(grant, reason);
  }

  /** Accepts nothing more, answers what was accepted, for `withinMs` at the most, and ends them. */
  async close(withinMs: number): Promise<void> {
    this.#isClosing = true;
    this.#cancelLook();
    for (const cancel of this.#cancelStarts) cancel();
    await Promise.all(this.#threads.map((thread) => thread.close(withinMs)));
  }

  #start(): FrontThread {
    const { data, followedIds, readClock } = this.#parts;
    return new FrontThread(this.#parts, {
      ...data,
      port: this.#port,
      reading: readClock(),
      followed: followedIds(),
    });
  }

  /**
   * Has another take the place of one that dies, within a second as long as they can be started.
   * @param isReplacement whether it took the place of another itself
   */
  async #watch(front: number, thread: FrontThread, isReplacement = false): Promise<void> {
    const { clock, onLost } = this.#parts;
    const startedMs = clock.monotonicMs();
    const reason = await thread.ended;
    if (this.#isClosing) return;
    onLost(front, reason);
    const lostMs = clock.monotonicMs();
    if (isReplacement && lostMs - startedMs < SHORT_LIFE_MS) await this.#pause();
    if (this.#isClosing) return;
    const next = this.#start();
    this.#threads[front] = next;
    void this.#watch(front, next, true);
    if (await next.listening()) this.#parts.onBack(front, clock.monotonicMs() - lostMs);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.timers.schedule(PAUSE_MS, () => {
        this.#cancelStarts.delete(cancelled);
        resolve();
      });
      const cancelled = (): void => {
        cancel();
        resolve();
      };
      this.#cancelStarts.add(cancelled);
    });
  }

  #look(): void {
    this.#cancelLook = this.#parts.timers.schedule(LOOK_EVERY_MS, () => {
      this.#tellClock();
      this.#lookForRoom();
      this.#look();
    });
  }

  #tellClock(): void {
    const reading = this.#parts.readClock();
    const { aheadMs, timebase, isCredible, rules, readMs } = this.#reading;
    const isSame =
      Math.abs(reading.aheadMs - aheadMs) < CLOCK_NOISE_MS &&
      reading.timebase === timebase &&
      reading.isCredible === isCredible &&
      Number.isFinite(reading.rules.latestMs) === Number.isFinite(rules.latestMs) &&
      reading.readMs - readMs < RULES_OLD_AFTER_MS;
    if (isSame) return;
    this.#reading = reading;
    this.#tellAll({ kind: 'clock', reading });
  }

  /** While there is no room, only devices that have a lane are to send: of all others the fronts ask again. */
  #lookForRoom(): void {
    const { isActive, isFull } = this.#parts;
    const isFullNow = isFull();
    if (isFullNow && !this.#wasFull) {
      for (const { grants } of this.#threads) grants.dropWhere((grant) => !isActive(grant));
    }
    this.#wasFull = isFullNow;
  }

  #tellAll(item: ToFront): void {
    for (const thread of this.#threads) thread.tell(item);
  }
}
