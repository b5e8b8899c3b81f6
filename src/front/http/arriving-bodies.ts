import type { HttpResponse } from 'uws-current';
import { MAX_DROPPED_BYTES, MAX_DROPPING_MS, STALLED_AFTER_MS } from '../../core/bounds.js';
import type { Clock } from '../../core/time/clock.js';

/** How often it is looked whether something came. */
const LOOK_EVERY_MS = 1_000;
/** uWebSockets.js gives a body 8 to 12 s for each 160 KiB; so often its limit starts anew while something comes. */
const EXTEND_EVERY_LOOKS = 4;

/**
 * The bodies that did not come in one piece with their heads: each keeps its time as long as it makes progress, whatever
 * its size. uWebSockets.js alone would cut one that is slower than 16 KB a second, and say nothing.
 */
export class ArrivingBodies {
  readonly #clock: Clock;
  readonly #open = new Set<ArrivingBody>();
  #isLooking = false;
  #cancelLook: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * A body from now on, until `end`.
   * @param onStalled told once, when nothing came for {@link STALLED_AFTER_MS}; the body has ended then
   */
  watch(res: HttpResponse, onStalled: () => void): ArrivingBody {
    const body = new ArrivingBody(res, onStalled, this);
    this.add(body);
    return body;
  }

  /** For {@link ArrivingBody} alone, as `remove` is. */
  add(body: ArrivingBody): void {
    this.#open.add(body);
    this.#look();
  }

  /** @returns whether it was there */
  remove(body: ArrivingBody): boolean {
    return this.#open.delete(body);
  }

  /** Looks no more. */
  close(): void {
    this.#open.clear();
    this.#cancelLook();
  }

  #look(): void {
    if (this.#isLooking || this.#open.size === 0) return;
    this.#isLooking = true;
    this.#cancelLook = this.#clock.schedule(LOOK_EVERY_MS, () => {
      this.#isLooking = false;
      for (const body of this.#open) body.look();
      this.#look();
    });
  }
}

/** One of {@link ArrivingBodies}. */
export class ArrivingBody {
  readonly #res: HttpResponse;
  readonly #bodies: ArrivingBodies;
  #onOver: () => void;
  /** Looks since something came, and since the beginning. */
  #silentLooks = 0;
  #looks = 0;
  #mostSilentLooks = STALLED_AFTER_MS / LOOK_EVERY_MS;
  #mostLooks = Number.POSITIVE_INFINITY;
  #isPaused = false;
  #isDropped = false;
  #droppedBytes = 0;

  constructor(res: HttpResponse, onStalled: () => void, bodies: ArrivingBodies) {
    this.#res = res;
    this.#onOver = onStalled;
    this.#bodies = bodies;
  }

  /** A piece came. To be called for each. */
  note(bytes: number, isLast: boolean): void {
    this.#silentLooks = 0;
    if (this.#isDropped) {
      this.#droppedBytes += bytes;
      // Not within the library's own call, which the owner's end of the connection must not pull the ground from.
      if (isLast || this.#droppedBytes > MAX_DROPPED_BYTES) setImmediate(() => this.#finish());
    } else if (isLast) {
      this.end();
    }
  }

  /**
   * The request is answered: what still comes is read and dropped, up to {@link MAX_DROPPED_BYTES}, for
   * {@link MAX_DROPPING_MS}, and as long as something comes. Of a body that is whole already nothing comes: then the
   * client is given that time to close the connection itself.
   * @param onOver told once, not within a call of the library, when the body is whole or was read for long enough
   * @param silentForMs how long nothing may come
   */
  drop(onOver: () => void, silentForMs = STALLED_AFTER_MS): void {
    this.#isDropped = true;
    this.#onOver = onOver;
    this.#silentLooks = 0;
    this.#mostSilentLooks = silentForMs / LOOK_EVERY_MS;
    this.#mostLooks = this.#looks + MAX_DROPPING_MS / LOOK_EVERY_MS;
    this.#bodies.add(this);
    this.resume();
  }

  /** Keeps the client from sending more; the time stands still meanwhile. */
  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#res.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#silentLooks = 0;
    this.#res.resume();
  }

  /** The body is whole or its client gone: nothing is told any more, and the response not touched. */
  end(): void {
    this.#bodies.remove(this);
  }

  /** For {@link ArrivingBodies} alone. */
  look(): void {
    if (this.#isPaused) return;
    this.#looks++;
    if (++this.#silentLooks > this.#mostSilentLooks || this.#looks > this.#mostLooks) {
      this.#finish();
    } else if (this.#looks % EXTEND_EVERY_LOOKS === 0) {
      // Changes nothing but that the limit of uWebSockets.js starts anew.
      this.#res.pause();
      this.#res.resume();
    }
  }

  #finish(): void {
    if (this.#bodies.remove(this)) this.#onOver();
  }
}
