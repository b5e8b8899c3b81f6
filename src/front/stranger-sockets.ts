import { type HeldBounds, STRANGER_SOCKET_KEEPS_MS } from '../core/bounds.js';
import type { Clock } from '../core/clock.js';

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
   * A place for one more, if there is room, or room is made: one that has stood for {@link STRANGER_SOCKET_KEEPS_MS}
   * gives way, so that nobody keeps the others out for good.
   */
  take(address: string): StrangerPlace | undefined {
    const ofAddress = [...this.#places].filter((place) => place.address === address);
    if (ofAddress.length >= this.#bounds.each && !this.#makeRoom(ofAddress[0])) return undefined;
    const [oldest] = this.#places;
    if (this.#places.size >= this.#bounds.all && !this.#makeRoom(oldest)) return undefined;
    const place = new StrangerPlace(address, this.#clock.monotonicMs(), this.#places);
    this.#places.add(place);
    return place;
  }

  #makeRoom(place: StrangerPlace | undefined): boolean {
    if (place === undefined || this.#clock.monotonicMs() - place.sinceMs < STRANGER_SOCKET_KEEPS_MS) return false;
    place.giveWay();
    return true;
  }
}

/** One of {@link StrangerSockets}. */
export class StrangerPlace {
  readonly address: string;
  /** Monotonic. */
  readonly sinceMs: number;
  readonly #places: Set<StrangerPlace>;
  /** Ends the socket; set when it has opened. */
  onGiveWay: () => void = () => {};

  constructor(address: string, sinceMs: number, places: Set<StrangerPlace>) {
    this.address = address;
    this.sinceMs = sinceMs;
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
