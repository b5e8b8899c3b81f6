import type { DiskFault } from '../../core/spool-ports.js';
import type { Clock } from '../../core/time/clock.js';
import { spoolError } from '../lmdb/failed-commit.js';
import { faultOf, isForRoom, isMoved } from './disk-fault.js';
import type { Probe } from './disk-probe.js';

/** How long a look at the disk is good for, so that a fault shows without a write: `/readyz` tells of it within a second. */
export const LOOKED_FOR_MS = 500;
/** After a fault, and after the first attempt that failed; then twice as long each time, up to the last. */
export const FIRST_RETRY_MS = 1_000;
export const LAST_RETRY_MS = 30_000;
/** A disk that was well for so long begins anew with the first wait. */
export const STEADY_MS = 60_000;

export interface DiskHealthParts {
  readonly clock: Clock;
  readonly probe: Probe;
  /** Told when nothing new is taken any more, and why. */
  readonly onFault: (fault: DiskFault) => void;
  /** Told when that is over, after how long. */
  readonly onWell: (faultMs: number) => void;
}

/** Brings what a fault has left in order again; rejects when the disk is not up to it yet. */
export type Recovery = () => Promise<void>;

/**
 * Judges whether the disk of the data directory is all right. Whoever writes asks before and tells of what failed; one
 * failure closes all that is new, until the disk has proved itself: a write and a sync, then what each part of the spool
 * does to be sure of its own files. A page cache that failed a sync is trusted in nothing (a second sync of the same pages
 * may say yes and have written nothing), so whatever was on its way then has failed.
 */
export class DiskHealth {
  readonly #parts: DiskHealthParts;
  readonly #recoveries = new Set<Recovery>();
  #fault: DiskFault | undefined = undefined;
  /** Whether the fault is for want of room. */
  #isFull = false;
  /** Whether something failed that what is open may not get over by itself. */
  #mustRecover = false;
  /** Monotonic. */
  #faultMs = 0;
  #wellMs = Number.NEGATIVE_INFINITY;
  #lookedMs: number;
  #retryMs = FIRST_RETRY_MS;
  /** Whether this event-loop turn has tried the disk, and found the files in place. */
  #isTouched = false;
  #isInPlace = false;
  #attempt: Promise<void> | undefined = undefined;
  #cancel: () => void = () => {};
  #isStopped = false;

  constructor(parts: DiskHealthParts) {
    this.#parts = parts;
    this.#lookedMs = parts.clock.monotonicMs();
  }

  /** Why nothing new is taken; undefined when it is. Looks at the disk if that was not done just now. */
  get fault(): DiskFault | undefined {
    if (this.#fault === undefined && !this.#isStopped) this.#look();
    return this.#fault;
  }

  /**
   * From now on the file of that name must stand in its place in the data directory.
   * @throws Error when it is not there
   */
  watch(name: string): void {
    this.#parts.probe.watch(name);
  }

  /** Runs `recovery` before anything is taken again after a fault. Returns what ends that. */
  onRecovery(recovery: Recovery): () => void {
    this.#recoveries.add(recovery);
    return () => this.#recoveries.delete(recovery);
  }

  /**
   * To be called before anything new is written.
   * @throws StatewayError STATEWAY_SPOOL_FULL or STATEWAY_SPOOL_FAILED: then nothing may be written
   */
  assertTakesNew(): void {
    if (this.#fault !== undefined) throw spoolError(this.#isFull);
  }

  /** As {@link assertTakesNew}, for what was stored before. It is still delivered where only the names are gone. */
  assertWritable(): void {
    if (this.#mustRecover) throw spoolError(this.#isFull);
  }

  /** As {@link assertWritable}, before a commit of LMDB, within the same event-loop turn: it must not find out itself. */
  assertCommits(): void {
    this.assertWritable();
    this.#touch();
  }

  /**
   * To be called when something new was committed, before anybody is told.
   * @throws StatewayError STATEWAY_SPOOL_FAILED when nobody would find it again
   */
  assertInPlace(): void {
    if (this.#isInPlace) return;
    try {
      this.#parts.probe.assertInPlace();
    } catch (error) {
      this.report(error);
      throw spoolError(false, error);
    }
    this.#isInPlace = true;
    setImmediate(() => {
      this.#isInPlace = false;
    });
  }

  /** Something could not be written, synced or read: nothing new is taken until the disk has proved itself. */
  report(error: unknown): void {
    if (this.#isStopped) return;
    const fault = faultOf(error);
    if (!isMoved(fault)) this.#mustRecover = true;
    if (this.#fault !== undefined) return;
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - this.#wellMs >= STEADY_MS) this.#retryMs = FIRST_RETRY_MS;
    this.#fault = fault;
    this.#isFull = isForRoom(error);
    this.#faultMs = nowMs;
    this.#parts.onFault(this.#fault);
    this.#tryLater();
  }

  /** Nothing is tried any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel();
    await this.#attempt;
    this.#parts.probe.close();
  }

  #touch(): void {
    if (this.#isTouched) return;
    try {
      this.#parts.probe.touch();
    } catch (error) {
      this.report(error);
      throw spoolError(this.#isFull, error);
    }
    this.#isTouched = true;
    setImmediate(() => {
      this.#isTouched = false;
    });
  }

  #look(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - this.#lookedMs < LOOKED_FOR_MS) return;
    this.#lookedMs = nowMs;
    try {
      this.#parts.probe.look();
    } catch (error) {
      this.report(error);
    }
  }

  #tryLater(): void {
    this.#cancel = this.#parts.clock.schedule(this.#retryMs, () => {
      this.#attempt = this.#try();
    });
    this.#retryMs = Math.min(2 * this.#retryMs, LAST_RETRY_MS);
  }

  async #try(): Promise<void> {
    const isWell = await this.#recovers();
    if (this.#isStopped) return;
    if (!isWell) {
      this.#tryLater();
      return;
    }
    this.#fault = undefined;
    this.#mustRecover = false;
    this.#wellMs = this.#parts.clock.monotonicMs();
    this.#parts.onWell(this.#wellMs - this.#faultMs);
  }

  async #recovers(): Promise<boolean> {
    const { probe } = this.#parts;
    try {
      await probe.prove();
      for (const recovery of this.#recoveries) await recovery();
      probe.look();
      return true;
    } catch (error) {
      // It may have become another one: what the operator is shown is why it stays closed.
      this.#fault = faultOf(error);
      this.#isFull = isForRoom(error);
      return false;
    }
  }
}
