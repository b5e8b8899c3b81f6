import type { DeadLetter, StoredDeadLetter } from '../../core/dead-letter.js';
import type { Device } from '../../core/device.js';
import type { Grant } from '../../core/grant.js';
import type { LaneCounts, Settlement, Spill, Watermark } from '../../core/ports.js';
import type { BodySizeSearch } from './body-size-search.js';
import type { Culprit } from './culprit.js';
import { LaneBacklog, NO_BACKLOG } from './lane-backlog.js';
import { type DevicePast, LastSeen } from './last-seen.js';
import type { Likeness } from './likeness.js';
import type { MemoryLedger } from './memory-ledger.js';
import type { Pacing } from './pacing.js';
import type { Proofs } from './proofs.js';
import type { Refusals } from './refusals.js';
import { type Taken, type WaitingChunk, waitingBytesOf } from './waiting-chunk.js';

/** Good grants a lane remembers: the device's own token, that of a gateway, and each one's successor. */
const MAX_GRANTS = 4;
/**
 * Shared by all lanes that have none, since there may be a hundred thousand of them: an array takes room for 17 with the
 * first that is pushed, and so begins with just that one. Never changed.
 */
const NO_CHUNKS: WaitingChunk[] = [];
const NO_GRANTS: Grant[] = [];

/** What keeps a lane from sending, beside window and rate: `backoff` ends by itself; `parked` waits for someone's work. */
export type Hold = 'none' | 'backoff' | 'parked';

/** What keeps the states of a lane from the cloud, for people. */
export interface LaneTrouble {
  readonly kind: 'parked' | 'throttled' | 'failing';
  /** May hold the cloud's words. */
  readonly reason: string;
  /** Monotonic. */
  readonly sinceMs: number;
}

/** One active device: what waits, in order, with which tokens it may be sent, and when. Holds no rule of its own. */
export class Lane {
  readonly device: Device;
  readonly pacing: Pacing;
  /** Undefined until the cloud finds fault with a body. */
  bodySizeSearch: BodySizeSearch | undefined = undefined;
  /** What refused states have in common; undefined before the first. */
  likeness: Likeness | undefined = undefined;
  /** Goes before the chunks. */
  backlog: Omit<LaneBacklog, 'add'> = NO_BACKLOG;
  /** Of the journal, in order of arrival. */
  chunks: readonly WaitingChunk[] = NO_CHUNKS;
  /** Bytes that the states of the chunks take in a body, about. */
  waitingBytes = 0;
  /** Taken by the cloud or given up, not yet written down; settled before anything else is done. */
  unsettled: Settlement | undefined = undefined;
  hold: Hold = 'none';
  /** Monotonic; when `hold` ends. Infinity: not by itself. */
  holdUntilMs = Number.NEGATIVE_INFINITY;
  /** Monotonic; when the coalescing window that the last request opened ends. */
  windowEndsMs = Number.NEGATIVE_INFINITY;
  /** Whether another grant ends the hold. */
  isGrantAwaited = false;
  /** Requests in a row that failed by the cloud or the way to it. */
  failures = 0;
  /** Requests since the last settlement: what a crash would leave unrecorded. */
  unrecordedSends = 0;
  /** The state at its head, where the cloud has failed for it alone; undefined when something else came of it. */
  culprit: Culprit | undefined = undefined;
  /** A state of the device that was held apart and is to be tried, before anything that waits. */
  apart: StoredDeadLetter | undefined = undefined;
  /** Monotonic; when the cloud last took states, or else the lane began. */
  deliveredMs: number;
  /** Monotonic; since when the cloud has answered nothing but that it knows no such device. */
  missingSinceMs: number | undefined = undefined;
  /** Undefined when nothing is the matter, or nothing is known yet. */
  trouble: LaneTrouble | undefined = undefined;
  /** Monotonic; since when the reason it is parked for is reported. */
  reportedSinceMs: number | undefined = undefined;
  /** Tokens that wait to show that they may send for it. */
  proofs: Proofs | undefined = undefined;
  /** Something is being done for it: a request, a settlement, a spill. */
  isBusy = false;
  /** Stands in the queue of lanes that are due. */
  isQueued = false;
  /** Place in the heap of lanes by when they are due, -1 when not in it, and the time it stands there for. */
  heapIndex = -1;
  dueAtMs = 0;
  readonly lastSeen: LastSeen;
  /** Undefined before the first. */
  refusals: Refusals | undefined;
  /** How far the journal is free of the device, as in a {@link Watermark}. */
  #settledSequence: number;
  #settledStates: number;
  readonly #memory: MemoryLedger;
  #newestGrant: Grant | undefined = undefined;
  /** The others, oldest first. */
  #olderGrants: Grant[] = NO_GRANTS;

