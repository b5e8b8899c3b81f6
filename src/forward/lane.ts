import type { Device } from '../core/device.js';
import type { Grant } from '../core/grant.js';
import type { LaneCounts, Settlement } from '../core/ports.js';
import { BodyLimit } from './bisect.js';
import type { Pacing } from './pacing.js';
import { waitingBytesOf } from './request-body.js';
import type { HeldRecord, WaitingChunk } from './waiting-chunk.js';

/** Good grants a lane remembers: the device's own token, that of a gateway, and each one's successor. */
const MAX_GRANTS = 4;

/** What keeps a lane from sending, beside window and rate: `backoff` ends by itself; `parked` waits for someone's work. */
export type Hold = 'none' | 'backoff' | 'parked';

/** One active device: what waits, in order, with which tokens it may be sent, and when. Holds no rule of its own. */
export class Lane {
  readonly device: Device;
  readonly pacing: Pacing;
  readonly bodyLimit = new BodyLimit();
  /** In order of arrival. */
  readonly chunks: WaitingChunk[] = [];
  /** Bytes that the waiting states take in a body, about. */
  waitingBytes = 0;
  /** Taken by the cloud, not yet written down; settled before anything else is done. */
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
  /** Whether the reason it is parked for was reported. */
  isReported = false;
  /** Queued to be served, or being served. */
  isBusy = false;
  /** Place in the heap of due lanes, -1 when not in it, and the time it stands there for. */
  heapSlot = -1;
  dueAtMs = 0;
  /** Oldest first. */
  readonly #grants: Grant[] = [];

  constructor(device: Device, pacing: Pacing) {
    this.device = device;
    this.pacing = pacing;
  }

  /** Whether nothing waits to be sent or written down. */
  get isEmpty(): boolean {
    return this.chunks.length === 0 && this.unsettled === undefined;
  }

  get state(): keyof LaneCounts {
    if (this.isEmpty) return 'idle';
    return this.hold === 'none' ? 'pacing' : this.hold;
  }

  push(chunk: WaitingChunk): void {
    this.chunks.push(chunk);
    this.waitingBytes += waitingBytesOf(chunk.held.view, chunk.nextState, chunk.endState);
  }

  /**
   * Remembers a grant as the newest; the oldest gives way. One that is news and good ends a wait for a grant.
   * @param nowMs wall-clock time
   */
  remember(grant: Grant, nowMs: number): void {
    const grants = this.#grants;
    if (grants.at(-1) === grant) return;
    const known = grants.indexOf(grant);
    if (known >= 0) grants.splice(known, 1);
    grants.push(grant);
    if (grants.length > MAX_GRANTS) grants.shift();
    if (known < 0 && this.isGrantAwaited && grant.isGood(nowMs)) this.release();
  }

  /** The newest grant that is good at wall-clock time `nowMs`; those that are not any more are forgotten. */
  goodGrant(nowMs: number): Grant | undefined {
    const grants = this.#grants;
    while (grants.length > 0) {
      const newest = grants.at(-1) as Grant;
      if (newest.isGood(nowMs)) return newest;
      grants.pop();
    }
    return undefined;
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

  /**
   * Takes the first `states` waiting states off: the cloud has them.
   * @param finished called with each record that no lane holds states of any more
   * @returns what is to be written down
   */
  deliver(states: number, sendsInWindow: number, finished: (held: HeldRecord) => void): Settlement {
    const finishedSequences: number[] = [];
    let watermark = { sequence: 0, states: 0 };
    let wholeChunks = 0;
    for (let left = states; left > 0; ) {
      const chunk = this.chunks[wholeChunks] as WaitingChunk;
      const { held } = chunk;
      const taken = Math.min(left, chunk.endState - chunk.nextState);
      this.waitingBytes -= waitingBytesOf(held.view, chunk.nextState, chunk.nextState + taken);
      chunk.nextState += taken;
      left -= taken;
      if (chunk.nextState < chunk.endState) {
        watermark = { sequence: held.sequence, states: chunk.nextState - chunk.firstState };
        break;
      }
      wholeChunks++;
      watermark = { sequence: held.sequence + 1, states: 0 };
      finishedSequences.push(held.sequence);
      held.openChunks--;
      if (held.openChunks === 0) finished(held);
    }
    this.chunks.splice(0, wholeChunks);
    return { device: this.device, watermark, finishedSequences, states, sendsInWindow };
  }
}
