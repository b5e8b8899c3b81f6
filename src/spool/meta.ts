import type { Clock } from '../core/clock.js';
import { type BootRow, bootRowNow, writeBootRow } from './boot-row.js';
import type { MetaDatabase } from './environment.js';
import { LEAP, readFloors, writeFloors } from './floors.js';
import { StampCeiling } from './stamp-ceiling.js';
import type { Change } from './transaction.js';

export interface MetaParts {
  readonly meta: MetaDatabase;
  readonly clock: Clock;
  readonly bootTag: number;
  /** The highest numbers given out. */
  readonly lastNumbers: () => { readonly sequence: number; readonly deadLetter: number };
}

/** What the spool notes of itself: which numbers and stamps were given out, and in which boot of the machine. */
export class Meta {
  readonly #parts: MetaParts;
  /** What is written down of {@link Meta.stampFloorMs} for the next run. */
  readonly #stampCeiling: StampCeiling;
  readonly boot: BootRow;
  /** Whether the numbers could not be read: those below are guesses then, far above what can have been given out. */
  readonly isDamaged: boolean;
  /** How far above what is known numbers are to go on. */
  readonly leap: number;
  readonly sequenceFloor: number;
  readonly deadLetterFloor: number;
  /** Wall clock: up to this, an earlier run may have given stamps that lay ahead of its clock. */
  readonly stampFloorMs: number;

  constructor(parts: MetaParts) {
    this.#parts = parts;
    const { meta, clock, bootTag } = parts;
    const floors = readFloors(meta);
    this.isDamaged = floors.isDamaged;
    this.leap = floors.isDamaged ? LEAP : 0;
    this.sequenceFloor = floors.sequence;
    this.deadLetterFloor = floors.deadLetter;
    this.stampFloorMs = floors.stampMs;
    this.boot = bootRowNow(meta, bootTag, clock);
    this.#stampCeiling = new StampCeiling(clock, floors.stampMs, () => this.floors().write());
  }

  /** To be told of the latest stamp of each record as it is queued. */
  noteStamp(latestStampMs: number): void {
    this.#stampCeiling.note(latestStampMs);
  }

  /** When something is stored now, as `Ages` reads it. */
  storedAtMs(): number {
    return Math.round(this.#parts.clock.monotonicMs() + this.boot.wallOffsetMs);
  }

  /** Writes down which numbers and stamps were given out. */
  floors(): Change {
    const floors = { ...this.#parts.lastNumbers(), stampMs: Math.max(0, this.#stampCeiling.ms) };
    return writeFloors(this.#parts.meta, floors);
  }

  /** Writes down which boot this is. */
  noteBoot(): Change {
    return writeBootRow(this.#parts.meta, this.boot);
  }
}