  /**
   * @param watermark of the device before anything that is pushed
   * @param past what is remembered of the device
   */
  constructor(
    device: Device,
    pacing: Pacing,
    memory: MemoryLedger,
    watermark: Watermark,
    nowMs: number,
    past?: DevicePast,
  ) {
    this.device = device;
    this.pacing = pacing;
    this.#memory = memory;
    this.#settledSequence = watermark.sequence;
    this.#settledStates = watermark.states;
    this.deliveredMs = nowMs;
    this.lastSeen = past?.lastSeen ?? new LastSeen();
    this.refusals = past?.refusals;
  }

  /** Whether states wait in it. */
  get hasStates(): boolean {
    return this.chunks.length > 0 || !this.backlog.isEmpty;
  }

  get waitingStates(): number {
    let states = this.backlog.states;
    for (const chunk of this.chunks) states += chunk.states;
    return states;
  }

  /** Whether nothing waits to be sent or written down. */
  get isEmpty(): boolean {
    return !this.hasStates && this.unsettled === undefined && this.apart === undefined;
  }

  /** Whether its next body is full: then it gains nothing by the window, nor does a piece of backlog. */
  fills(maxBodyBytes: number): boolean {
    return !this.backlog.isEmpty || this.waitingBytes >= maxBodyBytes;
  }

  get state(): keyof LaneCounts {
    if (this.isEmpty) return 'idle';
    return this.hold === 'none' ? 'pacing' : this.hold;
  }

  /** Monotonic: what is to be sent next has not waited since before. Infinity when nothing waits. */
  get sinceMs(): number {
    if (!this.backlog.isEmpty) return this.backlog.sinceMs;
    return this.chunks[0]?.record.sinceMs ?? Number.POSITIVE_INFINITY;
  }

  /** How long what is to be sent next has waited, at most; 0 when nothing waits. */
  waitedMs(nowMs: number): number {
    return Math.max(0, nowMs - this.sinceMs);
  }

  push(chunk: WaitingChunk): void {
    const bytes = waitingBytesOf(chunk.view, chunk.nextState, chunk.endState);
    if (this.chunks.length === 0) this.chunks = [chunk];
    else (this.chunks as WaitingChunk[]).push(chunk);
    this.lastSeen.hear(chunk.record.sinceMs);
    this.waitingBytes += bytes;
    this.#memory.add(chunk, bytes);
  }

  /**
   * Remembers a grant as the newest; the oldest gives way. One that is news and has not ended ends a wait for a grant.
   * @returns whether it has ended one
   */
  remember(grant: Grant): boolean {
    const before = this.#newestGrant;
    if (before === grant) return false;
    const known = this.#olderGrants.indexOf(grant);
    if (known >= 0) this.#olderGrants.splice(known, 1);
    this.#newestGrant = grant;
    if (before !== undefined) this.#keepOlder(before);
    if (known >= 0 || !this.isGrantAwaited || grant.endedBy !== undefined) return false;
    this.release();
    this.trouble = undefined;
    return true;
  }

  /**
   * The grant to send with: the newest that is good at wall-clock time `nowMs`, or else the newest, since a clock that is
   * wrong makes tokens look expired. Whether it is over the cloud says (contract 1.5). Ended ones are forgotten.
   */
  grantFor(nowMs: number): Grant | undefined {
    while (this.#newestGrant?.endedBy !== undefined) this.#newestGrant = this.#olderGrants.pop();
    const newest = this.#newestGrant;
    if (newest === undefined || newest.isGood(nowMs)) return newest;
    const older = this.#olderGrants;
    for (let index = older.length - 1; index >= 0; index--) {
      const grant = older[index] as Grant;
      if (grant.endedBy !== undefined) older.splice(index, 1);
      else if (grant.isGood(nowMs)) return grant;
    }
    return newest;
  }

  #keepOlder(grant: Grant): void {
    const older = this.#olderGrants;
    if (older.length === 0) this.#olderGrants = [grant];
    else older.push(grant);
    if (older.length >= MAX_GRANTS) older.shift();
  }

