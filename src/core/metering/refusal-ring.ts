import type { ErrorCode, StatewayError } from '../errors.js';
import type { FollowedDevices } from '../followed-devices.js';
import type { Clock } from '../time/clock.js';
import { safeTrace, type TraceIds } from './trace-ids.js';
import { type TurnedAway, TurnedAwayCounts } from './turned-away.js';

/** Of devices with a grant, and again of all others: what the page can show, some 100 KB of memory together. */
export const MOST_REFUSALS = 100;
/** Of those without a grant, from one address: a scanner leaves room for the device that somebody looks for. */
export const MOST_OF_AN_ADDRESS = 20;
/** What is older is no news (contract 1.7). */
export const KEPT_MS = 3_600_000;
export const MAX_ID_CHARACTERS = 40;
const MAX_MESSAGE_CHARACTERS = 300;
/** Of one device, address and code, which are told of within an hour: a message may hold what the device made up. */
export const MOST_MESSAGES = 5;

/** Whose request or frame was refused, as far as it says. Ids are as the path has them: hostile text. */
export interface Refused {
  /** '' where the request names none. */
  readonly applicationId: string;
  /** Of a gateway's frame the gateway's; '' where neither the request nor its token names one. */
  readonly deviceId: string;
  /** Of the connection; '' of one that is gone. */
  readonly address: string;
  /** Whether a grant was at hand. */
  readonly isKnown: boolean;
  /** Of its request. */
  readonly trace?: TraceIds | undefined;
}

/** Refusals of one device, at one address, for one reason. */
export interface Refusal {
  readonly applicationId: string;
  readonly deviceId: string;
  readonly address: string;
  readonly code: ErrorCode;
  /** Of the last one. */
  readonly message: string;
  readonly count: number;
  /** Wall-clock milliseconds of the last one. */
  readonly atMs: number;
  /** Of the last one; in a form that a log may have. */
  readonly trace: Partial<TraceIds>;
}

interface Entry {
  readonly applicationId: string;
  readonly deviceId: string;
  readonly address: string;
  readonly code: ErrorCode;
  message: string;
  count: number;
  atMs: number;
  trace: Partial<TraceIds>;
  /** Monotonic. */
  readMs: number;
  /** Messages that were told of, by when they were last seen, monotonic; the one longest unseen first. */
  readonly told: Map<string, number>;
}

/** Where those who refuse say so. */
export interface RefusalSink {
  /** Something was refused; where it is told of later, so many times. */
  note(error: StatewayError, refused: Refused, times?: number): void;
}

/** Who is told of refusals. */
export interface RefusalListeners {
  /** Each that is listed anew, or for another reason in the same code, for the log. */
  readonly onFirst?: (refusal: Refusal) => void;
  /** The first of those that are told to come again for one reason, for the log. */
  readonly onTurnedAway?: (error: StatewayError, first: Refused) => void;
  readonly followed?: FollowedDevices;
}

/**
 * Who was refused lately and why, so that a device with a bad body or a bad token can be found. Counted by code, and
 * listed by device, address and code while it is of use. What a device need only send again (503 and the like) is counted and not listed:
 * that concerns all of them, and whoever looks for one would not find it among them.
 *
 * Bounded whatever comes: what strangers make up takes no room from devices that have a grant.
 */
export class RefusalRing implements RefusalSink {
  /** Since the start, by code. */
  readonly counts = new Map<ErrorCode, number>();
  readonly #clock: Clock;
  readonly #listeners: RefusalListeners;
  readonly #turnedAway: TurnedAwayCounts;
  /** By device, address and code, the one that was refused last at the end. */
  readonly #known = new Map<string, Entry>();
  readonly #strangers = new Map<string, Entry>();

  constructor(clock: Clock, listeners: RefusalListeners = {}) {
    this.#clock = clock;
    this.#listeners = listeners;
    this.#turnedAway = new TurnedAwayCounts(clock);
  }

  note(error: StatewayError, refused: Refused, times = 1): void {
    this.count(error.code, times);
    const { followed, onTurnedAway } = this.#listeners;
    if (followed?.isIdle === false) tellStep(followed, error, refused);
    if (!error.retryable) this.#list(error, refused, times);
    else if (this.#turnedAway.note(error, times)) onTurnedAway?.(error, refused);
  }

  /** So many were refused of which no more is known. */
  count(code: ErrorCode, times: number): void {
    this.counts.set(code, (this.counts.get(code) ?? 0) + times);
  }

  /** For what devices are told to come again, the last one first. */
  turnedAway(): readonly TurnedAway[] {
    return this.#turnedAway.recent();
  }

  /** Those of the last hour, the last one first. */
  recent(): readonly Refusal[] {
    const sinceMs = this.#clock.monotonicMs() - KEPT_MS;
    const all = [...this.#known.values(), ...this.#strangers.values()].filter(({ readMs }) => readMs >= sinceMs);
    return all.sort((a, b) => b.readMs - a.readMs);
  }

  #list({ code, message }: StatewayError, refused: Refused, times: number): void {
    const { isKnown, address } = refused;
    const applicationId = refused.applicationId.slice(0, MAX_ID_CHARACTERS);
    const deviceId = refused.deviceId.slice(0, MAX_ID_CHARACTERS);
    const entries = isKnown ? this.#known : this.#strangers;
    const key = `${deviceId} ${applicationId} ${address} ${code}`;
    const nowMs = this.#clock.monotonicMs();
    const former = entries.get(key);
    entries.delete(key);
    const isNews = former === undefined || nowMs - former.readMs > KEPT_MS;
    const entry: Entry = isNews
      ? {
          applicationId,
          deviceId,
          address,
          code,
          message: '',
          count: 0,
          atMs: 0,
          trace: {},
          readMs: 0,
          told: new Map(),
        }
      : former;
    entry.message = message.slice(0, MAX_MESSAGE_CHARACTERS);
    entry.count += times;
    entry.atMs = this.#clock.wallMs();
    entry.trace = safeTrace(refused.trace);
    entry.readMs = nowMs;
    if (isNews) this.#makeRoom(entries, isKnown ? undefined : address);
    entries.set(key, entry);
    if (isToTell(entry)) this.#listeners.onFirst?.(entry);
  }

  /** @param address of a stranger: where it has its share, one of its own goes */
  #makeRoom(entries: Map<string, Entry>, address: string | undefined): void {
    let oldest: string | undefined;
    let ofAddress = 0;
    for (const [key, entry] of entries) {
      if (entry.address !== address) continue;
      oldest ??= key;
      ofAddress++;
    }
    if (oldest !== undefined && ofAddress >= MOST_OF_AN_ADDRESS) entries.delete(oldest);
    else if (entries.size >= MOST_REFUSALS) entries.delete(entries.keys().next().value as string);
  }
}

/** Whether the last message of an entry is news: an hour has passed without it. */
function isToTell({ message, readMs, told }: Entry): boolean {
  for (const [former, seenMs] of told) if (readMs - seenMs > KEPT_MS) told.delete(former);
  const isKnown = told.delete(message);
  if (!isKnown && told.size >= MOST_MESSAGES) return false;
  told.set(message, readMs);
  return !isKnown;
}

function tellStep(followed: FollowedDevices, { code, message }: StatewayError, refused: Refused): void {
  const { applicationId, deviceId, address } = refused;
  const reason = message.slice(0, MAX_MESSAGE_CHARACTERS);
  followed.tell({ applicationId, deviceId }, 'refused', { code, reason, address });
}
