import type { Clock } from '../../core/time/clock.js';

/** TLS handshakes at once: more would take the main thread from the devices. */
const MAX_CONNECTING = 16;

export interface PaceOptions {
  /** New sessions of one application in any window (`STATEWAY_MQTT_UPSTREAM_CONNECTS`). */
  readonly rate: { readonly requests: number; readonly windowMs: number };
  /** Sessions with a connection (`STATEWAY_MQTT_UPSTREAM_SESSIONS`). */
  readonly maxOpen: number;
  /** Told when a session has to wait for another to end; not again until there were places. */
  readonly onFull: () => void;
}

/** A session's place among those with a connection. */
export interface Place {
  /** The connection is made. */
  settle(): void;
  /** It is gone, or will not be made. */
  leave(): void;
}

type Start = (place: Place) => void;

/** Of one application. */
interface Line {
  /** Monotonic, of the sessions begun within the window; rising. */
  readonly startsMs: number[];
  /** In order. */
  readonly waiting: Set<Start>;
}

/**
 * Who may connect to the broker, and when: it refuses an application whose devices connect too fast (docs/cloud.md, "The
 * broker"), and after an outage all of them want to at once.
 */
export class ConnectPace {
  readonly #clock: Clock;
  readonly #options: PaceOptions;
  /** The one whose turn is furthest off last. */
  readonly #lines = new Map<string, Line>();
  #open = 0;
  #connecting = 0;
  #isFull = false;
  #cancelTimer: () => void = () => {};

  constructor(clock: Clock, options: PaceOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /**
   * Has a session begin in its turn, perhaps within the call.
   * @returns the way to give the turn up, as long as it has not come
   */
  wait(applicationId: string, start: Start): () => void {
    const line = this.#lines.get(applicationId) ?? { startsMs: [], waiting: new Set() };
    this.#lines.set(applicationId, line);
    line.waiting.add(start);
    this.#pump();
    return () => {
      line.waiting.delete(start);
    };
  }

  close(): void {
    this.#cancelTimer();
    this.#lines.clear();
  }

  #pump(): void {
    this.#cancelTimer();
    let soonestMs = Number.POSITIVE_INFINITY;
    for (const [applicationId, line] of [...this.#lines]) {
      const waitMs = this.#startOf(applicationId, line);
      soonestMs = Math.min(soonestMs, waitMs);
    }
    if (soonestMs < Number.POSITIVE_INFINITY) this.#cancelTimer = this.#clock.schedule(soonestMs, () => this.#pump());
  }

  /** @returns for how long this one has to wait for its window alone; Infinity where it does not */
  #startOf(applicationId: string, line: Line): number {
    const { rate } = this.#options;
    const nowMs = this.#clock.monotonicMs();
    while ((line.startsMs[0] ?? nowMs) <= nowMs - rate.windowMs) line.startsMs.shift();
    for (const start of line.waiting) {
      if (!this.#hasPlace()) return Number.POSITIVE_INFINITY;
      if (line.startsMs.length >= rate.requests) return (line.startsMs[0] as number) + rate.windowMs - nowMs;
      line.waiting.delete(start);
      line.startsMs.push(nowMs);
      start(this.#take());
      // Its next turn is behind those of the others.
      this.#lines.delete(applicationId);
      this.#lines.set(applicationId, line);
    }
    if (line.startsMs.length === 0) this.#lines.delete(applicationId);
    return Number.POSITIVE_INFINITY;
  }

  #hasPlace(): boolean {
    if (this.#open >= this.#options.maxOpen) {
      if (!this.#isFull) this.#options.onFull();
      this.#isFull = true;
      return false;
    }
    this.#isFull = false;
    return this.#connecting < MAX_CONNECTING;
  }

  #take(): Place {
    this.#open++;
    this.#connecting++;
    let isConnecting = true;
    let isOpen = true;
    const settle = (): void => {
      if (!isConnecting) return;
      isConnecting = false;
      this.#connecting--;
      this.#pumpSoon();
    };
    const leave = (): void => {
      if (!isOpen) return;
      isOpen = false;
      this.#open--;
      settle();
      this.#pumpSoon();
    };
    return { settle, leave };
  }

  /** Not within whoever has made room. */
  #pumpSoon(): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#clock.schedule(0, () => this.#pump());
  }
}
