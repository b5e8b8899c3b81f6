import type { StoredDeadLetter } from '../../core/dead-letter.js';
import type { Device } from '../../core/device.js';
import type { OwnedSpool } from '../../core/spool-ports.js';
import type { Clock } from '../../core/time/clock.js';

/** Between two looks while there is more to read, or a try could not be made. */
export const LOOK_AGAIN_AFTER_MS = 1_000;
/** The first try comes soon, in case the cloud was ill after all; then it takes longer each time, up to an hour. */
export const TRIES_AFTER_MS = [5_000, 5 * 60_000, 10 * 60_000, 20 * 60_000, 40 * 60_000, 60 * 60_000] as const;
/** Dead letters that a look reads: among a million from earlier runs those held apart are found in the end. */
const READ_AT_A_LOOK = 256;
/** States held apart that are known at one time; of more, the oldest are tried first. */
export const MAX_KNOWN = 10_000;

/** A state that is held apart, as far as it is kept in memory. */
interface Held {
  readonly number: number;
  readonly device: Device;
  readonly reason: string;
  /** Monotonic. */
  readonly sinceMs: number;
  tries: number;
  /** Monotonic; Infinity while it is being tried. */
  dueAtMs: number;
}

/** What a device has held apart, for people. Times are monotonic. */
export interface HeldSummary {
  readonly device: Device;
  readonly states: number;
  readonly reason: string;
  readonly sinceMs: number;
  /** Infinity while all are being tried. */
  readonly nextTryMs: number;
}

export interface HeldApartParts {
  readonly spool: Pick<OwnedSpool, 'deadLettersFrom'>;
  readonly clock: Clock;
  /** `STATEWAY_RETENTION_MS`: what has been tried for so long is a dead letter as any other. */
  readonly retentionMs: number;
  /** A state is to be tried: sent alone, beside what waits for its device. Returns whether that can be. */
  readonly onDue: (letter: StoredDeadLetter) => boolean;
}

/**
 * The states that the cloud fails for while it takes others: they stand among the dead letters, and are tried again now and
 * then. What is kept here is when; where they stand on disk is found by reading the dead letters through, some at a time.
 */
export class HeldApart {
  readonly #parts: HeldApartParts;
  readonly #known = new Map<number, Held>();
  #nextNumber = 1;
  #isMoreToRead = true;
  #cancel: () => void = () => {};
  #isRunning = false;
  #isLooking = false;
  /** Whether another look was asked for while one was under way: that may not see what is wanted. */
  #isLookWanted = false;

  constructor(parts: HeldApartParts) {
    this.#parts = parts;
  }

