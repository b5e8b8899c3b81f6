import { MAX_SPILLING_BYTES } from '../../core/bounds.js';
import type { Clock } from '../../core/time/clock.js';
import type { StoredTimeClock } from '../../core/time/stored-time-clock.js';
import { buildPiece } from '../../state/backlog-piece.js';
import type { Lane } from '../lane/lane.js';
import type { MemoryLedger } from '../lane/memory-ledger.js';
import { packLane, rangesOf } from '../lane/packing.js';
import { waitingBytesOf } from '../lane/waiting-chunk.js';

/** Spills under way at one time: they share commits, so many small ones cost as few. */
export const MAX_SPILLS = 128;
/** A piece holds no more than a body takes, within these: a small one costs its place on disk, a large one its turn. */
const MIN_PIECE_BYTES = 64 * 1024;
const MAX_PIECE_BYTES = 1024 * 1024;
/** A chunk that has waited this long may be what holds a journal record. */
export const SPILL_AFTER_MS = 5_000;
/** A lane that can send within this time needs no backlog. */
const SOON_MS = 1_000;
/** Down to this share of the limit memory is freed once the limit is reached. */
const LOW_WATER = 0.5;
/** After a spill that failed; the disk may be full. */
const RETRY_AFTER_MS = 1_000;
/** Between two looks at all lanes while memory is short. */
const LOOK_AGAIN_AFTER_MS = 100;

export interface SpillerOptions {
  /** Bytes held in memory above which lanes that cannot be served soon spill. */
  readonly spillAboveBytes: number;
  readonly maxBodyBytes: number;
  /** States of one piece have arrived within this time. */
  readonly pieceSpanMs: number;
}

export interface SpillerParts {
  readonly clock: Clock;
  readonly memory: MemoryLedger;
  readonly storedTime: StoredTimeClock;
  readonly lanes: () => Iterable<Lane>;
  readonly isCloudUp: () => boolean;
  /** Told when a lane that was spilled is free again. */
  readonly onSpilled: (lane: Lane) => void;
}

/**
 * What a lane is spilled for. `memory`: until that is short no more. `journal`: until it holds no record that others have
 * done with; one of which everything waits costs nothing beyond what waits. `full`: while it fills a piece.
 */
type Need = 'memory' | 'journal' | 'full';

interface Order {
  readonly lane: Lane;
  readonly need: Need;
}

/**
 * Moves what waits without prospect from memory and journal to the backlog, in pieces as large as they come: when memory
 * is short, when the journal cannot be trimmed on account of few, and when a lane that cannot be served has a full piece.
 * One at a time per lane, and never while the lane is being served.
 *
 * A lane that will be served soon is left alone, however much they hold together: at full load, what gathers in their
 * windows is no backlog. What has waited for {@link SPILL_AFTER_MS} is one. So the cloud takes what they hold within that
 * time, or they spill; and above `MAX_HELD_BYTES` nothing more comes in.
 */
export class Spiller {
  readonly #options: SpillerOptions;
  readonly #parts: SpillerParts;
  readonly #pieceBytes: number;
  #orders: Order[] = [];
  #underWay = 0;
  /** Memory that the spills under way are about to free. */
  #freeingBytes = 0;
  /** Monotonic: until when nothing is spilled, after a failure. */
  #restUntilMs = Number.NEGATIVE_INFINITY;
  /** Monotonic: when all lanes may be looked at again. */
  #nextLookMs = Number.NEGATIVE_INFINITY;
  #isRunning = false;

  constructor(options: SpillerOptions, parts: SpillerParts) {
    this.#options = options;
    this.#parts = parts;
    this.#pieceBytes = Math.min(MAX_PIECE_BYTES, Math.max(MIN_PIECE_BYTES, options.maxBodyBytes));
  }

  /** Before, lanes are packed but not spilled. */
  start(): void {
    this.#isRunning = true;
  }

