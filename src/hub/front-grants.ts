import type { StatewayError } from '../core/errors.js';
import type { Grant } from '../core/grant.js';
import type { Clock } from '../core/time/clock.js';
import type { GrantCopy, ToFront } from './front-messages.js';
import type { Outbox } from './outbox.js';
import { plainError } from './plain-error.js';

/**
 * So long the number of a grant is known that is over, or not at hand any more: bodies that were begun with it may still be on
 * their way. What comes even later is refused, and comes again.
 */
const KEPT_AFTER_MS = 600_000;

interface Entry {
  readonly number: number;
  readonly grant: Grant;
  /** As the front knows it. */
  isClockDisproved: boolean;
  /** Monotonic: since when the front does not find it any more; undefined while it does. */
  goneAtMs: number | undefined;
  /** Set while somebody there goes by it. */
  stopWatching: (() => void) | undefined;
}

/** The grants that one front mirrors, by the numbers that it knows them by; and what it is told of them. */
export class FrontGrants {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #outbox: Pick<Outbox<ToFront>, 'add'>;
  readonly #byNumber = new Map<number, Entry>();
  readonly #byGrant = new Map<Grant, Entry>();
  /** Those that the front does not find any more, the first that went first; some have come back since. */
  readonly #gone: Entry[] = [];
  #lastNumber = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>, outbox: Pick<Outbox<ToFront>, 'add'>) {
    this.#clock = clock;
    this.#outbox = outbox;
  }

  /** What the front is told of a grant, which it mirrors from then on. */
  give(grant: Grant): GrantCopy {
    this.#sweep();
    const { token, device, expiresAtMs, isClockDisproved } = grant;
    const entry = this.#byGrant.get(grant) ?? this.#add(grant);
    entry.goneAtMs = undefined;
    entry.isClockDisproved = isClockDisproved;
    const { applicationId, deviceId } = device;
    return { number: entry.number, token, applicationId, deviceId, expiresAtMs, isClockDisproved };
  }

  /** The grant of a number; undefined where it went too long ago. */
  of(number: number): Grant | undefined {
    return this.#byNumber.get(number)?.grant;
  }

  /** Somebody in the front goes by a grant from now on, as a socket does for days. */
  watch(number: number): void {
    const entry = this.#byNumber.get(number);
    // That it ends is told in any case: this is for whoever looks after grants, so that they know of it.
    if (entry !== undefined) entry.stopWatching ??= entry.grant.onEnd(() => {});
  }

  unwatch(number: number): void {
    const entry = this.#byNumber.get(number);
    if (entry?.stopWatching === undefined) return;
    entry.stopWatching();
    entry.stopWatching = undefined;
    if (entry.goneAtMs !== undefined) this.#noteGone(entry);
  }

  /** The cloud has granted one again. */
  onConfirmed(grant: Grant): void {
    const entry = this.#byGrant.get(grant);
    if (entry === undefined || entry.isClockDisproved === grant.isClockDisproved) return;
    const { isClockDisproved } = grant;
    entry.isClockDisproved = isClockDisproved;
    this.#outbox.add({ kind: 'clock disproved', grant: entry.number, isClockDisproved });
  }

  /** One is not at hand any more, though it may be good. */
  onDropped(grant: Grant): void {
    const entry = this.#byGrant.get(grant);
    if (entry === undefined || entry.goneAtMs !== undefined) return;
    this.#outbox.add({ kind: 'dropped', grant: entry.number });
    this.#noteGone(entry);
  }

  onEnded(grant: Grant, reason: StatewayError): void {
    const entry = this.#byGrant.get(grant);
    if (entry === undefined) return;
    const error = plainError(reason, 'STATEWAY_TOKEN_REFUSED', 'the token is not granted any more');
    this.#outbox.add({ kind: 'ended', grant: entry.number, error });
    entry.stopWatching = undefined;
    this.#noteGone(entry);
  }

  /** Has the front ask again for all grants of which this is so. */
  dropWhere(isSo: (grant: Grant) => boolean): void {
    for (const { grant } of [...this.#byNumber.values()]) if (isSo(grant)) this.onDropped(grant);
  }

  /** The front is gone. */
  close(): void {
    for (const { stopWatching } of this.#byNumber.values()) stopWatching?.();
    this.#byNumber.clear();
    this.#byGrant.clear();
  }

  #add(grant: Grant): Entry {
    const { isClockDisproved } = grant;
    const number = ++this.#lastNumber;
    const entry: Entry = { number, grant, isClockDisproved, goneAtMs: undefined, stopWatching: undefined };
    this.#byNumber.set(number, entry);
    this.#byGrant.set(grant, entry);
    return entry;
  }

  #noteGone(entry: Entry): void {
    entry.goneAtMs = this.#clock.monotonicMs();
    this.#gone.push(entry);
  }

  #sweep(): void {
    const beforeMs = this.#clock.monotonicMs() - KEPT_AFTER_MS;
    for (let entry = this.#gone[0]; entry !== undefined; entry = this.#gone[0]) {
      if (entry.goneAtMs !== undefined && entry.goneAtMs > beforeMs) return;
      this.#gone.shift();
      if (entry.goneAtMs === undefined || entry.stopWatching !== undefined) continue;
      this.#byNumber.delete(entry.number);
      // It may be mirrored anew by now.
      if (this.#byGrant.get(entry.grant) === entry) this.#byGrant.delete(entry.grant);
    }
  }
}