  /** Looks for those of earlier runs. */
  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#look();
  }

  stop(): void {
    this.#isRunning = false;
    this.#cancel();
  }

  /** A state was set apart. */
  added(): void {
    if (this.#isRunning) this.#look();
  }

  /** A try is over. @param isOver whether the state is held apart no more */
  tried(number: number, isOver: boolean): void {
    const held = this.#known.get(number);
    if (held === undefined) return;
    const nowMs = this.#parts.clock.monotonicMs();
    if (isOver || nowMs - held.sinceMs >= this.#parts.retentionMs) {
      this.#known.delete(number);
    } else {
      held.tries++;
      held.dueAtMs = nowMs + (TRIES_AFTER_MS[held.tries] ?? (TRIES_AFTER_MS.at(-1) as number));
    }
    if (this.#isRunning) this.#plan(nowMs);
  }

  /** By device. */
  summaries(): Iterable<HeldSummary> {
    const byDevice = new Map<string, HeldSummary>();
    for (const { device, reason, sinceMs, dueAtMs } of this.#known.values()) {
      const before = byDevice.get(device.key);
      byDevice.set(device.key, {
        device,
        reason,
        states: (before?.states ?? 0) + 1,
        sinceMs: Math.min(sinceMs, before?.sinceMs ?? sinceMs),
        nextTryMs: Math.min(dueAtMs, before?.nextTryMs ?? dueAtMs),
      });
    }
    return byDevice.values();
  }

  #look(): void {
    this.#isLookWanted = true;
    if (!this.#isLooking) void this.#lookThrough();
  }

  /** Never rejects. */
  async #lookThrough(): Promise<void> {
    this.#isLooking = true;
    while (this.#isLookWanted && this.#isRunning) {
      this.#isLookWanted = false;
      const nowMs = this.#parts.clock.monotonicMs();
      await this.#find(nowMs);
      await this.#tryDue(nowMs);
      if (this.#isRunning) this.#plan(nowMs);
    }
    this.#isLooking = false;
  }

  /** No timer runs while nothing is held apart. */
  #plan(nowMs: number): void {
    this.#cancel();
    let nextMs = this.#isMoreToRead ? nowMs : Number.POSITIVE_INFINITY;
    for (const { dueAtMs } of this.#known.values()) nextMs = Math.min(nextMs, dueAtMs);
    if (nextMs === Number.POSITIVE_INFINITY) return;
    this.#cancel = this.#parts.clock.schedule(Math.max(LOOK_AGAIN_AFTER_MS, nextMs - nowMs), () => this.#look());
  }

  async #find(nowMs: number): Promise<void> {
    if (this.#known.size >= MAX_KNOWN) return;
    const letters = await this.#read(this.#nextNumber, READ_AT_A_LOOK);
    this.#isMoreToRead = letters.length === READ_AT_A_LOOK;
    for (const { number, device, reason, isHeldApart } of letters) {
      this.#nextNumber = number + 1;
      if (isHeldApart !== true) continue;
      const dueAtMs = nowMs + TRIES_AFTER_MS[0];
      this.#known.set(number, { number, device, reason, sinceMs: nowMs, tries: 0, dueAtMs });
    }
  }

  async #tryDue(nowMs: number): Promise<void> {
    for (const held of this.#known.values()) {
      if (held.dueAtMs > nowMs) continue;
      const [letter] = await this.#read(held.number, 1);
      if (!this.#isRunning) return;
      // Put back by an operator.
      if (letter?.number !== held.number) this.#known.delete(held.number);
      else if (this.#parts.onDue(letter)) held.dueAtMs = Number.POSITIVE_INFINITY;
    }
  }

  async #read(from: number, most: number): Promise<readonly StoredDeadLetter[]> {
    try {
      return await this.#parts.spool.deadLettersFrom(from, most);
    } catch {
      // The disk cannot be read: looked at again when the next is due.
      return [];
    }
  }
}

/** Those of all partitions of this process. */
export class HeldApartOfAll {
  readonly #parts: Omit<HeldApartParts, 'spool'>;
  readonly #bySpool = new Map<OwnedSpool, HeldApart>();

  constructor(parts: Omit<HeldApartParts, 'spool'>) {
    this.#parts = parts;
  }

  /** A partition is this process's from now on. */
  own(spool: OwnedSpool): void {
    const heldApart = new HeldApart({ ...this.#parts, spool });
    this.#bySpool.set(spool, heldApart);
    heldApart.start();
  }

  /** It is another's. */
  lose(spool: OwnedSpool): void {
    this.#bySpool.get(spool)?.stop();
    this.#bySpool.delete(spool);
  }

  /** As {@link HeldApart.added}. */
  added(spool: OwnedSpool): void {
    this.#bySpool.get(spool)?.added();
  }

  /** As {@link HeldApart.tried}. */
  tried(spool: OwnedSpool, number: number, isOver: boolean): void {
    this.#bySpool.get(spool)?.tried(number, isOver);
  }

  /** By device. */
  *summaries(): Iterable<HeldSummary> {
    for (const heldApart of this.#bySpool.values()) yield* heldApart.summaries();
  }

  stop(): void {
    for (const heldApart of this.#bySpool.values()) heldApart.stop();
  }
}
