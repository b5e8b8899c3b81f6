import type { Clock } from '../core/clock.js';
import type { Device } from '../core/device.js';
import type { CountedSends, DeviceHistory, Watermark } from '../core/ports.js';
import type { BootRow } from './boot-row.js';
import type { Rows } from './table.js';
import type { Change } from './transaction.js';
import { decodeWatermarkRow, encodeWatermarkRow, type WatermarkRow } from './watermark-row.js';

/** A history older than this no longer bears on pacing (the longest window is an hour); it is dropped at start. */
const HISTORY_KEPT_MS = 3_600_000;
const NO_SENDS: CountedSends = { count: 0, windowMs: 0, untilMs: Number.NEGATIVE_INFINITY };

/** A row that cannot be read. */
export interface DamagedRow {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly reason: string;
}

/** How far each device was settled, and how busy it was, before this run; and what is written of it since. */
export class Histories {
  readonly #db: Rows;
  readonly #bootTag: number;
  readonly #boot: BootRow;
  readonly #clock: Clock;
  readonly #openedMs: number;
  /** What the start asks for again and again; undefined from {@link Histories.endStart} on. */
  #atOpening: Map<string, DeviceHistory> | undefined = new Map();
  readonly #outlived: Buffer[] = [];
  #highestSequence = 0;

  /**
   * @param firstSequence of the journal: a watermark before it bears on nothing any more
   * @param boot that runs
   * @param clock the monotonic one counts
   */
  constructor(db: Rows, firstSequence: number, boot: BootRow, clock: Clock, onDamaged: (row: DamagedRow) => void) {
    this.#db = db;
    this.#clock = clock;
    const nowMs = clock.monotonicMs();
    this.#bootTag = boot.tag;
    this.#boot = boot;
    this.#openedMs = nowMs;
    for (const { key, value } of db.getRange({})) {
      const row = decodeWatermarkRow(key, value);
      if (row === undefined) {
        onDamaged({ key: Buffer.from(key), value, reason: 'its checksum does not match' });
        continue;
      }
      const history = this.#historyOf(row);
      this.#highestSequence = Math.max(this.#highestSequence, history.watermark.sequence);
      const matters = history.watermark.sequence >= firstSequence || history.sends.untilMs >= nowMs - HISTORY_KEPT_MS;
      if (matters) this.#atOpening?.set(key.toString('hex'), history);
      else this.#outlived.push(Buffer.from(key));
    }
  }

  /** The highest sequence that a watermark names. */
  get highestSequence(): number {
    return this.#highestSequence;
  }

  /** As it was at the opening; after the start, as it stands on disk, and nothing once that bears on nothing any more. */
  of({ key, idBytes }: Device): DeviceHistory | undefined {
    return this.#atOpening === undefined ? this.#onDisk(idBytes) : this.#atOpening.get(key);
  }

  /** The start is over: what a hundred thousand devices did before it need not stay in memory. */
  endStart(): void {
    this.#atOpening = undefined;
  }

  /** Drops the rows of devices long gone, so that they leave nothing behind. */
  dropOutlived(): Change {
    return rowChange(() => this.#outlived.map((key) => this.#db.remove(key)));
  }

  settled(device: Device, history: DeviceHistory): Change {
    const key = Buffer.from(device.idBytes);
    return this.#put(key, { ...history, bootTag: this.#bootTag });
  }

  /** The journal is free of the device up to `watermark`, though not by requests: those that counted stay as they were. */
  moved(device: Device, watermark: Watermark): Change {
    const key = Buffer.from(device.idBytes);
    const row = this.#db.get(key);
    const before = row === undefined ? undefined : decodeWatermarkRow(key, row);
    return this.#put(key, { watermark, sends: before?.sends ?? NO_SENDS, bootTag: before?.bootTag ?? this.#bootTag });
  }

  #onDisk(idBytes: Uint8Array): DeviceHistory | undefined {
    if (this.#clock.monotonicMs() - this.#openedMs > HISTORY_KEPT_MS) return undefined;
    const key = Buffer.from(idBytes);
    const row = this.#db.get(key);
    const known = row === undefined ? undefined : decodeWatermarkRow(key, row);
    return known === undefined ? undefined : this.#historyOf(known);
  }

  #historyOf({ watermark, sends, bootTag }: WatermarkRow): DeviceHistory {
    // How long a boot was over when the next began nobody knows: perhaps no time at all.
    const untilMs = bootTag === this.#bootTag ? sends.untilMs : this.#boot.firstOpenedMs;
    return { watermark, sends: { ...sends, untilMs } };
  }

  #put(key: Buffer, contents: WatermarkRow): Change {
    const row = encodeWatermarkRow(key, contents);
    return rowChange(() => [this.#db.put(key, row)]);
  }
}

function rowChange(write: () => Promise<unknown>[]): Change {
  return { write, committed: () => {}, failed: () => {} };
}
