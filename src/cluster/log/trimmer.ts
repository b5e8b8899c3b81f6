import type { Clock } from '../../core/time/clock.js';
import type { SubjectMessages } from '../subject-messages.js';
import { intakeSubject } from '../subjects.js';

const EVERY_MS = 3_000;

export interface TrimmerParts {
  readonly messages: Pick<SubjectMessages, 'bounds' | 'firstSequence' | 'removeBelow'>;
  /** Of each partition, the record before which all are settled, as its ledger says; undefined where that is not known. */
  readonly cursorOf: (partition: number) => Promise<number | undefined>;
  readonly partitions: number;
  readonly clock: Clock;
  /** One replica is enough. */
  readonly isOnDuty: () => boolean;
}

/**
 * Removes from the stream of records what is settled in all partitions. What is removed is gone: nothing is, unless the
 * cursors of all partitions are known.
 */
export class Trimmer {
  readonly #parts: TrimmerParts;
  #cancelTimer: (() => void) | undefined = undefined;
  #isStopped = false;

  constructor(parts: TrimmerParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#cancelTimer = this.#parts.clock.schedule(EVERY_MS, () => {
      void this.#trimOnDuty().finally(() => {
        if (!this.#isStopped) this.start();
      });
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
  }

  /** @returns the sequence below which nothing is left by this; rejects where something is not known */
  async trim(): Promise<number> {
    const { messages } = this.#parts;
    // Before anything else is asked: whatever comes later stands behind it.
    const { first, last } = await messages.bounds();
    const floors = await Promise.all(Array.from({ length: this.#parts.partitions }, (_, p) => this.#cursor(p)));
    for (const [partition, cursor] of floors.entries()) {
      // Where nothing waits, nothing of the partition is before what comes next.
      if (cursor <= last) floors[partition] = await this.#floor(partition, cursor, last + 1);
    }
    const floor = Math.min(...floors, last + 1);
    if (floor > first) await messages.removeBelow(floor);
    return floor;
  }

  async #trimOnDuty(): Promise<void> {
    try {
      if (this.#parts.isOnDuty()) await this.trim();
    } catch {
      // Without a leader there is nothing to be done; the next turn looks again.
    }
  }

  async #cursor(partition: number): Promise<number> {
    const cursor = await this.#parts.cursorOf(partition);
    if (cursor === undefined) throw new Error(`nobody says what is settled of partition ${partition}`);
    return cursor;
  }

  async #floor(partition: number, cursor: number, none: number): Promise<number> {
    const first = await this.#parts.messages.firstSequence(intakeSubject(partition), Math.max(cursor, 1));
    return first === 0 ? none : Math.min(first, none);
  }
}
