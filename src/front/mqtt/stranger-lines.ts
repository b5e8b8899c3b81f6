import type { Clock } from '../../core/time/clock.js';

/** A connection that has not been accepted: it has said nothing yet, is being checked, or is held before its refusal. */
export interface StrangerLine {
  readonly address: string;
  /** Others want its place. */
  giveWay(): void;
}

/**
 * The connections that have not been accepted (contract 1.4). Each takes a socket and the bytes of a CONNECT, so their
 * number is bounded; where there is no room, the address that has most of them gives one up, the one that has stood longest:
 * a device that is known says so at once, and is none of them a moment later. One address may have all places while nobody
 * else wants one: after a power cut the devices of a plant come back at once, all behind its gateway.
 */
export class StrangerLines {
  readonly #most: number;
  /** By address, the one that has stood longest first. */
  readonly #byAddress = new Map<string, Set<StrangerLine>>();
  /** Those of the addresses that have so many, by that number: the last has the most. */
  readonly #bySize: Set<Set<StrangerLine>>[] = [];
  /** Those of them that have said nothing, the one that has stood longest first. */
  readonly #silent = new Set<StrangerLine>();
  #size = 0;

  /** @param most that there may be */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#size;
  }

  /** So many there may be. */
  get most(): number {
    return this.#most;
  }

  add(line: StrangerLine): void {
    if (this.#size >= this.#most) this.#makeRoom(line.address);
    const ofAddress = this.#byAddress.get(line.address) ?? new Set();
    this.#byAddress.set(line.address, ofAddress);
    ofAddress.add(line);
    this.#size++;
    this.#sort(ofAddress, ofAddress.size - 1);
  }

  /** As {@link StrangerLines.add}, of a connection that has said nothing until {@link StrangerLines.heard}. */
  addSilent(line: StrangerLine): void {
    this.add(line);
    this.#silent.add(line);
  }

  /** Its CONNECT has come. */
  heard(line: StrangerLine): void {
    this.#silent.delete(line);
  }

  /**
   * The connection that has been silent longest gives way, if there is one beside the newcomer. Not one that is held: its
   * client would be back at once (contract 1.9.2).
   */
  silentGivesWay(newcomer: StrangerLine): boolean {
    for (const line of this.#silent) {
      if (line === newcomer) continue;
      this.remove(line);
      line.giveWay();
      return true;
    }
    return false;
  }

  /** It has been accepted, or is gone. */
  remove(line: StrangerLine): void {
    this.#silent.delete(line);
    const ofAddress = this.#byAddress.get(line.address);
    if (ofAddress?.delete(line) !== true) return;
    this.#size--;
    this.#sort(ofAddress, ofAddress.size + 1);
    if (ofAddress.size === 0) this.#byAddress.delete(line.address);
  }

  /** An address has one more or one fewer than `before`. */
  #sort(ofAddress: Set<StrangerLine>, before: number): void {
    this.#bySize[before]?.delete(ofAddress);
    if (ofAddress.size > 0) {
      this.#bySize[ofAddress.size] ??= new Set();
      this.#bySize[ofAddress.size]?.add(ofAddress);
    }
    while (this.#bySize.length > 0 && !this.#bySize.at(-1)?.size) this.#bySize.pop();
  }

  /** For one more of an address, which gives up one of its own where none has more than it. */
  #makeRoom(address: string): void {
    const largest = this.#bySize.at(-1) ?? new Set();
    const own = this.#byAddress.get(address);
    const [first] = largest;
    const [oldest] = (own !== undefined && largest.has(own) ? own : first) ?? [];
    if (oldest === undefined) return;
    this.remove(oldest);
    oldest.giveWay();
  }
}

const FIRST_HOLD_MS = 1_000;
const LONGEST_HOLD_MS = 10_000;
/** A client that has not been refused for so long begins anew. */
const FORGOTTEN_MS = 60_000;
/** Ids and addresses that are remembered; the one longest unheard of gives way. */
const MAX_REMEMBERED = 10_000;

/**
 * For how long a connection that is refused is held before it is told (contract 1.9.2): a client without back-off then
 * costs one socket. One in use opens 4,300 connections a second where each is refused at once.
 */
export class RefusalHolds {
  readonly #clock: Clock;
  /** By id or address, the one longest unheard of first. */
  readonly #holds = new Map<string, { readonly holdMs: number; readonly atMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One more refusal of a client: for how long it is to be held, 1 s to 10 s. */
  next(client: string): number {
    const nowMs = this.#clock.monotonicMs();
    const last = this.#holds.get(client);
    const isRecent = last !== undefined && nowMs - last.atMs < FORGOTTEN_MS;
    const holdMs = isRecent ? Math.min(LONGEST_HOLD_MS, 2 * last.holdMs) : FIRST_HOLD_MS;
    this.#holds.delete(client);
    this.#holds.set(client, { holdMs, atMs: nowMs });
    if (this.#holds.size > MAX_REMEMBERED) this.#holds.delete(this.#holds.keys().next().value as string);
    return holdMs;
  }

  /** A client was accepted. */
  forget(client: string): void {
    this.#holds.delete(client);
  }
}