  /** Sends nothing before `untilMs`, unless a grant is awaited and comes. */
  holdBack(hold: Hold, untilMs: number, isGrantAwaited: boolean): void {
    this.hold = hold;
    this.holdUntilMs = untilMs;
    this.isGrantAwaited = isGrantAwaited;
  }

  release(): void {
    this.holdBack('none', Number.NEGATIVE_INFINITY, false);
  }

  /** Notes what is the matter; of the same kind of trouble it is known since when. */
  noteTrouble(kind: LaneTrouble['kind'], reason: string, nowMs: number): void {
    // That it cannot be asked again says nothing of what it is parked for.
    if (kind === 'failing' && this.trouble?.kind === 'parked') return;
    this.trouble = { kind, reason, sinceMs: this.trouble?.kind === kind ? this.trouble.sinceMs : nowMs };
  }

  /** Takes states off the head at `nowMs`, delivered or given up; returns what is to be written down. */
  take(taken: Taken, nowMs: number, deadLetters?: readonly DeadLetter[]): Settlement {
    const { piece, pieceStates, journalStates } = taken;
    const { watermark, finishedSequences } = this.#journalAfter(journalStates);
    this.#drop(journalStates, watermark);
    const settlement: Settlement = {
      device: this.device,
      watermark,
      finishedSequences,
      states: pieceStates + journalStates,
      sends: this.pacing.countedSends(nowMs),
      ...(deadLetters === undefined ? {} : { deadLetters }),
    };
    if (piece === undefined || pieceStates === 0) return settlement;
    const settledStates = piece.settledStates + pieceStates;
    const finished = settledStates === piece.stateCount;
    this.backlog.settle(pieceStates);
    return { ...settlement, backlog: { sequence: piece.sequence, settledStates, finished } };
  }

  /** What the spool is to be told when the first `states` states of the journal move to the backlog as `piece`. */
  spillOf(states: number, piece: Uint8Array): Spill {
    return { device: this.device, piece, ...this.#journalAfter(states) };
  }

  /** The spool has states of the device behind those of the backlog that are known of. @param sinceMs monotonic */
  addBacklog(states: number, sinceMs: number): void {
    if (this.backlog === NO_BACKLOG) this.backlog = new LaneBacklog();
    (this.backlog as LaneBacklog).add(states, sinceMs);
  }

  /** A spill is on disk. */
  spilled(spill: Spill, states: number): void {
    this.addBacklog(states, (this.chunks[0] as WaitingChunk).record.sinceMs);
    this.#drop(states, spill.watermark);
  }

  #journalAfter(states: number): { watermark: Watermark; finishedSequences: number[] } {
    const finishedSequences: number[] = [];
    let watermark = { sequence: this.#settledSequence, states: this.#settledStates };
    let left = states;
    for (let index = 0; left > 0; index++) {
      const { record, nextState, firstState, endState } = this.chunks[index] as WaitingChunk;
      const taken = Math.min(left, endState - nextState);
      left -= taken;
      if (nextState + taken < endState) {
        watermark = { sequence: record.sequence, states: nextState + taken - firstState };
      } else {
        watermark = { sequence: record.sequence + 1, states: 0 };
        finishedSequences.push(record.sequence);
      }
    }
    return { watermark, finishedSequences };
  }

  #drop(states: number, watermark: Watermark): void {
    this.#settledSequence = watermark.sequence;
    this.#settledStates = watermark.states;
    let wholeChunks = 0;
    for (let left = states; left > 0; ) {
      const chunk = this.chunks[wholeChunks] as WaitingChunk;
      const taken = Math.min(left, chunk.states);
      const bytes = waitingBytesOf(chunk.view, chunk.nextState, chunk.nextState + taken);
      this.waitingBytes -= bytes;
      this.#memory.shrink(chunk, bytes);
      chunk.nextState += taken;
      left -= taken;
      if (chunk.states > 0) break;
      this.#memory.remove(chunk);
      wholeChunks++;
    }
    if (wholeChunks === this.chunks.length) this.chunks = NO_CHUNKS;
    else (this.chunks as WaitingChunk[]).splice(0, wholeChunks);
  }
}
