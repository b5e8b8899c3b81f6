import type { Clock } from '../core/clock.js';
import type { Device } from '../core/device.js';
import type { Grant } from '../core/grant.js';
import type { Meters } from '../core/meters.js';
import type { CloudClient, Forwarder, LaneCounts, Spool } from '../core/ports.js';
import { RecordView } from '../state/record-layout.js';
import { CloudHealth } from './cloud-health.js';
import { DueHeap } from './due-heap.js';
import { Lane } from './lane.js';
import { UNRECORDED_SENDS } from './outcome.js';
import { Pacing } from './pacing.js';
import { Sender, type SenderOptions } from './sender.js';
import { HeldRecord, WaitingChunk } from './waiting-chunk.js';

/** Requests to the cloud at one time, all lanes together: what the line and the cloud's front bear from one plant. */
export const MAX_REQUESTS_IN_FLIGHT = 128;
/** Of the time `close` is given, the share in which requests still start; the rest is for their answers. */
const SENDING_SHARE_OF_CLOSE = 0.75;

export type LanesOptions = SenderOptions;

export interface LanesParts {
  readonly cloud: CloudClient;
  readonly spool: Spool;
  readonly clock: Clock;
  readonly meters: Meters;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  /** Told once each time a lane is parked for what only someone's work can change; for the log. */
  readonly onParked: (device: Device, reason: string) => void;
}

/**
 * The forward stage: a lane per active device, served when it is due. A lane is in one of four places: in the heap, until
 * it is due; in the ready queue, first come first served; being served; or, when nothing but another grant can help it,
 * in none. A lane with nothing waiting stays in the heap until its pacing history is over, and is then dropped, so that
 * memory follows the active devices and not those ever seen.
 */
export class Lanes implements Forwarder {
  readonly #options: LanesOptions;
  readonly #parts: LanesParts;
  readonly #sender: Sender;
  readonly #health = new CloudHealth();
  readonly #lanes = new Map<string, Lane>();
  readonly #due = new DueHeap();
  readonly #ready: Lane[] = [];
  /** Monotonic: when this run began, so that the last one had ended. */
  readonly #startedMs: number;
  #inFlight = 0;
  #heldBytes = 0;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #cancelTimer: (() => void) | undefined = undefined;
  /** Monotonic; after it no request starts. Finite while closing. */
  #lastStartMs = Number.POSITIVE_INFINITY;
  #closed: Promise<void> | undefined = undefined;
  #onStopped: () => void = () => {};
  #isStopped = false;

  constructor(options: LanesOptions, parts: LanesParts) {
    this.#options = options;
    this.#parts = parts;
    this.#startedMs = parts.clock.monotonicMs();
    const onFinished = (held: HeldRecord) => {
      this.#heldBytes -= held.view.bytes.byteLength;
    };
    this.#sender = new Sender(options, { ...parts, health: this.#health, onFinished });
  }

  enqueue(sequence: number, record: Uint8Array, grants: readonly Grant[] | undefined): void {
    if (this.#isStopped) return;
    // Typed arrays over the record need its start aligned; one read from disk may stand anywhere in its buffer.
    const view = new RecordView(record.byteOffset % 8 === 0 ? record : Uint8Array.from(record));
    const held = new HeldRecord(view, sequence);
    for (let chunk = 0; chunk < view.chunkCount; chunk++) {
      if (grants === undefined) this.#pushReplayed(held, chunk);
      else this.#pushGranted(held, chunk, grants[chunk] as Grant);
    }
    if (held.openChunks > 0) this.#heldBytes += view.bytes.byteLength;
    this.#serve();
  }

  offerGrant(grant: Grant): void {
    if (this.#isStopped) return;
    const lane = this.#lanes.get(grant.device.key);
    if (lane === undefined) return;
    lane.remember(grant, this.#parts.clock.wallMs());
    this.#plan(lane);
    this.#serve();
  }

  lanes(): LaneCounts {
    const counts: LaneCounts = { idle: 0, pacing: 0, backoff: 0, parked: 0 };
    for (const lane of this.#lanes.values()) counts[lane.state]++;
    return counts;
  }

  heldBytes(): number {
    return this.#heldBytes;
  }

  isCloudUp(): boolean {
    return this.#health.isUp;
  }

  cloudSince(): number | undefined {
    return this.#health.sinceMs;
  }

  /**
   * Waives the coalescing window, not the rate limit, and returns as soon as no lane can send any more within the time.
   * A request that has no answer by the end of `withinMs` is left to its fate: its states stay in the spool and are sent
   * again by the next run.
   */
  close(withinMs: number): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      const { clock } = this.#parts;
      this.#lastStartMs = clock.monotonicMs() + withinMs * SENDING_SHARE_OF_CLOSE;
      const cancelDeadline = clock.schedule(withinMs, () => this.#stop());
      this.#onStopped = () => {
        cancelDeadline();
        resolve();
      };
      for (const lane of this.#lanes.values()) this.#plan(lane);
      this.#serve();
    });
    return this.#closed;
  }

  get #isClosing(): boolean {
    return this.#lastStartMs !== Number.POSITIVE_INFINITY;
  }

  #stop(): void {
    this.#isStopped = true;
    this.#sender.stop();
    this.#cancelTimer?.();
    this.#onStopped();
  }

  #pushGranted(held: HeldRecord, chunk: number, grant: Grant): void {
    const { view } = held;
    const first = view.chunkFirstState(chunk);
    const end = first + view.chunkStateCount(chunk);
    if (first === end) return;
    const lane = this.#laneOf(grant.device, false);
    lane.remember(grant, this.#parts.clock.wallMs());
    this.#push(lane, new WaitingChunk(held, first, first, end));
  }

