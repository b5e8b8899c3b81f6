import type { Device } from '../../core/device.js';
import type { CountedSends, DeviceHistory, Watermark } from '../../core/spool-ports.js';
import type { Clock } from '../../core/time/clock.js';
import { type Change, changeOf } from '../lmdb/commit-writer.js';
import { type BootRow, decodeWatermarkRow, encodeWatermarkRow, type WatermarkRow } from '../lmdb/rows.js';
import type { Rows } from '../lmdb/table.js';
import type { DamagedItem } from '../lmdb/unreadable-items.js';
import type { Journal } from './journal.js';
import { type RedoRows, WATERMARKS } from './redo-rows.js';

/** A history older than this no longer bears on pacing (the longest window is an hour); it is dropped at start. */
const HISTORY_KEPT_MS = 3_600_000;
const NO_SENDS: CountedSends = { count: 0, windowMs: 0, untilMs: Number.NEGATIVE_INFINITY };

export interface DeviceWatermarksParts {
  readonly database: Rows;
  /** Where rows are written to first: those that are not in the database yet are there, and newer. */
  readonly journal: Pick<Journal, 'redo' | 'firstSequence' | 'position' | 'note'>;
  /** That runs. */
  readonly boot: BootRow;
  /** The monotonic one counts. */
  readonly clock: Clock;
  readonly onDamaged: (row: DamagedItem) => void;
}

/**
 * How far each device was settled, and how busy it was, before this run; and what is written of it since: to the journal,
 * or to LMDB where that must be one transaction with something else. What is written for one device is written one after
 * the other (see `PerKeyQueue`), so that the row of the higher position is the newer one.
 */
export class DeviceWatermarks {
  readonly #journal: DeviceWatermarksParts['journal'];
  readonly #db: Rows;
  readonly #redo: RedoRows;
  readonly #bootTag: number;
  readonly #boot: BootRow;
  readonly #clock: Clock;
  readonly #openedMs: number;
  /** What the start asks for again and again; undefined from {@link DeviceWatermarks.endStart} on. */
  #atOpening: Map<string, DeviceHistory> | undefined = new Map();
  readonly #outlived: Buffer[] = [];
  #highestSequence = 0;

  constructor(parts: DeviceWatermarksParts) {
    const { boot, clock, database, journal, onDamaged } = parts;
    this.#journal = journal;
    this.#db = database;
    this.#redo = journal.redo;
    this.#clock = clock;
    const nowMs = clock.monotonicMs();
    this.#bootTag = boot.tag;
    this.#boot = boot;
    this.#openedMs = nowMs;
    for (const { key, value } of journal.redo.watermarks(database)) {
      const row = decodeWatermarkRow(key, value);
      if (row === undefined) {
        onDamaged({ key: Buffer.from(key), value, reason: 'its checksum does not match' });
        continue;
      }
      const history = this.#historyOf(row);
      this.#highestSequence = Math.max(this.#highestSequence, history.watermark.sequence);
      const matters =
        history.watermark.sequence >= journal.firstSequence || history.sends.untilMs >= nowMs - HISTORY_KEPT_MS;
      if (matters) this.#atOpening?.set(key.toString('hex'), history);
      else this.#outlived.push(Buffer.from(key));
    }
  }

  /** The highest sequence that a watermark names. */
  get highestSequence(): number {
    return this.#highestSequence;
  }

  /** As it was at the opening; after the start, as it stands on disk, and nothing once that bears on nothing any more. */
  of(device: Device): DeviceHistory | undefined {
    return this.#atOpening === undefined ? this.#onDisk(device) : this.#atOpening.get(device.key);
  }

  /** The start is over: what a hundred thousand devices did before it need not stay in memory. */
  endStart(): void {
    this.#atOpening = undefined;
  }

  /** Drops the rows of devices long gone, so that they leave nothing behind. */
  dropOutlived(): Change {
    return changeOf(() => {
      for (const key of this.#outlived) this.#redo.take(key.toString('hex'));
      return this.#outlived.map((key) => this.#db.remove(key));
    });
  }

  /** Writes to the journal how far a device is settled; resolves when that is on stable storage. */
  settle(device: Device, history: DeviceHistory): Promise<void> {
    const key = Buffer.from(device.idBytes);
    return this.#journal.note(device.key, { table: WATERMARKS, key, value: this.#encode(key, history, this.#bootTag) });
  }

  /** The same for a transaction of LMDB. */
  settled(device: Device, history: DeviceHistory): Change {
    return this.#put(device, history, this.#bootTag);
  }

  /** The journal is free of the device up to `watermark`, though not by requests: those that counted stay as they were. */
  moved(device: Device, watermark: Watermark): Change {
    const before = this.#read(device);
    return this.#put(device, { watermark, sends: before?.sends ?? NO_SENDS }, before?.bootTag ?? this.#bootTag);
  }

  #onDisk(device: Device): DeviceHistory | undefined {
    if (this.#clock.monotonicMs() - this.#openedMs > HISTORY_KEPT_MS) return undefined;
    const known = this.#read(device);
    return known === undefined ? undefined : this.#historyOf(known);
  }

  #read(device: Device): WatermarkRow | undefined {
    const key = Buffer.from(device.idBytes);
    // The row may have left the one place for the other in this event-loop turn.
    this.#db.resetReadTxn();
    const value = this.#redo.get(device.key) ?? this.#db.get(key);
    return value === undefined ? undefined : decodeWatermarkRow(key, value);
  }

  #historyOf({ watermark, sends, bootTag }: WatermarkRow): DeviceHistory {
    // How long a boot was over when the next began nobody knows: perhaps no time at all.
    const untilMs = bootTag === this.#bootTag ? sends.untilMs : this.#boot.firstOpenedMs;
    return { watermark, sends: { ...sends, untilMs } };
  }

  #put(device: Device, history: DeviceHistory, bootTag: number): Change {
    const key = Buffer.from(device.idBytes);
    let takeBack = () => {};
    return {
      write: () => {
        takeBack = this.#redo.take(device.key);
        return [this.#db.put(key, this.#encode(key, history, bootTag))];
      },
      committed: () => {},
      failed: () => takeBack(),
    };
  }

  #encode(key: Buffer, { watermark, sends }: DeviceHistory, bootTag: number): Buffer {
    return encodeWatermarkRow(key, { watermark, sends, bootTag, position: this.#journal.position });
  }
}
