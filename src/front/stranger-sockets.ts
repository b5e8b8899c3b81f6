import { type HeldBounds, STRANGER_SOCKET_KEEPS_MS } from '../core/bounds.js';
import type { Clock } from '../core/time/clock.js';

/**
 * The WebSockets whose token has proven nothing yet (contract 1.4). What uWebSockets.js holds of an unfinished frame is not
 * to be seen, so their number is bounded, and what one may hold: the product is what strangers can take.
 */
export class StrangerSockets {
  readonly #bounds: HeldBounds;
  readonly #clock: Clock;
  /** The one that has stood longest first. */
  readonly #places = new Set<StrangerPlace>();

  constructor(bounds: HeldBounds, clock: Clock) {
    this.#bounds = bounds;
    this.#clock = clock;
  }

  /**
   * A place for one more, if there is room, or room is made: one that has stood for its time gives way, so that nobody keeps the others out for good.
   * @param keepsMs for how long this one keeps its place
   */
  take(address: string, keepsMs = STRANGER_SOCKET_KEEPS_MS): StrangerPlace | undefined {
    const ofAddress = [...this.#places].filter((place) => place.address === address);
    if (ofAddress.length >= this.#bounds.each && !this.#makeRoom(ofAddress)) return undefined;
    if (this.#places.size >= this.#bounds.all && !this.#makeRoom(this.#places)) return undefined;
    const place = new StrangerPlace(address, this.#clock.monotonicMs() + keepsMs, this.#places);
    this.#places.add(place);
    return place;
  }

  #makeRoom(places: Iterable<StrangerPlace>): boolean {
    const nowMs = this.#clock.monotonicMs();
    for (const place of places) {
      if (nowMs < place.untilMs) continue;
      place.giveWay();
      return true;
    }
    return false;
  }
}

/** One of {@link StrangerSockets}. */
export class StrangerPlace {
  readonly address: string;
  /** Monotonic: so long it keeps its place. */
  readonly untilMs: number;
  readonly #places: Set<StrangerPlace>;
  /** Ends the socket; set when it has opened. */
  onGiveWay: () => void = () => {};

  constructor(address: string, untilMs: number, places: Set<StrangerPlace>) {
    this.address = address;
    this.untilMs = untilMs;
    this.#places = places;
  }

  /** The socket has proven its token, or is gone. */
  leave(): void {
    this.#places.delete(this);
  }

  /** For {@link StrangerSockets} alone. */
  giveWay(): void {
    this.leave();
    this.onGiveWay();
  }
}
