import type { DeadLetter } from '../../core/dead-letter.js';
import type { Device } from '../../core/device.js';
import type { CountedSends, OwnedSpool, Settlement, Spill, Watermark } from '../../core/spool-ports.js';
import { LaneBacklog, NO_BACKLOG } from './lane-backlog.js';
import type { MemoryLedger } from './memory-ledger.js';
import { type Taken, type WaitingChunk, waitingBytesOf } from './waiting-chunk.js';

/**
 * Shared by all lanes that have none, since there may be a hundred thousand of them: an array takes room for 17 with the
 * first that is pushed, and so begins with just that one. Never changed.
 */
const NO_CHUNKS: WaitingChunk[] = [];

/** What waits of one device, in order: its backlog, then its chunks of the journal; and how far the journal is free of it. */
export class WaitingStates {
  readonly device: Device;
  /** Where its states are stored, and settled. */
  readonly spool: OwnedSpool;
  readonly #memory: MemoryLedger;
  #backlog: Omit<LaneBacklog, 'add'> = NO_BACKLOG;
  #chunks: readonly WaitingChunk[] = NO_CHUNKS;
  #waitingBytes = 0;
  /** How far the journal is free of the device, as in a {@link Watermark}. */
  #settledSequence: number;
  #settledStates: number;

  /** @param watermark of the device before anything that is pushed */
  constructor(device: Device, spool: OwnedSpool, memory: MemoryLedger, watermark: Watermark) {
    this.device = device;
    this.spool = spool;
    this.#memory = memory;
    this.#settledSequence = watermark.sequence;
    this.#settledStates = watermark.states;
  }

  /** Goes before the chunks. */
  get backlog(): Omit<LaneBacklog, 'add'> {
    return this.#backlog;
  }

  /** Of the journal, in order of arrival. */
  get chunks(): readonly WaitingChunk[] {
    return this.#chunks;
  }

  /** Bytes that the states of the chunks take in a body, about. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Whether states wait in it. */
  get hasStates(): boolean {
    return this.#chunks.length > 0 || !this.#backlog.isEmpty;
  }

  get waitingStates(): number {
    let states = this.#backlog.states;
    for (const chunk of this.#chunks) states += chunk.states;
    return states;
  }

  /** Whether its next body is full: then it gains nothing by the window, nor does a piece of backlog. */
  fills(maxBodyBytes: number): boolean {
    return !this.#backlog.isEmpty || this.#waitingBytes >= maxBodyBytes;
  }

  /** Monotonic: what is to be sent next has not waited since before. Infinity when nothing waits. */
  get sinceMs(): number {
    if (!this.#backlog.isEmpty) return this.#backlog.sinceMs;
    return this.#chunks[0]?.record.sinceMs ?? Number.POSITIVE_INFINITY;
  }

  /** How long what is to be sent next has waited, at most; 0 when nothing waits. */
  waitedMs(nowMs: number): number {
    return Math.max(0, nowMs - this.sinceMs);
  }

  push(chunk: WaitingChunk): void {
    const bytes = waitingBytesOf(chunk.view, chunk.nextState, chunk.endState);
    if (this.#chunks.length === 0) this.#chunks = [chunk];
    else (this.#chunks as WaitingChunk[]).push(chunk);
    this.#waitingBytes += bytes;
    this.#memory.add(chunk, bytes);
  }

  /** The spool has states of the device behind those of the backlog that are known of. @param sinceMs monotonic */
  addBacklog(states: number, sinceMs: number): void {
    if (this.#backlog === NO_BACKLOG) this.#backlog = new LaneBacklog();
    (this.#backlog as LaneBacklog).add(states, sinceMs);
  }

  /** Takes states off the head, delivered or given up; returns what is to be written down. */
  takeOff(taken: Taken, sends: CountedSends, deadLetters: readonly DeadLetter[] | undefined): Settlement {
    const { piece, pieceStates, journalStates } = taken;
    const { watermark, finishedSequences } = this.#journalAfter(journalStates);
    this.#drop(journalStates, watermark);
    const settlement: Settlement = {
      device: this.device,
      watermark,
      finishedSequences,
      states: pieceStates + journalStates,
      sends,
      ...(deadLetters === undefined ? {} : { deadLetters }),
    };
    if (piece === undefined || pieceStates === 0) return settlement;
    const settledStates = piece.settledStates + pieceStates;
    const finished = settledStates === piece.stateCount;
    this.#backlog.settle(pieceStates);
    return { ...settlement, backlog: { sequence: piece.sequence, settledStates, finished } };
  }

  /** What the spool is to be told when the first `states` states of the journal move to the backlog as `piece`. */
  spillOf(states: number, piece: Uint8Array): Spill {
    return { device: this.device, piece, ...this.#journalAfter(states) };
  }

  /** A spill is on disk. */
  spilled(spill: Spill, states: number): void {
    this.addBacklog(states, (this.#chunks[0] as WaitingChunk).record.sinceMs);
    this.#drop(states, spill.watermark);
  }

  /** Its states are another process's to send: they take no memory here any more. */
  forgetStates(): void {
    let states = 0;
    for (const chunk of this.#chunks) states += chunk.states;
    this.#drop(states, { sequence: this.#settledSequence, states: this.#settledStates });
    this.#backlog = NO_BACKLOG;
  }

  #journalAfter(states: number): { watermark: Watermark; finishedSequences: number[] } {
    const finishedSequences: number[] = [];
    let watermark = { sequence: this.#settledSequence, states: this.#settledStates };
    let left = states;
    for (let index = 0; left > 0; index++) {
      const { record, nextState, firstState, endState } = this.#chunks[index] as WaitingChunk;
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
      const chunk = this.#chunks[wholeChunks] as WaitingChunk;
      const taken = Math.min(left, chunk.states);
      const bytes = waitingBytesOf(chunk.view, chunk.nextState, chunk.nextState + taken);
      this.#waitingBytes -= bytes;
      this.#memory.shrink(chunk, bytes);
      chunk.nextState += taken;
      left -= taken;
      if (chunk.states > 0) break;
      this.#memory.remove(chunk);
      wholeChunks++;
    }
    if (wholeChunks === this.#chunks.length) this.#chunks = NO_CHUNKS;
    else (this.#chunks as WaitingChunk[]).splice(0, wholeChunks);
  }
}