  /** What the watermark says is settled is left out; the spool has trimmed chunks that are settled whole. */
  #pushReplayed(held: HeldRecord, chunk: number): void {
    const { view, sequence } = held;
    const device = view.chunkDevice(chunk);
    const first = view.chunkFirstState(chunk);
    const end = first + view.chunkStateCount(chunk);
    const watermark = this.#parts.spool.history(device)?.watermark;
    let next = first;
    if (watermark !== undefined && sequence < watermark.sequence) return;
    if (watermark !== undefined && sequence === watermark.sequence) next += watermark.states;
    if (next < end) this.#push(this.#laneOf(device, true), new WaitingChunk(held, first, next, end));
  }

  #push(lane: Lane, chunk: WaitingChunk): void {
    chunk.held.openChunks++;
    lane.push(chunk);
    this.#plan(lane);
  }

  #laneOf(device: Device, isReplayed: boolean): Lane {
    const known = this.#lanes.get(device.key);
    if (known !== undefined) return known;
    const lane = new Lane(device, this.#pacingOf(device, isReplayed));
    this.#lanes.set(device.key, lane);
    return lane;
  }

  /** A fresh pacing, with what the last run left to count: nothing, once that is longer ago than two windows. */
  #pacingOf(device: Device, isReplayed: boolean): Pacing {
    const { clock, spool } = this.#parts;
    const pacing = new Pacing(this.#options.rateLimit);
    const nowMs = clock.monotonicMs();
    // Every request that did not settle its states left them in the spool: only then can there be unrecorded ones.
    if (isReplayed) pacing.seedUnrecorded(UNRECORDED_SENDS, this.#startedMs);
    const history = spool.history(device);
    if (history === undefined) return pacing;
    // A wall clock set back must not put the last run into the future.
    const settledMs = Math.min(this.#startedMs, nowMs - (clock.wallMs() - history.settledAtMs));
    pacing.seed(history.sendsInWindow, settledMs);
    return pacing;
  }

  /** Puts a lane where it belongs now. One that is queued or being served is planned when that is over. */
  #plan(lane: Lane): void {
    if (lane.isBusy) return;
    const nowMs = this.#parts.clock.monotonicMs();
    const dueAtMs = lane.isEmpty ? this.#droppableAtMs(lane) : this.#sendableAtMs(lane, nowMs);
    if (dueAtMs > nowMs) {
      if (dueAtMs === Number.POSITIVE_INFINITY) this.#due.remove(lane);
      else this.#due.put(lane, dueAtMs);
      return;
    }
    this.#due.remove(lane);
    if (lane.isEmpty) {
      this.#lanes.delete(lane.device.key);
    } else {
      lane.isBusy = true;
      this.#ready.push(lane);
    }
  }

  #droppableAtMs(lane: Lane): number {
    return this.#isClosing ? Number.NEGATIVE_INFINITY : Math.max(lane.windowEndsMs, lane.pacing.emptyAtMs());
  }

  #sendableAtMs(lane: Lane, nowMs: number): number {
    if (lane.unsettled !== undefined) return lane.holdUntilMs;
    // The window is there to fill a body; a body that is full gains nothing by it.
    const isWindowWaived = this.#isClosing || lane.waitingBytes >= this.#options.maxBodyBytes;
    const windowEndsMs = isWindowWaived ? nowMs : lane.windowEndsMs;
    return Math.max(windowEndsMs, lane.holdUntilMs, lane.pacing.earliestStartMs(nowMs));
  }

  /** Starts what is ready and may start, then sets the timer for what comes next. */
  #serve(): void {
    if (this.#isStopped) return;
    const mayStart = this.#parts.clock.monotonicMs() <= this.#lastStartMs;
    while (mayStart && this.#inFlight < MAX_REQUESTS_IN_FLIGHT) {
      const lane = this.#ready.shift();
      if (lane === undefined) break;
      this.#inFlight++;
      void this.#sender.step(lane).then(() => this.#onServed(lane));
    }
    if (this.#isClosing && this.#inFlight === 0 && !this.#canSendInTime(mayStart)) this.#stop();
    else this.#setTimer();
  }

  #onServed(lane: Lane): void {
    this.#inFlight--;
    lane.isBusy = false;
    if (this.#isStopped) return;
    this.#plan(lane);
    this.#serve();
  }

  #canSendInTime(mayStart: boolean): boolean {
    if (!mayStart) return false;
    const first = this.#due.first;
    return this.#ready.length > 0 || (first !== undefined && first.dueAtMs <= this.#lastStartMs);
  }

  #setTimer(): void {
    const dueAtMs = this.#due.first?.dueAtMs ?? Number.POSITIVE_INFINITY;
    if (dueAtMs >= this.#timerAtMs) return;
    this.#cancelTimer?.();
    this.#timerAtMs = dueAtMs;
    const { clock } = this.#parts;
    this.#cancelTimer = clock.schedule(dueAtMs - clock.monotonicMs(), () => this.#onTimer());
  }

  #onTimer(): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    this.#cancelTimer = undefined;
    const nowMs = this.#parts.clock.monotonicMs();
    for (let lane = this.#due.first; lane !== undefined && lane.dueAtMs <= nowMs; lane = this.#due.first) {
      this.#due.remove(lane);
      this.#plan(lane);
    }
    this.#serve();
  }
}
