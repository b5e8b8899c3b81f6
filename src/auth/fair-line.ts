/** What one address wants of the cloud, and in which lines it stands. */
export class FairOrigin<T> {
  readonly address: string;
  readonly lines = new Map<string, FairLine<T>>();
  /** Lines that may have a turn, next first: those that went without one the last time, and the others. */
  readonly again = new Set<FairLine<T>>();
  readonly fresh = new Set<FairLine<T>>();
  /** In all of its lines. */
  waiting = 0;
  underWay = 0;

  constructor(address: string) {
    this.address = address;
  }

  get hasReady(): boolean {
    return this.again.size > 0 || this.fresh.size > 0;
  }

  get firstReady(): FairLine<T> | undefined {
    for (const line of this.again) return line;
    for (const line of this.fresh) return line;
    return undefined;
  }
}

/** One that waits for its turn. */
export interface Waiting<T> {
  readonly task: () => Promise<T>;
  readonly bytes: number;
  /** Monotonic. */
  readonly sinceMs: number;
  readonly resolve: (answer: T) => void;
  readonly reject: (error: unknown) => void;
}

/** What is wanted with one token, in order. */
export class FairLine<T> {
  readonly origin: FairOrigin<T>;
  readonly key: string;
  readonly waiting: Waiting<T>[] = [];
  /** Under way at once at most. */
  maxAtOnce: number;
  underWay = 0;
  /** Monotonic; since when it waits for nothing but others. Infinity while it has reached its own bound. */
  readySinceMs = Number.POSITIVE_INFINITY;
  /** Whether it went without a turn the last time. */
  readonly isAgain: boolean;
  readonly #ring: Set<FairLine<T>>;

  constructor(origin: FairOrigin<T>, key: string, maxAtOnce: number, isAgain: boolean) {
    this.origin = origin;
    this.key = key;
    this.maxAtOnce = maxAtOnce;
    this.isAgain = isAgain;
    this.#ring = isAgain ? origin.again : origin.fresh;
  }

  get isIdle(): boolean {
    return this.waiting.length === 0 && this.underWay === 0;
  }

  /** Stands among those that may have a turn, where it was or at the end, or does not. */
  place(nowMs: number): void {
    if (this.waiting.length === 0 || this.underWay >= this.maxAtOnce) this.leave();
    else if (!this.#ring.has(this)) {
      this.#ring.add(this);
      this.readySinceMs = nowMs;
    }
  }

  /** Stands among them no more. */
  leave(): void {
    this.#ring.delete(this);
    this.readySinceMs = Number.POSITIVE_INFINITY;
  }
}
