import type { Clock } from '../../core/time/clock.js';
import type { Timebases } from '../../core/time/timebase.js';
import type { TimebaseStore } from '../../core/time/timekeeper.js';
import type { Journal } from '../journal/journal.js';
import { META } from '../journal/redo-rows.js';
import type { Change } from './commit-writer.js';
import { FLOORS_KEY, type Floors, floorsRow, LEAP, readFloors, StampCeiling, writeFloors } from './numbering.js';
import { type BootRow, bootRowNow, readTimebases, TIMEBASES_KEY, writeBootRow } from './rows.js';
import { type MetaRows, sealJson } from './table.js';
import type { UnreadableItems } from './unreadable-items.js';

export interface MetaParts {
  readonly meta: MetaRows;
  /** Where values are written to first: those that are not in `meta` yet are there, and newer. */
  readonly journal: Pick<Journal, 'redo' | 'note'>;
  readonly clock: Clock;
  readonly bootTag: number;
  readonly unreadable: UnreadableItems;
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
    const { meta, journal, clock, bootTag, unreadable } = parts;
    const floors = readFloors(meta, journal.redo.get(FLOORS_KEY));
    if (floors.isDamaged) unreadable.tell('numbering', 'its checksum does not match; numbers go on far above');
    this.leap = floors.isDamaged ? LEAP : 0;
    this.sequenceFloor = floors.sequence;
    this.deadLetterFloor = floors.deadLetter;
    this.stampFloorMs = floors.stampMs;
    const { isDamaged, ...timebases } = readTimebases(meta, journal.redo.get(TIMEBASES_KEY));
    this.#timebases = timebases;
    this.#isDamaged = isDamaged;
    if (isDamaged) unreadable.tell('timebases', 'its checksum does not match; times are sent as they were counted');
    this.boot = bootRowNow(meta, bootTag, clock);
    this.#stampCeiling = new StampCeiling(clock, floors.stampMs, () => this.#note(FLOORS_KEY, floorsRow(this.#floors)));
  }

  /** To be told of the latest stamp of each record before it is appended: what it needs is written before it. */
  noteStamp(latestStampMs: number): void {
    this.#stampCeiling.note(latestStampMs);
    if (!this.#isTimebasesDirty) return;
    this.#isTimebasesDirty = false;
    this.#note(TIMEBASES_KEY, sealJson(this.#timebases)).catch(() => {
      this.#isTimebasesDirty = true;
    });
  }

  timebaseStore(isEmpty: boolean): TimebaseStore {
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
        return this.#note(TIMEBASES_KEY, sealJson(timebases));
      },
    };
  }

  /** When something is stored now, as `StoredTimeClock` reads it. */
  storedAtMs(): number {
    return Math.round(this.#parts.clock.monotonicMs() + this.boot.wallOffsetMs);
  }

  /** Writes down in LMDB which numbers and stamps were given out. */
  floors(): Change {
    return writeFloors(this.#parts.meta, this.#floors);
  }

  /** Writes down which boot this is. */
  noteBoot(): Change {
    return writeBootRow(this.#parts.meta, this.boot);
  }

  get #floors(): Floors {
    return { ...this.#parts.lastNumbers(), stampMs: Math.max(0, this.#stampCeiling.ms) };
  }

  #note(name: string, value: unknown): Promise<void> {
    const row = { table: META, key: Buffer.from(name), value: Buffer.from(JSON.stringify(value)) };
    return this.#parts.journal.note(name, row);
  }
}