  /** No spill starts any more; one that is under way ends as ever. */
  stop(): void {
    this.#isRunning = false;
    this.#orders = [];
  }

  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  /** To be called when a record has come: frees memory if it is short. */
  relieve(): void {
    const { memory } = this.#parts;
    const { spillAboveBytes } = this.#options;
    if (memory.heldBytes <= spillAboveBytes || this.#underWay > 0) return;
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs < this.#nextLookMs) return;
    this.#nextLookMs = nowMs + LOOK_AGAIN_AFTER_MS;
    // What packing frees is what the records hold beside the states that wait; half of it makes it worth the copy.
    const isWorthPacking = memory.recordBytes > Math.max(2 * memory.unpackedBytes, spillAboveBytes / 4);
    if (isWorthPacking) this.#pack();
    const isShort = memory.heldBytes > spillAboveBytes * (isWorthPacking ? 0.75 : 1);
    if (isShort && this.#isRunning && !this.#isResting) this.#order('memory');
  }

  /** To be called now and then: frees the journal of lanes that cannot be served, and memory of full pieces. */
  sweep(): void {
    if (!this.#isRunning || this.#orders.length > 0 || this.#isResting) return;
    if (this.#parts.memory.slackBytes > 0) this.#order('journal');
    if (this.#orders.length === 0) this.#order('full');
    this.relieve();
  }

  get #isResting(): boolean {
    return this.#parts.clock.monotonicMs() < this.#restUntilMs;
  }

  #pack(): void {
    const { memory, lanes } = this.#parts;
    const nowMs = this.#parts.clock.monotonicMs();
    // Before the first lane is served none will be so soon.
    for (const lane of lanes()) if (!this.#isRunning || this.#isStuck(lane, nowMs)) packLane(lane, memory);
  }

  /** Whether a lane will not be served soon; one that is being served may be so too, when its request hangs. */
  #isStuck(lane: Lane, nowMs: number): boolean {
    if (!this.#parts.isCloudUp() || !lane.backlog.isEmpty) return true;
    const first = lane.chunks[0];
    if (first !== undefined && first.record.sinceMs <= nowMs - SPILL_AFTER_MS) return true;
    return Math.max(lane.holdUntilMs, lane.pacing.earliestStartMs(nowMs)) > nowMs + SOON_MS;
  }

  /** Those first that hold the oldest records, as a record is freed as a whole. */
  #order(need: Need): void {
    const nowMs = this.#parts.clock.monotonicMs();
    const ranked: { order: Order; sequence: number }[] = [];
    for (const lane of this.#parts.lanes()) {
      const [first] = lane.chunks;
      const order = { lane, need };
      if (first === undefined || !this.#isStuck(lane, nowMs) || !this.#isNeeded(order)) continue;
      ranked.push({ order, sequence: first.record.sequence });
    }
    ranked.sort((a, b) => a.sequence - b.sequence);
    this.#orders = ranked.map(({ order }) => order);
    this.#start();
  }

  #start(): void {
    let done = 0;
    while (
      this.#underWay < MAX_SPILLS &&
      this.#freeingBytes < MAX_SPILLING_BYTES &&
      done < this.#orders.length &&
      this.#isRunning
    ) {
      const order = this.#orders[done++] as Order;
      if (!this.#isNeeded(order)) continue;
      this.#underWay++;
      order.lane.begin();
      void this.#spill(order);
    }
    this.#orders.splice(0, done);
  }

  #isNeeded({ lane, need }: Order): boolean {
    if (lane.isBusy || lane.isLost || lane.unsettled !== undefined || lane.chunks.length === 0) return false;
    if (need === 'memory') {
      return this.#parts.memory.heldBytes - this.#freeingBytes > this.#options.spillAboveBytes * LOW_WATER;
    }
    if (need === 'full') return lane.waitingBytes >= this.#pieceBytes;
    const arrivedByMs = this.#parts.clock.monotonicMs() - SPILL_AFTER_MS;
    return lane.chunks.some(({ record }) => record.sinceMs <= arrivedByMs && record.openChunks < record.chunkCount);
  }

  /** Spills a lane, piece by piece, as far as that is needed. Never rejects. */
  async #spill(order: Order): Promise<void> {
    const { lane } = order;
    const shareBytes = shareOf(lane);
    this.#freeingBytes += shareBytes;
    let isAll = false;
    do {
      lane.begin();
      try {
        isAll = await this.#spillPiece(lane);
      } catch {
        this.#orders = [];
        this.#restUntilMs = this.#parts.clock.monotonicMs() + RETRY_AFTER_MS;
      }
      lane.free();
      // What came in the meantime would make a small piece, and others have their turn.
    } while (!isAll && this.#isRunning && !this.#isResting && this.#isNeeded(order));
    this.#freeingBytes -= shareBytes;
    this.#underWay--;
    this.#start();
    this.#parts.onSpilled(lane);
  }

  /** Returns whether the piece took all that waited when it was made. */
  async #spillPiece(lane: Lane): Promise<boolean> {
    const { storedTime } = this.#parts;
    const { chunks, states } = this.#pieceOf(lane);
    const isAll = chunks === lane.chunks.length;
    const sinceMs = lane.chunks[0]?.record.sinceMs as number;
    const piece = buildPiece(lane.device, rangesOf(lane.chunks, states), storedTime.storedAtMs(sinceMs));
    const spill = lane.spillOf(states, piece);
    await lane.spool.spill(spill);
    if (!lane.isLost) lane.spilled(spill, states);
    return isAll;
  }

  /** Whole chunks, so many as fill a piece; at least one. */
  #pieceOf(lane: Lane): { chunks: number; states: number } {
    const untilMs = (lane.chunks[0]?.record.sinceMs as number) + this.#options.pieceSpanMs;
    let chunks = 0;
    let states = 0;
    let bytes = 0;
    for (const { view, nextState, endState, record } of lane.chunks) {
      if (record.sinceMs > untilMs) break;
      bytes += waitingBytesOf(view, nextState, endState);
      if (bytes > this.#pieceBytes && chunks > 0) break;
      chunks++;
      states += endState - nextState;
    }
    return { chunks, states };
  }
}

/** The share of a lane in the memory that its chunks stand in. */
function shareOf(lane: Lane): number {
  let bytes = 0;
  for (const { held } of lane.chunks) bytes += held.footprint / held.openChunks;
  return bytes;
}
