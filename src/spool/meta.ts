import type { Clock } from '../core/clock.js';
import type { Timebases } from '../core/timebase.js';
import type { TimebaseStore } from '../core/timekeeper.js';
import { type BootRow, bootRowNow, writeBootRow } from './boot-row.js';
import { LEAP, readFloors, writeFloors } from './floors.js';
import { StampCeiling } from './stamp-ceiling.js';
import type { MetaRows } from './table.js';
import { readTimebases, writeTimebases } from './timebase-row.js';
import type { Change } from './transaction.js';
import type { OnUnreadable } from './unreadable-items.js';

export interface MetaParts {
  readonly meta: MetaRows;
  readonly clock: Clock;
  readonly bootTag: number;
  readonly onUnreadable?: OnUnreadable | undefined;
  /** The highest numbers given out. */
  readonly lastNumbers: () => { readonly sequence: number; readonly deadLetter: number };
}

/** What the spool notes of itself: which numbers and stamps were given out, and in which boot of the machine. */
export class Meta {
  readonly #parts: MetaParts;
  /** What is written down of {@link Meta.stampFloorMs} for the next run. */
  readonly #stampCeiling: StampCeiling;
  #timebases: Timebases;
  /** Noted, and not yet written. */
  #isTimebasesDirty = false;
  /** Of the timebases. */
  readonly #isDamaged: boolean;
  readonly boot: BootRow;
  /** How far above what is known numbers are to go on; not 0 where they could not be read. */
  readonly leap: number;
  readonly sequenceFloor: number;
  readonly deadLetterFloor: number;
  /** Wall clock: up to this, an earlier run may have given stamps that lay ahead of its clock. */
  readonly stampFloorMs: number;

  constructor(parts: MetaParts) {
    this.#parts = parts;
    const { meta, clock, bootTag, onUnreadable } = parts;
    const floors = readFloors(meta);
    if (floors.isDamaged) onUnreadable?.('numbering', 'its checksum does not match; numbers go on far above');
    this.leap = floors.isDamaged ? LEAP : 0;
    this.sequenceFloor = floors.sequence;
    this.deadLetterFloor = floors.deadLetter;
    this.stampFloorMs = floors.stampMs;
    const { isDamaged, ...timebases } = readTimebases(meta);
    this.#timebases = timebases;
    this.#isDamaged = isDamaged;
    if (isDamaged) onUnreadable?.('timebases', 'its checksum does not match; times are sent as they were counted');
    this.boot = bootRowNow(meta, bootTag, clock);
    this.#stampCeiling = new StampCeiling(clock, floors.stampMs, () => this.floors().write());
  }

  /** To be told of the latest stamp of each record as it is queued: what has to be written with it is. */
  noteStamp(latestStampMs: number): void {
    this.#stampCeiling.note(latestStampMs);
    if (!this.#isTimebasesDirty) return;
    this.#isTimebasesDirty = false;
    const retry = () => {
      this.#isTimebasesDirty = true;
    };
    for (const written of this.#writeTimebases().write()) written.catch(retry);
  }

  /** @param commit writes a change down */
  timebaseStore(isEmpty: boolean, commit: (change: Change) => Promise<void>): TimebaseStore {
    const note = (timebases: Timebases) => {
      this.#timebases = timebases;
      this.#isTimebasesDirty = true;
    };
    return {
      timebases: this.#timebases,
      isEmpty,
      isDamaged: this.#isDamaged,
      firstOpenedMs: this.boot.firstOpenedMs,
      noteTimebases: note,
      saveTimebases: (timebases) => {
        note(timebases);
        return commit(this.#writeTimebases());
      },
    };
  }

  #writeTimebases(): Change {
    return writeTimebases(this.#parts.meta, this.#timebases);
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
